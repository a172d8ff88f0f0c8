"""Gains and losses of access by a change of a trust policy, or of permissions. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from functools import partial
from itertools import product
from math import prod
from typing import NamedTuple

from irsa.callers.classes import Linear, Unbounded, classes, expression, glob, resource_glob
from irsa.callers.facts import NOTHING_KNOWN, ClientIds, RoleFacts
from irsa.callers.lines import Line, applies, lines, once, unread, widest, words
from irsa.callers.sets import CallerClass, Document, Undecided, answered, canonical, kinds
from irsa_core.decide.condition_keys import Request
from irsa_core.decide.document import Condition, DocumentType, statements_of
from irsa_core.decide.evaluate import StepAnswer
from irsa_core.decide.patterns import Key, variable_keys
from irsa_core.decide.principals import session_of
from irsa_core.decide.statements import CompiledStatement, Names, Policy, compile_policy, merge
from irsa_core.decide.trust_policy import compile_trust_policy
from irsa_core.decide.truth import Truth, Verdict, all_of, any_of, negated
from irsa_core.identity.arns import parse_role_arn
from irsa_core.identity.policy_json import Json


class Effect(Enum):
    """Effects of a change on callers."""

    GAINS = "gains"
    MAY_GAIN = "may gain"
    LOSES = "loses"
    MAY_LOSE = "may lose"
    UNDECIDED = "undecided"


class AccessChange(NamedTuple):
    """Callers, or calls, and what happens to them."""

    effect: Effect
    line: Line


ALLOW, DENY, UNKNOWN = Verdict.ALLOW, Verdict.DENY, Verdict.UNKNOWN
EFFECTS = {
    (DENY, ALLOW): Effect.GAINS,
    (DENY, UNKNOWN): Effect.MAY_GAIN,
    (UNKNOWN, ALLOW): Effect.MAY_GAIN,
    (ALLOW, DENY): Effect.LOSES,
    (ALLOW, UNKNOWN): Effect.MAY_LOSE,
    (UNKNOWN, DENY): Effect.MAY_LOSE,
    (UNKNOWN, UNKNOWN): Effect.UNDECIDED,
}
"""By the answers of the old document and of the new one."""
_OF_NEW = (Effect.GAINS, Effect.MAY_GAIN, Effect.UNDECIDED)
_UNSURE = {Effect.GAINS: Effect.MAY_GAIN, Effect.LOSES: Effect.MAY_LOSE}
_NOTHING = Policy("trust policy", ())


def trust_changes(
    old: Json | None,
    new: Json | None,
    facts: RoleFacts = NOTHING_KNOWN,
    earlier: ClientIds | None = None,
) -> list[AccessChange]:
    """Compare two trust policies of one role, None where it does not exist.

    ``earlier`` are the client ids of OIDC providers before the change, if others than now.

    Raises `Undecided` for too many patterns, `irsa_core.decide.document.DocumentError` for what
    IAM does not store.
    """
    before = facts.client_ids if earlier is None else earlier
    documents = [
        Document(compile_trust_policy(document) if document else _NOTHING, client_ids=ids)
        for document, ids in ((old, before), (new, facts.client_ids))
    ]
    everything = {
        arn: tuple(dict.fromkeys((*before.get(arn, ()), *facts.client_ids.get(arn, ()))))
        for arn in (*before, *facts.client_ids)
    }
    access: list[AccessChange] = []
    for way, listed in kinds(documents, facts._replace(client_ids=everything)):
        kinds_by_effect = [(kind, _effect(kind)) for kind in listed]
        for effect in Effect:
            callers = [kind for kind, its in kinds_by_effect if its is effect]
            others = [kind for kind, its in kinds_by_effect if its is not effect]
            for line in lines(way, callers, int(effect in _OF_NEW), others):
                # Of a whole account, its own policies decide who of it may; of a service it is not
                # known which keys it sends.
                unsure = line.account or (way.open and line.conditions)
                access.append(AccessChange(_UNSURE.get(effect, effect) if unsure else effect, line))
    return _ordered([*access, *_of_unread(old or {}, new or {})])


def _of_unread(*documents: Json) -> Iterator[AccessChange]:
    """Compare the users of SAML providers and the like, by the policies' words alone."""
    listed = [
        {(each.allows, line.text): line for each in statements_of(one) for line in unread(each)}
        for one in documents
    ]
    for own, other, opening in ((listed[1], listed[0], True), (listed[0], listed[1], False)):
        for key in sorted(own.keys() - other.keys()):
            yield AccessChange(Effect.MAY_GAIN if key[0] is opening else Effect.MAY_LOSE, own[key])


