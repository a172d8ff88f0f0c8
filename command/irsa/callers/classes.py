"""The values that patterns tell apart, each with a shortest witness. Pure.

Two values that fit the same patterns are one value to every policy that has no other patterns. The
patterns, and the language of the values that can exist, are linear: places that take one character
of a set, or any number of them. They are walked together, breadth first, so that the first value
that fits some set of patterns is a shortest one.
"""

import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from irsa_core.decide.patterns import PolicyVariable, Wildcard, pieces
from irsa_core.identity.arns import pattern_segments
from irsa_core.identity.policy_json import UNKNOWN_OUTPUT

STATES = 4_000
"""Bound of one walk, beside the places of its patterns: patterns that need more are undecided."""


class Place(NamedTuple):
    """A place of a pattern."""

    characters: frozenset[str] = frozenset()
    others: bool = True
    """True if it takes all characters but these."""
    many: bool = False
    """True if it takes any number of them, none included."""


Linear = tuple[Place, ...]
"""A pattern, place by place."""
RUN = Place(many=True)
_COLON = frozenset(":")


class Unbounded(Exception):
    """Patterns that need more states than the bound."""


def text(literal: str, *, ignore_case: bool = False) -> Linear:
    """A text that stands for itself."""
    cases = [{c.lower(), c.upper()} if ignore_case else {c} for c in literal]
    return tuple(Place(frozenset(each), others=False) for each in cases)


@lru_cache(maxsize=1_024)
def expression(written: str) -> Linear:
    """Read a pattern from a regular expression of texts, ``.``, ``[a-z]`` and ``[^a-z]``, with
    ``*`` behind them."""
    return tuple(
        Place(frozenset(_RANGE.sub(_between, listed or one)), bool(whole or but), bool(many))
        for whole, but, listed, one, many in _PLACE.findall(written)
    )


_PLACE = re.compile(r"(?:(\.)|\[(\^?)(\]?[^]]*)\]|\\?(.))(\*?)", re.DOTALL)
_RANGE = re.compile(r"(\w)-(\w)")


def _between(ends: "re.Match[str]") -> str:
    return "".join(map(chr, range(ord(ends[1]), ord(ends[2]) + 1)))


def glob(
    written: str,
    *,
    wildcards: bool,
    variables: bool,
    ignore_case: bool = False,
    part: bool = False,
    fixed: Mapping[str, str] = {},
) -> Linear | None:
    """A policy's text; None with an open variable or an unknown output. The wildcards of a ``part``
    of an ARN fit no colon; ``fixed`` are the values of variables, by key in lower case."""
    if UNKNOWN_OUTPUT in written:
        return None
    but = _COLON if part else frozenset[str]()
    places: list[Place] = []
    for piece in pieces(written, variables=variables, wildcards=wildcards):
        if isinstance(piece, PolicyVariable):
            if piece.key.lower() not in fixed:
                return None
            piece = fixed[piece.key.lower()]
        if isinstance(piece, Wildcard):
            place = Place(but, many=piece is Wildcard.RUN)
            if not place.many or places[-1:] != [place]:
                places.append(place)
        else:
            places += text(piece, ignore_case=ignore_case)
    return tuple(places)


def arn_glob(written: str, *, variables: bool, fixed: Mapping[str, str]) -> Linear | None:
    """A value of an ARN operator, which compares part by part; None if it is not decided."""
    if written == "*":
        return (RUN,)
    parts = pattern_segments(written)
    read = (
        glob(segment, wildcards=True, variables=variables, part=place < 5, fixed=fixed)
        for place, segment in enumerate(parts)
    )
    linear = [pattern for pattern in read if pattern is not None]
    return joined(*linear, by=":") if len(linear) == len(parts) == 6 else None


