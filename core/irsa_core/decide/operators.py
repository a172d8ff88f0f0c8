"""The comparisons behind the condition operators: one request value against a policy's values.

Pure. A policy value that its operator cannot read (IAM would not have stored it) is neither a match
nor a miss: the comparison is not known.
"""

import re
from base64 import b64decode
from binascii import Error as BinasciiError
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache, partial
from ipaddress import IPv4Network, IPv6Network, ip_network
from operator import eq, ge, gt, le, lt
from typing import Any, NamedTuple

from irsa_core.decide.patterns import Lookup, ResourceTemplate, Template, is_plain
from irsa_core.decide.truth import Truth, all_of, any_of
from irsa_core.identity.arns import pattern_segments, segments
from irsa_core.identity.policy_json import UNKNOWN_OUTPUT


class Texts:
    """An exact set, and templates for the rest: string operators, and the texts of elements."""

    __slots__ = ("_exact", "_ignore_case", "templates")

    def __init__(
        self,
        expected: Sequence[str],
        variables: bool,
        *,
        wildcards: bool = False,
        ignore_case: bool = False,
        resources: bool = False,
    ) -> None:
        template = (
            partial(ResourceTemplate, variables=variables)
            if resources
            else partial(
                Template, variables=variables, wildcards=wildcards, ignore_case=ignore_case
            )
        )
        plain = {text for text in expected if is_plain(text, wildcards=wildcards)}
        self._ignore_case = ignore_case
        self._exact = frozenset(map(str.lower, plain)) if ignore_case else plain
        self.templates = [template(text) for text in expected if text not in plain]

    def fits(
        self, value: str, lookup: Lookup, *, unreadable: Truth = None, unresolved: Truth = False
    ) -> Truth:
        """Return whether the request's value fits any of them; ``unresolved`` where a variable of
        the policy has no value."""
        del unreadable
        if (value.lower() if self._ignore_case else value) in self._exact:
            return True
        return any_of(e.matches(value, lookup, unresolved=unresolved) for e in self.templates)

    def unknowns(self, lookup: Lookup) -> list[str]:
        """Return the unknown parts of the policy's values."""
        return _template_unknowns(self.templates, lookup)


class Arns:
    """ARN operators: each of the six parts on its own; ArnEquals and ArnLike are the same."""

    __slots__ = ("_expected",)

    def __init__(self, expected: Sequence[str], variables: bool) -> None:
        template = partial(Template, variables=variables, wildcards=True)
        self._expected = [(text, [*map(template, pattern_segments(text))]) for text in expected]

    def fits(self, value: str, lookup: Lookup, *, unreadable: Truth) -> Truth:
        """Return whether the request's value fits any of them."""
        del unreadable
        parts = segments(value)
        return any_of(text == "*" or _fit(each, parts, lookup) for text, each in self._expected)

    def unknowns(self, lookup: Lookup) -> list[str]:
        """Return the unknown parts of the policy's values."""
        unread = [f"the ARN {text[:100]!r}" for text, parts in self._expected if len(parts) != 6]
        templates = [template for _, parts in self._expected for template in parts]
        return unread + _template_unknowns(templates, lookup)


def _fit(expected: list[Template], parts: list[str], lookup: Lookup) -> Truth:
    """Return whether the parts of an ARN fit those of a policy's."""
    if len(expected) != 6:
        return None
    if len(parts) != 6:
        return False
    return all_of(e.matches(part, lookup) for e, part in zip(expected, parts, strict=True))


class Read:
    """Operators whose values are read into something else before they are compared."""

    __slots__ = ("_compare", "_expected", "_read", "_texts")

    def __init__(
        self,
        expected: Sequence[str],
        _variables: bool,
        *,
        read: Callable[[str], Any],
        compare: Callable[[Any, Any], bool],
    ) -> None:
        self._texts = expected
        self._expected = [read(text) for text in expected]
        self._read = read
        self._compare = compare

    def fits(self, value: str, lookup: Lookup, *, unreadable: Truth) -> Truth:
        """Return whether the request's value fits any of them."""
        del lookup
        actual = self._read(value)
        if actual is None:
            return unreadable
        return any_of(None if e is None else self._compare(actual, e) for e in self._expected)

    def unknowns(self, lookup: Lookup) -> list[str]:
        """Return the unknown parts of the policy's values."""
        del lookup
        pairs = zip(self._texts, self._expected, strict=True)
        return [f"what {text[:100]!r} stands for" for text, read in pairs if read is None]


