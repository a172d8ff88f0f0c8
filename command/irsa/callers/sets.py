"""All callers of one trust policy, or of two at once, decided by the evaluator. Pure.

A condition that no fact answers (a variable, a number, a date, an address, a key that the way does
not know) is an atom: not known, or, where two documents have it, the same in both.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations, product
from math import prod
from typing import NamedTuple

from irsa.callers.classes import Fixed, Linear, Unbounded, arn_glob, glob, joined, unfixed
from irsa.callers.facts import SAME, Call, Carrier, Fact, RoleFacts, Way, carried
from irsa.callers.languages import TEXT
from irsa.callers.ways import ways
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
    def statements(self) -> Iterator[CompiledStatement]:
        """Those of all its policies."""
        own = (self.trust, *(self.identity or ()), *([self.boundary] if self.boundary else ()))
        return (each for policy in own for each in policy.statements)

    @property
    def conditions(self) -> dict[Condition, None]:
        """Those of all statements."""
        return {test.condition: None for each in self.statements for test in each.conditions}

    def with_atoms(self, atoms: Mapping[Condition, Test]) -> "Document":
        """Return it with some conditions as atoms."""

        def among(policy: Policy) -> Policy:
            listed = (
                s._replace(conditions=tuple(atoms.get(e.condition, e) for e in s.conditions))
                for s in policy.statements
            )
            return policy._replace(statements=tuple(listed))

        if not atoms:
            return self
        identity = self.identity and [*map(among, self.identity)]
        boundary = self.boundary and among(self.boundary)
        return self._replace(trust=among(self.trust), identity=identity, boundary=boundary)

    def takes(self, provider: str, audience: Value | None) -> bool:
        """Return whether STS takes a token's audiences, as far as client ids are known."""
        ids = self.client_ids.get(provider)
        texts = [audience] if isinstance(audience, str) else audience
        return not ids or not isinstance(texts, list | tuple) or not {*ids}.isdisjoint(texts)

    def asked_of(self, step: Call, taken: Mapping[str, Value]) -> StepAnswer:
        """The evaluator's answer to a call; ``taken`` are the values of atoms."""
        step = replace(
            step,
            trust=self.trust,
            identity=self.identity,
            boundary=self.boundary,
            only=self.only,
            resource=self.resource or step.resource,
            context={**taken, **(step.context or {}), **self.keys},
        )
        [answer] = simulate(Scenario(None, None, None, [step])).steps
        return answer


Member = tuple[Value, frozenset[Linear]]
"""A value of a fact, and the patterns that it fits."""


class Group(NamedTuple):
    """Values of a fact that all conditions answer alike."""

    members: tuple[Member, ...]
    """The shortest first."""

    @property
    def value(self) -> Value:
        """The shortest."""
        return self.members[0][0]


class CallerClass(NamedTuple):
    """Callers by one way with one answer in each document."""

    groups: Mapping[str, Group]
    """By the names of facts."""
    answers: tuple[StepAnswer, ...]
    """Of each document."""


def _name(atom: Condition) -> str:
    return f"?{atom.text} {atom.values}"


class _Atom(Test):
    __slots__ = ("key",)

    def __init__(self, condition: Condition) -> None:
        super().__init__(condition)
        self.key = _name(canonical(condition))

    def holds(self, lookup: Lookup) -> Truth:
        if compares_itself(self.condition):
            return True
        return {"true": True, "false": False}.get(str(lookup(self.key)))

    def missing(self, lookup: Lookup) -> list[str]:
        del lookup
        return [f"condition {self.condition.text}"]


def canonical(condition: Condition) -> Condition:
    """Return one form of conditions that have one answer to every request."""
    operator, values = read_operator(condition.operator), tuple(sorted({*condition.values}))
    base = operator.base.replace("arnequals", "arnlike").replace("arnnotequals", "arnnotlike")
    if base.startswith("string") and not set("".join(values)) & {"*", "?", "$"}:
        base = base.replace("like", "equals")
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
) -> Iterator[tuple[Way, list[CallerClass]]]:
    """Yield the kinds of callers by each way; raises `Undecided`."""
    for way in ways([each for one in documents for each in one.trust.statements], known):
        yield way, kinds_of(way, documents)


def admits(policy: Policy, known: RoleFacts) -> bool:
    """Return whether a trust policy lets some caller come; raises `Undecided`."""
    document = Document(policy)
    for way in ways(policy.statements, known):
        guesses = (_guess(way, each) for each in policy.statements if each.allow)
        if any(document.asked_of(each, {}).verdict is not Verdict.DENY for each in guesses):
            return True
        if any(e.answers[0].verdict is not Verdict.DENY for e in kinds_of(way, [document])):
            return True
    return False


