"""Who can assume a role, read out of its trust policy in words. Pure.

Words, not a decision: whether one caller may is `irsa.decide.simulate`'s business.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from irsa.chain.audit.issuers import issuer as known_issuer
from irsa.chain.trust_statements import Condition
from irsa.decide.patterns import UNKNOWN_OUTPUT
from irsa.decide.principals import UNIQUE_ID
from irsa.decide.statements import scalar_text
from irsa.identity.policy_json import Json, as_list, principals, statements

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
    texts = tuple(map(_words, conditions))
    if statement.get("Principal") == "*" or "NotPrincipal" in statement:
        who = "everyone" if "Principal" in statement else "everyone but those it excepts"
        yield Assumer(effect, who, texts)
        return
    for provider in principals(statement, "Federated"):
        yield from _federated(effect, provider, conditions)
    for principal in principals(statement, "AWS"):
        who, kind, name = _aws(principal)
        yield Assumer(effect, who, texts, kind, name)
    for service in principals(statement, "Service"):
        yield Assumer(effect, f"the service {service}", texts, "service", service)


def _conditions(block: Json) -> list[Condition]:
    found: list[Condition] = []
    for operator, keys in block.items():
        for key, value in keys.items():
            values = tuple(scalar_text(each) or str(each) for each in as_list(value))
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
    whom = [_everybody(issuer)] if own is None else _by_subject(issuer, own)
    yield from (replace(each, effect=effect, conditions=others) for each in whom)


def _everybody(issuer: str) -> Assumer:
    known = known_issuer(issuer)
    if known:
        return Assumer("Allow", known.everybody)
    return Assumer("Allow", f"every service account of the cluster {issuer}", issuer=issuer)


def _by_subject(issuer: str, condition: Condition) -> Iterator[Assumer]:
    known = known_issuer(issuer)
    for subject, pattern in zip(condition.values, condition.patterns, strict=True):
        if known:
            yield Assumer("Allow", f"whose sub at {known.name} is {subject}")
            continue
        name = _account(subject)
        many = "*" in pattern or "?" in pattern
        kind = "service accounts" if many else "service account"
        words = f"{kind} {name}" if name else f"whose sub is {subject}"
        who = f"{words} of the cluster {issuer}"
        yield Assumer("Allow", who, (), kind if name else "principal", name, issuer)


def _account(subject: str) -> str:
    """The service account of a ``sub``, such as ``dev/s3-app``; empty for any other text."""
    parts = subject.removeprefix("system:serviceaccount:").split(":")
    own = len(parts) == 2 and subject.startswith("system:serviceaccount:")
    return f"{parts[0]}/{parts[1]}" if own else ""


def _aws(principal: str) -> tuple[str, str, str]:
    """Words, kind and name of a principal of the type AWS."""
    if principal == "*":
        return "everyone", "principal", ""
    if UNIQUE_ID.fullmatch(principal):
        return f"nobody: {principal} was deleted", "principal", ""
    account = _WHOLE_ACCOUNT.fullmatch(principal)
    if account:
        return f"whoever account {account[1]} lets", "account", account[1]
    kind = principal.rpartition(":")[2].partition("/")[0]
    return principal, kind if kind in ("role", "user") else "principal", principal


_WHOLE_ACCOUNT = re.compile(r"(?:arn:aws[a-z-]*:iam::)?([0-9]{12})(?::root)?")
