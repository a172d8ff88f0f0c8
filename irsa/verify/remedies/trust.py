"""Mends role A's trust policy so that it lets one service account in, and nobody else. Pure.

A subject, audience or issuer that is wrong in an otherwise fitting statement is replaced, so that
the wrong one is trusted no longer. Conditions on anything but the caller stay as they are: the
caller meets them. Every change is judged before it is proposed.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from irsa.access import Judgement, trusts_token
from irsa.decide.verdict import Verdict
from irsa.identity.arns import partition_of, provider_arn_for
from irsa.identity.policies import irsa_trust_policy
from irsa.identity.policy_json import Json, principals, statements, with_statements
from irsa.identity.subjects import ServiceAccountRef, parse_subject
from irsa.identity.token import Token
from irsa.observe.facts import Role
from irsa.verify.remedies.policy_edits import (
    NARROW,
    Line,
    excepted_subject,
    foreign,
    foreign_words,
    lines,
    replaced,
    texts,
    with_lines,
)

WEB_IDENTITY = "sts:assumerolewithwebidentity"


class Mended(NamedTuple):
    """What to do about a trust policy."""

    text: str
    """What is changed, or what the caller has to do instead."""
    document: Json | None = None
    """The whole trust policy as it should be; None when it should stay."""


def mend_trust(
    document: Json,
    denying: Sequence[int],
    *,
    excepted: Callable[[Json, Sequence[int]], Json | None],
    trusts: Callable[[Json], bool],
    allow: Callable[[Json], Mended],
) -> Mended | None:
    """Except the caller from the statements that deny it, and allow it where that is not enough.

    None when they deny for more than who calls, so that the caller cannot be excepted.
    """
    text = ""
    if denying:
        narrowed = excepted(document, denying)
        if narrowed is None:
            return None
        document, text = narrowed, NARROW
        if statements(document) and trusts(document):
            return Mended(text, document)
    allowing = allow(document)
    if allowing.document is None or not text:
        return allowing
    return allowing._replace(text=f"{text}; {allowing.text}")


@dataclass(frozen=True, kw_only=True)
class TrustMender:
    """One service account's token, and the role that should trust it."""

    role: Role
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

    def mend(self, judged: Judgement) -> Mended:
        """What to change in a trust policy that refuses the token."""
        document, denying = self.role.trust_policy, judged.denying("resource")

        def excepted(policy: Json, positions: Sequence[int]) -> Json | None:
            return excepted_subject(policy, positions, self.issuer, self.account.subject)

        mended = mend_trust(
            document,
            denying,
            excepted=excepted,
            trusts=lambda policy: self._verdict(policy) is Verdict.ALLOW,
            allow=self._allow,
        )
        return _met_by_the_caller(document, denying) if mended is None else mended

    def _allow(self, document: Json) -> Mended:
        """Replace what is wrong in a fitting statement, or else add one."""
        perhaps: Mended | None = None
        obstructed: list[int] = []
        for position, statement, text in self._candidates(document):
            changed = replaced(document, position, statement)
            verdict = self._verdict(changed)
            if verdict is Verdict.ALLOW:
                return Mended(text, changed)
            if verdict is Verdict.UNKNOWN:
                perhaps = perhaps or Mended(text, changed)
            elif foreign(statement) and self._allows_but_for_conditions(changed, position):
                obstructed.append(position)
        if perhaps is not None:
            return perhaps
        if obstructed:
            return _met_by_the_caller(document, obstructed[:1])
        text = "add a statement for this service account; the others stay"
        return Mended(text, with_statements(document, *statements(self.wanted)))

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
        about_caller = [line for line in lines(statement) if line.about_caller]
        free = with_lines(statement, about_caller)
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
        wanted = Line("StringEquals", f"{self.issuer}:sub", [*kept, self.account.subject])
        others = [line for line in lines(statement) if line.claim != "sub"]
        return with_lines(statement, [*others, wanted])

    def _with_claims(self, statement: Json) -> Json | None:
        """The statement for this subject alone, and for the token's audience."""
        if self.provider_arn not in principals(statement, "Federated"):
            return None
        if self._neighbours_in(statement) != [] or not _only(statement, "aud"):
            return None
        return with_lines(statement, [*self._without_claims(statement), *self._claims()])

    def _with_issuer(self, statement: Json) -> Json | None:
        """The statement for this cluster, if the one that it names is none of the account's."""
        named = principals(statement, "Federated")
        if self.registered is None or self.registered & set(named):
            return None
        fitted = with_lines(statement, [*self._without_claims(statement), *self._claims()])
        return {**fitted, "Principal": {"Federated": self.provider_arn}}

    def _neighbours_in(self, statement: Json) -> list[str] | None:
        """The statement's subjects that stay; None when its subjects are not for us to replace:
        there are none, they are a pattern, or several conditions are on them."""
        subjects = [line for line in lines(statement) if line.claim == "sub"]
        if len(subjects) != 1 or subjects[0].operator not in _POSITIVE:
            return None
        [line] = subjects
        if line.operator == "StringLike" and any(set(value) & {"*", "?"} for value in line.values):
            return None
        if line.key != f"{self.issuer}:sub":
            return []
        others = self.neighbours - {self.account.subject}
        return [each for each in line.values if each in others]

    def _without_claims(self, statement: Json) -> list[Line]:
        return [line for line in lines(statement) if not line.claim]

    def _claims(self) -> list[Line]:
        return [
            Line("StringEquals", f"{self.issuer}:aud", [self.audience]),
            Line("StringEquals", f"{self.issuer}:sub", [self.account.subject]),
        ]


_POSITIVE = ("StringEquals", "StringLike", "ForAnyValue:StringEquals")


def named_accounts(document: Json) -> list[ServiceAccountRef]:
    """The service accounts that a trust policy names exactly."""
    named = [
        parse_subject(value)
        for statement in statements(document)
        for line in lines(statement)
        if line.claim == "sub" and line.operator in _POSITIVE
        for value in line.values
    ]
    return [each for each in dict.fromkeys(named) if each is not None]


def _is_web_identity(statement: Json) -> bool:
    actions = [each.lower() for each in texts(statement.get("Action", []))]
    return WEB_IDENTITY in actions and bool(principals(statement, "Federated"))


def _only(statement: Json, claim: str) -> bool:
    """Whether the statement has one plain condition on a claim."""
    about = [line for line in lines(statement) if line.claim == claim]
    return len(about) == 1 and about[0].operator in _POSITIVE


def _shown(statement: Json, claim: str) -> str:
    values = [value for line in lines(statement) if line.claim == claim for value in line.values]
    return f"{claim} {', '.join(values)}"


def _met_by_the_caller(document: Json, positions: list[int]) -> Mended:
    """The trust policy asks for more than who calls, and that is not for us to lift."""
    names = foreign_words(statements(document)[position] for position in positions)
    return Mended(f"meet the trust policy's condition ({names}); it is not lifted")
