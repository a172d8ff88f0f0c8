"""Tables as YAML files, each row checked against the class that it becomes.

A mistake in a file is a `ValueError` that names the row, the key and the value.
"""

import re
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import EnumType
from pathlib import Path
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints

import yaml

T = TypeVar("T")
Json = dict[str, Any]

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # five times as fast
_FRAGMENT = re.compile(r"<([A-Z0-9]+)>")


def load(file: Path) -> Json:
    """Return a file's document."""
    return yaml.load(file.read_bytes(), _LOADER)  # noqa: S506 - it is safe


def rows(
    kind: type[T], table: Json, fragments: Mapping[str, str | list[str]] | None = None
) -> dict[str, T]:
    """Return a table's rows by their keys; a field ``key`` of the class gets the row's key.

    ``fragments`` are patterns that others name as ``<NAME>``.
    """
    keyed = "key" in get_type_hints(kind)
    reader = _Reader(fragments or {})
    return {
        key: reader.value(kind, {"key": key, **row} if keyed else row, key)
        for key, row in table.items()
    }


class _Reader:
    """Converts values to the types that fields are annotated with."""

    def __init__(self, fragments: Mapping[str, str | list[str]]) -> None:
        self._fragments = fragments

    def value(self, kind: Any, value: Any, where: str) -> Any:
        """Return the value as the type; ``where`` is its place in the file."""
        actual = cast("type[object]", type(value))
        origin = get_origin(kind)
        if is_dataclass(kind) and actual is dict:
            return self._row(kind, value, where)
        if origin in (tuple, frozenset) and actual is list:
            items = [self.value(get_args(kind)[0], item, where) for item in value]
            return tuple(items) if origin is tuple else frozenset(items)
        if origin is re.Pattern and actual in (str, list):
            return re.compile(self._expression(value), re.IGNORECASE)
        if isinstance(kind, EnumType) and value in kind.__members__:
            return kind[value]
        if (kind is str and actual is str and value) or value in get_args(kind):
            return value
        raise ValueError(f"{where}: {value!r} is no {getattr(kind, '__name__', kind)}")

    def _row(self, kind: Any, row: Json, where: str) -> Any:
        hints = get_type_hints(kind)
        if unknown := row.keys() - hints.keys():
            raise ValueError(f"{where}: unknown key {min(unknown)}; known are {', '.join(hints)}")
        required = {field.name for field in fields(kind) if field.default is MISSING}
        if missing := required - row.keys():
            raise ValueError(f"{where}: no {min(missing)}")
        return kind(**{
            key: self.value(_without_none(hints[key]), item, f"{where}.{key}")
            for key, item in row.items()
        })  # fmt: skip

    def _expression(self, value: str | list[str]) -> str:
        text = value if isinstance(value, str) else "|".join(value)
        return _FRAGMENT.sub(lambda name: f"(?:{self._expression(self._fragments[name[1]])})", text)


def _without_none(hint: Any) -> Any:
    options = get_args(hint)
    return options[0] if type(None) in options else hint
