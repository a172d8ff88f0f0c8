"""Reads plain configuration into dataclasses by their annotations. Pure.

A field ``max_session_duration: int = 3600`` is read from the key ``maxSessionDuration``. Every
mistake is one `ValueError` that says where it stands: unknown and missing keys, wrong types, and
what a class's ``__post_init__`` refuses.
"""

import difflib
import json
import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

T = TypeVar("T")


def read(kind: type[T], value: object, path: str, **given: object) -> T:
    """Build the dataclass ``kind`` from a mapping.

    ``path`` is where the mapping stands, such as ``irsa:`` or ``irsa:workloads[0]``; fields in
    ``given`` do not come from the configuration.
    """
    place = path.removesuffix(":")
    mapping = _structured(value, Mapping, "a mapping", place)
    hints = get_type_hints(kind)
    keys = {camel_case(f.name): f for f in fields(cast("Any", kind)) if f.name not in given}
    for key in mapping:
        if key not in keys:
            moved: Mapping[str, str] = getattr(kind, "MOVED", {})
            way_out = moved.get(str(key)) or _suggestion(str(key), list(keys))
            raise ValueError(f"{place}: unknown key {key!r}; {way_out}")
    values = dict(given)
    for key, field in keys.items():
        if mapping.get(key) is not None:
            inner = f"{path}{key}" if path.endswith(":") else f"{path}.{key}"
            values[field.name] = _convert(hints[field.name], mapping[key], inner)
        elif field.default is MISSING and field.default_factory is MISSING:
            raise ValueError(f"{place}: {key!r} is missing; add it ({_known(list(keys))})")
    try:
        return kind(**values)
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from error


def _convert(kind: Any, value: object, path: str) -> Any:
    """``value`` as ``kind``; top-level values are strings, which Pulumi's own types allow too."""
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        (kind,) = (option for option in get_args(kind) if option is not type(None))
        return _convert(kind, value, path)
    if is_dataclass(kind):
        return read(cast("type[Any]", kind), value, path)
    if origin is tuple:
        items = _structured(value, list, "a list", path)
        return tuple(
            _convert(get_args(kind)[0], item, f"{path}[{index}]")
            for index, item in enumerate(items)
        )
    if origin is Mapping:
        mapping = _structured(value, Mapping, "a mapping", path)
        return {str(key): _convert(str, item, f"{path}.{key}") for key, item in mapping.items()}
    if origin is Literal:
        if value not in get_args(kind):
            raise ValueError(f"{path}: {value!r} is none of {', '.join(get_args(kind))}")
        return value
    return _SCALARS[kind](value, path)


def _structured(value: object, kind: Any, what: str, path: str) -> Any:
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            value = json.loads(value)
        except ValueError as error:
            raise ValueError(f"{path}: {value!r} is not valid JSON ({error})") from error
    if not isinstance(value, kind):
        raise ValueError(f"{path}: {value!r} is not {what}")
    return value


def _text(value: object, path: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{path}: {value!r} is not text; put it in quotes")
    if not value:
        raise ValueError(f"{path} is empty; give it a value, or leave it out for its default")
    return value


def _whole_number(value: object, path: str) -> int:
    if isinstance(value, str) and value.isdecimal():
        return int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{path}: {value!r} is not a whole number")
    return value


def _flag(value: object, path: str) -> bool:
    if value in ("true", "false"):
        return value == "true"
    if not isinstance(value, bool):
        raise ValueError(f"{path}: {value!r} is neither true nor false")
    return value


_SCALARS = {str: _text, int: _whole_number, bool: _flag}


def camel_case(name: str) -> str:
    """A field's name as its key is spelt."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _suggestion(key: str, keys: list[str]) -> str:
    close = difflib.get_close_matches(key, keys, n=1)
    if close:
        return f"did you mean {close[0]!r}? ({_known(keys)})"
    return f"remove it ({_known(keys)})"


def _known(keys: list[str]) -> str:
    return f"keys here: {', '.join(keys)}"
