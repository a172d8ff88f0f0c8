"""All callers of one trust policy, or of two at once, decided by the evaluator. Pure.

A condition that no fact answers (a variable, a number, a date, an address, a key that the way does
not know) is an atom: not known, or, where two documents have it, the same in both.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import combinations, product
from math import prod
from typing import NamedTuple

from irsa.callers.classes import Linear, Unbounded, arn_glob, expression, glob, joined
from irsa.callers.facts import SAME, Asked, Call, Carrier, Fact, RoleFacts, Way
from irsa.callers.languages import TEXT
from irsa.callers.ways import NAMING_TAGS, ways
from irsa_core.decide.condition_keys import Request
from irsa_core.decide.conditions import Test, compile_test
from irsa_core.decide.document import Condition
from irsa_core.decide.evaluate import StepAnswer, refused
from irsa_core.decide.operators import FOR_ALL, FOR_ANY, read_operator
from irsa_core.decide.patterns import Key, Lookup, Value, variable_keys
from irsa_core.decide.policies import Side
from irsa_core.decide.simulate import simulate
from irsa_core.decide.statements import CompiledStatement, Policy
from irsa_core.decide.steps import Scenario
from irsa_core.decide.truth import Truth, Verdict
from irsa_core.identity.arns import parse_arn
from irsa_core.identity.errors import invalid_token
from irsa_core.identity.token import WRONG_AUDIENCE

KINDS = 4_096
"""Bound of the kinds of callers by one way."""


class Undecided(Exception):
    """Patterns that are too many together."""


class Document(NamedTuple):
    """A trust policy, and what meets it in a caller's call."""

    trust: Policy
    identity: Sequence[Policy] | None = ()
    boundary: Policy | None = None
    only: Side | None = "resource"
    resource: str = ""
    """The role's ARN, where the caller's own policies are asked."""
    keys: Mapping[str, Value] = {}
    """Condition keys that are known."""
    client_ids: Mapping[str, tuple[str, ...]] = {}
    """Those of OIDC providers, by ARN, at the time of the document."""

    @property
    def asked(self) -> Asked:
        """The demands of all its policies."""
        own = (self.trust, *(self.identity or ()), *([self.boundary] if self.boundary else ()))
        return Asked([each for policy in own for each in policy.statements])

    def with_atoms(self, atoms: Mapping[Condition, Test]) -> "Document":
        """Return it with some conditions as atoms."""
        if not atoms:
            return self

        def among(policy: Policy) -> Policy:
            listed = (
                s._replace(conditions=tuple(atoms.get(e.condition, e) for e in s.conditions))
                for s in policy.statements
            )
            return policy._replace(statements=tuple(listed))

        identity = self.identity and [*map(among, self.identity)]
        boundary = self.boundary and among(self.boundary)
        return self._replace(trust=among(self.trust), identity=identity, boundary=boundary)

    def takes(self, provider: str, audience: Value | None) -> bool:
        """Return whether STS takes a token's audiences, as far as client ids are known."""
        ids = self.client_ids.get(provider)
        texts = [audience] if isinstance(audience, str) else audience
        return not ids or not isinstance(texts, list | tuple) or not {*ids}.isdisjoint(texts)

    def answer(self, step: Call, free: Mapping[str, Value] | None = None) -> StepAnswer:
        """The evaluator's answer to a call; ``free`` are keys of which nothing else is known."""
        step = replace(
            step,
            trust=self.trust,
            identity=self.identity,
            boundary=self.boundary,
            only=self.only,
            resource=self.resource or step.resource,
            context={**(free or {}), **(step.context or {}), **self.keys},
        )
        [answer] = simulate(Scenario(None, None, None, [step])).steps
        return answer


Group = Mapping[Value, frozenset[Linear]]
"""Values of a fact that all conditions answer alike, the shortest first, each with the patterns
that it fits."""


class CallerClass(NamedTuple):
    """Callers by one way with one answer in each document."""

    groups: Mapping[str, Group]
    """By the names of facts."""
    answers: tuple[StepAnswer, ...]
    """Of each document."""