def _ordered(found: Sequence[AccessChange]) -> list[AccessChange]:
    """By effect, each line once: what is sure needs no perhaps."""
    listed: list[AccessChange] = []
    for effect in Effect:
        sure = {line.text for other, line in listed if _UNSURE.get(other) is effect}
        own = [line for other, line in found if other is effect and line.text not in sure]
        listed += [AccessChange(effect, line) for line in once(own)]
    return listed


def _effect(kind: CallerClass) -> Effect | None:
    old, new = kind.answers
    effect = EFFECTS.get((old.verdict, new.verdict))
    return None if effect is Effect.UNDECIDED and _met(old) == _met(new) else effect


def _met(answer: StepAnswer) -> list[object]:
    """The statements that a call meets, without their names."""
    policy = answer.decision and answer.decision.policies.resource_side
    return [
        (each.allow, each.principal and (each.principal.entries, each.principal.negated), *each[3:])
        for place, each in enumerate(policy.statements if policy else ())
        if applies(place, answer)
    ]


def permission_changes(
    old: Sequence[Json], new: Sequence[Json], role_arn: str = ""
) -> list[AccessChange]:
    """Compare the permission policies of one role, whose ARN may be known.

    Raises as `trust_changes` does.
    """
    caller = session_of(role_arn, None) if parse_role_arn(role_arn) else None
    read = partial(compile_policy, name="policy", kind=DocumentType.IDENTITY)
    compiled = [merge([*map(read, documents)]).statements for documents in (old, new)]
    listed = [*compiled[0], *compiled[1]]
    keys = {test.condition.key.lower() for statement in listed for test in statement.conditions}
    elements = [statement.resource for statement in listed if statement.resource]
    fixed = _variables(elements, keys, Request("", "*", caller, {}))
    try:
        # A call has the keys of its own service alone.
        patterns = [f"{key.partition(':')[0]}:*" for key in sorted(keys)]
        services = Names("Action", patterns, variables=False)
        actions = _values(_ACTIONS, [services, *(statement.action for statement in listed)], fixed)
        resources = _values(_RESOURCES, elements, fixed)
    except Unbounded:
        raise Undecided("the actions or resources: their patterns together") from None
    if len(actions) * len(resources) > _CALLS:
        raise Undecided(f"more than {_CALLS} kinds of calls")
    requests: dict[Effect, list[Request]] = {}
    for action, resource in product(actions, resources):
        request = Request(action, resource, caller, fixed)
        old_met, new_met = (_meeting(statements, request) for statements in compiled)
        for effect in _changed(old_met, new_met, request):
            requests.setdefault(effect, []).append(request)
    changes = [
        AccessChange(effect, line)
        for effect, calls in requests.items()
        for line in _calls(compiled[effect in _OF_NEW], calls)
    ]
    return _ordered(changes)


def _variables(elements: Sequence[Names], asked: set[str], request: Request) -> Mapping[str, str]:
    """Return a value for each variable of resources of which nothing is known, and no condition
    asks: its own text, which stands for any."""
    named = {key.lower() for each in elements for key in variable_keys(each.texts, variables=True)}
    free = (key for key in named - asked if request.value(key) in (Key.UNKNOWN, Key.PRESENT))
    return {key: f"${{{key}}}" for key in free}


def _values(
    language: tuple[Linear, ...], elements: Sequence[Names], fixed: Mapping[str, str]
) -> list[str]:
    """Return values of actions or resources that the elements tell apart."""
    read = (
        glob(one, wildcards=True, variables=False, ignore_case=True)
        if element.is_action
        else resource_glob(one, fixed)
        for element in elements
        for one in element.texts
    )
    patterns = dict.fromkeys(pattern for pattern in read if pattern is not None)
    return [*classes(language, tuple(patterns))]


