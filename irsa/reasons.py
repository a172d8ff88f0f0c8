"""Why a request is decided as it is: every statement that has a say, and what stopped it.

Pure. `irsa.evaluate` decides without any of this; it is worked out when somebody asks.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import NamedTuple

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


WITHOUT_POLICIES = ("service", "web-identity")
"""Kinds of caller that have no policies of their own: the resource's policy alone decides."""


def named(statement: Statement, caller: Caller | None) -> tuple[Grant, Grant]:
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


class _Trace(NamedTuple):
    """What one statement makes of the request."""

    statement: Statement
    applies: Truth
    why_not: str
    """The first reason why it does not apply for certain; empty when it does."""
    facts: list[str]
    """The facts for want of which it cannot be told."""


class Explanation:
    """The reasons behind one decision."""

    def __init__(self, request: Request, policies: Policies, *, missing: Sequence[str]) -> None:
        """``missing`` names what is not known of the caller and of the resource's account."""
        self._request = request
        self._policies = policies
        self._known_missing = missing

    def reasons(self, verdict: Verdict) -> list[str]:
        """The deciding statements first, then for every other one the reason why it is not."""
        deciding: list[str] = []
        others: list[str] = []
        for statement, applies, why_not, _ in self._traces:
            kind = "allows" if statement.allow else "denies"
            if not applies:
                others.append(f"{statement.name}: {why_not}")
            elif verdict is Verdict.DENY and statement.allow:
                others.append(f"{statement.name}: {kind} it, which is not enough")
            else:
                deciding.append(f"{statement.name}: {kind} it")
        if verdict is Verdict.UNKNOWN:
            deciding += [f"missing fact: {fact}" for fact in self.missing]
        elif verdict is Verdict.DENY:
            deciding.append(self._why_denied(explicitly=bool(deciding)))
        elif not deciding:
            deciding.append("the account's root needs no policy for what its own account holds")
        return deciding + others

    @cached_property
    def missing(self) -> list[str]:
        """The facts that are missing, each once."""
        policies = self._policies
        facts = [*self._known_missing, policies.resource_missing]
        if policies.identity is None:
            facts.append(policies.identity_missing)
        for trace in self._traces:
            facts.extend(trace.facts)
        return list(dict.fromkeys(fact for fact in facts if fact))

    @cached_property
    def _traces(self) -> list[_Trace]:
        return [
            _trace(statement, self._request)
            for policy in self._all_policies()
            for statement in policy.statements
        ]

    def _all_policies(self) -> Iterable[Policy]:
        """The policies that have a say; the resource's first."""
        policies, caller = self._policies, self._request.caller
        if policies.resource is not None:
            yield policies.resource
        if caller is None or caller.kind not in ("root", *WITHOUT_POLICIES):
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


def _trace(statement: Statement, request: Request) -> _Trace:
    """Look at the principal, the action, the resource and the conditions, in this order."""
    facts: list[str] = []
    unsure = ""
    for truth, why_not, missing in _looks(statement, request):
        if truth is False:
            return _Trace(statement, False, why_not, [])
        if truth is None:
            unsure = unsure or why_not
        facts += missing
    return _Trace(statement, None if unsure else True, unsure, facts)


def _looks(statement: Statement, request: Request) -> Iterable[tuple[Truth, str, list[str]]]:
    """For each element: whether it fits, the words for when not, the facts for when not known."""
    caller, lookup = request.caller, request.value
    if statement.principal is not None:
        level, most = named(statement, caller)
        truth = True if level is not Grant.NONE else None if most is not Grant.NONE else False
        if caller is None:
            yield truth, "principal: the caller is not known", []
        else:
            facts = [] if level is most else statement.principal.missing(caller)
            yield truth, "" if truth else statement.principal.describe(caller), facts
    for element, name in (
        (statement.action, request.action),
        (statement.resource, request.resource),
    ):
        if element is not None:
            truth = element.covers(name, lookup)
            facts = element.missing(lookup) if truth is None else []
            yield truth, "" if truth else element.describe(name), facts
    for test in statement.conditions:
        truth = test.holds(lookup)
        facts = test.missing(lookup) if truth is None else []
        yield truth, "" if truth else test.describe(lookup), facts
