"""Rules for statements that allow web identity tokens and SAML assertions. Pure.

Each issuer has its own words: a Kubernetes cluster has service accounts, GitHub has
repositories, and an unknown issuer has identities.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from irsa_core.decide.document import Condition, Statement
from irsa_core.decide.patterns import Pattern
from irsa_core.identity.arns import (
    account_of,
    is_account_id,
    is_oidc_provider,
    issuer_of_principal,
    kind_of,
)
from irsa_core.identity.eks import STS_AUDIENCE
from irsa_core.identity.subjects import split_subject
from irsa_core.rules import issuers
from irsa_core.rules.conditions import says_something, specific, split_key, wild

_STS = re.compile(r"sts(?:\.[a-z0-9-]+)?\.amazonaws\.com(?:\.cn)?")
"""Names of STS itself, for which a token can be meant."""
_KUBERNETES_USER = "system:"
"""The beginning of a service account's subject, of which a pattern may have no more."""

Hits = Iterator[tuple[str, str]]
"""The id of a rule, and what in the policy it is about."""


class TrustContext(NamedTuple):
    """Facts of the rules besides the statement."""

    account: str = ""
    """The role's account; empty while it is not known."""
    clusters: Mapping[str, Collection[str]] = {}
    """The audited clusters' issuers, without https://, each with the subjects of the service
    accounts that are annotated with the role."""
    registered: frozenset[str] | None = None
    """ARNs of the accounts' OIDC providers; None when they were not read."""
    audiences: frozenset[str] = frozenset({STS_AUDIENCE})
    """The audiences that the clusters' Pods ask for."""
    session_tags: bool = True
    """False if all known Pod Identity associations of the role have session tags disabled."""

    def knows(self, provider: str) -> bool:
        """Return whether a provider is registered, as far as that is known."""
        return self.registered is None or provider in self.registered


def is_kubernetes(name: str, clusters: Iterable[str], conditions: Iterable[Condition] = ()) -> bool:
    """Return whether tokens of the issuer are service accounts', by its name or by the subjects;
    ``clusters`` are issuers of known clusters."""
    return (
        any(name.lower() == cluster.lower() for cluster in clusters)
        or issuers.is_eks(name)
        or any(
            pattern.startswith(_KUBERNETES_USER)
            for condition in conditions
            if split_key(condition.key) == (name.lower(), "sub")
            for pattern in condition.patterns
        )
    )


def check_federated(statement: Statement, context: TrustContext) -> Hits:
    """Every provider that a statement names."""
    for principal in statement.named("Federated"):
        if principal == "*":
            continue
        other = account_of(principal)
        if context.account and other != context.account and is_account_id(other):
            yield "foreign-provider", principal
        elif kind_of(principal) == "saml-provider":
            if statement.covers("sts:AssumeRoleWithSAML"):
                # Assertions have to be meant for AWS.
                audiences = [e for e in statement.conditions if e.key.lower() == "saml:aud"]
                if not any(map(specific, audiences)):
                    yield "saml-no-aud", _constrained_claims(statement.conditions)
        elif statement.covers("sts:AssumeRoleWithWebIdentity"):
            name = issuer_of_principal(principal)
            if is_oidc_provider(principal) and "://" in name:
                yield "provider-arn", principal
            elif issuers.is_dual_stack(name):
                yield "dual-stack-issuer", principal
            elif issuers.is_misspelt_eks(name):
                yield "issuer-url", principal
            elif is_account_id(other) and not context.knows(principal):
                yield "deleted-provider", principal
            yield from check_tokens(statement.conditions, name, context)


def check_tokens(conditions: Sequence[Condition], name: str, context: TrustContext) -> Hits:
    """Check the conditions on tokens of one issuer."""
    claims = [claim for claim in conditions if split_key(claim.key)[0] == name.lower()]
    if name.lower() in issuers.SENTINEL:
        claims += [claim for claim in conditions if claim.key.lower() == "sts:rolesessionname"]
    others = [claim for claim in conditions if split_key(claim.key)[0] not in ("", name.lower())]
    if others:
        yield "other-issuer", others[0].text
    if any(claim.positive for claim in others):
        return  # no token of this issuer has such a key
    yield from _check_contradictions(claims)
    meant = claims + [claim for claim in others if claim.weak]
    provider = issuers.issuer(name)
    if provider is None:
        kubernetes = is_kubernetes(name, context.clusters, conditions)
        # With the issuer, since a later report has to tell a finding from that of another one.
        for rule, text in (
            *_check_subjects(meant, kubernetes=kubernetes),
            *_check_audiences(meant, context.audiences if kubernetes else None),
        ):
            what, *notes = text.split("; ")
            named = what if name.lower() in text.lower() else f"{what} of {name}"
            yield rule, "; ".join([named, *notes])
    else:
        yield from _check_customers([*meant, *_claims_as_tags(conditions, name)], provider)
        if "sub" in provider.claims and provider.claims.get("aud") is not issuers.ANY:
            yield from _check_audiences(meant, None)


