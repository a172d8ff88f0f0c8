"""IAM's decision on one request, in three values, with the reasons.

Pure: no I/O, no AWS client, no Pulumi. ALLOW and DENY are certain; UNKNOWN means that a missing
fact could turn the answer either way, and names the fact. A fact that could change nothing (an
explicit deny applies, or nothing can allow the call) leaves the answer certain.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from irsa_core.decide.condition_keys import Request
from irsa_core.decide.policies import Policies
from irsa_core.decide.principals import Directness
from irsa_core.decide.reasons import (
    Decision,
    Reason,
    missing_facts,
    named,
    remark,
)
from irsa_core.decide.statements import Policy
from irsa_core.decide.truth import Truth, Verdict, all_of, any_of
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
        path, missing = self.policies.path, list[str]()
        if self.request.caller is None:
            missing.append(f"{path}.principal")
        elif self.same_account is None:
            missing.append(f"{path}.resource_account")
        if self._needs_resource_policy:
            missing.append(f"{path}.{self.policies.resource_field}")
        return Decision(self._verdict(), self.request, self.policies, missing)

    @property
    def _needs_resource_policy(self) -> bool:
        needed = self.resource_must_allow or self.same_account is not True
        return needed and not self.policies.resource_side_given

    def _verdict(self) -> Verdict:
        policies, caller = self.policies, self.request.caller
        # Where only the caller's side is asked, the resource's is taken to name its role.
        grants: Grants = (False, policies.only is not None, False)
        allows = defaultdict[str, list[Truth]](list)
        denied: Truth = False
        for source, policy in policies.asked(caller):
            levels, denies = self._grants(policy)
            if denies:
                return Verdict.DENY
            denied = any_of((denied, denies))
            allows[source.kind].append(levels[0])
            if source.kind == "resource":
                grants = levels
        if self._needs_resource_policy:
            grants, denied = (None, None, None), None
        identity = any_of(allows["identity"])
        if policies.only == "resource" or (caller is not None and caller.kind == "root"):
            identity = True
        elif policies.identity is None and not (caller and caller.without_policies):
            identity = denied = None
        limits = all_of(allows["boundary"] + allows["session"])
        perimeter = all_of(allows["service_control"] + allows["endpoint"] + allows["scope"])
        allowed = all_of((perimeter, self._granted(grants, identity, limits)))
        if allowed is False:
            return Verdict.DENY
        return Verdict.ALLOW if allowed and denied is False else Verdict.UNKNOWN

    def _granted(self, grants: "Grants", identity: Truth, limits: Truth) -> Truth:
        """Return whether resource's and caller's side grant the call, which they do in another way
        in one account and across accounts."""
        direct, role, account = grants
        by_caller = all_of((account, identity)) if self.resource_must_allow else identity
        within = any_of((direct, all_of((any_of((role, by_caller)), limits))))
        across = any_of(grants)
        if not (self.request.caller and self.request.caller.without_policies):
            across = all_of((across, identity, limits))
        if self.same_account is None:
            return within if within is across else None
        return within if self.same_account else across

    def _grants(self, policy: Policy) -> tuple["Grants", Truth]:
        """Return the grants of a policy on each level, and whether it denies. Those that are not a
        resource's name no caller, and grant directly what they grant."""
        action, resource, lookup = self.request.action, self.request.resource, self.request.value
        sure = [False, False, False, False]
        may_be = [False, False, False, False]
        denied: Truth = False
        for statement in policy.statements:
            if statement.allow and sure[Directness.DIRECT]:
                continue
            truth = statement.applies(action, resource, lookup)
            if truth is False:
                continue
            level, most = named(statement, self.request.caller, self.policies)
            if most is Directness.NONE:
                continue
            if statement.allow:
                may_be[most] = True
                (sure if truth else may_be)[level] = True
            elif truth and level is not Directness.NONE:
                return (False, False, False), True
            else:
                denied = None
        levels = [sure[level] or (None if may_be[level] else False) for level in _LEVELS]
        return (levels[0], levels[1], levels[2]), denied


Grants = tuple[Truth, Truth, Truth]
"""Granted directly, by role or to everyone, by account."""
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
