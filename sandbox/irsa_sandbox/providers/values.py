"""Property values on the wire, as plain Python values, and the difference between two of them.

Pure. Pulumi's Struct carries secrets and unknowns as special objects; providers here work on plain
values, so this module takes them off on the way in and puts them back on the way out.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, Final, NamedTuple

from google.protobuf import json_format, struct_pb2
from pulumi.runtime import rpc

DEFAULTS: Final = "__defaults"
"""Input under which a provider notes the properties that it filled in, as bridged providers do."""

UNKNOWN: Final = rpc.UNKNOWN
"""A value that only an `up` will know, as the wire has it: a text that no program writes."""

_QUOTED = frozenset('."[]')
"""Characters that require quotes around a name in a property path."""


def decode(properties: struct_pb2.Struct) -> tuple[dict[str, Any], frozenset[str]]:
    """Return the plain values of ``properties`` and the top-level names that hold a secret."""
    secret: set[str] = set()
    values = json_format.MessageToDict(properties)
    plain = {name: _plain(value, partial(secret.add, name)) for name, value in values.items()}
    return plain, frozenset(secret)


def encode(values: Mapping[str, Any], secret: Iterable[str] = ()) -> struct_pb2.Struct:
    """The reverse of `decode`: properties named in ``secret`` are marked whole."""
    hidden, signature = frozenset(secret), {rpc._special_sig_key: rpc._special_secret_sig}
    # Not by `PropertyValue.marshal`: that of pulumi 3.272 raises on computed values.
    struct = struct_pb2.Struct()
    for name, value in values.items():
        struct.update({name: {**signature, "value": value} if name in hidden else value})
    return struct


def defaults(values: Mapping[str, Any]) -> list[str]:
    """The properties that the provider filled in."""
    return values.get(DEFAULTS) or []


def public(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values without that note."""
    return {name: value for name, value in values.items() if name != DEFAULTS}


def has_unknown(value: Any) -> bool:
    """Return True if ``value`` is, or holds, a value that only an `up` will know."""
    return UNKNOWN in str(value)


def get_path(values: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted path of names, or None where there is none."""
    value: Any = values
    for name in path.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value


def set_path(values: Mapping[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy of ``values`` with ``value`` at a dotted path of names."""
    name, _, rest = path.partition(".")
    inner = values.get(name)
    if rest:
        value = set_path(inner if isinstance(inner, Mapping) else {}, rest, value)
    return {**values, name: value}


def shaped_like(live: Any, wanted: Any) -> Any:
    """``live`` without the parts of an object that ``wanted`` says nothing about."""
    if isinstance(live, Mapping) and isinstance(wanted, Mapping):
        return {name: shaped_like(live[name], wanted[name]) for name in wanted if name in live}
    if isinstance(live, list) and isinstance(wanted, list) and len(live) == len(wanted):
        return [shaped_like(left, right) for left, right in zip(live, wanted, strict=True)]
    return live


def merged(base: Any, values: Any) -> Any:
    """``values``, and what only ``base`` has."""
    if isinstance(base, list) and isinstance(values, list) and len(base) == len(values):
        return [merged(left, right) for left, right in zip(base, values, strict=True)]
    if not (isinstance(base, Mapping) and isinstance(values, Mapping)):
        return values
    return {**base, **{name: merged(base.get(name), value) for name, value in values.items()}}


class PropertyChange(NamedTuple):
    """One property that differs, by its path (``spec.template.containers[0].image``)."""

    path: str
    kind: str  # "add", "delete" or "update"

    def touches(self, paths: Iterable[str]) -> bool:
        """Return True for a change of, inside or around one of ``paths``. An object that leaves is
        no change of the values in it."""
        outer = "" if self.kind == "delete" else self.path
        return any(_inside(self.path, path) or _inside(path, outer) for path in paths)


def changes(old: Any, new: Any, path: str = "") -> Iterator[PropertyChange]:
    """Every place in which ``new`` differs from ``old``; an unknown value always differs.

    Paths are spelt as the engine's property paths: ``metadata.annotations["example.com/a"]``.
    """
    if isinstance(old, list) and isinstance(new, list):
        old, new = dict(enumerate(old)), dict(enumerate(new))
    if not (isinstance(old, Mapping) and isinstance(new, Mapping)):
        if old != new:
            yield PropertyChange(path, "update")
        return
    for key in sorted({*old, *new} - {DEFAULTS}):
        inner = _joined(path, key)
        if key in old and key in new:
            yield from changes(old[key], new[key], inner)
        else:
            yield PropertyChange(inner, "delete" if key in old else "add")


def _joined(path: str, key: str | int) -> str:
    if isinstance(key, int):
        return f"{path}[{key}]"
    if _QUOTED.intersection(key):
        escaped = key.replace('"', r"\"")
        return f'{path}["{escaped}"]'
    return f"{path}.{key}" if path else key


def _inside(path: str, outer: str) -> bool:
    return path == outer or path.startswith((f"{outer}.", f"{outer}["))


def _plain(value: Any, on_secret: Callable[[], None]) -> Any:
    match value:
        case {rpc._special_sig_key: rpc._special_secret_sig, "value": inner}:
            on_secret()
            return _plain(inner, on_secret)
        case {rpc._special_sig_key: rpc._special_output_value_sig, **output}:
            if output.get("secret"):
                on_secret()
            return _plain(output.get("value", UNKNOWN), on_secret)
        case {rpc._special_sig_key: _}:
            return value  # an asset, whose hash shows a change
        case {**items}:
            return {name: _plain(item, on_secret) for name, item in items.items()}
        case list():
            return [_plain(item, on_secret) for item in value]
        case float() if value.is_integer():
            return int(value)  # the wire knows doubles only
    return value
