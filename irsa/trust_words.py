"""Who can assume a role, read out of its trust policy in words. Pure.

Words, not a decision: whether one caller may is `irsa.simulate`'s business.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

from irsa.audit_issuers import issuer as known_issuer
from irsa.documents import scalar_text
from irsa.facts import Json
from irsa.judgement import principals, statements
from irsa.patterns import UNKNOWN_OUTPUT
from irsa.principals import UNIQUE_ID
from irsa.trust_statements import Condition

LATER = "(known after up)"


@dataclass(frozen=True, slots=True)
class Assumer:
    """Somebody whom one statement names."""

    effect: str
    who: str
    conditions: tuple[str, ...] = ()
    """What must hold besides, in the policy's own words."""

    @property
    def text(self) -> str:
        """The whole in one line."""
        conditions = f" if {' and '.join(self.conditions)}" if self.conditions else ""
        return f"{'' if self.effect == 'Allow' else 'never '}{self.who}{conditions}"


def who_can_assume(trust_policy: Json | str) -> list[Assumer]:
    """Everybody whom a trust policy names, in its order."""
    if isinstance(trust_policy, str) or UNKNOWN_OUTPUT in str(trust_policy):
        return [Assumer("Allow", LATER)]
    return [each for statement in statements(trust_policy) for each in _of_statement(statement)]


def _of_statement(statement: Json) -> Iterator[Assumer]:
    effect: str = statement.get("Effect", "Allow")
    conditions = _conditions(statement.get("Condition", {}))
    texts = tuple(map(_words, conditions))
    if statement.get("Principal") == "*" or "NotPrincipal" in statement:
        who = "everyone" if "Principal" in statement else "everyone but those it excepts"
        yield Assumer(effect, who, texts)
        return
    for provider in principals(statement, "Federated"):
        yield from _federated(effect, provider, conditions)
    for principal in principals(statement, "AWS"):
        yield Assumer(effect, _aws(principal), texts)
    for service in principals(statement, "Service"):
        yield Assumer(effect, f"the service {service}", texts)


def _conditions(block: Json) -> list[Condition]:
    found: list[Condition] = []
    for operator, keys in block.items():
        for key, value in keys.items():
            entries = cast("list[object]", value) if isinstance(value, list) else [value]
            values = tuple(scalar_text(each) or str(each) for each in entries)
            found.append(Condition(operator, key, values))
    return found


def _words(condition: Condition) -> str:
    return f"{condition.key} {condition.operator} {' or '.join(condition.values)}"


def _federated(effect: str, provider: str, conditions: list[Condition]) -> Iterator[Assumer]:
    issuer = provider.partition(":oidc-provider/")[2]
    if not issuer:
        yield Assumer(effect, f"who signs in at {provider}", tuple(map(_words, conditions)))
        return
    key = f"{issuer}:sub".lower()
    subjects = [each for each in conditions if each.positive and each.key.lower() == key]
    # One condition on sub says who it is. Where there is none, or two that both have to hold, the
    # policy's own words say it best.
    own = subjects[0] if len(subjects) == 1 else None
    prefix = f"{issuer}:"  # said already
    others = tuple(_words(each).removeprefix(prefix) for each in conditions if each is not own)
    whom = _everybody(issuer) if own is None else _by_subject(issuer, own.values)
    yield from (Assumer(effect, each, others) for each in whom)


def _everybody(issuer: str) -> list[str]:
    known = known_issuer(issuer)
    return [known.everybody if known else f"every service account of the cluster {issuer}"]


def _by_subject(issuer: str, subjects: Sequence[str]) -> list[str]:
    known = known_issuer(issuer)
    if known:
        return [f"whose sub at {known.name} is {subject}" for subject in subjects]
    return [f"{_subject(subject)} of the cluster {issuer}" for subject in subjects]


def _subject(subject: str) -> str:
    parts = subject.removeprefix("system:serviceaccount:").split(":")
    if len(parts) != 2 or not subject.startswith("system:serviceaccount:"):
        return f"whose sub is {subject}"
    plural = "service accounts" if "*" in subject or "?" in subject else "service account"
    return f"{plural} {parts[0]}/{parts[1]}"


def _aws(principal: str) -> str:
    if principal == "*":
        return "everyone"
    if UNIQUE_ID.fullmatch(principal):
        return f"nobody: {principal} was deleted"
    if principal.isdecimal() or principal.endswith(":root"):
        account = principal.removesuffix(":root").rpartition(":")[2]
        return f"whoever account {account} lets"
    return principal
