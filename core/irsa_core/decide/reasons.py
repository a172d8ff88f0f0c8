"""Reasons of a decision: every statement that was asked, and the element that stopped it.

Pure. `irsa_core.decide.evaluate` decides without any of this; it is computed on demand. A
reason is data, and becomes a sentence where it is printed (``str(reason)``): code that has to know
which statement denies reads `Reason.source`, `Reason.statement` and `Reason.effect`, never the
sentence.
"""

from collections.abc import Iterable
from functools import cached_property
from typing import Literal, NamedTuple

from irsa_core.decide.condition_keys import Request
from irsa_core.decide.policies import Policies, Source, left_out
from irsa_core.decide.principals import Caller, Directness, PrincipalElement
from irsa_core.decide.statements import CompiledStatement
from irsa_core.decide.truth import Truth, Verdict


class Reason(NamedTuple):
    """One thing that decides a request, or that might have; ``str()`` of it is a sentence."""

    source: Source | None
    """The policy that it is about; None when it is about no single one."""
    statement: int | None
    """Place of the statement in its policy, from 0."""
    effect: Literal["Allow", "Deny"] | None
    """Effect of the statement on the request; None when it does not apply for certain."""
    text: str
    """The whole sentence, for people."""

    def __str__(self) -> str:
        return self.text


def remark(text: str) -> Reason:
    """A reason that no single statement gives."""
    return Reason(None, None, None, text)


def named(
    statement: CompiledStatement, caller: Caller | None, policies: Policies
) -> tuple[Directness, Directness]:
    """Return how directly a statement of a resource's policy names the caller: surely, at most."""
    element = statement.principal
    if element is None:
        return Directness.DIRECT, Directness.DIRECT
    if caller is None:
        everyone = element.everyone and not element.negated
        return Directness.ROLE if everyone else Directness.NONE, Directness.DIRECT
    outside = _outside(statement, element, caller, policies) if element.negated else None
    level, most = outside or element.grant(caller)
    if not (element.everyone or outside) or level is not Directness.ROLE:
        return level, most
    # What "*" grants is not limited by a boundary or session policy when the statement names the
    # caller by aws:PrincipalArn; whether it is when nothing does, or NotPrincipal grants, AWS does
    # not say.
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html
    if statement.by_principal_arn and not outside:
        return Directness.DIRECT, Directness.DIRECT
    limited = policies.boundary is not None or caller.session_policy is not None
    return level, Directness.DIRECT if limited and statement.allow else level


def _outside(
    statement: CompiledStatement, element: PrincipalElement, caller: Caller, policies: Policies
) -> tuple[Directness, Directness]:
    """Return the effect of a NotPrincipal element on the caller.

    With Deny it always denies a user or role that has a permissions boundary:
    https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html
    """
    bounded = policies.boundary is not None and caller.kind in ("session", "user")
    outside, partly = element.excludes(caller)
    if outside or (bounded and not statement.allow):
        return Directness.ROLE, Directness.ROLE
    return Directness.NONE, Directness.ROLE if outside is None or partly else Directness.NONE


class _Trace(NamedTuple):
    """Trace of one statement's decision on the request."""

    source: Source
    position: int
    """Place of the statement in its policy, from 0."""
    statement: CompiledStatement
    applies: Truth
    why_not: str
    """The first reason why it does not apply for certain; empty when it does."""
    facts: list[str]
    """The facts that are missing to tell."""

    def reason(self, text: str) -> Reason:
        """The reason with these words behind the statement's name."""
        effect = ("Allow" if self.statement.allow else "Deny") if self.applies else None
        return Reason(self.source, self.position, effect, f"{self.statement.name}: {text}")


