"""IAM's decision on one request, in three values, with the reasons.

Pure: no I/O, no AWS client, no Pulumi. ALLOW and DENY are certain; UNKNOWN means that a missing
fact could turn the answer either way, and names the fact. A fact that could change nothing (an
explicit deny applies, or nothing can allow the call) leaves the answer certain.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from irsa_core.decide.condition_keys import Request
from irsa_core.decide.policies import Policies
from irsa_core.decide.principal_element import Directness
from irsa_core.decide.reasons import (
    WITHOUT_POLICIES,
    Decision,
    Reason,
    missing_facts,
    named,
    remark,
)
from irsa_core.decide.statements import Policy
from irsa_core.decide.truth import Truth, Verdict, both, either
from irsa_core.identity.errors import AwsError


class Inquiry(NamedTuple):
    """A request and the policies it meets."""

    request: Request
    policies: Policies
    same_account: Truth
    """True if the caller's account owns the resource; None when that is not known."""
    resource_must_allow: bool = False
    """True if the resource's policy must allow the caller even in its own account (roles, keys)."""

    def decide(self) -> Decision:
        """The answer. It never is ALLOW as long as a missing fact could make it DENY."""
        missing = ""
        if self.request.caller is None:
            missing = f"{self.policies.path}principal"
        elif self.same_account is None:
            missing = f"{self.policies.path}resource_account"
        return Decision(self._verdict(), self.request, self.policies, missing)

    def _verdict(self) -> Verdict:
        policies = self.policies
        if policies.resource is None:
            # Where only the caller's side is asked, the resource's is taken to name its role.
            grants = _NO_GRANTS if policies.only is None else (False, True, False)
            denied = False
        else:
            grants, denied = self._grants(policies.resource)
        if denied:
            return Verdict.DENY
        if policies.resource_missing:
            grants, denied = (None, None, None), None
        limits: Truth = True
        for policy in (policies.boundary, policies.session):
            if policy is not None:
                allows, denies = self._scan((policy,))
                limits, denied = both(limits, allows), either(denied, denies)
        perimeter: Truth = True
        for source, policy in policies.perimeter(self.request.caller):
            allows, denies = self._scan((policy,))
            denied = either(denied, denies)
            if source.kind != "resource_control":
                perimeter = both(perimeter, allows)
        identity, denies = self._identity()
        denied = either(denied, denies)
        if denied:
            return Verdict.DENY
        allowed = both(perimeter, self._combine(grants, identity, limits))
        if allowed is False:
            return Verdict.DENY
        return Verdict.ALLOW if allowed and denied is False else Verdict.UNKNOWN

    def _combine(self, grants: "Grants", identity: Truth, limits: Truth) -> Truth:
        if self.same_account is None:
            answers = {
                self._within(grants, identity, limits),
                self._across(grants, identity, limits),
            }
            return answers.pop() if len(answers) == 1 else None
        if self.same_account:
            return self._within(grants, identity, limits)
        return self._across(grants, identity, limits)

    def _within(self, grants: "Grants", identity: Truth, limits: Truth) -> Truth:
        direct, role, account = grants
        own = identity if not self.resource_must_allow else both(account, identity)
        return either(direct, both(either(role, own), limits))

    def _across(self, grants: "Grants", identity: Truth, limits: Truth) -> Truth:
        direct, role, account = grants
        granted = either(direct, either(role, account))
        caller = self.request.caller
        if caller is not None and caller.kind in WITHOUT_POLICIES:
            return granted
        return both(granted, both(identity, limits))

    def _identity(self) -> tuple[Truth, Truth]:
        caller = self.request.caller
        if self.policies.only == "resource" or (caller is not None and caller.kind == "root"):
            return True, False
        if caller is not None and caller.kind in WITHOUT_POLICIES:
            return False, False
        if self.policies.identity is None:
            return None, None
        return self._scan(self.policies.identity)

    def _scan(self, policies: Iterable[Policy]) -> tuple[Truth, Truth]:
        """Return whether the policies together allow, and whether they deny."""
        action, resource, lookup = self.request.action, self.request.resource, self.request.value
        allows: Truth = False
        denies: Truth = False
        for policy in policies:
            for statement in policy.statements:
                if allows and statement.allow:
                    continue
                truth = statement.applies(action, resource, lookup)
                if truth is False:
                    continue
                if statement.allow:
                    allows = truth
                elif truth:
                    return allows, True
                else:
                    denies = None
        return allows, denies

    def _grants(self, policy: Policy) -> tuple["Grants", Truth]:
        """Return the grants of the resource's policy on each level, and whether it denies."""
        action, resource, lookup = self.request.action, self.request.resource, self.request.value
        caller = self.request.caller
        sure = [False, False, False, False]
        may_be = [False, False, False, False]
        denied: Truth = False
        for statement in policy.statements:
            level, most = named(statement, caller, self.policies)
            if most is Directness.NONE:
                continue
            truth = statement.applies(action, resource, lookup)
            if truth is False:
                continue
            if statement.allow:
                may_be[most] = True
                (sure if truth else may_be)[level] = True
            elif truth and level is not Directness.NONE:
                return _NO_GRANTS, True
            else:
                denied = None
        levels = [sure[level] or (None if may_be[level] else False) for level in _LEVELS]
        return (levels[0], levels[1], levels[2]), denied


Grants = tuple[Truth, Truth, Truth]
"""Granted directly, by role or to everyone, by account."""
_NO_GRANTS: Grants = (False, False, False)
_LEVELS = (Directness.DIRECT, Directness.ROLE, Directness.ACCOUNT)


class StepAnswer(NamedTuple):
    """The answer to one step."""

    verdict: Verdict
    error: AwsError | None = None
    decision: Decision | None = None
    notes: Sequence[str] = ()
    facts: Sequence[str] = ()

    @property
    def missing(self) -> list[str]:
        """The missing facts that leave the step undecided."""
        if self.verdict is not Verdict.UNKNOWN:
            return []
        return list(dict.fromkeys([*self.facts, *(self.decision.missing if self.decision else ())]))

    @property
    def left_out(self) -> list[str]:
        """The kinds of policies that could deny the step after all, and were not given."""
        return self.decision.left_out if self.decision else []

    @property
    def reasons(self) -> list[Reason]:
        """Reasons, the deciding one first."""
        notes = [remark(note) for note in self.notes]
        decided = self.decision.reasons if self.decision else []
        return list(dict.fromkeys([*notes, *missing_facts(self.missing), *decided]))


def refused(error: AwsError, why: str = "", decision: Decision | None = None) -> StepAnswer:
    """A step that AWS refuses with an error: because of ``why``, or of the decision."""
    notes = () if decision is not None else (f"{why}: {error.message}",)
    return StepAnswer(Verdict.DENY, error, decision, notes)


def undecided(*facts: str, decision: Decision | None = None) -> StepAnswer:
    """A step that could go either way because facts are missing."""
    return StepAnswer(Verdict.UNKNOWN, decision=decision, facts=facts)
