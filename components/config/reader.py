"""Reads plain configuration into dataclasses by their annotations. Pure.

Every mistake is one `ValueError` that says where it stands: unknown and missing keys, wrong types,
and what a class's ``__post_init__`` refuses. An entry of a list is named by its ``name``, if it has
one (``irsa:workloads[s3-app].role``), and by its number otherwise.
"""

import difflib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeVar, get_args, get_origin

from irsa.identity.arns import AccountId

from .keys import Key, class_for, classes_of, keys_of, plain_of
from .records import RECORDS
from .texts import TEXTS

T = TypeVar("T")
NONE = "none"
"""How a list that must be given says that it is empty."""


class Entries(NamedTuple):
    """A list that was read from files, each of which is the place of its entry."""

    places: tuple[tuple[str, object], ...]
    """Where each entry stands, and the entry."""


DATA = (str, int, float, list, Mapping, Entries, type(None))
"""What a value is; anything else is an output of Pulumi's, which is known later."""


def read(kind: type[T], value: object, path: str, **given: object) -> T:
    """Build the dataclass ``kind``, or one of several (``A | B``), from a mapping.

    ``path`` is where the mapping stands, such as ``irsa:`` or ``irsa:workloads[s3-app]``; fields in
    ``given`` do not come from the configuration. A list that must be given is never empty, so that
    a slip does not take down everything; ``none`` says that it is.
    """
    place = path.removesuffix(":")
    mapping = _structured(value, Mapping, "a mapping", place)
    chosen = class_for(classes_of(kind), mapping)
    keys = keys_of(chosen, *given)
    others = {key.name for each in classes_of(kind) for key in keys_of(each, *given)}
    ways_out: Mapping[str, str] = getattr(chosen, "WAYS_OUT", {})
    for name, given_value in mapping.items():
        if name not in ({key.name for key in keys} if given_value is not None else others):
            way_out = ways_out.get(name) or _suggestion(str(name), keys)
            raise ValueError(f"{place}: unknown key {name!r}; {way_out}")
    values = dict(given)
    for key in keys:
        if mapping.get(key.name) is not None:
            values[key.field] = _value(key, mapping[key.name], _inner(path, key.name))
        elif key.required:
            way_out = ways_out.get(key.name) or f"add it ({_known(keys)})"
            raise ValueError(f"{place}: {key.name!r} is missing; {way_out}")
    try:
        return chosen(**values)
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from error


def _value(key: Key, value: object, path: str) -> Any:
    read_value = _convert(key.kind, value, path)
    if key.required and get_origin(key.kind) is tuple and not read_value and value != NONE:
        raise ValueError(f"{path} is empty; fill it, or write {NONE!r} if that is meant")
    return read_value


def _inner(path: str, key: str) -> str:
    return f"{path}{key}" if path.endswith(":") else f"{path}.{key}"


def _convert(kind: Any, value: object, path: str) -> Any:
    """``value`` as ``kind``; top-level values are strings, which Pulumi's own types allow too."""
    if (plain := plain_of(kind)) is not None:
        return _convert(plain, value, path) if isinstance(value, DATA) else value
    if not isinstance(value, DATA):
        raise ValueError(
            f"{path} decides what is made, so it cannot be the output of another resource; "
            "write it out"
        )
    origin = get_origin(kind)
    if kind in RECORDS:
        return read(RECORDS[kind], value, path).meant
    if classes_of(kind):
        return read(kind, value, path)
    if origin is tuple and isinstance(value, Entries):
        return tuple(_convert(get_args(kind)[0], item, place) for place, item in value.places)
    if origin in (tuple, Sequence):
        items = [] if value == NONE else _structured(value, list, "a list", path)
        return tuple(
            _convert(get_args(kind)[0], item, f"{path}[{_label(item, index)}]")
            for index, item in enumerate(items)
        )
    if origin is Mapping:
        mapping = _structured(value, Mapping, "a mapping", path)
        of = get_args(kind)[1]
        return {str(key): _convert(of, item, f"{path}.{key}") for key, item in mapping.items()}
    if origin is Literal:
        if value not in get_args(kind):
            raise ValueError(f"{path}: {value!r} is none of {', '.join(get_args(kind))}")
        return value
    if kind is int:
        return _whole_number(value, path)
    return _flag(value, path) if kind is bool else _text(kind, value, path)


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


def _text(kind: Any, value: object, path: str) -> str:
    # A number too, as Pulumi makes text of one at the top level; it must have lost no zeros.
    if kind is AccountId and isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise ValueError(f"{path}: {value!r} is not text; put it in quotes")
    if not value:
        raise ValueError(f"{path} is empty; give it a value, or leave it out for its default")
    if kind in TEXTS:
        try:
            TEXTS[kind].check(value)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
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


def _suggestion(name: str, keys: Sequence[Key]) -> str:
    close = difflib.get_close_matches(name, [key.name for key in keys], n=1)
    if close:
        return f"did you mean {close[0]!r}? ({_known(keys)})"
    return f"remove it ({_known(keys)})"


def _known(keys: Sequence[Key]) -> str:
    return f"keys here: {', '.join(key.name for key in keys)}"
