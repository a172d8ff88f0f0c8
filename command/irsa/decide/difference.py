"""Differences between the answers that a role's policies give to two of its sessions. Pure.

What both sessions carry alike has one answer in both, so that only the other keys are asked. A call
of AssumeRole needs sts:TagSession as well, if the session has tags that it passes on.
"""

from collections.abc import Iterator, Mapping, Sequence

from irsa.decide.assume import TAG_SESSION, inherited
from irsa.decide.document import FOREIGN_KEYS
from irsa.decide.patterns import Key, Lookup, Value
from irsa.decide.principals import Caller
from irsa.decide.request import Request
from irsa.decide.statements import CompiledStatement
from irsa.decide.truth import all_of

Statements = Sequence[CompiledStatement]
ASSUME = "sts:AssumeRole"
NAMING = "aws:userid"
"""The key that has a session's name, which no two sessions share."""


def keys_apart(
    listed: Statements, sessions: Sequence[Caller], role_tags: Mapping[str, str]
) -> Iterator[tuple[CompiledStatement, list[str]]]:
    """Return statements whose answer may differ between sessions, with the keys by which it does.

    AssumeRole has the keys of the tags that a session passes on, where the role may call it.
    """
    names = {name for each in sessions for name in each.session_tags}
    tags: dict[str, Value] = {f"aws:principaltag/{name}": Key.ABSENT for name in names}
    tags |= {f"aws:principaltag/{name.lower()}": value for name, value in role_tags.items()}
    any_call = [Request("", "*", each, tags) for each in sessions]
    assuming = [Request(ASSUME, "*", each, tags | inherited(each)) for each in sessions]
    chains = any(each.allow and _covers(each, ASSUME) for each in listed)
    for statement in listed:
        also = [assuming] if chains and _covers(statement, ASSUME) else []
        if apart := next(filter(None, (_apart(statement, each) for each in [any_call, *also])), []):
            yield statement, apart


def _apart(statement: CompiledStatement, requests: Sequence[Request]) -> list[str]:
    resources = statement.resource.keys if statement.resource else frozenset[str]()
    read = resources.union(*(test.keys for test in statement.conditions))
    apart = {
        key.lower(): key
        for key in sorted(read)
        if key.lower() == NAMING or len({each.value(key.lower()) for each in requests}) > 1
    }
    spelt = {*apart.values()}
    asked = [test for test in statement.conditions if test.keys & spelt]

    def lookup(request: Request) -> Lookup:
        return lambda key: request.value(key) if key in apart else Key.UNKNOWN

    answers = {all_of(test.holds(lookup(each)) for test in asked) for each in requests}
    alike = answers == {False} or (answers == {True} and not resources & spelt)
    return [] if alike else [*apart.values()]


def untagged(listed: Statements, session: Caller, any_role: str) -> list[str]:
    """Return the resources on which sts:TagSession may be denied where AssumeRole is allowed.

    ``any_role`` stands for a role that no statement names.
    """
    if not session.transitive_tags:
        return []
    named = [each for each in listed if _covers(each, ASSUME) or _covers(each, TAG_SESSION)]
    texts = [text for each in named if each.resource for text in each.resource.texts]
    found = [each for each in dict.fromkeys(texts) if not _tags(named, session, each)]
    return found or ([] if _tags(named, session, any_role) else [any_role])


def _tags(listed: Statements, session: Caller, target: str) -> bool:
    """Return True if each call of AssumeRole that is allowed may pass the session's tags on.

    ``target`` may be a pattern: what covers its text covers all that it does.
    """
    passed = inherited(session)

    def known(key: str) -> Value:
        return passed.get(key, Key.UNKNOWN)

    def tagging(key: str) -> Value:
        return Key.ABSENT if key in FOREIGN_KEYS[TAG_SESSION] else known(key)

    def grants(other: CompiledStatement, statement: CompiledStatement) -> bool:
        """Return True if one allows TagSession wherever the other allows AssumeRole."""
        there = other.resource is None or other.resource.covers(target, tagging)
        left = [test for test in other.conditions if test.holds(tagging) is not True]
        within = all(test in statement.conditions and not _foreign(test.keys) for test in left)
        covered = other.allow and other.action.covers(TAG_SESSION, tagging)
        return bool(covered and within and (there or other is statement))

    for statement in listed:
        if not statement.allow:
            foreign = any(_foreign(test.keys) for test in statement.conditions)
            same = statement.action.covers(ASSUME, known) and not foreign
            if not same and statement.applies(TAG_SESSION, target, tagging) is not False:
                return False
        elif statement.applies(ASSUME, target, known) is not False:
            if not any(grants(other, statement) for other in listed):
                return False
    return True


def _covers(statement: CompiledStatement, action: str) -> bool:
    return statement.action.covers(action, lambda _: Key.UNKNOWN) is not False


def _foreign(keys: frozenset[str]) -> bool:
    return any(key.lower() in FOREIGN_KEYS[TAG_SESSION] for key in keys)