def _check_contradictions(conditions: Sequence[Condition]) -> Hits:
    """Conditions that deny callers that they seem to allow; a quick fix tends to open the policy.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-logic-multiple-context-keys-or-values.html
    """
    for condition in conditions:
        yield from (("literal-wildcard", f"{condition.text} is {e}") for e in condition.literal)
    positive = [condition for condition in conditions if condition.positive]
    for exact in positive:
        for other in positive:
            if other is not exact and split_key(other.key) == split_key(exact.key):
                for value in excluded(exact, other):
                    text = f"{exact.text} is {value}, which {other.text} keeps out"
                    yield "anded-conditions", text


def excluded(exact: Condition, other: Condition) -> list[str]:
    """Return the values without wildcards of one condition that another one keeps out."""
    patterns = [Pattern.parse(each) for each in other.patterns]
    return [
        value
        for value, written in zip(exact.values, exact.patterns, strict=True)
        if not wild(written) and value == written and not any(p.matches(value) for p in patterns)
    ]


def _constrained_claims(conditions: Sequence[Condition]) -> str:
    """The claims that conditions constrain, and those of which one says only that they exist."""
    claims = {split_key(each.key)[1] for each in conditions if each.positive or each.weak}
    text = f"conditions on {', '.join(sorted(claims - {''})) or 'nothing'}"
    notes = [f"{each.text} says only whether there is one" for each in conditions
             if each.base == "null"]  # fmt: skip
    notes += [f"aud is compared with a subject, {value}" for each in conditions
              if split_key(each.key)[1] == "aud" for value in each.values
              if value.startswith(_KUBERNETES_USER)]  # fmt: skip
    return "; ".join([text, *notes])


def _check_claim(
    own: Sequence[Condition], claim: str, check: Callable[[Condition], Hits]
) -> Sequence[tuple[str, str]] | None:
    """Check the conditions on a claim; None if there are none."""
    listed = [each for each in own if split_key(each.key)[1] == claim]
    positive = [list(check(each)) for each in listed if each.positive]
    if positive:
        # All conditions have to hold: the narrowest says who gets in.
        return min(positive, key=len)
    return [("weak-operator", each.text) for each in listed if each.weak] or None


def _check_subjects(own: Sequence[Condition], *, kubernetes: bool) -> Hits:
    check = _check_service_accounts if kubernetes else _check_identities
    hits = _check_claim(own, "sub", check)
    if hits is not None:
        yield from hits
    elif kubernetes:
        yield "no-sub", _constrained_claims(own)
    elif not any(specific(each) and split_key(each.key)[1] != "aud" for each in own):
        yield "any-subject", _constrained_claims(own)


def _check_identities(condition: Condition) -> Hits:
    for value, pattern in zip(condition.values, condition.patterns, strict=True):
        if not says_something(condition, pattern):
            yield "any-subject", value


def _check_service_accounts(condition: Condition) -> Hits:
    for value, pattern in zip(condition.values, condition.patterns, strict=True):
        account = split_subject(pattern)
        if value.lower() == f"${{{condition.key.lower()}}}" and condition.variables:
            yield "no-sub", f"{condition.text} is {value}, which always holds"
        elif not wild(pattern):
            if account is not None and account.name == "default":
                yield "default-account", value
        elif account is None or wild(account.namespace):
            yield "broad-sub", value
        elif not says_something(condition, account.name):
            yield "whole-namespace", value


def _check_audiences(own: Sequence[Condition], expected: frozenset[str] | None) -> Hits:
    """``expected`` are the audiences of a cluster's own; None when they are not known."""
    hits = _check_claim(own, "aud", partial(_check_audience, expected=expected))
    yield from [("no-aud", _constrained_claims(own))] if hits is None else hits


def _check_audience(condition: Condition, expected: frozenset[str] | None) -> Hits:
    several = len(condition.values) > 1
    for value, pattern in zip(condition.values, condition.patterns, strict=True):
        known = expected is None or value in expected or _STS.fullmatch(value)
        if wild(pattern) or (several and not known):
            yield "broad-aud", value


def _claims_as_tags(conditions: Sequence[Condition], name: str) -> Iterator[Condition]:
    """Conditions on the session tags that a token brings, which some issuers make of its claims.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html#id_session-tags_adding-assume-role-idp
    """
    for condition in conditions:
        kind, _, tag = condition.key.partition("/")
        if kind.lower() == "aws:requesttag":
            yield condition._replace(key=f"{name}:{tag}")


def _check_customers(conditions: Sequence[Condition], provider: issuers.Issuer) -> Hits:
    claims = [claim for claim in conditions if split_key(claim.key)[1] in provider.claims]
    positive = [claim for claim in claims if claim.positive]
    weak = [claim for claim in claims if claim.weak]
    scopes = issuers.Reach
    reach = max((_reach(claim, provider) for claim in positive), default=scopes.EVERYBODY)
    if not positive and weak:
        yield from (("weak-operator", claim.text) for claim in weak)
    elif reach < scopes.PROJECT:
        of_all = reach is scopes.EVERYBODY and not provider.private
        rule = "any-customer" if of_all else "whole-organization"
        values = ", ".join(value for claim in positive for value in claim.values)
        yield rule, f"{provider.name}: {values or provider.everybody}"


def _reach(condition: Condition, known: issuers.Issuer) -> issuers.Reach:
    claim = known.claims[split_key(condition.key)[1]]
    return min(claim.reach(pattern) for pattern in condition.patterns)
