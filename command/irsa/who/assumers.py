"""The principals of a role's trust policy, in words. Pure.

Words, not a decision: whether one caller may is `irsa.decide.simulate`'s business.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from typing import Literal

from irsa.decide.document import AssumeAction, Condition, Statement, statements_of
from irsa.decide.principals import UNIQUE_ID
from irsa.identity.arns import (
    account_named_by,
    account_of,
    is_oidc_provider,
    issuer_of_principal,
    kind_of,
)
from irsa.identity.policy_json import UNKNOWN_OUTPUT, Json
from irsa.identity.subjects import split_subject
from irsa.observe.pulumi import LATER
from irsa.rules.conditions import split_key
from irsa.rules.issuers import issuer as known_issuer
from irsa.rules.tokens import excluded

AssumerKind = Literal[
    "role", "user", "account", "service", "service account", "service accounts", "principal", ""
]
"""``principal`` for all else, and empty while the policy is not known."""


@dataclass(frozen=True, slots=True)
class Assumer:
    """A caller that one statement names."""

    who: str
    conditions: tuple[str, ...] = ()
    """Further conditions, in the policy's own words."""
    kind: AssumerKind = "principal"
    name: str = ""
    """Its name: an ARN, an account id, ``dev/s3-app``; ``who`` if empty."""
    issuer: str = ""
    """Of service accounts, the issuer of their cluster, without its scheme."""
    allows: bool = True
    """True for a statement that allows them, False for a Deny."""

    @property
    def text(self) -> str:
        """The whole in one line."""
        conditions = f" if {' and '.join(self.conditions)}" if self.conditions else ""
        return f"{'' if self.allows else 'denied: '}{self.who}{conditions}"

    @property
    def account(self) -> str:
        """The account that decides by its own policies who of it may; empty for all else."""
        return self.name if self.kind == "account" and self.allows else ""


def who_can_assume(trust_policy: Json | str, account: str = "") -> list[Assumer]:
    """Return the callers that a trust policy names, as far as they can come; a text says why it is
    not known. ``account`` is the role's, if known."""
    if isinstance(trust_policy, str):
        return [Assumer(trust_policy, kind="")]
    if UNKNOWN_OUTPUT in str(trust_policy):
        return [Assumer(LATER, kind="")]
    statements = statements_of(trust_policy)
    found = [
        replace(each, allows=statement.allows)
        for statement in statements
        if statement.assume_actions  # TagSession alone makes no session
        for each in _statement_assumers(statement, account)
    ]
    named = any(statement.principals for statement in statements)
    return found or [Assumer("no caller: no statement lets one assume the role")] * named


def _statement_assumers(statement: Statement, account: str) -> Iterator[Assumer]:
    texts = tuple(map(_words, statement.conditions))
    if statement.excepts:
        excepted = [name for names in statement.principals.values() for name in names]
        yield Assumer(f"everyone except {', '.join(excepted)}", texts)
        return
    for provider in statement.named("Federated"):
        of_another = account_of(provider) not in ("", account) and bool(account)
        if statement.covers(_call_with(provider)) and not of_another:
            yield from _federated(provider, statement.conditions)
    for principal in statement.named("AWS"):
        if principal == "*" or statement.covers("sts:AssumeRole"):
            who, kind, name = _aws(principal)
            yield Assumer(who, texts, kind, name)
    for service in statement.named("Service"):
        if statement.covers("sts:AssumeRole"):
            yield Assumer(f"the service {service}", texts, "service", service)


def _call_with(provider: str) -> AssumeAction:
    saml = kind_of(provider) == "saml-provider"
    return "sts:AssumeRoleWithSAML" if saml else "sts:AssumeRoleWithWebIdentity"


def _words(condition: Condition) -> str:
    return f"{condition.key} {condition.operator} {' or '.join(condition.values)}"


def _federated(provider: str, conditions: Sequence[Condition]) -> Iterator[Assumer]:
    if not is_oidc_provider(provider):
        yield Assumer(f"every user who signs in at {provider}", tuple(map(_words, conditions)))
        return
    issuer = issuer_of_principal(provider)
    if any(each.positive and split_key(each.key)[0] not in ("", issuer.lower())
           for each in conditions):  # fmt: skip
        return  # no token of this issuer has such a key
    key = f"{issuer}:sub".lower()
    conditions = [each for each in conditions if not _always_holds(each)]
    subjects = [each for each in conditions if each.positive and each.key.lower() == key]
    if any(excluded(one, other) == [*one.values] for one, other in permutations(subjects, 2)):
        return
    # One condition on sub says who it is. Where there is none, or two that both have to hold, the
    # policy's own words say it best.
    own = subjects[0] if len(subjects) == 1 else None
    prefix = f"{issuer}:"  # said already
    others = tuple(_words(each).removeprefix(prefix) for each in conditions if each is not own)
    callers = [_everyone(issuer)] if own is None else _subject_assumers(issuer, own)
    yield from (replace(each, conditions=others) for each in callers)


def _always_holds(condition: Condition) -> bool:
    """Return whether a condition compares a key with itself."""
    itself = f"${{{condition.key.lower()}}}"
    return condition.positive and condition.variables and itself in map(str.lower, condition.values)


def _everyone(issuer: str) -> Assumer:
    known = known_issuer(issuer)
    if known:
        return Assumer(known.everybody)
    return Assumer(f"every service account of the cluster {issuer}", issuer=issuer)


def _subject_assumers(issuer: str, condition: Condition) -> Iterator[Assumer]:
    known = known_issuer(issuer)
    for subject, pattern in zip(condition.values, condition.patterns, strict=True):
        if known:
            yield Assumer(f"tokens of {known.name} whose sub is {subject}")
            continue
        account = split_subject(subject)
        name = f"{account.namespace}/{account.name}" if account else ""
        many = "*" in pattern or "?" in pattern
        kind = "service accounts" if many else "service account"
        cluster = f"of the cluster {issuer}"
        who = f"{kind} {name} {cluster}" if name else f"tokens {cluster} whose sub is {subject}"
        yield Assumer(who, (), kind if name else "principal", name, issuer)


def _aws(principal: str) -> tuple[str, AssumerKind, str]:
    """Words, kind and name of a principal of the type AWS."""
    if principal == "*":
        return "everyone", "principal", ""
    if UNIQUE_ID.fullmatch(principal):
        return f"no caller: {principal} was deleted", "principal", ""
    account = account_named_by(principal)
    if account:
        return f"every caller that account {account} allows", "account", account
    kind = kind_of(principal)
    return principal, kind if kind in ("role", "user") else "principal", principal
