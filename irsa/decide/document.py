"""The statements of a trust policy as lists and texts, each operator taken apart. Pure.

Total: whatever JSON a document holds, it is read without an error. What has another form than IAM
stores is left out. Deciding about one caller is the business of `irsa.decide.simulate`.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, cast

from irsa.decide.conditions import FOR_ALL, read_operator
from irsa.decide.patterns import Template
from irsa.decide.statements import CURRENT_VERSION, scalar_text
from irsa.identity.policy_json import as_list

Way = Literal["sts:AssumeRole", "sts:AssumeRoleWithWebIdentity", "sts:AssumeRoleWithSAML"]
WAYS: tuple[Way, ...] = (
    "sts:AssumeRole",
    "sts:AssumeRoleWithWebIdentity",
    "sts:AssumeRoleWithSAML",
)
"""The calls that make a session of a role."""

_LIKE = ("stringlike", "arnlike", "arnequals")
_SPECIAL = re.compile(r"\$\{(?P<escape>[*?$])\}|(?P<variable>\$\{[^${}]+\})|(?P<wildcard>[*?])")


class Condition(NamedTuple):
    """One key under one operator."""

    operator: str
    """As the policy spells it."""
    key: str
    """As the policy spells it."""
    values: tuple[str, ...]
    variables: bool = True
    """Whether ``${…}`` is a variable, which needs Version 2012-10-17."""

    @property
    def text(self) -> str:
        """Operator and key."""
        return f"{self.operator} {self.key}"

    @property
    def base(self) -> str:
        """The operator in lower case, without set operator and IfExists."""
        return read_operator(self.operator).base

    @property
    def weak(self) -> bool:
        """Whether it holds for a request that lacks the key, or for all values but some.

        https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
        """
        read = read_operator(self.operator)
        return "not" in read.base or read.if_exists or read.set_operator == FOR_ALL

    @property
    def positive(self) -> bool:
        """Whether it holds only for a request whose key has one of the values."""
        return not self.weak and self.base != "null" and bool(self.values)

    @property
    def patterns(self) -> tuple[str, ...]:
        """The values with ``*`` and ``?`` where any text fits, a variable's place included.

        A star that stands for itself (under StringEquals, or as ``${*}``) is written ``x``.
        """
        return tuple(map(self._pattern, self.values))

    @property
    def literal(self) -> tuple[str, ...]:
        """The values with a bare ``*`` or ``?`` that the operator takes for itself."""
        if not self.base.startswith("string") or self.base.endswith("like"):
            return ()
        return tuple(
            value
            for value in self.values
            if any(piece["wildcard"] for piece in _SPECIAL.finditer(value))
        )

    def _pattern(self, value: str) -> str:
        def written(piece: "re.Match[str]") -> str:
            if piece["wildcard"]:
                return piece["wildcard"] if self.base in _LIKE else "x"
            return ("*" if piece["variable"] else "x") if self.variables else "x"

        return _SPECIAL.sub(written, value)


class Statement(NamedTuple):
    """One statement."""

    number: int
    """Its position; the first is 1."""
    allows: bool
    principals: Mapping[str, tuple[str, ...]]
    """Entries by type: ``AWS``, ``Federated``, ``Service``; a bare ``*`` is ``AWS``."""
    excepts: bool
    """Whether it has NotPrincipal."""
    element: Literal["Action", "NotAction"]
    """The element that the actions stand in."""
    actions: tuple[str, ...]
    conditions: tuple[Condition, ...]

    def covers(self, way: Way | Literal["sts:TagSession"]) -> bool:
        """Whether the actions let the call through."""
        named = any(_action(each).matches(way.lower(), _nothing) for each in self.actions)
        return named != (self.element == "NotAction")

    @property
    def ways(self) -> list[Way]:
        """The calls for a session that the actions let through."""
        return [way for way in WAYS if self.covers(way)]

    def of(self, kind: Literal["AWS", "Federated", "Service"]) -> tuple[str, ...]:
        """The principals of one type."""
        return self.principals.get(kind, ())


def statements_of(document: object) -> list[Statement]:
    """All statements of a trust policy; none when it is not one."""
    if not isinstance(document, dict):
        return []
    fields = cast("Mapping[str, Any]", document)
    variables = fields.get("Version") == CURRENT_VERSION
    return [
        _statement(number, cast("Mapping[str, Any]", each), variables=variables)
        for number, each in enumerate(as_list(fields.get("Statement", [])), start=1)
        if isinstance(each, dict)
    ]


def guarded(statements: Sequence[Statement]) -> list[Statement]:
    """The statements that allow, each with what the denials for everyone demand besides.

    ``Deny`` to ``*`` under StringNotEquals on one key asks for what StringEquals would ask for, of
    every call that it covers. A denial with several conditions holds only where all do: it guards
    nothing for certain.
    """
    guards = [each for each in statements if not each.allows and "*" in each.of("AWS")]
    return [
        each._replace(
            conditions=each.conditions
            + tuple(demanded for guard in guards for demanded in _demanded(guard, each))
        )
        for each in statements
        if each.allows
    ]


def _demanded(guard: Statement, statement: Statement) -> Iterator[Condition]:
    if len(guard.conditions) != 1 or not set(statement.ways) <= set(guard.ways):
        return
    [condition] = guard.conditions
    lower = condition.operator.lower()
    if "not" in condition.base and not lower.startswith("foranyvalue:"):
        operator = re.sub("(?i)not", "", condition.base, count=1)
        yield condition._replace(operator=operator)


def _statement(number: int, fields: Mapping[str, Any], *, variables: bool) -> Statement:
    element = "NotAction" if "NotAction" in fields else "Action"
    excepts = "NotPrincipal" in fields
    return Statement(
        number,
        fields.get("Effect") == "Allow",
        _principals(fields.get("NotPrincipal" if excepts else "Principal")),
        excepts,
        element,
        tuple(each for each in as_list(fields.get(element, [])) if isinstance(each, str)),
        tuple(_conditions(fields.get("Condition"), variables=variables)),
    )


def _principals(value: object) -> dict[str, tuple[str, ...]]:
    if isinstance(value, str):
        return {"AWS": (value,)}
    if not isinstance(value, dict):
        return {}
    return {
        kind: tuple(each for each in as_list(entries) if isinstance(each, str))
        for kind, entries in cast("Mapping[str, object]", value).items()
    }


def _conditions(block: object, *, variables: bool) -> Iterator[Condition]:
    if not isinstance(block, dict):
        return
    for operator, keys in cast("Mapping[str, object]", block).items():
        if isinstance(keys, dict):
            for key, value in cast("Mapping[str, object]", keys).items():
                texts = (scalar_text(each) for each in as_list(value))
                values = tuple(each for each in texts if each is not None)
                yield Condition(operator, key, values, variables)


def _action(text: str) -> Template:
    return Template(text, variables=False, wildcards=True, ignore_case=True)


def _nothing(_: str) -> str:
    return ""