class _Atom(Test):
    __slots__ = ("_truth",)

    def __init__(self, condition: Condition, truth: Truth) -> None:
        super().__init__(condition)
        self._truth = True if compares_itself(condition) else truth

    def holds(self, lookup: Lookup) -> Truth:
        del lookup
        return self._truth

    def missing(self, lookup: Lookup) -> list[str]:
        del lookup
        return [f"condition {self.condition.text}"]


def canonical(condition: Condition) -> Condition:
    """Return one form of conditions that have one answer to every request."""
    operator, values = read_operator(condition.operator), tuple(sorted({*condition.values}))
    base = operator.base.replace("arnequals", "arnlike").replace("arnnotequals", "arnnotlike")
    plain = not set("".join(values)) & {"*", "?", "$"}
    if plain and (base.startswith("string") or all(map(parse_arn, values))):
        base = base.replace("arn", "string").replace("like", "equals")
    holds_without = operator.set_operator == FOR_ALL or (
        "not" in base and operator.set_operator != FOR_ANY
    )
    more = "ifexists" * (operator.if_exists and not holds_without)
    name = f"{operator.set_operator}{base}{more}"
    return Condition(name, condition.key.lower(), values, condition.variables)


def compares_itself(condition: Condition) -> bool:
    """Return whether a condition compares a key with itself."""
    itself = f"${{{condition.key.lower()}}}"
    return condition.positive and condition.variables and itself in map(str.lower, condition.values)


def kinds(
    documents: Sequence[Document], known: RoleFacts
) -> Iterator[tuple[Way, Iterator[CallerClass]]]:
    """Yield the kinds of callers by each way; raises `Undecided`."""
    for way in ways([each for one in documents for each in one.trust.statements], known):
        yield way, kinds_of(way, documents)


def admitted(policy: Policy, known: RoleFacts) -> Iterator[tuple[Way, Iterator[CallerClass]]]:
    """Yield the kinds of callers that a trust policy may let come; raises `Undecided`."""
    for way, listed in kinds([Document(policy)], known):
        yield way, (each for each in listed if each.answers[0].verdict is not Verdict.DENY)


def admits(policy: Policy, known: RoleFacts) -> bool:
    """Return whether a trust policy may let some caller come; raises `Undecided`."""
    document = Document(policy)
    for way, listed in admitted(policy, known):
        guesses = (document.answer(_guess(way, each)) for each in policy.statements if each.allow)
        if any(e.verdict is not Verdict.DENY for e in guesses) or next(listed, None):
            return True
    return False


def _guess(way: Way, statement: CompiledStatement) -> Call:
    """The call of a caller who has what a statement asks for first, where that can exist. Most
    roles allow it, so that `admits` needs none of their kinds of callers."""
    values = _sample_values(way)
    positive = [test.condition for test in statement.conditions if test.condition.positive]
    entries = statement.principal.entries.get("AWS", ()) if statement.principal else ()
    for fact in way.facts:
        asked = (e.patterns[0] for e in positive if fact.keys.get(e.key.lower()) == SAME)
        for pattern in (*asked, *(entries if fact.apart is not None else ())):
            value = re.sub("[*?]", "aa", pattern)
            if fact.language.has(value):
                values[fact.name] = value
    return way.call(values)


