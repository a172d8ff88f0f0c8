"""Reads plain configuration into dataclasses by their annotations. Pure.

A field ``max_session_duration: int = 3600`` is read from the key ``maxSessionDuration``. Every
mistake is one `ValueError` that says where it stands: unknown and missing keys, wrong types, and
what a class's ``__post_init__`` refuses. An entry of a list is named by its ``name``, if it has one
(``irsa:workloads[s3-app].role``), and by its number otherwise.
"""

import difflib
import json
import types
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from irsa.identity.arns import AccountId

T = TypeVar("T")
NONE = "none"
"""How a list that must be given says that it is empty."""


class WrongKey(ValueError):
    """What a class's ``__post_init__`` refuses about one of its keys."""

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(f"{key}: {reason}")
        self.key = key
        self.reason = reason


@contextmanager
def about(key: str) -> Iterator[None]:
    """Checks of one key's value: what they refuse is put down to that key."""
    try:
        yield
    except ValueError as error:
        raise WrongKey(key, str(error)) from error


def read(kind: type[T], value: object, path: str, **given: object) -> T:
    """Build the dataclass ``kind`` from a mapping.

    ``path`` is where the mapping stands, such as ``irsa:`` or ``irsa:workloads[s3-app]``; fields in
    ``given`` do not come from the configuration. A list that must be given is never empty, so that
    a slip does not take down everything; ``none`` says that it is.
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
        required = field.default is MISSING and field.default_factory is MISSING
        if mapping.get(key) is not None:
            value = _convert(hints[field.name], mapping[key], _inner(path, key))
            if required and value == () and mapping[key] != NONE:
                raise ValueError(
                    f"{_inner(path, key)} is empty; fill it, or write {NONE!r} if that is meant"
                )
            values[field.name] = value
        elif required:
            raise ValueError(f"{place}: {key!r} is missing; add it ({_known(list(keys))})")
    try:
        return kind(**values)
    except WrongKey as error:
        raise ValueError(f"{_inner(path, error.key)}: {error.reason}") from error
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from error


def _inner(path: str, key: str) -> str:
    return f"{path}{key}" if path.endswith(":") else f"{path}.{key}"


def _convert(kind: Any, value: object, path: str) -> Any:
    """``value`` as ``kind``; top-level values are strings, which Pulumi's own types allow too."""
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        (kind,) = (option for option in get_args(kind) if option is not type(None))
        return _convert(kind, value, path)
    if is_dataclass(kind):
        return read(cast("type[Any]", kind), value, path)
    if origin is tuple:
        items = [] if value == NONE else _structured(value, list, "a list", path)
        return tuple(
            _convert(get_args(kind)[0], item, f"{path}[{_label(item, index)}]")
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


def _label(item: object, index: int) -> str:
    name = item.get("name") if isinstance(item, Mapping) else None
    return name if name and isinstance(name, str) else str(index)


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


def _account_id(value: object, path: str) -> str:
    """A number too, as Pulumi makes text of one at the top level; it must have lost no zeros."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return _text(value, path)


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


_SCALARS = {str: _text, AccountId: _account_id, int: _whole_number, bool: _flag}


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