class _Met(NamedTuple):
    """A statement about a call."""

    allow: bool
    open: frozenset[Condition | Names]
    """Conditions, and a resource with a variable, that decide whether it applies."""


def _meeting(statements: Sequence[CompiledStatement], request: Request) -> set[_Met]:
    """The statements that may be about a call."""
    met: set[_Met] = set()
    for statement in statements:
        about = not statement.resource or statement.resource.covers(request.resource, request.value)
        if about is not False and statement.action.covers(request.action, request.value):
            truths = {test.condition: test.holds(request.value) for test in statement.conditions}
            undecided = {canonical(demand) for demand, truth in truths.items() if truth is None}
            names = {statement.resource} if about is None and statement.resource else set[Names]()
            if False not in truths.values():
                met.add(_Met(statement.allow, frozenset({*undecided, *names})))
    return met


def _changed(old: set[_Met], new: set[_Met], request: Request) -> set[Effect]:
    """The effects on one call of the statements that it meets."""
    if old == new:
        return set()
    before, after = (
        frozenset[Condition | Names]().union(*(e.open for e in met)) for met in (old, new)
    )
    demands = (demand for demand in before | after if isinstance(demand, Condition))
    by_key = list(answered(demands, request))
    asked = {condition for truths in by_key for condition in truths[0]}
    shared = sorted((before & after) - asked, key=str)
    if prod(map(len, by_key)) << len(shared) > _WORLDS:
        return {Effect.UNDECIDED}
    effects: set[Effect] = set()
    for truths in product(*by_key, *([{e: True}, {e: False}] for e in shared)):
        held = {key: truth for answer in truths for key, truth in answer.items()}
        effect = EFFECTS.get((_verdict(old, held), _verdict(new, held)))
        effects |= {effect} if effect else set()
    effects -= {_UNSURE[effect] for effect in effects if effect in _UNSURE}
    return effects - {Effect.UNDECIDED} or effects


def _verdict(met: set[_Met], held: Mapping[Condition | Names, Truth]) -> Verdict:
    def apply(allow: bool) -> Truth:
        return any_of(all_of(held.get(e) for e in each.open) for each in met if each.allow is allow)

    answer = all_of((apply(True), negated(apply(False))))
    return UNKNOWN if answer is None else ALLOW if answer else DENY


def _calls(statements: Sequence[CompiledStatement], calls: Sequence[Request]) -> Iterator[Line]:
    """Yield a line for each resource that a statement allows, with its actions."""
    listed: list[Line] = []
    for number, statement in enumerate(statements, 1):
        requests = [call for call in calls if statement.allow and _meeting([statement], call)]
        for resource in _options(statement.resource):
            its = [e for e in requests if resource.covers(e.resource, e.value) is not False]
            actions = [
                element.named
                for element in _options(statement.action)
                if any(element.covers(call.action, call.value) for call in its)
            ]
            if its:
                shortest = min(its, key=lambda call: len(call.action + call.resource))
                witness = {"action": shortest.action, "resource": shortest.resource}
                conditions = tuple(words(test.condition) for test in statement.conditions)
                extent = (frozenset(f"{call.action} {call.resource}" for call in its),)
                who = f"{', '.join(actions)} on {resource.named}"
                listed.append(Line(who, conditions, number, witness, "", extent))
    yield from widest(listed)


def _options(element: Names | None) -> list[Names]:
    """The texts of an element one by one, of a negation all together."""
    if element is None or element.negated:
        return [element] if element else []
    word = "Action" if element.is_action else "Resource"
    return [Names(word, [each], variables=True) for each in element.texts]


_CALLS = 20_000
"""Bound of the kinds of calls."""
_WORLDS = 256
"""Bound of the ways in which the conditions on one call may hold together."""
_RESOURCES = expression("[*]"), expression("arn:.*")
_ACTIONS = (expression("[a-z0-9][a-z0-9-]*:[A-Za-z0-9][A-Za-z0-9]*"),)