class Decision:
    """The answer to one request; its reasons are computed on demand."""

    def __init__(
        self, verdict: Verdict, request: Request, policies: Policies, missing: list[str]
    ) -> None:
        """``missing`` are the unknown facts of the caller and the resource."""
        self.verdict = verdict
        self.request = request
        self.policies = policies
        self._missing = missing

    @cached_property
    def _traces(self) -> list[_Trace]:
        return [
            _Trace(source, position, statement, *_applies(statement, self.request, self.policies))
            for source, policy in self.policies.asked(self.request.caller)
            for position, statement in enumerate(policy.statements)
        ]

    @property
    def reasons(self) -> list[Reason]:
        """The deciding statements, then for every other one the first reason why it is not."""
        verdict = self.verdict
        deciding: list[Reason] = []
        others: list[Reason] = []
        for trace in self._traces:
            allow = trace.statement.allow
            if not trace.applies:
                others.append(trace.reason(trace.why_not))
            elif verdict is Verdict.DENY and allow:
                others.append(trace.reason("allows it, which is not enough"))
            else:
                deciding.append(trace.reason("allows it" if allow else "denies it"))
        if verdict is Verdict.UNKNOWN:
            deciding += missing_facts(self.missing)
        elif verdict is Verdict.DENY:
            deciding.append(remark(self._denial_reason(explicitly=bool(deciding))))
        elif not deciding and self.policies.only == "caller":
            deciding.append(
                remark("within one account, it is enough that the other role trusts it")
            )
        elif not deciding:
            root = "the account's root needs no policy for what its own account holds"
            deciding.append(remark(root))
        return deciding + others

    @property
    def missing(self) -> list[str]:
        """The missing facts that make the answer UNKNOWN; empty for any other answer."""
        if self.verdict is not Verdict.UNKNOWN:
            return []
        policies = self.policies
        facts = [*self._missing]
        caller = self.request.caller
        if policies.identity is None and not (caller and caller.without_policies):
            facts.append(f"{policies.path}.identity_policies")
        for trace in self._traces:
            facts.extend(trace.facts)
        return list(dict.fromkeys(facts))

    @property
    def left_out(self) -> list[str]:
        """The kinds of policies that could deny the call after all, and were not given."""
        allowed = self.verdict is Verdict.ALLOW
        return list(left_out(self.request, self.policies)) if allowed else []

    def _denial_reason(self, *, explicitly: bool) -> str:
        if explicitly:
            return "an explicit deny beats every allow"
        asked = self.policies.asked(self.request.caller)
        listed = (policy.name for source, policy in asked if source.kind != "resource_control")
        names = ", ".join(dict.fromkeys(listed))
        if not names:
            return "there is no policy that allows it"
        return f"no statement of these policies allows it: {names}"


def missing_facts(facts: Iterable[str]) -> list[Reason]:
    """The reasons for not deciding: the names of the facts that are missing."""
    return [remark(f"missing fact: {fact}") for fact in facts]


def _applies(
    statement: CompiledStatement, request: Request, policies: Policies
) -> tuple[Truth, str, list[str]]:
    """Look at the principal, the action, the resource and the conditions, in this order."""
    facts: list[str] = []
    unsure = ""
    for truth, why_not, missing in _looks(statement, request, policies):
        if truth is False:
            return False, why_not, []
        if truth is None:
            unsure = unsure or why_not
        facts += missing
    return None if unsure else True, unsure, facts


def _looks(
    statement: CompiledStatement, request: Request, policies: Policies
) -> Iterable[tuple[Truth, str, list[str]]]:
    """For each element: whether it fits, the words for when not, the facts for when not known."""
    caller, lookup = request.caller, request.value
    if statement.principal is not None:
        level, most = named(statement, caller, policies)
        truth = (
            True if level is not Directness.NONE else None if most is not Directness.NONE else False
        )
        if caller is None:
            yield truth, "principal: the caller is not known", []
        else:
            facts = [] if level is most else statement.principal.missing(caller)
            yield truth, "" if truth else statement.principal.describe(caller), facts
    for part, name in ((statement.action, request.action), (statement.resource, request.resource)):
        if part is not None:
            truth = part.covers(name, lookup)
            facts = part.missing(lookup) if truth is None else []
            yield truth, "" if truth else part.describe(name), facts
    for test in statement.conditions:
        truth = test.holds(lookup)
        facts = test.missing(lookup) if truth is None else []
        yield truth, "" if truth else test.describe(lookup), facts
