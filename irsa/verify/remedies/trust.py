"""Fix role A's trust policy so that it allows one service account, and no other caller. Pure.

A subject, audience or issuer that is wrong in an otherwise fitting statement is replaced, so that
the wrong one is trusted no longer. Conditions on anything but the caller stay: the caller has to
meet them. Every change is judged before it is proposed.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from irsa.access import Judgement, trusts_token
from irsa.decide.document import Condition, conditions_of
from irsa.decide.verdict import Verdict
from irsa.identity.arns import partition_of, provider_arn_for
from irsa.identity.policies import irsa_trust_policy
from irsa.identity.policy_json import Json, as_list, principals, statements, with_statements
from irsa.identity.subjects import ServiceAccountRef, parse_subject
from irsa.identity.token import Token
from irsa.observe.facts import Role
from irsa.verify.remedies.policy_edits import (
    NARROW,
    call_conditions,
    describe_call_conditions,
    is_about_caller,
    on_claim,
    token_claim,
    with_conditions,
    with_statement,
    with_subject_exception,
)

WEB_IDENTITY = "sts:assumerolewithwebidentity"


class TrustFix(NamedTuple):
    """Remedy of a trust policy."""

    text: str
    """The change, or the condition that the caller has to meet."""
    document: Json | None = None
    """The whole trust policy as it should be; None when it should stay."""


@dataclass(frozen=True, kw_only=True)
class Fixer(ABC):
    """Fix a role's trust policy for one caller, where its statements deny it or do not allow it."""

    role: Role

    def fix(self, judged: Judgement) -> TrustFix:
        """Except the caller from the statements that deny it, and allow it if need be."""
        document, denying = self.role.trust_policy, judged.denying("resource")
        if not denying:
            return self.allow(document)
        narrowed = self.with_exception(document, denying)
        if narrowed is None:
            return caller_has_to_meet(statements(document)[each] for each in denying)
        if statements(narrowed) and self.trusts(narrowed):
            return TrustFix(NARROW, narrowed)
        allowing = self.allow(narrowed)
        if allowing.document is None:
            return allowing
        return allowing._replace(text=f"{NARROW}; {allowing.text}")

    @abstractmethod
    def with_exception(self, document: Json, positions: Sequence[int]) -> Json | None:
        """Except the caller from statements; None if they deny for more than who calls."""

    @abstractmethod
    def trusts(self, document: Json) -> bool:
        """Return whether a trust policy allows the caller."""

    @abstractmethod
    def allow(self, document: Json) -> TrustFix:
        """Replace what is wrong in a fitting statement, or else add one."""


def caller_has_to_meet(listed: Iterable[Json]) -> TrustFix:
    """Leave conditions on more than who calls: the caller has to meet them."""
    names = describe_call_conditions(listed)
    return TrustFix(f"meet the trust policy's conditions ({names}); they are not lifted")


