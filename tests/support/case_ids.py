"""Ids of parametrized cases, made from their values: what is rare in a table comes first.

No id is an argument's name and an index. Two cases of one id fail the collection
(`strict_parametrization_ids`): the table names them, in a dict from claim to case or with `id=`.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from itertools import takewhile
from typing import Any

import pytest
from _pytest.mark import ParameterSet

LIMIT = 90  # characters of an id
ROOM = 78  # of them those of a test's own arguments: its fixtures may have parameters
IDS = pytest.StashKey[dict[tuple[str, int], str]]()  # by argument and identity of the value
# The first to go where an id is too long: what ARNs, subjects and condition keys begin with.
BEGINNINGS = r"arn:aws[\w-]*:\w+:[\w-]*:\d*:|system:serviceaccount:|oidc\.eks\.[\w.-]+/id/\w+:"
SILENT = {"", "Statement", "Principal", "Condition", "document", "change"}  # keys that say nothing


@pytest.hookimpl(tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make the ids of a test's tables."""
    columns: dict[str, list[object]] = {}
    for mark in metafunc.definition.iter_markers("parametrize"):
        names, table = mark.args[:2]
        names = names.replace(",", " ").split() if isinstance(names, str) else names
        rows = table if isinstance(table, Collection) and "ids" not in mark.kwargs else ()
        sets = [ParameterSet.extract_from(row, force_tuple=len(names) == 1) for row in rows]
        for index, name in enumerate(names):
            columns[name] = [row.values[index] for row in sets if row.id is None]
    metafunc.config.stash[IDS] = table_ids(columns)


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str:
    """Return the part of a case's id that stands for one argument's value."""
    made = config.stash.get(IDS, {}).get((argname, id(val)))
    return made or _shortened(_named(argname, val, Counter()), ROOM)


def table_ids(columns: Mapping[str, Sequence[object]]) -> dict[tuple[str, int], str]:
    """Return the ids of a table's values; short columns leave their room to long ones."""
    texts: dict[str, list[str]] = {}
    for name, values in columns.items():
        counts = Counter(part for value in values for part in {*_parts(value)})
        texts[name] = [_named(name, value, counts) for value in values]
    longest = {name: max(map(len, column), default=0) for name, column in texts.items()}
    room, ids = ROOM - len(columns), {}
    for place, name in enumerate(sorted(longest, key=lambda name: longest[name])):
        limit = min(longest[name], room // (len(columns) - place))
        room -= limit
        short = _distinct({*texts[name]}, limit)
        pairs = zip(columns[name], texts[name], strict=True)
        ids |= {(name, id(value)): short[text] for value, text in pairs}
    return ids


def _distinct(texts: AbstractSet[str], limit: int, start: int = 0) -> dict[str, str]:
    """Return a short form of each text, with the first difference of those that begin alike."""
    short = {text: _shortened(text, limit, start) for text in texts}
    for form, count in Counter(short.values()).items():
        alike = {text for text in texts if short[text] == form}
        same = takewhile(lambda letters: len({*letters}) == 1, zip(*alike, strict=False))
        begin = sum(1 for _ in same)
        if count > 1 and begin > start:
            short |= _distinct(alike, limit, begin)
    return short


def _named(name: str, value: object, counts: Counter[str]) -> str:
    """Return a value's text, with its argument's name where it says nothing alone."""
    half = max(counts.values(), default=0) / 2
    rare_first = sorted(_parts(value), key=lambda part: counts[part] > max(half, 1))
    text = ",".join(rare_first).encode("unicode_escape").decode()
    number = value is None or isinstance(value, bool | int | float | complex)
    if number or re.fullmatch(rf"\W*|[\d.]+|none|None|True|False|{re.escape(name)}_?\d+", text):
        return f"{name}={text or repr(value)}"
    return text


def _shortened(text: str, limit: int, start: int = 0) -> str:
    """Return a text's beginning and its end, or what it has at a difference."""
    if len(text) > limit and not start:
        text = re.sub(BEGINNINGS, "", text)
    end = limit // 3
    if len(text) <= limit:
        return text
    place = min(max(start - end // 4, 0), len(text) - end) if start else len(text) - end
    return f"{text[: limit - end - 2]}..{text[place : place + end]}"


def _parts(value: Any, key: str = "") -> Iterator[str]:
    """Return the leaves of a value with their keys."""
    inner: list[tuple[str, Any]] | None = None
    if isinstance(value, Mapping):
        inner = [(str(name), item) for name, item in value.items() if name != "Version"]
    elif isinstance(value, list | tuple | AbstractSet):
        ordered = sorted(value, key=str) if isinstance(value, AbstractSet) else value
        inner = [("", item) for item in ordered]
    elif is_dataclass(type(value)) and type(value).__str__ is object.__str__:
        told = [field for field in fields(value) if field.repr and _changed(value, field)]
        inner = [(field.name, getattr(value, field.name)) for field in told]
    if inner:
        last = key.rpartition(".")[2]
        for name, item in inner:
            dotted = f"{last}.{name}" if last else name
            yield from _parts(item, key if name in SILENT else dotted)
    else:
        empty = "{}" if isinstance(value, Mapping) else "none"
        text = _text(value) if inner is None else empty
        yield f"{key}={text}" if key else text


def _changed(value: Any, field: Any) -> bool:
    """True for a field with another value than its default."""
    made = field.default_factory is not MISSING
    return getattr(value, field.name) != (field.default_factory() if made else field.default)


def _text(value: Any) -> str:
    if isinstance(value, str):  # a token differs from run to run
        return re.sub(r"eyJ[\w-]+\.[\w-]+\.[\w-]+", "token", value) if "eyJ" in value else value
    if isinstance(value, Enum):
        return value.name
    text = getattr(value, "__name__", "") or str(value)
    return type(value).__name__ if "\n" in text or " at 0x" in text else text
