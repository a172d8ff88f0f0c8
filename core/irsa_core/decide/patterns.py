"""IAM's wildcards and policy variables: ``*`` any run, ``?`` one character, ``${key, 'default'}``.

Pure. No regular expression ever sees a policy's wildcards, so that no pattern can make a match
backtrack.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

from irsa_core.decide.truth import Truth, any_of
from irsa_core.identity.arns import pattern_segments, segments
from irsa_core.identity.policy_json import UNKNOWN_OUTPUT


class Key(Enum):
    """A condition key without a value."""

    ABSENT = "absent"
    """The request certainly carries no such key."""
    PRESENT = "present"
    """The request certainly carries the key, with an unknown value."""
    UNKNOWN = "unknown"
    """Not known: the request may carry the key, with any value."""


Value = str | tuple[str, ...] | Key
Lookup = Callable[[str], Value]
"""From a lower-case condition key to its value in one request."""


class Wildcard(Enum):
    """The two wildcards of a pattern."""

    RUN = "*"
    ONE = "?"


class PolicyVariable(NamedTuple):
    """``${key}`` or ``${key, 'default'}``."""

    key: str
    default: str | None


_SPECIAL = re.compile(r"\$\{(?:(?P<escape>[*?$])|(?P<variable>[^${}]+))\}|(?P<wildcard>\*+|\?)")


class Gapped:
    """A text with ``?`` in it, looked for at all places of a value at once (one bit a place)."""

    __slots__ = ("_characters", "_length")

    def __init__(self, characters: Sequence[str | Wildcard]) -> None:
        self._length = len(characters)
        self._characters = [
            (offset, character)
            for offset, character in enumerate(characters)
            if isinstance(character, str)
        ]

    def __len__(self) -> int:
        return self._length

    def stands_at(self, value: str, start: int) -> bool:
        """Return whether the text is in ``value`` at ``start``; the length is checked before."""
        return all(value[start + offset] == character for offset, character in self._characters)

    def end_in(self, value: str, start: int) -> int:
        """The end of the leftmost occurrence from ``start`` on, -1 when there is none."""
        last = len(value) - self._length
        if last < start:
            return -1
        places = _places(value)
        starts = (1 << last + 1) - 1 >> start << start
        for offset, character in self._characters:
            starts &= places.get(character, 0) >> offset
            if not starts:
                return -1
        lowest = (starts & -starts).bit_length() - 1
        return lowest + self._length


@lru_cache(maxsize=8)
def _places(value: str) -> dict[str, int]:
    """For each character of a value the places where it stands, as bits."""
    places = dict.fromkeys(value, 0)
    bit = 1
    for character in value:
        places[character] |= bit
        bit <<= 1
    return places


class Pattern:
    """A compiled pattern. A match takes time in proportion to the value and the pattern.

    The pieces between the stars are looked for from left to right, each once.
    """

    __slots__ = ("_first", "_last", "_least", "_middle")

    def __init__(self, pieces: Iterable[str | Wildcard]) -> None:
        """``pieces`` are wildcards, and texts that stand for themselves."""
        runs: list[list[str | Wildcard]] = [[]]
        for piece in pieces:
            if piece is Wildcard.RUN:
                runs.append([])
            else:
                runs[-1].append(piece)
        first, *rest = segments = [*map(_segment, runs)]
        self._first = first
        self._last = rest.pop() if rest else None
        self._middle = [segment for segment in rest if segment]
        self._least = sum(map(len, segments))

    @classmethod
    def parse(cls, text: str) -> "Pattern":
        """The pattern of a text with wildcards and without variables."""
        return cls(_fixed(pieces(text, variables=False, wildcards=True)))

    def matches(self, text: str) -> bool:
        """Return whether the whole text fits the pattern; upper and lower case differ."""
        first, last = self._first, self._last
        if last is None:
            return len(text) == len(first) and _starts(first, text, 0)
        end = len(text) - len(last)
        if len(text) < self._least or not _starts(first, text, 0) or not _starts(last, text, end):
            return False
        position = len(first)
        for segment in self._middle:
            if isinstance(segment, str):
                place = text.find(segment, position, end)
                position = place + len(segment)
            else:
                place = position = segment.end_in(text, position)
            if place < 0 or position > end:
                return False
        return True


def _segment(run: list[str | Wildcard]) -> "str | Gapped":
    if Wildcard.ONE not in run:
        return "".join(piece for piece in run if isinstance(piece, str))
    characters: list[str | Wildcard] = []
    for piece in run:
        characters.extend(piece if isinstance(piece, str) else [piece])
    return Gapped(characters)


def _starts(segment: str | Gapped, value: str, start: int) -> bool:
    if isinstance(segment, str):
        return value.startswith(segment, start)
    return segment.stands_at(value, start)


def is_plain(text: str, *, wildcards: bool) -> bool:
    """Return whether a text stands for itself alone, so that no `Template` is needed."""
    special = "${" in text or UNKNOWN_OUTPUT in text
    return not special and not (wildcards and ("*" in text or "?" in text))


class Template:
    """A policy's text with wildcards and variables, to be compared with a request's values."""

    __slots__ = ("_ignore_case", "_pattern", "_pieces", "_unknown", "text")

    def __init__(
        self,
        text: str,
        *,
        variables: bool,
        wildcards: bool,
        ignore_case: bool = False,
        literal: int = 0,
    ) -> None:
        """``literal`` is the number of characters at its beginning that have no variables."""
        self.text = text
        self._ignore_case = ignore_case
        self._unknown = UNKNOWN_OUTPUT in text
        self._pieces = [
            *pieces(text[:literal], variables=False, wildcards=wildcards),
            *pieces(text[literal:], variables=variables, wildcards=wildcards),
        ]
        fixed = _fixed(self._pieces)
        self._pattern = self._compiled(fixed) if len(fixed) == len(self._pieces) else None

    def matches(self, value: str, lookup: Lookup, *, unresolved: Truth = False) -> Truth:
        """Return whether ``value`` fits, with variables replaced.

        ``unresolved`` is the answer when a variable has no value and no default: IAM then never
        takes the text for a match.
        """
        if self._unknown:
            return None
        if self._ignore_case:
            value = value.lower()
        pattern = self._pattern
        if pattern is None:
            resolved = self._resolved(lookup)
            if isinstance(resolved, Key):
                return None if resolved is Key.UNKNOWN else unresolved
            if sum(len(piece) for piece in resolved if isinstance(piece, str)) > len(value):
                return False  # and the pattern, which may be long, is not built
            pattern = self._compiled(resolved)
        return pattern.matches(value)

    def unknown_keys(self, lookup: Lookup) -> list[str]:
        """The variables in it whose values are not known."""
        variables = (piece for piece in self._pieces if isinstance(piece, PolicyVariable))
        return [each.key for each in variables if not isinstance(lookup(each.key.lower()), str)]

    def _resolved(self, lookup: Lookup) -> list[str | Wildcard] | Key:
        resolved: list[str | Wildcard] = []
        answer: Key | None = None
        for piece in self._pieces:
            if not isinstance(piece, PolicyVariable):
                resolved.append(piece)
                continue
            value = lookup(piece.key.lower())
            if value is Key.ABSENT:
                value = Key.ABSENT if piece.default is None else piece.default
            if isinstance(value, str):
                resolved.append(value)
            elif value is Key.ABSENT:
                answer = Key.ABSENT
            elif answer is None:
                # AWS does not say what a variable with several values becomes.
                answer = Key.UNKNOWN
        return resolved if answer is None else answer

    def _compiled(self, pieces: Sequence[str | Wildcard]) -> Pattern:
        if self._ignore_case:
            pieces = [each.lower() if isinstance(each, str) else each for each in pieces]
        return Pattern(pieces)


def _fixed(listed: Iterable[str | Wildcard | PolicyVariable]) -> list[str | Wildcard]:
    return [piece for piece in listed if not isinstance(piece, PolicyVariable)]


def pieces(
    text: str, *, variables: bool, wildcards: bool
) -> Iterable[str | Wildcard | PolicyVariable]:
    """Yield the texts, wildcards and variables of a policy's text."""
    position = 0
    for special in _SPECIAL.finditer(text):
        kind = special.lastgroup
        if not (wildcards if kind == "wildcard" else variables):
            continue
        if special.start() > position:
            yield text[position : special.start()]
        position = special.end()
        if kind == "wildcard":
            yield Wildcard(special["wildcard"][0])
        elif kind == "escape":
            yield special["escape"]
        else:
            yield _variable(special["variable"]) or special[0]
    if position < len(text) or not text:
        yield text[position:]


