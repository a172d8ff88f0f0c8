"""The Condition block: operators, set operators, IfExists and Null, in three-valued logic.

Pure. Keys ignore case; operators and keys are ANDed, values ORed; a negated operator holds when no
value fits. A list of values under an operator without ``ForAllValues`` or ``ForAnyValue`` is not
decided: AWS asks for one of the two there.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

from functools import lru_cache

from irsa_core.decide.document import Condition
from irsa_core.decide.operators import FOR_ALL, FOR_ANY, MATCHERS, Operator, read_operator
from irsa_core.decide.patterns import Key, Lookup, Value
from irsa_core.decide.truth import Truth, all_of, any_of, negated


class Test:
    """One key under one operator. IAM may know an operator that this evaluator does not: nothing is
    guessed of it."""

    __slots__ = ("_key", "condition", "names_caller")

    def __init__(self, condition: Condition) -> None:
        self.condition = condition
        self._key = condition.key.lower()
        self.names_caller = False
        """True if it holds only of some ``aws:PrincipalArn``."""

    def holds(self, lookup: Lookup) -> Truth:
        """Return whether the request fulfils it."""
        del lookup
        return None

    def missing(self, lookup: Lookup) -> list[str]:
        """The facts that are missing to tell."""
        del lookup
        return [f"condition operator {clip(self.condition.operator)}"]

    def describe(self, lookup: Lookup) -> str:
        """Operator, key, the policy's values and the request's, in one line."""
        values, answer = self.condition.values, lookup(self._key)
        texts = [repr(clip(value)) for value in values[:_SHOWN]]
        if len(values) > _SHOWN:
            texts.append(f"{len(values) - _SHOWN} more")
        # Keys of a token are named after its issuer's host.
        source = "token" if "." in self._key.partition(":")[0] else "request"
        text = (
            f"condition {self.condition.text}: the policy says {' or '.join(texts) or 'nothing'},"
            f" the {source} {'has' if isinstance(answer, Key) else 'says'} {shown(answer)}"
        )
        equal = str(answer).lower() in [value.lower() for value in values] and answer not in values
        if equal and "not" not in self.condition.operator.lower():
            text += "; only upper and lower case differ"
        return text


class ValueTest(Test):
    """Every operator but Null, plain or under a set operator."""

    __slots__ = ("_absent", "_for", "_matcher", "_negated", "_present")

    def __init__(self, condition: Condition, operator: Operator) -> None:
        super().__init__(condition)
        self._matcher = MATCHERS[operator.base](condition.values, condition.variables)
        self._negated = "not" in operator.base
        self.names_caller = self._key == "aws:principalarn" and not self._negated
        self._for = operator.set_operator
        self._absent = (
            operator.if_exists or self._for == FOR_ALL or (self._negated and self._for != FOR_ANY)
        )
        # A ``*`` fits every value, but ForAllValues does not ask an empty one, and several values
        # need a set operator.
        every = "*" in condition.values and ("like" in operator.base or operator.base[:3] == "arn")
        asked = not self._negated if self._for == FOR_ALL else self._for or self._key not in _LISTS
        self._present = not self._negated if every and asked else None

    def holds(self, lookup: Lookup) -> Truth:
        """Return whether the request fulfils it."""
        value = lookup(self._key)
        if isinstance(value, str):
            if not value and self._for == FOR_ALL:
                return True  # an empty string is no value to this operator
            return self._one(value, lookup)
        if isinstance(value, Key):
            truths = {Key.ABSENT: self._absent, Key.PRESENT: self._present}
            return truths.get(value)
        if self._for == FOR_ALL:
            return all_of(self._one(text, lookup) for text in value)
        if self._for == FOR_ANY:
            return any_of(self._one(text, lookup) for text in value)
        # AWS asks for a set operator here, and does not say what happens without one.
        return None if value else self._absent

    def missing(self, lookup: Lookup) -> list[str]:
        """The facts that are missing to tell."""
        value = lookup(self._key)
        if value is Key.PRESENT and self._key == "aws:principalarn":
            return ["principal_role_arn"]  # a session's ARN does not show its role's path
        if value in (Key.UNKNOWN, Key.PRESENT):
            return [f"condition key {self.condition.key}"]
        reasons = self._matcher.unknowns(lookup)
        return reasons or [f"what {self.condition.text} makes of this value"]

    def _one(self, value: str, lookup: Lookup) -> Truth:
        # A value that the operator cannot read fits nothing, and what it does not equal is unknown.
        unreadable = None if self._negated else False
        fits = self._matcher.fits(value, lookup, unreadable=unreadable)
        return negated(fits) if self._negated else fits


class NullTest(Test):
    """``Null``: whether the key is in the request at all."""

    __slots__ = ("_wanted",)

    def __init__(self, condition: Condition) -> None:
        super().__init__(condition)
        self._wanted = {value.lower() for value in condition.values}

    def holds(self, lookup: Lookup) -> Truth:
        """Return whether the request fulfils it."""
        value = lookup(self._key)
        if value is Key.UNKNOWN or not self._wanted <= {"true", "false"}:
            return None
        return ("true" if value in (Key.ABSENT, ()) else "false") in self._wanted

    def missing(self, lookup: Lookup) -> list[str]:
        """The facts that are missing to tell."""
        if lookup(self._key) is Key.UNKNOWN:
            return [f"condition key {self.condition.key}"]
        return [f"a value of Null {self.condition.key} that is true or false"]


_LISTS = ("aws:principalservicenameslist",)
"""Keys with several values that a request certainly has."""
_SHOWN = 5
_CLIP = 300


@lru_cache(maxsize=256)
def compile_test(condition: Condition) -> Test:
    """Compile one key of a Condition block."""
    operator = read_operator(condition.operator)
    if not operator.known:
        return Test(condition)
    return NullTest(condition) if operator.base == "null" else ValueTest(condition, operator)


def clip(text: str) -> str:
    """The text, or its beginning when it is too long for a line."""
    return text if len(text) <= _CLIP else f"{text[:_CLIP]}… ({len(text)} characters)"


def shown(value: Value) -> str:
    """A condition key's value as an answer shows it."""
    if isinstance(value, str):
        return repr(clip(value))
    if isinstance(value, Key):
        return "no such key" if value is Key.ABSENT else "a value that is not known"
    extra = [f"{len(value) - _SHOWN} more"] if len(value) > _SHOWN else []
    return ", ".join([repr(clip(each)) for each in value[:_SHOWN]] + extra) or "no values"
