"""IAM's decision on one request, in three values, with the reasons.

Pure: no I/O, no AWS client, no Pulumi. ALLOW and DENY are certain; UNKNOWN means that a missing
fact could turn the answer either way, and names the fact. A fact that could change nothing (an
explicit deny was found, or nothing can allow the call) leaves the answer certain.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

from irsa.context import Request
from irsa.documents import Policy, Statement
from irsa.patterns import Truth
from irsa.principals import Caller, Grant


class Verdict(Enum):
    """The three answers."""

    ALLOW = "allow"
    DENY = "deny"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """Everything that has a say in one request. An empty tuple is no policy of that kind."""

    resource: Policy | None = None
    """The resource's policy; of a role that is to be assumed, its trust policy."""
    resource_missing: str = ""
    """Name of the fact when it is not known whether ``resource`` is all there is."""
    identity: Sequence[Policy] | None = ()
    """Managed and inline policies of the caller; None when they are not known."""
    identity_missing: str = "identity_policies"
    """Name of the fact when ``identity`` is None."""
    boundary: Policy | None = None
    """The caller's permissions boundary."""
    session: Policy | None = None
    """The session policy of the caller's session."""
    service_control: Sequence[Policy] = ()
    """Service control policies of the caller's account, all of one level: any may allow."""


class Decision:
    """The answer to one request; its reasons are worked out when they are asked for."""

    def __init__(self, verdict: Verdict, inquiry: "Inquiry") -> None:
        self.verdict = verdict
        self._inquiry = inquiry

    @cached_property
    def reasons(self) -> list[str]:
        """The deciding statements, then for every other one the first reason why it is not."""
        return self._inquiry.reasons(self.verdict)

    @cached_property
    def missing(self) -> list[str]:
        """The facts for want of which the answer is UNKNOWN; else empty."""
        return self._inquiry.missing() if self.verdict is Verdict.UNKNOWN else []


