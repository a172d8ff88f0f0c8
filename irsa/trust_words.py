"""Who can assume a role, read out of its trust policy in words. Pure.

Words, not a decision: whether one caller may is `irsa.simulate`'s business.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from irsa.facts import Json
from irsa.judgement import principals, statements
from irsa.patterns import UNKNOWN_OUTPUT
from irsa.principals import UNIQUE_ID

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
    if statement.get("Principal") == "*" or "NotPrincipal" in statement:
        who = "everyone" if "Principal" in statement else "everyone but those it excepts"
        yield Assumer(effect, who, tuple(text for _, text, _ in conditions))
        return
    for provider in principals(statement, "Federated"):
        yield from _federated(effect, provider, conditions)
    for principal in principals(statement, "AWS"):
        yield Assumer(effect, _aws(principal), tuple(text for _, text, _ in conditions))
    for service in principals(statement, "Service"):
        yield Assumer(effect, f"the service {service}", tuple(text for _, text, _ in conditions))


Conditions = list[tuple[str, str, list[str]]]
"""Claim or key, the condition in words, and its values."""


def _conditions(block: Json) -> Conditions:
    found: Conditions = []
    for operator, keys in block.items():
        for key, value in keys.items():
            values: list[str] = [value] if isinstance(value, str) else [*map(str, value)]
            found.append((key, f"{key} {operator} {' or '.join(values)}", values))
    return found


def _federated(effect: str, provider: str, conditions: Conditions) -> Iterator[Assumer]:
    issuer = provider.partition(":oidc-provider/")[2]
    if not issuer:
        yield Assumer(effect, f"who signs in at {provider}", tuple(t for _, t, _ in conditions))
        return
    subjects = [values for key, _, values in conditions if key.endswith(":sub")]
    prefix = f"{issuer}:"  # said already
    others = tuple(t.removeprefix(prefix) for k, t, _ in conditions if not k.endswith(":sub"))
    if len(subjects) != 1:
        # No condition on sub, or two that both must hold: the policy's own words say it best.
        every = tuple(text.removeprefix(prefix) for _, text, _ in conditions)
        yield Assumer(effect, f"every service account of the cluster {issuer}", every)
        return
    for subject in subjects[0]:
        yield Assumer(effect, f"{_subject(subject)} of the cluster {issuer}", others)


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
    account = principal if principal.isdecimal() else principal.split(":")[4]
    if principal.isdecimal() or principal.endswith(":root"):
        return f"whoever account {account} lets"
    return principal