Matcher = Texts | Arns | Read
"""The policy's values of one key, compiled."""


def _template_unknowns(templates: list[Template], lookup: Lookup) -> list[str]:
    names = [f"condition key {key}" for each in templates for key in each.unknown_keys(lookup)]
    outputs = [each.text for each in templates if UNKNOWN_OUTPUT in each.text]
    return names + ["an output that is not known yet"] * bool(outputs)


def _number(text: str) -> Decimal | None:
    return Decimal(text) if _NUMBER.fullmatch(text) else None


def read_moment(text: str) -> Decimal | None:
    """Seconds since the epoch, from those or from a W3C date (https://www.w3.org/TR/NOTE-datetime).

    A number is seconds, so that a year alone is not read.
    """
    if _NUMBER.fullmatch(text):
        return Decimal(text)
    if not _DATE.fullmatch(text):
        return None
    if len(text) == len("2026-11"):
        text += "-01"
    try:
        moment = datetime.fromisoformat(text.upper())
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        elapsed = moment - _EPOCH
    except (ValueError, OverflowError):
        return None
    return Decimal(elapsed.days * 86400 + elapsed.seconds) + Decimal(elapsed.microseconds) / 10**6


def _bytes(text: str) -> bytes | None:
    try:
        return b64decode(text, validate=True)
    except (BinasciiError, ValueError):
        return None


def _booleans(expected: Sequence[str], variables: bool) -> "Matcher":
    """Booleans, of which a policy variable may be one."""
    if variables and any("${" in text for text in expected):
        return Texts(expected, variables, ignore_case=True)
    return Read(expected, variables, read=lambda text: _BOOLEANS.get(text.lower()), compare=eq)


def _network(text: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None


def _within(actual: IPv4Network | IPv6Network, expected: IPv4Network | IPv6Network) -> bool:
    # Not `subnet_of`: it refuses to compare the two versions.
    return (
        actual.version == expected.version
        and actual.prefixlen >= expected.prefixlen
        and actual.network_address in expected
    )


_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?")
_DATE = re.compile(
    r"[0-9]{4}-[0-9]{2}"
    r"(?:-[0-9]{2}(?:[Tt][0-9:.]{2,15}(?:[Zz]|[+-][0-9]{2}:?[0-9]{2})?)?)?"
)
_BOOLEANS = {"true": True, "false": False}
_EPOCH = datetime.fromtimestamp(0, UTC)


_COMPARED = {
    "equals": eq,
    "notequals": eq,
    "lessthan": lt,
    "lessthanequals": le,
    "greaterthan": gt,
    "greaterthanequals": ge,
}
_COMPARABLE = {"numeric": _number, "date": read_moment}
MATCHERS: Mapping[str, Callable[[Sequence[str], bool], Matcher]] = {
    **dict.fromkeys(("stringequals", "stringnotequals"), Texts),
    **dict.fromkeys(
        ("stringequalsignorecase", "stringnotequalsignorecase"), partial(Texts, ignore_case=True)
    ),
    **dict.fromkeys(("stringlike", "stringnotlike"), partial(Texts, wildcards=True)),
    **{
        prefix + name: partial(Read, read=read, compare=compare)
        for prefix, read in _COMPARABLE.items()
        for name, compare in _COMPARED.items()
    },
    "bool": _booleans,
    "binaryequals": partial(Read, read=_bytes, compare=eq),
    **dict.fromkeys(("ipaddress", "notipaddress"), partial(Read, read=_network, compare=_within)),
    **dict.fromkeys(("arnequals", "arnnotequals", "arnlike", "arnnotlike"), Arns),
}
"""Operators by lower-case name, without set operator and ``IfExists``. One with ``not`` in its name
holds where its comparison does not."""

FOR_ALL = "forallvalues:"
FOR_ANY = "foranyvalue:"


class Operator(NamedTuple):
    """An operator's name, taken apart."""

    base: str
    """In lower case, without set operator and ``IfExists``."""
    set_operator: str
    if_exists: bool
    known: bool
    """True if this evaluator knows it; IAM may know more."""


@lru_cache(maxsize=256)
def read_operator(operator: str) -> Operator:
    """An operator's parts; names ignore case."""
    name = operator.lower()
    set_operator = next((each for each in (FOR_ALL, FOR_ANY) if name.startswith(each)), "")
    base = name.removeprefix(set_operator).removesuffix("ifexists")
    known = base in MATCHERS or name == "null"
    return Operator(base, set_operator, name.endswith("ifexists"), known)
