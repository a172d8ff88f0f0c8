"""Fix role A's trust policy so that it allows one service account, and no other caller. Pure.

Nothing is removed, as any entry may be another caller's: a subject is added to a list, or a
statement to the others. An entry that looks misspelt is named, for a person to remove.
Conditions on anything but the caller stay: the caller has to meet them. Every change is judged
before it is proposed.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cached_property
from typing import ClassVar, NamedTuple

from irsa.access import Judgement
from irsa.observe.facts import Role, Unread
from irsa.observe.iam import AccountPrincipals
from irsa.verify.facts import ByToken, Facts
from irsa.verify.link import Remedy
from irsa.verify.remedies import iam
from irsa.verify.remedies.pod import annotate
from irsa_core.decide.document import Condition, conditions_of, names_exactly
from irsa_core.decide.truth import Verdict
from irsa_core.identity.arns import name_of
from irsa_core.identity.policies import size
from irsa_core.identity.policy_json import Json, principals, statements, with_statements
from irsa_core.identity.quotas import TRUST_POLICY_QUOTA
from irsa_core.identity.subjects import ServiceAccountRef

ADD_STATEMENT = "add a statement for this service account; the others stay"
NEAR = 0.95
"""Likeness of two subjects of which one may be the other, misspelt; most of it is the prefix."""


class TrustFix(NamedTuple):
    """Remedy of a trust policy."""

    text: str
    """The change, or the condition that the caller has to meet."""
    document: Json | None = None
    """The whole trust policy as it should be; None when it should stay."""


@dataclass(frozen=True, kw_only=True)
class Fixer:
    """Fix a role's trust policy for one caller, where its statements deny it or do not allow it."""

    added: ClassVar = ADD_STATEMENT
    role: Role
    judging: Callable[[Role], Judgement]
    """The answer of a role's trust policy to the caller."""
    wanted: Json
    """The trust policy that allows the caller, and nothing else."""

    @cached_property
    def judged(self) -> Judgement:
        """The answer of the trust policy as it is."""
        return self.judging(self.role)

    def fix(self) -> TrustFix:
        """Fix the document, and leave out deleted principals, which IAM does not take back."""
        fix = self._fix()
        return fix._replace(document=iam.without_orphans(fix.document)) if fix.document else fix

    def _fix(self) -> TrustFix:
        """Except the caller from the statements that deny it, and allow it if need be."""
        document, denying = self.role.trust_policy, self.judged.denying("resource")
        if not denying:
            return self.allow(document)
        exception = self.exception([statements(document)[position] for position in denying])
        narrowed = iam.with_exception(document, denying, exception) if exception else None
        if narrowed is None:
            return caller_has_to_meet(statements(document)[position] for position in denying)
        if statements(narrowed) and self.trusts(narrowed):
            return TrustFix(iam.NARROW, narrowed)
        allowing = self.allow(narrowed)
        if allowing.document is None:
            return allowing
        return allowing._replace(text=f"{iam.NARROW}; {allowing.text}")

    def exception(self, denying: Sequence[Json]) -> Condition | None:  # noqa: ARG002
        """A condition that does not hold for the caller; None where none tells it apart: EKS and
        role A call for every service account that has the role."""
        return None

    def judge(self, document: Json) -> Judgement:
        """The answer of a trust policy to the caller."""
        return self.judging(replace(self.role, trust_policy=document))

    def trusts(self, document: Json) -> bool:
        """Return whether a trust policy allows the caller."""
        return self.judge(document).verdict is Verdict.ALLOW

    def allows_but_for_conditions(self, *listed: Json) -> bool:
        """Return whether statements would allow the caller without their conditions on the call."""
        free = [
            iam.with_conditions(e, [*filter(iam.is_about_caller, conditions_of(e))]) for e in listed
        ]
        document = {**self.role.trust_policy, "Statement": free}
        return self.judge(document).verdict is Verdict.ALLOW

    def allow(self, document: Json) -> TrustFix:
        """Add statements for the caller, unless others stand against them."""
        added = with_statements(document, *statements(self.wanted))
        if self.trusts(added):
            return TrustFix(self.added, added)
        return caller_has_to_meet(statements(document))


def caller_has_to_meet(listed: Iterable[Json]) -> TrustFix:
    """Leave conditions on more than who calls: the caller has to meet them."""
    conditions = [each for statement in listed for each in iam.call_conditions(statement)]
    names = ", ".join(f"{e.key} {e.operator} {' or '.join(e.values)}" for e in conditions)
    if not names:
        text = "change the Deny of the trust policy: it has no condition that a call meets"
        return TrustFix(text)
    return TrustFix(f"meet the trust policy's conditions ({names}); they are not lifted")


def let_trust(facts: Facts, fixer: Fixer) -> Remedy:
    """Change the trust policy of the role that the chain names, unless another one may be meant."""
    role, fix = fixer.role, fixer.fix()
    if fix.document is None:
        return Remedy(fix.text)
    if isinstance(facts.trusting, Unread):
        text = f"{facts.trusting.text}: another role may trust the service account"
        return Remedy(f"{text}; {facts.trusting.remedy}")
    today = f"{role.name} trusts {today_trusted(role)} today"
    if facts.trusting:
        named = [trusting.arn for trusting in facts.trusting]
        text = f"correct the {facts.named_by}: {' and '.join(named)} trusts the service account"
        sure = len(named) == 1 and isinstance(facts, ByToken) and not facts.expected_role
        commands = annotate(facts, named[0]) if sure else ()
        return Remedy(f"{text}, and {today}", tuple(commands))
    text = f"replace the trust policy: {fix.text}; {today}"
    if size(fix.document) > TRUST_POLICY_QUOTA:
        more = f"it would have more than {TRUST_POLICY_QUOTA} characters: raise the quota first"
        return Remedy(f"{text} ({more})")
    return Remedy(text, (iam.replace_trust(role, fix.document),))


