"""The Condition block: operators, set operators, IfExists and Null, in three-valued logic.

Pure. Keys ignore case; operators and keys are ANDed, values ORed; a negated operator holds when no
value fits. A key with several values under an operator without ``ForAllValues`` or ``ForAnyValue``
is decided only when all of its values agree: AWS does not define the rest.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

from irsa.operators import MATCHERS, Matcher
from irsa.patterns import Fact, Lookup, Truth, Value


class Test(Protocol):
    """One key under one operator."""

    def holds(self, lookup: Lookup) -> Truth:
        """Whether the request fulfils it."""
        ...

    def describe(self, lookup: Lookup) -> str:
        """Operator, key, expected and found, in one line."""
        ...

    def missing(self, lookup: Lookup) -> list[str]:
        """The facts for want of which it cannot be told."""
        ...


def all_of(truths: Iterable[Truth]) -> Truth:
    """Three-valued AND."""
    answer: Truth = True
    for truth in truths:
        if truth is False:
            return False
        if truth is None:
            answer = None
    return answer


def any_of(truths: Iterable[Truth]) -> Truth:
    """Three-valued OR."""
    answer: Truth = False
    for truth in truths:
        if truth:
            return True
        if truth is None:
            answer = None
    return answer


class _Spelling(NamedTuple):
    text: str
    key: str
    expected: Sequence[str]

    def describe(self, found: str) -> str:
        shown = [repr(clip(value)) for value in self.expected[:_SHOWN]]
        if len(self.expected) > _SHOWN:
            shown.append(f"{len(self.expected) - _SHOWN} more")
        expected = " or ".join(shown) or "nothing"
        return f"condition {self.text} {self.key}: expected {expected}, found {found}"


class ValueTest:
    """Every operator but Null, plain or under a set operator."""

    __slots__ = ("_absent", "_for", "_key", "_matcher", "_negated", "_spelling")

    def __init__(
        self,
        spelling: _Spelling,
        matcher: Matcher,
        *,
        negated: bool,
        set_operator: str,
        if_exists: bool,
    ) -> None:
        self._spelling = spelling
        self._key = spelling.key.lower()
        self._matcher = matcher
        self._negated = negated
        self._for = set_operator
        self._absent = if_exists or set_operator == FOR_ALL or (negated and set_operator != FOR_ANY)

    def holds(self, lookup: Lookup) -> Truth:
        """Whether the request fulfils it."""
        value = lookup(self._key)
        if isinstance(value, str):
            return self._one(value, lookup)
        if isinstance(value, Fact):
            return self._absent if value is Fact.ABSENT else None
        if self._for == FOR_ALL:
            return all_of(self._one(each, lookup) for each in value)
        if self._for == FOR_ANY:
            return any_of(self._one(each, lookup) for each in value)
        answers = {self._one(each, lookup) for each in value}
        return answers.pop() if len(answers) == 1 else None if answers else self._absent

    def describe(self, lookup: Lookup) -> str:
        """Operator, key, expected and found, in one line."""
        return self._spelling.describe(shown(lookup(self._key)))

    def missing(self, lookup: Lookup) -> list[str]:
        """The facts for want of which it cannot be told."""
        value = lookup(self._key)
        if value is Fact.UNKNOWN:
            return [f"condition key {self._spelling.key}"]
        reasons = self._matcher.unknowns(lookup)
        return reasons or [f"what {self._spelling.text} {self._spelling.key} makes of this value"]

    def _one(self, value: str, lookup: Lookup) -> Truth:
        if not self._negated:
            return self._matcher.fits(value, lookup, unresolved=False)
        fits = self._matcher.fits(value, lookup, unresolved=None)
        return None if fits is None else not fits


class NullTest:
    """``Null``: whether the key is in the request at all."""

    __slots__ = ("_key", "_spelling", "_wanted")

    def __init__(self, spelling: _Spelling) -> None:
        self._spelling = spelling
        self._key = spelling.key.lower()
        self._wanted = {value.lower() for value in spelling.expected}

    def holds(self, lookup: Lookup) -> Truth:
        """Whether the request fulfils it."""
        value = lookup(self._key)
        if value is Fact.UNKNOWN or not self._wanted <= {"true", "false"}:
            return None
        return ("true" if value in (Fact.ABSENT, ()) else "false") in self._wanted

    def describe(self, lookup: Lookup) -> str:
        """Operator, key, expected and found, in one line."""
        return self._spelling.describe(shown(lookup(self._key)))

    def missing(self, lookup: Lookup) -> list[str]:
        """The facts for want of which it cannot be told."""
        if lookup(self._key) is Fact.UNKNOWN:
            return [f"condition key {self._spelling.key}"]
        return [f"a value of Null {self._spelling.key} that is true or false"]


class UnknownTest:
    """An operator that this evaluator does not know: IAM may know it, so nothing is guessed."""

    __slots__ = ("_spelling",)

    def __init__(self, spelling: _Spelling) -> None:
        self._spelling = spelling

    def holds(self, lookup: Lookup) -> Truth:
        """Never known."""
        del lookup
        return None

    def describe(self, lookup: Lookup) -> str:
        """Operator, key, expected and found, in one line."""
        return self._spelling.describe(shown(lookup(self._spelling.key.lower())))

    def missing(self, lookup: Lookup) -> list[str]:
        """The facts for want of which it cannot be told."""
        del lookup
        return [f"condition operator {clip(self._spelling.text)}"]


FOR_ALL = "forallvalues:"
FOR_ANY = "foranyvalue:"
_SHOWN = 5
_CLIP = 300


def compile_test(operator: str, key: str, expected: Sequence[str], *, variables: bool) -> Test:
    """One key of a Condition block, ready to be asked; operator names ignore case.

    ``variables`` says whether ``${…}`` is a variable, which needs Version 2012-10-17.
    """
    spelling = _Spelling(operator, key, expected)
    name = operator.lower()
    if name == "null":
        return NullTest(spelling)
    set_operator = next((each for each in (FOR_ALL, FOR_ANY) if name.startswith(each)), "")
    name = name.removeprefix(set_operator)
    if_exists = name.endswith("ifexists")
    family = MATCHERS.get(name.removesuffix("ifexists"))
    if family is None:
        return UnknownTest(spelling)
    return ValueTest(
        spelling,
        family.compile(expected, variables),
        negated=family.negated,
        set_operator=set_operator,
        if_exists=if_exists,
    )


def clip(text: str) -> str:
    """The text, or its beginning when it is too long for a line."""
    return text if len(text) <= _CLIP else f"{text[:_CLIP]}… ({len(text)} characters)"


def shown(value: Value) -> str:
    """A condition key's value as an answer shows it."""
    if isinstance(value, str):
        return repr(clip(value))
    if isinstance(value, Fact):
        return "no such key in the request" if value is Fact.ABSENT else "a value that is not known"
    extra = [f"{len(value) - _SHOWN} more"] if len(value) > _SHOWN else []
    return ", ".join([repr(clip(each)) for each in value[:_SHOWN]] + extra) or "no values"
