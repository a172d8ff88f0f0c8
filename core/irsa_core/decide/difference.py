"""Differences between the answers that a role's policies give to two of its sessions. Pure.

What both sessions carry alike has one answer in both, so that only the other keys are asked.
"""

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase

from irsa_core.decide.assume import inherited
from irsa_core.decide.condition_keys import Request
from irsa_core.decide.conditions import compile_test
from irsa_core.decide.document import FOREIGN_KEYS, Condition, Statement
from irsa_core.decide.patterns import Key, Lookup, Value, variable_keys
from irsa_core.decide.principals import Caller
from irsa_core.decide.truth import Truth, all_of

NAMING = "aws:userid"
"""The key that has a session's name, which no two sessions share."""


def differences(
    listed: Sequence[Statement], sessions: Sequence[Caller], role_tags: Mapping[str, str]
) -> Iterator[tuple[int, list[str]]]:
    """Return the places of statements that may answer sessions differently, and the keys by which.

    No key: it is AssumeRole, which needs sts:TagSession for the tags that a session passes on.
    """
    names = {f"aws:principaltag/{name}" for session in sessions for name in session.session_tags}
    tags: dict[str, Value] = dict.fromkeys(names, Key.ABSENT)
    tags |= {f"aws:principaltag/{name.lower()}": value for name, value in role_tags.items()}
    any_call = [Request("", "*", session, tags) for session in sessions]
    chain = [Request("sts:AssumeRole", "*", e, tags | inherited(e)) for e in sessions]
    passed = {key: tag for session in sessions for key, tag in inherited(session).items()}
    chains = any(statement.allows and statement.covers("sts:AssumeRole") for statement in listed)
    for place, statement in enumerate(listed):
        calls = [any_call, *([chain] if chains and statement.covers("sts:AssumeRole") else [])]
        if keys := [key for requests in calls for key in _keys_apart(statement, requests)]:
            yield place, sorted({*keys})
        elif chains and passed and not _tags_alike(statement, listed, passed):
            yield place, []


def _keys_apart(statement: Statement, requests: Sequence[Request]) -> list[str]:
    resources = variable_keys(statement.resources, variables=statement.variables)
    conditions = {condition: _keys(condition) for condition in statement.conditions}
    apart = {
        key
        for key in resources.union(*conditions.values())
        if key.lower() == NAMING or len({request.value(key.lower()) for request in requests}) > 1
    }
    asked = [condition for condition in conditions if conditions[condition] & apart]
    apart_keys = {key.lower() for key in apart}

    def lookup(request: Request) -> Lookup:
        return lambda key: request.value(key) if key in apart_keys else Key.UNKNOWN

    answers = {_hold(asked, lookup(request)) for request in requests}
    alike = answers == {False} or (answers == {True} and not resources & apart)
    return [] if alike else [*apart]


def _tags_alike(
    statement: Statement, listed: Sequence[Statement], passed: Mapping[str, Value]
) -> bool:
    """Return True if a statement has one answer to AssumeRole and to the tags that it passes on,
    or others allow these wherever it allows the call."""
    foreign = FOREIGN_KEYS["sts:TagSession"]

    def tagging(key: str) -> Value:
        return Key.ABSENT if key in foreign else passed.get(key, Key.UNKNOWN)

    def bound(conditions: Sequence[Condition]) -> bool:
        return any(key.lower() in foreign for condition in conditions for key in _keys(condition))

    def grants(other: Statement) -> bool:
        left = [condition for condition in other.conditions if not _hold([condition], tagging)]
        there = all(any(fnmatchcase(e, p) for p in other.resources) for e in statement.resources)
        named = {statement.resource_element, other.resource_element} == {"Resource"}
        within = {*left} <= {*statement.conditions} and not bound(left)
        return other.allows and other.covers("sts:TagSession") and there and named and within

    assumes, tags = statement.covers("sts:AssumeRole"), statement.covers("sts:TagSession")
    if assumes and tags and not bound(statement.conditions):
        return True
    if statement.allows:
        return not assumes or any(map(grants, listed))
    return not tags or _hold(statement.conditions, tagging) is False


def _keys(condition: Condition) -> frozenset[str]:
    """The keys that a condition reads; not one of which any session of the role has the part."""
    named = variable_keys(condition.values, variables=condition.variables)
    by_role = condition.key.lower() == NAMING and all(e.endswith(":*") for e in condition.values)
    return named if by_role else named | {condition.key}


def _hold(conditions: Sequence[Condition], lookup: Lookup) -> Truth:
    return all_of(compile_test(each).holds(lookup) for each in conditions)