def resource_glob(written: str, fixed: Mapping[str, str]) -> Linear | None:
    """A text of a Resource element, whose stars fit colons only at the end of a part; None with an
    open variable."""
    *heads, last = pattern_segments(written)
    if len(heads) < 5 or not any("*" in head[:-1] for head in heads):
        return glob(written, wildcards=True, variables=True, fixed=fixed)
    read = [glob(e.removesuffix("*"), wildcards=True, variables=False, part=True) for e in heads]
    ends = [
        (*(linear or ()), *((RUN,) * head.endswith("*")))
        for linear, head in zip(read, heads, strict=True)
    ]
    end = glob(last, wildcards=True, variables=True, fixed=fixed)
    return None if end is None else joined(*ends, end, by=":")


def joined(*linear: Linear, by: str = "") -> Linear:
    """Patterns one after the other."""
    places = [*linear[0]]
    for each in linear[1:]:
        places += (*text(by), *each)
    return tuple(places)


@lru_cache(maxsize=4_096)
def classes(
    language: tuple[Linear, ...], patterns: tuple[Linear, ...], never: tuple[str, ...] = ()
) -> Mapping[str, frozenset[Linear]]:
    """Return the shortest value for each set of patterns that some value of a language fits, with
    this set; raises `Unbounded`. The empty value is apart from all others. ``never`` are pairs of
    characters that no value has."""
    walk = _Walk(language, patterns, frozenset("".join(never)))
    bound = STATES + sum(map(len, patterns))  # a text has a state for each of its characters
    shortest: dict[tuple[bool, frozenset[Linear]], str] = {}
    seen = {(walk.start, "")}
    waiting = deque([(walk.start, "")])
    while waiting:
        state, value = waiting.popleft()
        if state & walk.ends:
            fits = frozenset(pattern for pattern, end in walk.fitting.items() if state & end)
            shortest.setdefault((not value, fits), value)
            if value and not patterns:
                break
        for after, character in walk.steps(state):
            place = after, character if character in walk.apart else ""
            if place not in seen and value[-1:] + character not in never:
                seen.add(place)
                waiting.append((after, value + character))
        if len(seen) > bound:
            raise Unbounded
    return {value: fits for (_, fits), value in shortest.items()}


_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-._:/=+@, "


class _Walk:
    """The language and the patterns as one automaton: a state has a bit for each place that can
    come next. ``apart`` are characters that are told apart from all others."""

    def __init__(
        self, language: Sequence[Linear], patterns: Sequence[Linear], apart: frozenset[str]
    ) -> None:
        self.apart = apart
        self.start = self.ends = self._many = self._language = 0
        self.fitting: dict[Linear, int] = {}
        # The places that take characters which are not listed, and the exceptions by character.
        others, listed = 0, dict.fromkeys(_ALPHABET, 0)
        bit = 1
        for number, pattern in enumerate((*language, *patterns)):
            self.start |= bit
            for place in pattern:
                self._many |= bit * place.many
                others |= bit * place.others
                for character in sorted(place.characters):
                    listed[character] = listed.get(character, 0) | bit
                bit <<= 1
            if number < len(language):
                self.ends |= bit
                self._language = (bit << 1) - 1
            else:
                self.fitting[pattern] = bit
            bit <<= 1
        self.start = self._closed(self.start)
        self._alike: dict[tuple[int, str], str] = {}
        for character, exceptions in listed.items():
            kind = others ^ exceptions, character if character in apart else ""
            self._alike.setdefault(kind, character)

    def _closed(self, state: int) -> int:
        while (wider := state | (state & self._many) << 1) != state:
            state = wider
        return state

    def steps(self, state: int) -> Iterator[tuple[int, str]]:
        """The states after one more character, each with the first such character."""
        taking: dict[tuple[int, str], str] = {}
        for (takes, apart), character in self._alike.items():
            if state & takes & self._language:
                taking.setdefault((state & takes, apart), character)
        for (places, _), character in taking.items():
            yield self._closed((places & ~self._many) << 1 | places & self._many), character