def _variable(content: str) -> PolicyVariable | None:
    key, comma, default = (part.strip() for part in content.partition(","))
    if not comma:
        return PolicyVariable(key, None) if key else None
    quoted = len(default) > 1 and default[0] == default[-1] == "'"
    return PolicyVariable(key, default[1:-1]) if key and quoted else None


def variable_keys(texts: Iterable[str], *, variables: bool) -> frozenset[str]:
    """Return the condition keys of the variables in texts, as they spell them."""
    listed = (p for text in texts for p in pieces(text, variables=variables, wildcards=False))
    return frozenset(piece.key for piece in listed if isinstance(piece, PolicyVariable))


_COLONS = 5
_FOLLOWED = 16
"""Colons up to which every place where a star may end is tried; with more the answer is unknown."""


_PARTITION = re.compile(r"aws(?:-[a-z-]+)?|[a-z-]*\*[a-z-]*")


class ResourceTemplate(Template):
    """A text of a Resource element, to be compared with a request's resource."""

    __slots__ = ("_heads", "_last", "_variables")

    def __init__(self, text: str, *, variables: bool) -> None:
        *heads, last = pattern_segments(text)
        whole = len(heads) == _COLONS
        behind = len(text) - len(last) if whole else len(text)
        super().__init__(text, variables=variables, wildcards=True, literal=behind)
        # Only a star that does not end its part has to be kept from going over a colon.
        inner = any("*" in part[:-1] for part in (heads if whole else [*heads, last]))
        self._heads = heads if inner else None
        self._last = last
        self._variables = variables and whole

    def matches(self, value: str, lookup: Lookup, *, unresolved: Truth = False) -> Truth:
        """Return whether the resource fits; ``unresolved`` where a variable has no value."""
        truth = super().matches(value, lookup, unresolved=unresolved)
        if self._heads is None or not truth:
            return truth
        parts = segments(value, _FOLLOWED + 2)
        if len(parts) > _FOLLOWED + 1:
            return None
        last = Template(self._last, variables=self._variables, wildcards=True)
        rests = self._rests(self._heads, parts)
        return any_of(last.matches(rest, lookup, unresolved=unresolved) for rest in rests)

    def _rests(self, heads: list[str], parts: list[str]) -> Iterator[str]:
        """Return the patterns that the last part of the text may have to fit."""
        starts = [0]
        for head in heads:
            starts = _ends(head, starts, parts)
        for start in starts:
            if len(heads) == _COLONS:
                yield ":".join(parts[start:])
            elif self._last.endswith("*") or start == len(parts) - 1:
                yield parts[start]


