"""Ids of cases: claims (`pytest.mark.cases`), or the plain values of `pytest.mark.parametrize`.

Values that do not tell their cases fail the collection, as two cases of one id do
(`strict_parametrization_ids`).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from enum import Enum
from typing import Any

import pytest
from _pytest.mark import Mark, ParameterSet

from irsa_core.identity.policy_json import UNKNOWN_OUTPUT

LIMIT = 120  # characters of an id
ROOM = 100  # of them those of one value


class SilentCase(Exception):
    """A value that does not tell its case."""


@pytest.hookimpl(tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrize a test by its tables from claim to case; give its other tables their ids."""
    for node in metafunc.definition.listchain():
        for place, mark in enumerate(node.own_markers):
            if mark.name == "cases":
                names, table = mark.args
                metafunc.parametrize(names, table.values(), ids=table)
            if mark.name == "parametrize" and "ids" not in mark.kwargs:
                try:
                    node.own_markers[place] = _with_ids(mark)
                except SilentCase as error:
                    text = f"{metafunc.definition.nodeid}: {error}; name its cases with mark.cases"
                    raise pytest.Collector.CollectError(text) from None


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str:
    """Return the id of a fixture's parameter."""
    return value_id(argname, val)


def _with_ids(mark: Mark) -> Mark:
    names, rows = mark.args[0], list(mark.args[1])
    return pytest.mark.parametrize(names, rows, ids=row_ids(names, rows), **mark.kwargs).mark


def row_ids(argnames: str | Sequence[str], rows: Sequence[Any]) -> list[str]:
    """Return the ids of a table's rows, without a last column of long texts: what is expected."""
    names = argnames.replace(",", " ").split() if isinstance(argnames, str) else argnames
    sets = [ParameterSet.extract_from(row, isinstance(argnames, str)) for row in rows]
    long = any(isinstance(row.values[-1], str) and len(row.values[-1]) > ROOM / 2 for row in sets)
    shown = max(len(names) - long, 1)
    return [str(row.id or _row_id(names[:shown], row.values[:shown])) for row in sets]


def _row_id(names: Sequence[str], values: Sequence[Any]) -> str:
    told = dict(zip(names, map(value_id, names, values), strict=True))
    if any(text.startswith(f"{name}=") for name, text in told.items()):  # then all are named
        told = {name: f"{name}={text.removeprefix(f'{name}=')}" for name, text in told.items()}
    return ", ".join(told.values())


def value_id(name: str, value: object) -> str:
    """Return a value's text, with its argument's name where it says nothing alone."""
    text = ",".join(_parts(value)).replace(UNKNOWN_OUTPUT, "<unknown output>")
    text = re.sub(r"(.)\1{19,}", lambda run: f"{run[1]}{{{len(run[0])}}}", text)
    plain = value is None or isinstance(value, bool | int | float | complex | Enum)
    if plain or re.fullmatch(rf"\W*|[\d.]+|None|True|False|{re.escape(name)}_?\d+", text):
        text = f"{name}={text or repr(value)}"
    if len(text) > ROOM:
        raise SilentCase(f"{name} {text[:ROOM]}… is too long for an id")
    return text


def _parts(value: Any, key: str = "") -> Iterator[str]:
    """Return the leaves of a value with their keys."""
    inner: list[tuple[str, Any]] | None = None
    if isinstance(value, Mapping):
        inner = [(_key(name), item) for name, item in value.items()]
    elif isinstance(value, list | tuple | AbstractSet):
        ordered = sorted(value, key=str) if isinstance(value, AbstractSet) else value
        inner = [("", item) for item in ordered]
    for name, item in inner or ():
        yield from _parts(item, f"{key}.{name}".strip("."))
    if not inner:
        text = _text(value) if inner is None else "{}" if isinstance(value, Mapping) else "[]"
        yield f"{key}={text}" if key else text


def _key(name: object) -> str:
    text = ",".join(_parts(name)) or "''"
    return f"({text})" if isinstance(name, tuple) else text


def _text(value: object) -> str:
    """Return the text of a plain value."""
    if isinstance(value, str | Enum):
        return value if isinstance(value, str) else value.name
    text = getattr(value, "__name__", "") or str(value)
    if text == "<lambda>" or re.search(r" at 0x|\n|^[\w.]+\(", text):
        raise SilentCase(f"{type(value).__name__} has no text for an id")
    return text
