"""The values that patterns tell apart, each with a shortest witness. Pure.

Two values that fit the same patterns are one value to every policy that has no other patterns. The
patterns, and the language of the values that can exist, are linear: places that take one character
of a set, or any number of them. They are walked together, breadth first, so that the first value
that fits some set of patterns is a shortest one.
"""

import re
from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import NamedTuple

from irsa_core.decide.patterns import PolicyVariable, Wildcard, pieces
from irsa_core.identity.arns import pattern_segments
from irsa_core.identity.policy_json import UNKNOWN_OUTPUT

STATES = 4_000
"""Bound of one walk: patterns that need more are undecided."""


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
    read = [
        glob(segment, wildcards=True, variables=variables, part=place < 5, fixed=fixed)
        for place, segment in enumerate(parts)
    ]
    if len(parts) != 6 or None in read:
        return None
    return joined(*(linear for linear in read if linear is not None), by=":")


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


class Class(NamedTuple):
    """Values that fit the same patterns."""

    value: str
    """The shortest."""
    fits: frozenset[Linear]
    """The patterns."""


@lru_cache(maxsize=4_096)
def classes(
    language: tuple[Linear, ...], patterns: tuple[Linear, ...], never: tuple[str, ...] = ()
) -> tuple[Class, ...]:
    """Return a class for each set of patterns that some value of a language fits, and one for each
    pattern without wildcards; raises `Unbounded`. The empty value is a class of its own. ``never``
    are pairs of characters that no value has."""
    words = {word: pattern for pattern in patterns if (word := _word(pattern)) is not None}
    globs = [pattern for pattern in dict.fromkeys(patterns) if _word(pattern) is None]
    walk = _Walk(language, globs, words, never)
    word_classes = [
        Class(word, frozenset({pattern, *walk.fitting(state)}))
        for word, pattern in words.items()
        if (state := walk.after(word)) & walk.ends
    ]
    return (*word_classes, *walk.others())


def _word(pattern: Linear) -> str | None:
    """The only value of a pattern; None if it has several."""
    if any(place.many or place.others or len(place.characters) != 1 for place in pattern):
        return None
    return "".join(character for place in pattern for character in place.characters)


_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-._:/=+@, "


class _Walk:
    """The patterns and the language as one automaton: a state is a number with a bit a place."""

    def __init__(
        self,
        language: Sequence[Linear],
        globs: Sequence[Linear],
        words: Collection[str],
        never: Sequence[str],
    ) -> None:
        self._globs, self._words, self._never = globs, words, never
        self._start = self._free = self._language = self.ends = 0
        self._accepting: list[int] = []
        # Of the places that take one character and of those that take many: the bits of all that
        # take characters that are not listed, and the exceptions, by character.
        taken = [0, 0]
        listed: tuple[dict[str, int], dict[str, int]] = {}, {}
        bit = 1
        for number, pattern in enumerate((*language, *globs)):
            first = bit
            self._start |= bit
            for place in pattern:
                self._free |= bit * place.many
                taken[place.many] |= bit * place.others
                for character in place.characters:
                    listed[place.many][character] = listed[place.many].get(character, 0) | bit
                bit <<= 1
            if number < len(language):
                self.ends |= bit
                self._language |= (bit << 1) - first
            else:
                self._accepting.append(bit)
            bit <<= 1
        characters = dict.fromkeys(chain(_ALPHABET, *map(sorted, listed), *words))
        self._masks = {
            symbol: (taken[0] ^ listed[0].get(symbol, 0), taken[1] ^ listed[1].get(symbol, 0))
            for symbol in characters
        }
        self._alike: dict[tuple[int, int], list[str]] = {}
        for character, mask in self._masks.items():
            self._alike.setdefault(mask, []).append(character)
        self._start = self._closed(self._start)

    def _closed(self, state: int) -> int:
        while (wider := state | (state & self._free) << 1) != state:
            state = wider
        return state

    def _next(self, state: int, mask: Sequence[int]) -> int:
        return self._closed((state & mask[0]) << 1 | state & mask[1])

    def after(self, word: str) -> int:
        """The state after a word."""
        state = self._start
        for character in word:
            state = self._next(state, self._masks[character])
        return state

    def fitting(self, state: int) -> Iterator[Linear]:
        """The patterns that the value fits."""
        return (each for each, bit in zip(self._globs, self._accepting, strict=True) if state & bit)

    def others(self) -> Iterator[Class]:
        """A class for each set of patterns that a value beside the words fits."""
        tree = _tree(self._words)
        kinds: set[tuple[bool, frozenset[Linear]]] = set()
        firsts = {pair[0] for pair in self._never}
        seen = {(self._start, id(tree), "")}
        waiting: deque[tuple[int, _Node | None, str]] = deque([(self._start, tree, "")])
        while waiting:
            state, node, word = waiting.popleft()
            if state & self.ends and not (node and "" in node):
                fits = frozenset(self.fitting(state))
                if (not word, fits) not in kinds:
                    kinds.add((not word, fits))
                    yield Class(word, fits)
                    if not self._globs and word:
                        return
            for character, mask, below in self._ways(state & self._language, node):
                after = self._next(state, mask)
                place = after, id(below), character if character in firsts else ""
                exists = after & self._language and word[-1:] + character not in self._never
                if exists and place not in seen:
                    seen.add(place)
                    waiting.append((after, below, word + character))
            if len(seen) > STATES:
                raise Unbounded

    def _ways(
        self, state: int, node: "_Node | None"
    ) -> Iterator[tuple[str, Sequence[int], "_Node | None"]]:
        """A character of each kind, and what it leads to in the tree of words."""
        below = node or {}
        for mask, characters in self._alike.items():
            if state & (mask[0] | mask[1]):
                free = next((symbol for symbol in characters if symbol not in below), "")
                if free:
                    yield free, mask, None
        for character, after in below.items():
            if character:
                yield character, self._masks[character], after


_Node = dict[str, "_Node"]


def _tree(words: Collection[str]) -> _Node:
    root: _Node = {}
    for word in words:
        node = root
        for character in word:
            node = node.setdefault(character, {})
        node[""] = {}
    return root