def today_trusted(role: Role) -> str:
    """The callers that a role trusts as it is, for their owners to be asked."""
    return " and ".join(iam.named_callers(role.trust_policy)) or "no caller by name"


@dataclass(frozen=True, kw_only=True)
class TrustFixer(Fixer):
    """The role that should trust a service account's token."""

    account: ServiceAccountRef
    issuer: str
    """The token's, as condition keys spell it."""
    provider_arn: str
    """The provider that stands for the issuer in the role's account."""
    registered: frozenset[str] | None
    """ARNs of the account's OIDC providers; None when they are not known."""

    def exception(self, denying: Sequence[Json]) -> Condition | None:
        """All but the service account; None for a Deny of roles, too, whose sessions may have the
        token's claims."""
        of_roles = any(principals(each, "AWS") for each in denying)
        subject = (self.account.subject,)
        return None if of_roles else Condition("StringNotEquals", f"{self.issuer}:sub", subject)

    def allow(self, document: Json) -> TrustFix:
        """Add the subject to a fitting statement, or else a statement."""
        doubtful = self._doubtful(document)
        perhaps: TrustFix | None = None
        unmet: list[Json] = []
        for statement, changed, text in self._candidates(document):
            fix = TrustFix(f"{text}{doubtful}", changed)
            verdict = self.judge(changed).verdict
            if verdict is Verdict.ALLOW:
                return fix
            if verdict is Verdict.UNKNOWN:
                perhaps = perhaps or fix
            elif iam.call_conditions(statement) and self.allows_but_for_conditions(statement):
                if changed is document:
                    return caller_has_to_meet([statement])
                unmet.append(statement)
        if perhaps is not None:
            return perhaps
        if unmet:
            return caller_has_to_meet(unmet[:1])
        added = with_statements(document, *statements(self.wanted))
        return TrustFix(f"{ADD_STATEMENT}{doubtful}", added)

    def _candidates(self, document: Json) -> Iterator[tuple[Json, Json, str]]:
        """The statement that should allow it, and the document with it; the nearest one first."""
        allowing = [
            (position, statement)
            for position, statement in enumerate(statements(document))
            if statement.get("Effect") == "Allow" and principals(statement, "Federated")
        ]
        fitting = [e for e in allowing if self.provider_arn in principals(e[1], "Federated")]
        for _, statement in fitting:
            yield statement, document, ""
        for position, statement in fitting:
            changed = self._with_subject(statement)
            added = iam.with_statement(document, position, changed)
            yield changed, added, f"add {self.account.subject}"
        for _, statement in allowing:
            if self._is_meant(statement):
                [new] = statements(self.wanted)
                same = [*conditions_of(new), *iam.call_conditions(statement)]
                beside = iam.with_conditions(new, same)
                yield beside, with_statements(document, beside), ADD_STATEMENT

    def _with_subject(self, statement: Json) -> Json:
        """The statement with this subject in its lists: a token of another one gains nothing."""
        key, own = f"{self.issuer}:sub".lower(), self.account.subject
        added: list[Condition] = []
        for each in conditions_of(statement):
            exact = each.positive and names_exactly(each)
            lacks = exact and each.key.lower() == key and own not in each.values
            added.append(each._replace(values=(*each.values, own)) if lacks else each)
        return iam.with_conditions(statement, added)

    def _is_meant(self, statement: Json) -> bool:
        """Return whether it names service accounts, of this cluster or of one that is gone."""
        named = {*principals(statement, "Federated")}
        gone = self.registered is not None and not self.registered & named
        exact = any(map(names_exactly, iam.on_claim(statement, "sub")))
        return exact and (gone or self.provider_arn in named)

    def _doubtful(self, document: Json) -> str:
        """The second step: the entries that may be meant for this service account."""
        near = get_close_matches(self.account.subject, iam.named_callers(document), cutoff=NEAR)
        others = ", ".join(each for each in near if each != self.account.subject)
        return f"; then remove by hand, if misspelt: {others}" if others else ""


SIMILAR = 0.88
"""Share of letters of two names that a slip of the hand leaves alike: s3-ap, s3-app."""


def near_roles(facts: Facts) -> str:
    """Return the roles that may be meant, with the reason; empty if the account has none."""
    if isinstance(facts.trusting, Unread):
        return facts.trusting.text
    if facts.trusting:
        listed = " and ".join(role.arn for role in facts.trusting)
        return f"{listed} trust{'s' if len(facts.trusting) == 1 else ''} this service account"
    by_name = {}
    if isinstance(facts.iam, AccountPrincipals):
        by_name = {role.name: role for role in facts.iam.roles if role.arn != facts.role_arn}
    similar = get_close_matches(name_of(facts.role_arn) or facts.name, by_name, 1, SIMILAR)
    return "".join(
        f"there is {by_name[name].arn}, which trusts {today_trusted(by_name[name])} today"
        for name in similar
    )


def found_role(facts: Facts) -> str:
    """Return the reason for the expected role, if the account was searched for it."""
    return f"; {facts.found_role} trusts this service account" if facts.found_role else ""


def name_role(facts: Facts, role_arn: str, *more: str) -> Remedy:
    """Name the role in the annotation; where it is not known, say where it comes from."""
    text = "annotate the service account with the right role, and restart the Pods"
    if role_arn:
        return Remedy(text, tuple(annotate(facts, role_arn, *more)))
    account = "" if facts.iam is None else " of the account"
    none = f"no role{account} names this service account: create one, or ask its owner"
    near = near_roles(facts)
    return Remedy(f"{f'choose the role: {near}' if near else none}; then {text}")
