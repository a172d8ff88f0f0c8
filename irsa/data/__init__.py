"""Tables as YAML files in this folder, each row checked against the class that it becomes.

A mistake in a file is a `ValueError` that names the row, the key and the value.
"""

import re
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import yaml

T = TypeVar("T")

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # five times as fast
_FRAGMENT = re.compile(r"<([A-Z0-9]+)>")


def load(name: str) -> dict[str, Any]:
    """Return a file's document."""
    return yaml.load(Path(__file__).with_name(name).read_bytes(), _LOADER)  # noqa: S506 - it is safe


def rows(
    kind: type[T], table: Mapping[str, Any], fragments: Mapping[str, Any] | None = None
) -> dict[str, T]:
    """Return a table's rows by their keys; a field ``key`` of the class gets the row's key.

    ``fragments`` are patterns that others name as ``<NAME>``.
    """
    named = {field.name for field in fields(kind)} & {"key"}  # pyright: ignore[reportArgumentType]
    return {
        key: _value(kind, {**row, **dict.fromkeys(named, key)}, key, fragments or {})
        for key, row in table.items()
    }


def _value(kind: Any, value: Any, where: str, fragments: Mapping[str, Any]) -> Any:
    """The value as the type that a field is annotated with."""
    if is_dataclass(kind):
        return _row(kind, value, where, fragments)
    if kind is re.Pattern or get_origin(kind) is re.Pattern:
        return re.compile(_expression(value, fragments), re.IGNORECASE)
    if get_origin(kind) in (tuple, frozenset) and isinstance(value, list):
        each = get_args(kind)[0]
        return get_origin(kind)(
            _value(each, item, f"{where}[{number}]", fragments)
            for number, item in enumerate(value, start=1)
        )
    if isinstance(kind, type) and issubclass(kind, Enum) and value in kind.__members__:
        return kind[value]
    if (kind is str and isinstance(value, str) and value) or (
        get_origin(kind) is Literal and value in get_args(kind)
    ):
        return value
    raise ValueError(f"{where}: {value!r} is not {getattr(kind, '__name__', kind)}")


def _row(kind: Any, value: Any, where: str, fragments: Mapping[str, Any]) -> Any:
    if not isinstance(value, Mapping):
        raise ValueError(f"{where}: {value!r} is not a mapping")
    hints = get_type_hints(kind)
    required = {each.name for each in fields(kind) if each.default is MISSING}
    if wrong := value.keys() - hints.keys() or required - value.keys():
        state = "unknown" if wrong - hints.keys() else "missing"
        raise ValueError(f"{where}: {state}: {', '.join(sorted(wrong))}; known: {', '.join(hints)}")
    return kind(**{
        name: _value(_given(hints[name]), each, f"{where}.{name}", fragments)
        for name, each in value.items()
    })  # fmt: skip


def _given(hint: Any) -> Any:
    """The type of a value that is given: without None."""
    return next((each for each in get_args(hint) if type(None) in get_args(hint)), hint)


def _expression(value: str | list[str], fragments: Mapping[str, Any]) -> str:
    text = value if isinstance(value, str) else "|".join(value)
    return _FRAGMENT.sub(lambda name: f"(?:{_expression(fragments[name[1]], {})})", text)
