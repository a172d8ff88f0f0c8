"""The Condition block: operators, set operators, IfExists and Null, in three-valued logic.

Pure. Keys ignore case; operators and keys are ANDed, values ORed; a negated operator holds when no
value fits. A list of values under an operator without ``ForAllValues`` or ``ForAnyValue`` is not
decided: AWS asks for one of the two there.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

from typing import Protocol

from irsa.decide.document import Condition
from irsa.decide.operators import FOR_ALL, FOR_ANY, MATCHERS, Matcher, read_operator
from irsa.decide.patterns import Key, Lookup, Value
from irsa.decide.role_paths import AnyPath
from irsa.decide.truth import Truth, all_of, any_of, negated


class Test(Protocol):
    """One key under one operator."""

    @property
    def names_caller(self) -> bool:
        """Whether it holds only of some ``aws:PrincipalArn``."""
        ...

    def holds(self, lookup: Lookup) -> Truth:
        """Whether the request fulfils it."""
        ...

    def describe(self, lookup: Lookup) -> str:
        """Operator, key, expected and found, in one line."""
        ...

    def missing(self, lookup: Lookup) -> list[str]:
        """The facts that are missing to tell."""
        ...


class ValueTest:
    """Every operator but Null, plain or under a set operator."""

    __slots__ = ("_absent", "_condition", "_for", "_key", "_matcher", "_negated")

    def __init__(
        self,
        condition: Condition,
        matcher: Matcher,
        *,
        negated: bool,
        set_operator: str,
        if_exists: bool,
    ) -> None:
        self._condition = condition
        self._key = condition.key.lower()
        self._matcher = matcher
        self._negated = negated
        self._for = set_operator
        self._absent = if_exists or set_operator == FOR_ALL or (negated and set_operator != FOR_ANY)

    @property
    def names_caller(self) -> bool:
        """Whether it holds only of some ``aws:PrincipalArn``."""
        return self._key == "aws:principalarn" and not self._negated

    def holds(self, lookup: Lookup) -> Truth:
        """Whether the request fulfils it."""
        value = lookup(self._key)
        if isinstance(value, str):
            if not value and self._for == FOR_ALL:
                return True  # an empty string is no value to this operator
            return self._one(value, lookup)
        if isinstance(value, Key):
            return self._absent if value is Key.ABSENT else None
        if isinstance(value, AnyPath):
            return self._whatever_the_path(value, lookup)
        if self._for == FOR_ALL:
            return all_of(self._one(each, lookup) for each in value)
        if self._for == FOR_ANY:
            return any_of(self._one(each, lookup) for each in value)
        # AWS asks for a set operator here, and does not say what happens without one.
        return None if value else self._absent

    def describe(self, lookup: Lookup) -> str:
        """Operator, key, expected and found, in one line."""
        return _describe(self._condition, lookup)

    def missing(self, lookup: Lookup) -> list[str]:
        """The facts that are missing to tell."""
        value = lookup(self._key)
        if value in (Key.UNKNOWN, Key.PRESENT):
            return [f"condition key {self._condition.key}"]
        if isinstance(value, AnyPath):
            return [f"principal_role_arn: the path of role {value.samples[0]}"]
        reasons = self._matcher.unknowns(lookup)
        return reasons or [f"what {self._condition.text} makes of this value"]

    def _one(self, value: str, lookup: Lookup) -> Truth:
        # A value that the operator cannot read fits nothing, and what it does not equal is unknown.
        unreadable = None if self._negated else False
        fits = self._matcher.fits(value, lookup, unreadable=unreadable)
        return negated(fits) if self._negated else fits

    def _whatever_the_path(self, value: AnyPath, lookup: Lookup) -> Truth:
        """The answer that holds for every path of the role, None when the path decides it."""
        answers = {self._one(sample, lookup) for sample in value.samples}
        answer = answers.pop()
        if answers or answer is None:
            return None
        texts = self._condition.values
        # "?" counts characters, so that a path of another length may not fit.
        certain = (
            not any("?" in text for text in texts)
            if answer is not self._negated
            else not value.may_fit(texts)
        )
        return answer if certain else None


class NullTest:
    """``Null``: whether the key is in the request at all."""

    __slots__ = ("_condition", "_key", "_wanted")

    def __init__(self, condition: Condition) -> None:
        self._condition = condition
        self._key = condition.key.lower()
        self._wanted = {value.lower() for value in condition.values}

    names_caller = False

    def holds(self, lookup: Lookup) -> Truth:
        """Whether the request fulfils it."""
        value = lookup(self._key)
        if value is Key.UNKNOWN or not self._wanted <= {"true", "false"}:
            return None
        return ("true" if value in (Key.ABSENT, ()) else "false") in self._wanted

    def describe(self, lookup: Lookup) -> str:
        """Operator, key, expected and found, in one line."""
        return _describe(self._condition, lookup)

    def missing(self, lookup: Lookup) -> list[str]:
        """The facts that are missing to tell."""
        if lookup(self._key) is Key.UNKNOWN:
            return [f"condition key {self._condition.key}"]
        return [f"a value of Null {self._condition.key} that is true or false"]


class UnknownTest:
    """An operator that this evaluator does not know: IAM may know it, so nothing is guessed."""

    __slots__ = ("_condition",)

    def __init__(self, condition: Condition) -> None:
        self._condition = condition

    names_caller = False

    def holds(self, lookup: Lookup) -> Truth:
        """Never known."""
        del lookup
        return None

    def describe(self, lookup: Lookup) -> str:
        """Operator, key, expected and found, in one line."""
        return _describe(self._condition, lookup)

    def missing(self, lookup: Lookup) -> list[str]:
        """The facts that are missing to tell."""
        del lookup
        return [f"condition operator {clip(self._condition.operator)}"]


_SHOWN = 5
_CLIP = 300


def compile_test(condition: Condition) -> Test:
    """Compile one key of a Condition block."""
    read = read_operator(condition.operator)
    if not read.known:
        return UnknownTest(condition)
    if read.base == "null":
        return NullTest(condition)
    family = MATCHERS[read.base]
    return ValueTest(
        condition,
        family.compile(condition.values, condition.variables),
        negated=family.negated,
        set_operator=read.set_operator,
        if_exists=read.if_exists,
    )


def _describe(condition: Condition, lookup: Lookup) -> str:
    """Operator, key, expected and found, in one line."""
    expected = [repr(clip(value)) for value in condition.values[:_SHOWN]]
    if len(condition.values) > _SHOWN:
        expected.append(f"{len(condition.values) - _SHOWN} more")
    found = shown(lookup(condition.key.lower()))
    return (
        f"condition {condition.text}: expected {' or '.join(expected) or 'nothing'}, found {found}"
    )


def clip(text: str) -> str:
    """The text, or its beginning when it is too long for a line."""
    return text if len(text) <= _CLIP else f"{text[:_CLIP]}… ({len(text)} characters)"


def shown(value: Value) -> str:
    """A condition key's value as an answer shows it."""
    if isinstance(value, str):
        return repr(clip(value))
    if isinstance(value, Key):
        return "no such key in the request" if value is Key.ABSENT else "a value that is not known"
    if isinstance(value, AnyPath):
        return repr(str(value))
    extra = [f"{len(value) - _SHOWN} more"] if len(value) > _SHOWN else []
    return ", ".join([repr(clip(each)) for each in value[:_SHOWN]] + extra) or "no values"