def kinds_of(way: Way, documents: Sequence[Document]) -> Iterator[CallerClass]:
    """Yield the kinds of callers by one way; raises `Undecided`."""
    conditions = dict.fromkeys(way.conditions)
    sample = _sample(way, documents)
    keys = {*sample.given}
    carried_keys = {*NAMING_TAGS, *(key for fact in way.facts for key in fact.keys)}
    left = [condition for condition in conditions if condition.key.lower() not in carried_keys]
    # Of a caller who is known, a key of which nothing is known stays so.
    free_keys = [fact for fact, _ in _free(left, sample) if all(e.only for e in documents)]
    way = way._replace(facts=(*way.facts, *free_keys))
    carriers = {key: carrier for fact in way.facts for key, carrier in fact.keys.items()}
    fixed = {
        name: value
        for condition in conditions
        for name in _variables(condition)
        if name not in carriers and isinstance(value := sample.value(name), str)
    }
    patterns = {
        condition: linear(condition, carriers[condition.key.lower()], fixed)
        for condition in conditions
        if condition.key.lower() in carriers
    }
    tests = [compile_test(demand) for demand in conditions if patterns.get(demand) is not None]
    takers = [partial(document.takes, way.principal) for document in documents]
    try:
        groups = [
            _groups_of(fact, tests, patterns, sample.value, takers if fact.name == "aud" else ())
            for fact in way.facts
        ]
    except Unbounded:
        raise Undecided(f"the callers by {way.principal}: their patterns together") from None
    hidden = {condition for condition, globs in patterns.items() if globs is None}
    hidden |= {
        condition
        for condition in conditions
        if condition not in patterns
        and (_is_open(condition, sample, fixed) or (way.open and condition.key.lower() not in keys))
    }
    # What stands in one document alone may be so or not, and so may what depends on one key.
    both = set[Condition].intersection(*({*map(canonical, e.asked.conditions)} for e in documents))
    forms = {*map(canonical, hidden)}
    shared = [
        form
        for form in sorted(forms & both)
        if len(documents) > 1 and sum(other.key == form.key for other in forms) == 1
    ]
    if prod(map(len, groups)) << len(shared) > KINDS:
        raise Undecided(f"the callers by {way.principal}: more than {KINDS} kinds")
    for held in product((True, False), repeat=len(shared)):
        truths = dict(zip(shared, held, strict=True))
        atoms = {
            condition: _Atom(condition, truths.get(canonical(condition))) for condition in hidden
        }
        asked = [document.with_atoms(atoms) for document in documents]
        for chosen in product(*groups):
            named = {fact.name: group for fact, group in zip(way.facts, chosen, strict=True)}
            values = {name: next(iter(group)) for name, group in named.items()}
            free = {key: values[fact.name] for fact in free_keys for key in fact.keys}
            step = way.call(values)
            answers = (
                document.answer(step, free)
                if document.takes(way.principal, values.get("aud"))
                else _REFUSED
                for document in asked
            )
            yield CallerClass(named, tuple(answers))


def _sample_values(way: Way) -> dict[str, Value]:
    nothing: tuple[Value, object] = Key.ABSENT, None
    return {fact.name: next(fact.language.classes(), nothing)[0] for fact in way.facts}


def _sample(way: Way, documents: Sequence[Document]) -> Request:
    """A request of some caller, for the keys that are no fact's."""
    step = way.call(_sample_values(way))
    keys: dict[str, Value] = dict.fromkeys(_OPEN, Key.UNKNOWN)
    for document in documents:
        keys |= document.keys
    decision = Document(Policy("", ()), keys=keys).answer(step).decision
    return decision.request if decision else Request("", "", None, keys)


def answered(
    conditions: Iterable[Condition], request: Request
) -> Iterator[list[dict[Condition, Truth]]]:
    """Yield for each key of texts how its conditions hold together, by the values it may have."""
    for fact, listed in _free(conditions, request):
        patterns = {condition: linear(condition, SAME) for condition in listed}
        tests = [compile_test(condition) for condition in listed]
        values = (next(iter(group)) for group in _groups_of(fact, tests, patterns, request.value))
        kinds = {tuple(test.holds(lambda _, v=value: v) for test in tests) for value in values}
        yield [dict(zip(listed, truths, strict=True)) for truths in sorted(kinds, key=str)]


def _free(
    conditions: Iterable[Condition], request: Request
) -> Iterator[tuple[Fact, list[Condition]]]:
    """Yield a fact for each key of texts of which nothing is known, such as those of the network,
    with its conditions."""
    by_key: dict[str, list[Condition]] = {}
    for condition in conditions:
        by_key.setdefault(condition.key.lower(), []).append(condition)
    for key, listed in by_key.items():
        value = request.value(key)
        if value in (Key.UNKNOWN, Key.PRESENT) and all(linear(e, SAME) is not None for e in listed):
            optional = value is Key.UNKNOWN
            yield Fact(f"key {key}", TEXT, {key: SAME}, optional=optional, several=True), listed


