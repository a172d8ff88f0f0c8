"""Ids of cases: claims (`pytest.mark.cases`), or the plain values of `pytest.mark.parametrize`.

A value that does not tell its case fails the collection, as two cases of one id do
(`strict_parametrization_ids`).
"""

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from enum import Enum

import pytest

from irsa_core.identity.policy_json import UNKNOWN_OUTPUT

LIMIT = 140  # characters of an id
ROOM = 100  # of them those of one value
SHORT = 56  # those of a text, of which a longer one loses its middle


class SilentCase(Exception):
    """A value that does not tell its case."""


@pytest.hookimpl(tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrize a test by its tables from claim to case."""
    for mark in metafunc.definition.iter_markers("cases"):
        names, table = mark.args
        metafunc.parametrize(names, table.values(), ids=table)


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str:
    """Return a value's text, with its argument's name where it says nothing alone."""
    text = _text(val).replace(UNKNOWN_OUTPUT, "<unknown output>")
    text = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
    text = re.sub(r"(.)\1{19,}", lambda run: f"{run[1]}{{{len(run[0])}}}", text)
    plain = val is None or isinstance(val, bool | int | float | complex | Enum)
    if plain or re.fullmatch(rf"\W*|[\d.]+|None|True|False|{re.escape(argname)}_?\d+", text):
        text = f"{argname}={text or repr(val)}"
    if isinstance(val, str) and len(text) > SHORT:
        text = f"{text[: SHORT // 2]}…{text[-SHORT // 2 :]}"
    if len(text) > ROOM:
        raise SilentCase(f"{argname} {text[:ROOM]}… is too long for an id; use mark.cases")
    return text


def _text(value: object) -> str:
    """Return the leaves of a value with their keys."""
    if isinstance(value, Mapping):
        return ",".join(f"{_text(key)}={_text(item)}" for key, item in value.items()) or "{}"
    if isinstance(value, list | tuple | AbstractSet):
        texts = [*map(_text, value)]
        return ",".join(sorted(texts) if isinstance(value, AbstractSet) else texts) or "[]"
    if isinstance(value, str | Enum):
        return value if isinstance(value, str) else value.name
    text = getattr(value, "__name__", "") or str(value)
    if text == "<lambda>" or re.search(r" at 0x|\n|^[\w.]+\(", text):
        raise SilentCase(f"{type(value).__name__} has no text for an id; use mark.cases")
    return text
