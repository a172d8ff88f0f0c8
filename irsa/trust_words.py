"""Who can assume a role, read out of its trust policy in words. Pure.

Words, not a decision: whether one caller may is `irsa.simulate`'s business.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from irsa.facts import Json
from irsa.judgement import principals, statements
from irsa.patterns import UNKNOWN_OUTPUT
from irsa.principals import UNIQUE_ID
from irsa.shapes import as_list

LATER = "(known after up)"


@dataclass(frozen=True, slots=True)
class Assumer:
    """Somebody whom one statement names."""

    effect: str
    who: str
    conditions: tuple[str, ...] = ()
    """What must hold besides, in the policy's own words."""
    kind: str = "principal"
    """``role``, ``user``, ``account``, ``service``, ``service account`` or ``service accounts``;
    ``principal`` for all else, and empty while the policy is not known."""
    name: str = ""
    """Who it is among its kind: an ARN, an account id, ``dev/s3-app``; ``who`` if empty."""
    issuer: str = ""
    """Of service accounts, the issuer of their cluster, without its scheme."""

    @property
    def text(self) -> str:
        """The whole in one line."""
        conditions = f" if {' and '.join(self.conditions)}" if self.conditions else ""
        return f"{'' if self.effect == 'Allow' else 'never '}{self.who}{conditions}"

    @property
    def account(self) -> str:
        """The account that decides by its own policies who of it may; empty for all else."""
        return self.name if self.kind == "account" and self.effect == "Allow" else ""


def who_can_assume(trust_policy: Json | str) -> list[Assumer]:
    """Everybody whom a trust policy names, in its order; a text says why it is not known.

    ValueError for what is no trust policy.
    """
    if isinstance(trust_policy, str):
        return [Assumer("Allow", trust_policy, kind="")]
    if UNKNOWN_OUTPUT in str(trust_policy):
        return [Assumer("Allow", LATER, kind="")]
    try:
        return [each for statement in statements(trust_policy) for each in _of_statement(statement)]
    except (AttributeError, TypeError) as error:
        raise ValueError(f"not a trust policy ({error})") from error


def _of_statement(statement: Json) -> Iterator[Assumer]:
    effect: str = statement.get("Effect", "Allow")
    conditions = _conditions(statement.get("Condition", {}))
    words = tuple(each.text for each in conditions)
    if statement.get("Principal") == "*" or "NotPrincipal" in statement:
        who = "everyone" if "Principal" in statement else "everyone but those it excepts"
        yield Assumer(effect, who, words)
        return
    for provider in principals(statement, "Federated"):
        yield from _federated(effect, provider, conditions)
    for principal in principals(statement, "AWS"):
        yield Assumer(effect, *_aws(principal, words))
    for service in principals(statement, "Service"):
        yield Assumer(effect, f"the service {service}", words, "service", service)


class Condition(NamedTuple):
    """One key under one operator."""

    operator: str
    key: str
    values: list[str]

    @property
    def text(self) -> str:
        """The condition in the policy's own words."""
        return f"{self.key} {self.operator} {' or '.join(self.values)}"

    @property
    def names_subjects(self) -> bool:
        """Whether its values say which service accounts are meant, one by one."""
        named = self.operator.lower() in ("stringequals", "stringlike")
        return named and self.key.lower().endswith(":sub")


def _conditions(block: Json) -> list[Condition]:
    return [
        Condition(operator, key, [*map(_word, as_list(value))])
        for operator, keys in block.items()
        for key, value in keys.items()
    ]


def _word(value: object) -> str:
    """A condition's value as IAM reads it; JSON may give it as a number or as true."""
    return value if isinstance(value, str) else json.dumps(value)


def _federated(effect: str, provider: str, conditions: list[Condition]) -> Iterator[Assumer]:
    issuer = provider.partition(":oidc-provider/")[2]
    if not issuer:
        yield Assumer(effect, f"who signs in at {provider}", tuple(c.text for c in conditions))
        return
    subjects = [each for each in conditions if each.names_subjects]
    # No condition on sub, or two that both must hold: the policy's own words say it best.
    named = subjects if len(subjects) == 1 else []
    prefix = f"{issuer}:"  # said already
    others = tuple(c.text.removeprefix(prefix) for c in conditions if c not in named)
    if not named:
        who = f"every service account of the cluster {issuer}"
        yield Assumer(effect, who, others, issuer=issuer)
    for operator, _, values in named:
        for subject in values:
            kind, name = _subject(subject, pattern=operator.lower() == "stringlike")
            words = name if kind == "principal" else f"{kind} {name}"
            who = f"{words} of the cluster {issuer}"
            yield Assumer(effect, who, others, kind, "" if kind == "principal" else name, issuer)


def _subject(subject: str, *, pattern: bool) -> tuple[str, str]:
    """Kind and name of whom a value of the ``sub`` condition means."""
    parts = subject.removeprefix("system:serviceaccount:").split(":")
    if len(parts) != 2 or not subject.startswith("system:serviceaccount:"):
        return "principal", f"whose sub is {subject}"
    many = pattern and ("*" in subject or "?" in subject)
    kind = "service accounts" if many else "service account"
    return kind, f"{parts[0]}/{parts[1]}"


def _aws(principal: str, conditions: tuple[str, ...]) -> tuple[str, tuple[str, ...], str, str]:
    """Words, conditions, kind and name of a principal of the type AWS."""
    if principal == "*":
        return "everyone", conditions, "principal", ""
    if UNIQUE_ID.fullmatch(principal):
        return f"nobody: {principal} was deleted", conditions, "principal", ""
    account = _WHOLE_ACCOUNT.fullmatch(principal)
    if account:
        return f"whoever account {account[1]} lets", conditions, "account", account[1]
    kind = principal.rpartition(":")[2].partition("/")[0]
    return principal, conditions, kind if kind in ("role", "user") else "principal", principal


_WHOLE_ACCOUNT = re.compile(r"(?:arn:aws[a-z-]*:iam::)?([0-9]{12})(?::root)?")