def linear(
    condition: Condition, carrier: Carrier, fixed: Mapping[str, str] = {}
) -> tuple[Linear, ...] | None:
    """The patterns of a condition on a fact; None if its operator or a variable hides them."""
    (operator, _, _, supported), variables = read_operator(condition.operator), condition.variables
    if operator == "null" or not supported:
        return () if supported else None
    if not operator.startswith(("arn", "string")):
        return None
    like, fold = operator.endswith("like"), operator.endswith("ignorecase")
    read = [
        arn_glob(value, variables=variables, fixed=fixed)
        if operator.startswith("arn")
        else glob(value, wildcards=like, variables=variables, ignore_case=fold, fixed=fixed)
        for value in condition.values
    ]
    if None in read:
        return None
    before, after = expression(carrier.before), expression(carrier.after)
    return tuple(joined(before, core, after) for core in read if core is not None)


def _variables(condition: Condition) -> set[str]:
    """The keys of its variables, in lower case."""
    return {*map(str.lower, variable_keys(condition.values, variables=condition.variables))}


def _is_open(condition: Condition, sample: Request, fixed: Mapping[str, str]) -> bool:
    """Return whether no fact answers a condition on a key that is no fact's."""
    key = condition.key.lower()
    if not _variables(condition) <= fixed.keys():
        return True
    if key in NAMING_TAGS:
        return False
    asks_context = key.startswith("sts:requestcontext")
    return asks_context or compile_test(condition).holds(sample.value) is None


def _groups_of(
    fact: Fact,
    tests: Sequence[Test],
    patterns: Mapping[Condition, Sequence[Linear] | None],
    others: Lookup,
    takers: Sequence[Callable[[Value], bool]] = (),
) -> list[Group]:
    """Return the values of a fact, those together that all tests of its keys answer alike.

    ``others`` are the values of keys that are not the fact's, ``takers`` what else tells values
    apart; raises `irsa.callers.classes.Unbounded`.
    """
    used = [test for test in tests if test.condition.key.lower() in fact.keys]
    apart = fact.apart or ()
    listed = (pattern for test in used for pattern in patterns[test.condition] or ())
    single = [*fact.language.classes(tuple(dict.fromkeys([*apart, *listed])))]
    members: dict[Value, frozenset[Linear]] = dict(single)
    sets = [
        read_operator(e.condition.operator).set_operator for e in used if e.condition.base != "null"
    ]
    for size in range(2, len(sets) + 1 if fact.several and all(sets) else 0):
        for chosen in combinations(single, size):
            fits = frozenset[Linear]().union(*(fits for _, fits in chosen))
            members[tuple(value for value, _ in chosen)] = fits
    if fact.optional:
        members[Key.ABSENT] = frozenset()
    alike: dict[object, dict[Value, frozenset[Linear]]] = {}
    for value, fits in sorted(members.items(), key=lambda member: len(str(member[0]))):
        key_values = {key: carrier.read(value) for key, carrier in fact.keys.items()}
        truths = tuple(
            e.holds(lambda key, c=key_values: c[key] if key in c else others(key)) for e in used
        )
        kind = (
            truths,
            value is Key.ABSENT,
            fits.intersection(apart),
            tuple(takes(value) for takes in takers),
        )
        alike.setdefault(kind, {})[value] = fits
    return [*alike.values()]


_OPEN = (
    "aws:userid", "aws:calledvia", "aws:calledviafirst", "aws:calledvialast",
    "sts:durationseconds", "sts:roleauthorizedbyidp",
)  # fmt: skip
"""Keys of which a made caller's value says nothing of others."""
_REFUSED = refused(invalid_token(WRONG_AUDIENCE), "STS refuses the token")