def _ends(head: str, starts: list[int], parts: list[str]) -> list[int]:
    """The parts of a resource that can follow a part of a text that begins at one of ``starts``."""
    pattern = Pattern.parse(head)
    fitting = [each for each in starts if pattern.matches(parts[each])]
    if head.endswith("*") and fitting:
        return list(range(fitting[0] + 1, len(parts)))
    return [each + 1 for each in fitting if each + 1 < len(parts)]


def resource_problem(text: str) -> str:
    """IAM's message for a Resource of an identity policy that it does not store, or nothing."""
    if text == "*" or UNKNOWN_OUTPUT in text:
        return ""
    parts = segments(text)
    if len(parts) == 1:
        return f'Resource {text} must be in ARN format or "*".'
    if not _PARTITION.fullmatch(parts[1]):
        arn = ":".join(["arn", *parts[1:], *["*"] * (6 - len(parts))])
        return f'Partition "{parts[1]}" is not valid for resource "{arn}".'
    if len(parts) == 2 and not text.endswith("*"):
        return "Resource vendor must be fully qualified and cannot contain regexes."
    service, region, account = [*parts[2:5], "", "", ""][:3]
    if service == "iam" and region:
        return f"IAM resource {text} cannot contain region information."
    if service == "s3" and region and not account:
        return f"Resource {text} can not contain region information."
    cut = len(parts) in (4, 5) and not text.endswith("*")
    return "The policy failed legacy parsing" if cut or not (service or len(parts) == 2) else ""
