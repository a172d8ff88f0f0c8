"""Roles that can set the tags by which another role trusts EKS Pod Identity. Pure.

A statement is asked about the callers that it names. One for an account or everyone is asked about
roles that its conditions and their own policies leave, until a few are found: the calls that an
audit judges grow with the roles, not with their square.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from functools import cache, partial
from itertools import chain, islice

from irsa.access import calling
from irsa.observe.facts import Role
from irsa_core.decide.condition_keys import Request
from irsa_core.decide.conditions import compile_test
from irsa_core.decide.document import Statement, statements_of
from irsa_core.decide.patterns import Key, Value
from irsa_core.decide.principals import session_of
from irsa_core.decide.simulate import simulate
from irsa_core.decide.steps import AssumeRole, Scenario
from irsa_core.decide.trust_policy import compile_trust_policy
from irsa_core.decide.truth import Verdict
from irsa_core.identity.arns import account_named_by, parse_role_arn
from irsa_core.identity.eks import POD_IDENTITY_SERVICE
from irsa_core.identity.pod_identity import SESSION_TAGS
from irsa_core.rules.conditions import wild
from irsa_core.rules.tokens import Hits

_TAG = "aws:requesttag/"
_TAGS = {f"{_TAG}{tag}" for tag in SESSION_TAGS}
_TRANSITIVE, _EXTERNAL_ID = "sts:transitivetagkeys", "sts:externalid"
_LISTED = 10
"""Callers that are named for one statement about a whole account or everyone."""
Context = dict[str, Value]


class Forgers:
    """The roles that were read, as callers whose policies are compiled once.

    ``untagged`` are the ARNs of roles with an association that disables session tags.
    """

    def __init__(self, roles: Sequence[Role], untagged: Collection[str]) -> None:
        self._untagged = untagged
        self._roles = sorted(roles, key=lambda each: each.arn)
        self._named = {name: each for each in roles for name in (each.arn, each.unique_id)}
        self._call = cache(self._compiled)
        self._senders = cache(self._senders_of)

    def check(self, target: Role, statements: Sequence[Statement]) -> Hits:
        """Check a role that trusts other roles by the tags of EKS Pod Identity; ``statements`` are
        those that allow, each with the conditions of the denials."""
        for statement in statements:
            step = _call_with_tags(statement, target)
            if step is None:
                continue
            forges = partial(self._forges, step)
            named = (self._named[arn] for arn in statement.named("AWS") if arn in self._named)
            others = filter(forges, self._unnamed(statement, step))
            texts = [role.arn for role in chain(filter(forges, named), islice(others, _LISTED))]
            texts += ["further roles, which are not listed"] * any(True for _ in others)
            yield from (("forged-tags", f"statement {statement.number}: {arn}") for arn in texts)

    def _forges(self, step: AssumeRole, caller: Role) -> bool:
        own = self._call(caller.arn)
        if own is None or caller.arn == step.resource:
            return False
        call = replace(step, caller=own.caller, identity=own.identity, boundary=own.boundary)
        return simulate(Scenario(None, None, None, [call])).verdict is Verdict.ALLOW

    def _compiled(self, arn: str) -> AssumeRole | None:
        """The call of a role; None if EKS alone makes its sessions, or it cannot be judged."""
        role = self._named[arn]
        try:
            return None if _only_tagged(role, self._untagged) else calling(role)
        except ValueError:
            return None

    def _unnamed(self, statement: Statement, step: AssumeRole) -> Iterator[Role]:
        """The roles that a statement may allow without their names, and which may send its tags."""
        wide = [name for name in statement.named("AWS") if name == "*" or account_named_by(name)]
        arns = [
            pattern
            for condition in statement.conditions
            if condition.positive and condition.key.lower() == "aws:principalarn"
            for pattern in condition.patterns
        ]
        if not wide or (arns and not any(map(wild, arns))):
            return (self._named[arn] for arn in arns if wide and arn in self._named)
        starts = tuple(map(_start, arns)) or ("",)
        # In its own account '*' needs no policy of the caller's.
        own_account = (step.resource.partition("role/")[0],) if "*" in wide else ()
        return (
            role
            for role, resources in self._senders(frozenset(step.context or ()) & _TAGS)
            if role.arn.startswith(starts)
            and (role.arn.startswith(own_account) or step.resource.startswith(resources))
        )

    def _senders_of(self, tags: frozenset[str]) -> Sequence[tuple[Role, tuple[str, ...]]]:
        """The callers that are not certainly denied to send tags, each with what the ARNs of the
        roles begin with that its own policies name."""
        sent: Context = {"aws:tagkeys": tuple(key.removeprefix(_TAG) for key in tags)}
        chosen: Context = {_TRANSITIVE: Key.UNKNOWN, **dict.fromkeys(tags, Key.PRESENT)}
        senders: list[tuple[Role, tuple[str, ...]]] = []
        for role in self._roles:
            call = self._call(role.arn)
            if call is None:
                continue
            request = Request("sts:TagSession", "*", call.caller, chosen, context=sent)
            policies = (*(call.identity or ()), *filter(None, [call.boundary]))
            denials = (s for policy in policies for s in policy.statements if not s.allow)
            # On '*', a certain denial is one of every role, but for those that NotResource spares.
            named = (s for s in denials if s.resource is not None and not s.resource.negated)
            if not any(s.applies(request.action, "*", request.value) for s in named):
                senders.append((role, tuple(_starts(role))))
        return senders


def _call_with_tags(statement: Statement, target: Role) -> AssumeRole | None:
    """Return the call that a statement asks for by EKS's tags; None where no caller's call is
    certainly allowed."""
    asked = {
        condition.key.lower(): condition.patterns[0].replace("*", "x").replace("?", "x")
        for condition in statement.conditions
        if condition.positive
    }
    tags = {key: value for key, value in asked.items() if key in _TAGS}
    if not (statement.covers("sts:AssumeRole") and tags and parse_role_arn(target.arn)):
        return None  # before its `up` a role may have no ARN
    context: Context = {"aws:tagkeys": tuple(key.removeprefix(_TAG) for key in tags), **tags}
    # The caller also chooses which tags are transitive, and the external id.
    context |= {key: value for key, value in asked.items() if key in (_TRANSITIVE, _EXTERNAL_ID)}
    caller = session_of(target.arn, None)
    request = Request("sts:AssumeRole", target.arn, caller, {}, context=context)
    of_caller = ("aws:principalarn", "aws:userid", "aws:principalaccount")
    others = (test for test in statement.conditions if test.key.lower() not in of_caller)
    if not all(compile_test(condition).holds(request.value) for condition in others):
        return None
    try:
        trust = compile_trust_policy(target.trust_policy)
    except ValueError:
        return None
    duration = target.max_session_duration
    return AssumeRole(resource=target.arn, trust=trust, max_duration=duration, context=context)


def _starts(role: Role) -> Iterator[str]:
    """Yield what the ARNs of the roles begin with that a role's own policies name."""
    for policy in role.known_policies:
        for each in statements_of(policy.content):
            if each.allows and each.covers("sts:AssumeRole"):
                excepts = each.resource_element == "NotResource"
                yield from [""] if excepts else map(_start, each.resources)


def _start(pattern: str) -> str:
    return re.split(r"[*?$]", pattern, maxsplit=1)[0]


def _only_tagged(role: Role, untagged: Collection[str]) -> bool:
    """Return whether EKS alone makes sessions of a role, all with tags that cannot be changed."""
    trusting = [each for each in statements_of(role.trust_policy) if each.allows]
    return role.arn not in untagged and all(
        each.principals == {"Service": (POD_IDENTITY_SERVICE,)} for each in trusting
    )
