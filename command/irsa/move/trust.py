"""Edits of a role's trust policy that add or remove one caller. Pure.

A caller is a service account with a source: the cluster's OIDC provider for IRSA, the cluster for
EKS Pod Identity. The evaluator judges each edit: it must change the answer to that caller alone.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from itertools import product
from typing import NamedTuple

from irsa.access import ACCOUNT_TAGS, trusts_association, trusts_subject
from irsa.observe.facts import Role
from irsa.verify.remedies.iam import with_conditions, with_statement
from irsa_core.decide.document import conditions_of
from irsa_core.decide.truth import Verdict
from irsa_core.identity.arns import issuer_of_principal
from irsa_core.identity.eks import POD_IDENTITY_SERVICE, STS_AUDIENCE
from irsa_core.identity.pod_identity import CLUSTER_TAG, pod_identity_trust_policy
from irsa_core.identity.policies import irsa_trust_policy, one_or_list
from irsa_core.identity.policy_json import (
    Json,
    as_list,
    principals,
    principals_by_type,
    statements,
    with_statements,
)
from irsa_core.identity.subjects import ServiceAccountRef, parse_subject

SESSION_NAME = "irsa-move"
OTHER = "irsa-other"
"""A namespace, or a service account, that a policy does not name: it has access by patterns alone,
or where there is no condition."""
_NAMESPACE, _NAME = ACCOUNT_TAGS
_CLUSTERS = ("aws:sourcearn", f"aws:requesttag/{CLUSTER_TAG}")


class RoleCall(NamedTuple):
    """The call by which a service account gets a role."""

    source: str
    """ARN of the OIDC provider, or of the cluster."""
    subject: str
    """The service account's, or another ``sub``."""
    audience: str = ""
    """Of the token; empty for EKS Pod Identity."""
    tagged: bool = True
    """False if the association disables session tags."""

    @property
    def statements(self) -> list[Json]:
        """The statements that allow this call, and no other."""
        account = parse_subject(self.subject)
        accounts = [account] if account else []
        if not self.audience:
            return statements(pod_identity_trust_policy([self.source], accounts))
        return statements(irsa_trust_policy([self.source], accounts, audience=self.audience))


def verdict(role: Role, call: RoleCall) -> Verdict:
    """Return the answer of a role's trust policy to a call."""
    if call.audience:
        issuer_url = f"https://{issuer_of_principal(call.source)}"
        session = {"issuer_url": issuer_url, "session_name": SESSION_NAME}
        return trusts_subject(role, call.subject, call.audience, **session, now=1).verdict
    account = parse_subject(call.subject)
    if account is None:
        return Verdict.DENY
    return trusts_association(
        role, call.source, account, disable_session_tags=not call.tagged
    ).verdict


def with_caller(role: Role, call: RoleCall) -> Json | None:
    """Return the trust policy with a caller, as one more value of a statement, or with a statement
    of its own; None if others stand against it."""
    policy, (keys, value) = role.trust_policy, _subject(call)
    documents = [policy] + [
        with_statement(policy, place, _with_values(statement, keys, bool, (value,)))
        for place, statement in enumerate(statements(policy))
        if statement.get("Effect") == "Allow"
    ]
    for document in (*documents, with_statements(policy, *call.statements)):
        allowed = verdict(replace(role, trust_policy=document), call) is Verdict.ALLOW
        if allowed and _is_about(role, document, call):
            return document
    return None


def without_caller(role: Role, call: RoleCall) -> Json | None:
    """Return the trust policy without a caller; None if that takes away the access of others."""
    listed = statements(role.trust_policy)
    kept = [part for each in listed for part in _without(role, each, call)]
    document = {**role.trust_policy, "Statement": kept}
    denied = verdict(replace(role, trust_policy=document), call) is Verdict.DENY
    return document if denied and _is_about(role, document, call) else None


def _is_about(role: Role, document: Json, call: RoleCall) -> bool:
    """Return True if an edit changes the answer to no caller but one."""
    after = replace(role, trust_policy=document)
    probes = _probes(role.trust_policy, call) | _probes(document, call)
    others = [each for each in probes if each[:2] != call[:2]]
    return all(verdict(role, each) is verdict(after, each) for each in others)