def _guess(way: Way, statement: CompiledStatement) -> Call:
    """The call of a caller who has what a statement asks for first, where that can exist."""
    values = _sample_values(way)
    listed = {test.condition for test in statement.conditions if test.condition.positive}
    asked = {condition.key.lower(): condition for condition in listed}
    entries = statement.principal.entries.get("AWS", ()) if statement.principal else ()
    for fact in way.facts:
        texts = [
            re.sub("[*?]", "aa", demand.values[0]) if "like" in demand.base else demand.values[0]
            for key, demand in asked.items()
            if fact.keys.get(key) == SAME
        ]
        for one in (*texts, *(entries if fact.apart is not None else ())):
            if fact.language.has(one):
                values[fact.name] = one
    return way.call(values)


def kinds_of(way: Way, documents: Sequence[Document]) -> list[CallerClass]:
    """Return the kinds of callers by one way; raises `Undecided`."""
    listed = [document.conditions for document in documents]
    conditions = dict.fromkeys(way.conditions)
    sample = _sample(way, documents)
    keys = {*sample.given}
    if all(document.only for document in documents):
        # Of a caller who is known, a key of which nothing is known stays so.
        way = replace(way, facts=(*way.facts, *_free(way, sample, conditions)))
    carriers = {key: carrier for fact in way.facts for key, carrier in fact.keys.items()}

    def fixed(key: str) -> str | None:
        value = Key.UNKNOWN if key in carriers or key in _OPEN else sample.value(key)
        return value if isinstance(value, str) else None

    def taken_by(fact: Fact, value: Value) -> tuple[bool, ...]:
        return tuple(fact.name != "aud" or trust.takes(way.principal, value) for trust in documents)

    patterns = {
        condition: linear(condition, carriers[condition.key.lower()], fixed)
        for condition in conditions
        if condition.key.lower() in carriers
    }
    tests = [compile_test(demand) for demand in conditions if patterns.get(demand) is not None]
    try:
        groups = [groups_of(fact, tests, patterns, sample.value, taken_by) for fact in way.facts]
    except Unbounded:
        raise Undecided(f"the callers by {way.principal}: their patterns together") from None
    hidden = {condition for condition, globs in patterns.items() if globs is None}
    hidden |= {
        condition
        for condition in conditions
        if condition not in patterns
        and (_is_open(condition, sample, fixed) or (way.open and condition.key.lower() not in keys))
    }
    atoms = {condition: _Atom(condition) for condition in conditions if condition in hidden}
    # What stands in one document alone may be so or not, and so may what depends on one key.
    both = set[Condition].intersection(*({canonical(form) for form in group} for group in listed))
    forms = {canonical(atom) for atom in atoms}
    shared = [
        form
        for form in sorted(forms & both)
        if len(documents) > 1 and sum(other.key == form.key for other in forms) == 1
    ]
    if prod(map(len, groups)) << len(shared) > KINDS:
        raise Undecided(f"the callers by {way.principal}: more than {KINDS} kinds")
    asked = [document.with_atoms(atoms) for document in documents]
    callers: list[CallerClass] = []
    for held in product(("true", "false"), repeat=len(shared)):
        taken: dict[str, Value] = {atom.key: Key.UNKNOWN for atom in atoms.values()}
        taken |= {_name(form): value for form, value in zip(shared, held, strict=True)}
        for chosen in product(*groups):
            named = {fact.name: group for fact, group in zip(way.facts, chosen, strict=True)}
            values = {name: group.value for name, group in named.items()}
            free = {n.removeprefix(FREE): v for n, v in values.items() if n.startswith(FREE)}
            step = way.call(values)
            answers = (
                document.asked_of(step, taken | free)
                if document.takes(way.principal, values.get("aud"))
                else _REFUSED
                for document in asked
            )
            callers.append(CallerClass(named, tuple(answers)))
    return callers


def _sample_values(way: Way) -> dict[str, Value]:
    found = {fact.name: next(fact.language.classes(), None) for fact in way.facts}
    return {name: each.value if each else Key.ABSENT for name, each in found.items()}


def _sample(way: Way, documents: Sequence[Document]) -> Request:
    """A request of some caller, for the keys that are no fact's."""
    step = way.call(_sample_values(way))
    known = {key: value for each in documents for key, value in each.keys.items()}
    step = replace(step, trust=_NONE, context={**(step.context or {}), **known})
    decision = simulate(Scenario(None, None, None, [step])).steps[0].decision
    return decision.request if decision else Request("", "", None, {})


