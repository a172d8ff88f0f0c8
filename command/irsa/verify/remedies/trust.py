"""Fix role A's trust policy so that it allows one service account, and no other caller. Pure.

What is wrong in a statement that is meant for the service account is replaced, so that the wrong
subject, audience or issuer is trusted no longer. It is meant for it if it names service accounts
exactly, and no other of these has access by it; one that has keeps it. Conditions on anything but
the caller stay: the caller has to meet them. Every change is judged before it is proposed.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from irsa.access import Judgement, trusts_token
from irsa.decide.document import Condition, conditions_of, names_exactly
from irsa.decide.truth import Verdict
from irsa.identity.arns import partition_of, provider_arn_for
from irsa.identity.policies import VERSION, irsa_trust_policy
from irsa.identity.policy_json import Json, as_list, principals, statements, with_statements
from irsa.identity.subjects import ServiceAccountRef
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

ACTION = "sts:AssumeRoleWithWebIdentity"
WEB_IDENTITY = ACTION.lower()
ASSUME_ROLE = "sts:assumerole"


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
    def judge(self, document: Json) -> Judgement:
        """The answer of a trust policy to the caller."""

    def trusts(self, document: Json) -> bool:
        """Return whether a trust policy allows the caller."""
        return self.judge(document).verdict is Verdict.ALLOW

    @abstractmethod
    def allow(self, document: Json) -> TrustFix:
        """Replace the wrong part of a fitting statement, or else add one."""


def caller_has_to_meet(listed: Iterable[Json]) -> TrustFix:
    """Leave conditions on more than who calls: the caller has to meet them."""
    names = describe_call_conditions(listed)
    if not names:
        return TrustFix(
            "change the Deny of the trust policy: it has no condition that a call meets"
        )
    return TrustFix(f"meet the trust policy's conditions ({names}); they are not lifted")


@dataclass(frozen=True, kw_only=True)
class TrustFixer(Fixer):
    """One service account's token, and the role that should trust it."""

    token: Token
    account: ServiceAccountRef
    audience: str
    issuer: str
    """The token's, as condition keys spell it."""
    session_name: str | None
    now: float
    registered: frozenset[str] | None
    """ARNs of the account's OIDC providers; None when they are not known."""
    neighbours: frozenset[str]
    """Subjects of other service accounts that use the role."""

    def with_exception(self, document: Json, positions: Sequence[int]) -> Json | None:
        """Except the service account."""
        return with_subject_exception(document, positions, self.issuer, self.account.subject)

    def judge(self, document: Json, subject: str = "") -> Judgement:
        """The answer to the token, or to the same one of another service account."""
        role, token = replace(self.role, trust_policy=document), self.token
        if subject:
            token = replace(token, claims={**token.claims, "sub": subject})
        return trusts_token(role, token, session_name=self.session_name, now=self.now)

    def allow(self, document: Json) -> TrustFix:
        """Replace a wrong subject, audience, action or issuer, or else add a statement."""
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

    def _verdict(self, document: Json, subject: str = "") -> Verdict:
        return self.judge(document, subject).verdict

    def _allows_but_for_conditions(self, document: Json, position: int) -> bool:
        statement = statements(document)[position]
        free = with_conditions(statement, [*filter(is_about_caller, conditions_of(statement))])
        return self._verdict({**document, "Statement": [free]}) is Verdict.ALLOW

    def _candidates(self, document: Json) -> Iterator[tuple[int, Json, str]]:
        """Statements as they might be: those with the fewest changes first."""
        allowing = [
            (position, statement)
            for position, statement in enumerate(statements(document))
            if statement.get("Effect") == "Allow" and principals(statement, "Federated")
        ]
        fitting = [each for each in allowing if WEB_IDENTITY in _actions(each[1])]
        for position, statement in fitting:
            if self.provider_arn in principals(statement, "Federated"):
                yield position, statement, ""
        for position, statement in fitting:
            kept = self._neighbours_in(statement)
            if kept is not None:
                changed = self._with_subject(statement, kept)
                yield position, changed, self._subject_text(statement, kept)
        for position, statement in fitting:
            changed = self._with_claims(statement)
            if changed is not None:
                text = f"replace {self._shown(statement, 'aud')} by {self.audience}"
                yield position, changed, text
        for position, statement in allowing:
            if ASSUME_ROLE in _actions(statement) and self._neighbours_in(statement) == []:
                actions = [e for e in _actions(statement) if e not in (ASSUME_ROLE, WEB_IDENTITY)]
                action = [*actions, ACTION] if actions else ACTION
                changed = {**self._for_us_alone(statement), "Action": action}
                text = "replace sts:AssumeRole, which is not the call of a token"
                yield position, changed, text
        for position, statement in fitting:
            changed = self._with_issuer(statement)
            if changed is not None:
                yield position, changed, "replace the issuer, which the account has not registered"

    def _with_subject(self, statement: Json, kept: Sequence[str]) -> Json:
        """The statement for this subject, and for the neighbours that it was for already."""
        others = [each for each in conditions_of(statement) if token_claim(each) != "sub"]
        audiences = on_claim(statement, "aud")
        if len(audiences) == 1 and audiences[0].weak and names_exactly(audiences[0]):
            others[others.index(audiences[0])] = audiences[0]._replace(operator="StringEquals")
        wanted = Condition("StringEquals", f"{self.issuer}:sub", (*kept, self.account.subject))
        return with_conditions(statement, [*others, wanted])

    def _with_claims(self, statement: Json) -> Json | None:
        if not all(map(names_exactly, on_claim(statement, "aud"))):
            return None
        return self._for_us_alone(statement) if self._neighbours_in(statement) == [] else None

    def _with_issuer(self, statement: Json) -> Json | None:
        """The statement for this cluster, if the one that it names is none of the account's."""
        named = principals(statement, "Federated")
        if self.registered is None or self.registered & set(named):
            return None
        return {**self._for_us_alone(statement), "Principal": {"Federated": self.provider_arn}}

    def _for_us_alone(self, statement: Json) -> Json:
        return with_conditions(statement, [*on_claim(statement, ""), *self._claims()])

    def _neighbours_in(self, statement: Json) -> list[str] | None:
        """The neighbours that have access by a statement; None when it is not for us to replace."""
        subjects = on_claim(statement, "sub")
        exact = [each for each in subjects if names_exactly(each)]
        own = [each for each in exact if each.key == f"{self.issuer}:sub"]
        providers = principals(statement, "Federated")
        if self.provider_arn not in providers or len(statement["Principal"]) > 1 or not exact:
            return None
        if len(providers) > 1 and not any(each.positive for each in own):
            return None  # another cluster's service accounts may have access by it
        if not own and all(each.weak for each in exact):
            return None  # every service account has access by it
        alone = {"Version": VERSION, "Statement": [with_conditions(statement, subjects)]}
        others = sorted(self.neighbours - {self.account.subject})
        return [each for each in others if self._verdict(alone, each) is Verdict.ALLOW]

    def _subject_text(self, statement: Json, kept: Sequence[str]) -> str:
        own = self.account.subject
        if not kept:
            return f"replace {self._shown(statement, 'sub')} by {own}"
        values = [each for c in on_claim(statement, "sub") for each in c.values]
        removed = sorted({*values} - {*kept, own})
        if not removed:
            return f"add {own}"
        why = "as no service account of that name uses the role"
        return f"add {own}; remove {', '.join(removed)}, {why}"

    def _shown(self, statement: Json, claim: str) -> str:
        texts = [
            f"{each.operator} {each.key} {', '.join(each.values)}"
            for each in on_claim(statement, claim)
        ]
        own = f"{self.issuer}:{claim}"
        return " and ".join(e.replace(own, claim).removeprefix("StringEquals ") for e in texts)

    def _claims(self) -> list[Condition]:
        return [
            Condition("StringEquals", f"{self.issuer}:aud", (self.audience,)),
            Condition("StringEquals", f"{self.issuer}:sub", (self.account.subject,)),
        ]


def _actions(statement: Json) -> list[str]:
    return [each.lower() for each in as_list(statement.get("Action", []))]