def _without(role: Role, statement: Json, call: RoleCall) -> Sequence[Json]:
    """Return what is left of a statement without a caller; all of it where it cannot be told."""
    alone = replace(role, trust_policy={**role.trust_policy, "Statement": [statement]})
    if statement.get("Effect") != "Allow" or verdict(alone, call) is Verdict.DENY:
        return [statement]
    keys, name = _subject(call)
    if call.audience:
        parts = [_less(statement, keys, name) or _less_provider(statement, call.source)]
    else:
        elsewhere = _less(statement, _CLUSTERS, call.source)
        # The lists combine freely, so that the rest can take two statements.
        mine = elsewhere and _with_values(elsewhere, keys, lambda account: account == name)
        parts = [_less(statement, keys, name), mine]
    if not any(parts):
        entries = [e for names in principals_by_type(statement).values() for e in as_list(names)]
        return [] if len(entries) == 1 else [statement]
    return [part for part in parts if part]


def _subject(call: RoleCall) -> tuple[list[str], str]:
    """The condition key, in lower case, for a caller's service account, and its value there."""
    if call.audience:
        return [f"{issuer_of_principal(call.source)}:sub".lower()], call.subject
    account = parse_subject(call.subject)
    return [_NAME], account.name if account else ""


def _less(statement: Json, keys: Collection[str], value: str) -> Json | None:
    """The statement without a value of conditions; None if they have no other, or not this one."""
    listing = [e for e in conditions_of(statement) if e.key.lower() in keys and value in e.values]
    if not listing or any(len(each.values) == 1 for each in listing):
        return None
    return _with_values(statement, keys, lambda each: each != value)


def _with_values(
    statement: Json,
    keys: Collection[str],
    keep: Callable[[str], object],
    more: tuple[str, ...] = (),
) -> Json:
    """The statement with a part of the values of conditions, and with more values there."""
    conditions = [
        condition._replace(values=(*filter(keep, condition.values), *more))
        if condition.key.lower() in keys
        else condition
        for condition in conditions_of(statement)
    ]
    return with_conditions(statement, conditions)


def _less_provider(statement: Json, provider_arn: str) -> Json | None:
    """The statement without an OIDC provider; None if it is the only principal, or none of them."""
    named = principals(statement, "Federated")
    kept = [each for each in named if each != provider_arn]
    others = {k: v for k, v in principals_by_type(statement).items() if k != "Federated"}
    if kept == named or not (kept or others):
        return None
    federated = {"Federated": one_or_list(kept)} if kept else {}
    return {**statement, "Principal": {**others, **federated}}


def _probes(document: Json, call: RoleCall) -> set[RoleCall]:
    """Callers that a policy names, one for each pattern, and some that it does not name."""
    calls: set[RoleCall] = set()
    account = parse_subject(call.subject) or ServiceAccountRef(OTHER, OTHER)
    sources = [] if call.audience else [call.source, f"{call.source}-other"]
    for statement in statements(document):
        namespaces = [*_values(statement, _NAMESPACE), account.namespace, OTHER]
        names = [*_values(statement, _NAME), account.name, OTHER]
        accounts = [ServiceAccountRef(*pair).subject for pair in product(namespaces, names)]
        subjects = [*_values(statement, "sub"), *accounts]
        audiences = {*_values(statement, "aud"), call.audience or STS_AUDIENCE}
        providers = principals(statement, "Federated")
        calls.update(RoleCall(*caller) for caller in product(providers, subjects, audiences))
        if POD_IDENTITY_SERVICE in principals(statement, "Service"):
            clusters = [*_values(statement, *_CLUSTERS), *sources]
            calls.update(map(RoleCall._make, product(clusters, accounts, [""], [True, False])))
    return calls


def _values(statement: Json, *keys: str) -> list[str]:
    """The values of conditions on keys or claims, each pattern as two texts that it matches: one
    can be the caller's own."""
    listed = [(e.key.lower(), value) for e in conditions_of(statement) for value in e.values]
    values = [value for key, value in listed if {key, key.rpartition(":")[2]} & {*keys}]
    return [e.replace("*", letter).replace("?", letter) for e in values for letter in "xy"]