def _free(way: Way, sample: Request, conditions: Iterable[Condition]) -> Iterator[Fact]:
    """A fact for each key of texts of which nothing is known, such as those of the network."""
    fact_keys = {key for fact in way.facts for key in fact.keys}
    asked: dict[str, list[Condition]] = {}
    for condition in conditions:
        if condition.key.lower() not in (*fact_keys, *_BY_TAGS):
            asked.setdefault(condition.key.lower(), []).append(condition)
    for key, listed in asked.items():
        value = Key.UNKNOWN if key in _OPEN else sample.value(key)
        if value in (Key.UNKNOWN, Key.PRESENT) and all(linear(e, SAME) is not None for e in listed):
            optional = value is Key.UNKNOWN
            yield Fact(f"{FREE}{key}", TEXT, {key: SAME}, optional=optional, several=True)


FREE = "key "
"""Beginning of the names of facts that are keys themselves."""


def linear(
    condition: Condition, carrier: Carrier, fixed: Fixed = unfixed
) -> tuple[Linear, ...] | None:
    """The patterns of a condition on a fact; None if its operator or a variable hides them."""
    (operator, _, _, supported), variables = read_operator(condition.operator), condition.variables
    if operator == "null" or not supported:
        return () if supported else None
    if operator.startswith("arn"):
        read = [arn_glob(value, variables=variables, fixed=fixed) for value in condition.values]
    elif operator.startswith("string"):
        like, fold = operator.endswith("like"), operator.endswith("ignorecase")
        read = [
            glob(value, wildcards=like, variables=variables, ignore_case=fold, fixed=fixed)
            for value in condition.values
        ]
    else:
        return None
    if None in read:
        return None
    return tuple(joined(carrier.before, core, carrier.after) for core in read if core is not None)


def _is_open(condition: Condition, sample: Request, fixed: Fixed) -> bool:
    """Return whether no fact answers a condition on a key that is no fact's."""
    key = condition.key.lower()
    named = variable_keys(condition.values, variables=condition.variables)
    if any(fixed(name.lower()) is None for name in named):
        return True
    if key in _BY_TAGS:
        return False
    if key in _OPEN or key.startswith("sts:requestcontext"):
        return True
    return compile_test(condition).holds(sample.value) is None


def groups_of(
    fact: Fact,
    tests: Sequence[Test],
    patterns: Mapping[Condition, Sequence[Linear] | None],
    others: Lookup,
    taken_by: Callable[[Fact, Value], tuple[bool, ...]] = lambda _, __: (),
) -> list[Group]:
    """Return the values of a fact, those together that all tests of its keys answer alike.

    ``others`` are the values of keys that are not the fact's, ``taken_by`` what else tells values
    apart; raises `irsa.callers.classes.Unbounded`.
    """
    used = [test for test in tests if test.condition.key.lower() in fact.keys]
    apart = fact.apart or ()
    listed = (pattern for test in used for pattern in patterns[test.condition] or ())
    value_classes = [*fact.language.classes(tuple(dict.fromkeys([*apart, *listed])))]
    values: list[Member] = [(member.value, member.fits) for member in value_classes]
    sets = [
        read_operator(e.condition.operator).set_operator for e in used if e.condition.base != "null"
    ]
    for size in range(2, len(sets) + 1 if fact.several and all(sets) else 0):
        for chosen in combinations(value_classes, size):
            fits = frozenset[Linear]().union(*(member.fits for member in chosen))
            values.append((tuple(member.value for member in chosen), fits))
    if fact.optional:
        values.append((Key.ABSENT, frozenset()))
    alike: dict[object, list[Member]] = {}
    for value, fits in values:
        key_values = {key: carried(carrier, value) for key, carrier in fact.keys.items()}
        truths = tuple(
            e.holds(lambda key, c=key_values: c[key] if key in c else others(key)) for e in used
        )
        kind = truths, value is Key.ABSENT, fits.intersection(apart), taken_by(fact, value)
        alike.setdefault(kind, []).append((value, fits))
    return [Group(tuple(sorted(kind, key=lambda one: len(str(one[0]))))) for kind in alike.values()]


_OPEN = (
    "aws:userid", "aws:calledvia", "aws:calledviafirst", "aws:calledvialast",
    "sts:durationseconds", "sts:roleauthorizedbyidp",
)  # fmt: skip
"""Keys of which a made caller's value says nothing of others."""
_BY_TAGS = ("aws:tagkeys", "sts:transitivetagkeys")
"""Keys that the facts of tags carry together."""
_NONE = Policy("", ())
_REFUSED = refused(invalid_token(WRONG_AUDIENCE), "STS refuses the token")