@dataclass(frozen=True, slots=True)
class Inquiry:
    """A request and the policies it meets."""

    request: Request
    policies: Policies
    same_account: Truth
    """Whether the caller's account owns the resource; None when that is not known."""
    account_missing: str = "resource_account"
    """Name of the fact when ``same_account`` is None."""
    resource_must_allow: bool = False
    """Whether the resource's policy must allow the caller even in its own account (roles, keys)."""

    def decide(self) -> Decision:
        """The answer. It never is ALLOW as long as a missing fact could make it DENY."""
        return Decision(self._verdict(), self)

    def _verdict(self) -> Verdict:
        policies = self.policies
        if policies.resource is None:
            grants, denied = _NO_GRANTS, False
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
                limits, denied = _and(limits, allows), _or(denied, denies)
        organisation: Truth = True
        if policies.service_control:
            organisation, denies = self._scan(policies.service_control)
            denied = _or(denied, denies)
        identity, denies = self._identity()
        denied = _or(denied, denies)
        if denied:
            return Verdict.DENY
        allowed = _and(organisation, self._combine(grants, identity, limits))
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
        if direct:
            return True
        own = identity if not self.resource_must_allow else _and(account, identity)
        return _or(direct, _and(_or(role, own), limits))

    def _across(self, grants: "Grants", identity: Truth, limits: Truth) -> Truth:
        direct, role, account = grants
        granted = _or(direct, _or(role, account))
        caller = self.request.caller
        if caller is not None and caller.kind in _WITHOUT_POLICIES:
            return granted
        return _and(granted, _and(identity, limits))

    def _identity(self) -> tuple[Truth, Truth]:
        caller = self.request.caller
        if caller is not None and caller.kind == "root":
            return True, False
        if caller is not None and caller.kind in _WITHOUT_POLICIES:
            return False, False
        if self.policies.identity is None:
            return None, None
        return self._scan(self.policies.identity)

    def _scan(self, policies: Iterable[Policy]) -> tuple[Truth, Truth]:
        """Whether the policies together allow, and whether they deny."""
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
        """What the resource's policy grants on each level, and whether it denies."""
        action, resource, lookup = self.request.action, self.request.resource, self.request.value
        caller = self.request.caller
        sure = [False, False, False, False]
        may_be = [False, False, False, False]
        denied: Truth = False
        for statement in policy.statements:
            level, most = _named(statement, caller)
            if most is Grant.NONE:
                continue
            truth = statement.applies(action, resource, lookup)
            if truth is False:
                continue
            if statement.allow:
                may_be[most] = True
                (sure if truth else may_be)[level] = True
            elif truth and level is not Grant.NONE:
                return _NO_GRANTS, True
            else:
                denied = None
        if may_be[Grant.DIRECT]:
            # Whoever may be named directly may be named by role or account instead.
            may_be = [True, True, True, True]
        levels = [sure[level] or (None if may_be[level] else False) for level in _LEVELS]
        return (levels[0], levels[1], levels[2]), denied

    def reasons(self, verdict: Verdict) -> list[str]:
        """See `Decision.reasons`."""
        deciding: list[str] = []
        others: list[str] = []
        for statement, truth in self._answers():
            kind = "allows" if statement.allow else "denies"
            if truth and (verdict is not Verdict.DENY or not statement.allow):
                deciding.append(f"{statement.name}: {kind} it")
            elif truth:
                others.append(f"{statement.name}: {kind} it, which is not enough")
            else:
                others.append(f"{statement.name}: {self._first_reason(statement)}")
        if verdict is Verdict.UNKNOWN:
            deciding += [f"missing fact: {fact}" for fact in self.missing()]
        elif verdict is Verdict.DENY:
            deciding.append(self._why_denied(explicitly=bool(deciding)))
        elif not deciding:
            deciding.append("the account's root needs no policy for what its own account holds")
        return deciding + others

    def missing(self) -> list[str]:
        """See `Decision.missing`."""
        policies, request = self.policies, self.request
        facts: list[str] = []
        if request.caller is None:
            facts.append("principal")
        if policies.resource_missing:
            facts.append(policies.resource_missing)
        if policies.identity is None:
            facts.append(policies.identity_missing)
        if self.same_account is None:
            facts.append(self.account_missing)
        for statement, truth in self._answers():
            if truth is None:
                facts.extend(self._facts_of(statement))
        return list(dict.fromkeys(facts))

    def _answers(self) -> Iterable[tuple[Statement, Truth]]:
        """Every statement that has a say, with whether it applies; the resource's policy first."""
        request = self.request
        for policy in self._all_policies():
            for statement in policy.statements:
                truth = statement.applies(request.action, request.resource, request.value)
                if statement.principal is not None:
                    level, most = _named(statement, request.caller)
                    named = True if level is not Grant.NONE else None if most else False
                    truth = _and(truth, named)
                yield statement, truth

    def _all_policies(self) -> Iterable[Policy]:
        policies, caller = self.policies, self.request.caller
        if policies.resource is not None:
            yield policies.resource
        if caller is None or caller.kind not in ("root", *_WITHOUT_POLICIES):
            yield from policies.identity or ()
        for policy in (policies.boundary, policies.session):
            if policy is not None:
                yield policy
        yield from policies.service_control

    def _why_denied(self, *, explicitly: bool) -> str:
        if explicitly:
            return "an explicit deny beats every allow"
        names = ", ".join(dict.fromkeys(policy.name for policy in self._all_policies()))
        return f"not allowed by what has a say: {names or 'no policy at all'}"

    def _first_reason(self, statement: Statement) -> str:
        request = self.request
        caller, lookup = request.caller, request.value
        if statement.principal is not None:
            level, _ = _named(statement, caller)
            if level is Grant.NONE:
                if caller is None:
                    return "principal: the caller is not known"
                return statement.principal.describe(caller)
        if statement.action.covers(request.action, lookup) is not True:
            return statement.action.describe(request.action)
        if statement.resource and statement.resource.covers(request.resource, lookup) is not True:
            return statement.resource.describe(request.resource)
        failed = [t for t in statement.conditions if t.holds(lookup) is False]
        unsure = [t for t in statement.conditions if t.holds(lookup) is None]
        return (failed + unsure)[0].describe(lookup)

    def _facts_of(self, statement: Statement) -> list[str]:
        request = self.request
        lookup, caller = request.value, request.caller
        facts: list[str] = []
        principal = statement.principal
        if principal is not None and caller is not None:
            level, most = _named(statement, caller)
            if level is not most:
                facts += principal.missing(caller)
        if statement.action.covers(request.action, lookup) is None:
            facts += statement.action.missing(lookup)
        if statement.resource and statement.resource.covers(request.resource, lookup) is None:
            facts += statement.resource.missing(lookup)
        for test in statement.conditions:
            if test.holds(lookup) is None:
                facts += test.missing(lookup)
        return facts


Grants = tuple[Truth, Truth, Truth]
"""Granted directly, by role or to everyone, by account."""
_NO_GRANTS: Grants = (False, False, False)
_LEVELS = (Grant.DIRECT, Grant.ROLE, Grant.ACCOUNT)
_WITHOUT_POLICIES = ("service", "web-identity")


def _named(statement: Statement, caller: Caller | None) -> tuple[Grant, Grant]:
    """How directly a statement of a resource's policy names the caller: for certain, at most."""
    element = statement.principal
    if element is None:
        return Grant.DIRECT, Grant.DIRECT
    if caller is None:
        everyone = element.everyone and not element.negated
        return Grant.ROLE if everyone else Grant.NONE, Grant.DIRECT
    if not element.negated:
        return element.grant(caller)
    outside, partly = element.excludes(caller)
    if outside or (partly and not statement.allow):
        return Grant.ROLE, Grant.ROLE
    return Grant.NONE, Grant.ROLE if outside is None or partly else Grant.NONE


def _and(left: Truth, right: Truth) -> Truth:
    return False if left is False or right is False else left and right


def _or(left: Truth, right: Truth) -> Truth:
    return True if left or right else left if right is False else None