@dataclass(frozen=True, kw_only=True)
class TrustFixer(Fixer):
    """One service account's token, and the role that should trust it."""

    token: Token
    account: ServiceAccountRef
    audience: str
    issuer: str
    """The token's, as condition keys spell it."""
    session_name: str
    now: float
    registered: frozenset[str] | None
    """ARNs of the account's OIDC providers; None when they are not known."""
    neighbours: frozenset[str]
    """Subjects of other service accounts that use the role."""

    def with_exception(self, document: Json, positions: Sequence[int]) -> Json | None:
        """Except the service account."""
        return with_subject_exception(document, positions, self.issuer, self.account.subject)

    def trusts(self, document: Json) -> bool:
        """Return whether the document allows the token."""
        return self._verdict(document) is Verdict.ALLOW

    def allow(self, document: Json) -> TrustFix:
        """Replace a wrong subject, audience or issuer, or else add a statement."""
        perhaps: TrustFix | None = None
        obstructed: list[int] = []
        for position, statement, text in self._candidates(document):
            changed = with_statement(document, position, statement)
            verdict = self._verdict(changed)
            if verdict is Verdict.ALLOW:
                return TrustFix(text, changed)
            if verdict is Verdict.UNKNOWN:
                perhaps = perhaps or TrustFix(text, changed)
            elif call_conditions(statement) and self._allows_but_for_conditions(changed, position):
                obstructed.append(position)
        if perhaps is not None:
            return perhaps
        if obstructed:
            return caller_has_to_meet(statements(document)[each] for each in obstructed[:1])
        text = "add a statement for this service account; the others stay"
        return TrustFix(text, with_statements(document, *statements(self.wanted)))

    @property
    def provider_arn(self) -> str:
        """The provider that stands for the token's issuer in the role's account."""
        partition = partition_of(self.role.arn)
        return provider_arn_for(self.issuer, self.role.account, partition=partition)

    @property
    def wanted(self) -> Json:
        """The trust policy that allows this service account, and nothing else."""
        return irsa_trust_policy([self.provider_arn], [self.account], audience=self.audience)

    def _verdict(self, document: Json) -> Verdict:
        role = replace(self.role, trust_policy=document)
        judged = trusts_token(role, self.token, session_name=self.session_name, now=self.now)
        return judged.verdict

    def _allows_but_for_conditions(self, document: Json, position: int) -> bool:
        statement = statements(document)[position]
        free = with_conditions(statement, [*filter(is_about_caller, conditions_of(statement))])
        return self._verdict({**document, "Statement": [free]}) is Verdict.ALLOW

    def _candidates(self, document: Json) -> Iterator[tuple[int, Json, str]]:
        """Statements as they might be: those with the fewest changes first."""
        fitting = [
            (position, statement)
            for position, statement in enumerate(statements(document))
            if statement.get("Effect") == "Allow" and _is_web_identity(statement)
        ]
        for position, statement in fitting:
            if self.provider_arn in principals(statement, "Federated"):
                yield position, statement, ""
        for position, statement in fitting:
            changed = self._with_subject(statement)
            if changed is not None:
                text = f"replace {_shown(statement, 'sub')} by {self.account.subject}"
                yield position, changed, text
        for position, statement in fitting:
            changed = self._with_claims(statement)
            if changed is not None:
                yield position, changed, f"replace {_shown(statement, 'aud')} by {self.audience}"
        for position, statement in fitting:
            changed = self._with_issuer(statement)
            if changed is not None:
                yield position, changed, "replace the issuer, which the account has not registered"

    def _with_subject(self, statement: Json) -> Json | None:
        """The statement for this subject, and for the neighbours that it was for already."""
        if self.provider_arn not in principals(statement, "Federated"):
            return None
        kept = self._neighbours_in(statement)
        if kept is None:
            return None
        wanted = Condition("StringEquals", f"{self.issuer}:sub", (*kept, self.account.subject))
        others = [each for each in conditions_of(statement) if token_claim(each) != "sub"]
        return with_conditions(statement, [*others, wanted])

    def _with_claims(self, statement: Json) -> Json | None:
        if self.provider_arn not in principals(statement, "Federated"):
            return None
        if self._neighbours_in(statement) != [] or not _only(statement, "aud"):
            return None
        return with_conditions(statement, [*on_claim(statement, ""), *self._claims()])

    def _with_issuer(self, statement: Json) -> Json | None:
        """The statement for this cluster, if the one that it names is none of the account's."""
        named = principals(statement, "Federated")
        if self.registered is None or self.registered & set(named):
            return None
        fitted = with_conditions(statement, [*on_claim(statement, ""), *self._claims()])
        return {**fitted, "Principal": {"Federated": self.provider_arn}}

    def _neighbours_in(self, statement: Json) -> list[str] | None:
        """The statement's subjects that stay; None when its subjects are not for us to replace:
        there are none, they are a pattern, or several conditions are on them."""
        subjects = on_claim(statement, "sub")
        if len(subjects) != 1 or subjects[0].operator not in _POSITIVE:
            return None
        [condition] = subjects
        if condition.operator == "StringLike" and set("".join(condition.values)) & {"*", "?"}:
            return None
        if condition.key != f"{self.issuer}:sub":
            return []
        others = self.neighbours - {self.account.subject}
        return [each for each in condition.values if each in others]

    def _claims(self) -> list[Condition]:
        return [
            Condition("StringEquals", f"{self.issuer}:aud", (self.audience,)),
            Condition("StringEquals", f"{self.issuer}:sub", (self.account.subject,)),
        ]


_POSITIVE = ("StringEquals", "StringLike", "ForAnyValue:StringEquals")


def named_accounts(document: Json) -> list[ServiceAccountRef]:
    """The service accounts that a trust policy names exactly."""
    named = [
        parse_subject(value)
        for statement in statements(document)
        for condition in on_claim(statement, "sub")
        if condition.operator in _POSITIVE
        for value in condition.values
    ]
    return [each for each in dict.fromkeys(named) if each is not None]


def _is_web_identity(statement: Json) -> bool:
    actions = [each.lower() for each in as_list(statement.get("Action", []))]
    return WEB_IDENTITY in actions and bool(principals(statement, "Federated"))


def _only(statement: Json, claim: str) -> bool:
    about = on_claim(statement, claim)
    return len(about) == 1 and about[0].operator in _POSITIVE


def _shown(statement: Json, claim: str) -> str:
    values = [value for each in on_claim(statement, claim) for value in each.values]
    return f"{claim} {', '.join(values)}"
