"""Property values on the wire, as plain Python values, and the difference between two of them.

Pure. Pulumi's Struct carries secrets and unknowns as special objects; providers here work on plain
values, so this module takes them off on the way in and puts them back on the way out.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from google.protobuf import struct_pb2
from pulumi.provider.experimental.property_value import Computed, PropertyValue
from pulumi.runtime import rpc

DEFAULTS: Final = "__defaults"
"""Input under which a provider notes the properties that it filled in, as bridged providers do."""


class _Unknown:
    """A value that only an `up` will know."""

    def __repr__(self) -> str:
        return "<unknown>"


UNKNOWN: Final = _Unknown()

_QUOTED = frozenset('."[]')
"""Characters that require quotes around a name in a property path."""


def decode(properties: struct_pb2.Struct) -> tuple[dict[str, Any], frozenset[str]]:
    """Return the plain values of ``properties`` and the top-level names that hold a secret."""
    values = PropertyValue.unmarshal_map(properties)
    secret = frozenset(name for name, value in values.items() if value.contains_secret())
    return {name: _plain(value) for name, value in values.items()}, secret


def encode(values: Mapping[str, Any], secret: Iterable[str] = ()) -> struct_pb2.Struct:
    """The reverse of `decode`: properties named in ``secret`` are marked whole."""
    hidden = frozenset(secret)
    fields = {
        name: _secret(_marshal(value)) if name in hidden else _marshal(value)
        for name, value in values.items()
    }
    return struct_pb2.Struct(fields=fields)


def defaults(values: Mapping[str, Any]) -> list[str]:
    """The properties that the provider filled in."""
    return values.get(DEFAULTS) or []


def public(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values without that note."""
    return {name: value for name, value in values.items() if name != DEFAULTS}


def has_unknown(value: Any) -> bool:
    """Return True if ``value`` is, or holds, a value that only an `up` will know."""
    if isinstance(value, Mapping):
        return any(has_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(has_unknown(item) for item in value)
    return value is UNKNOWN


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


class Change(NamedTuple):
    """One property that differs, by its path (``spec.template.containers[0].image``)."""

    path: str
    kind: str  # "add", "delete" or "update"

    def touches(self, paths: Iterable[str]) -> bool:
        """Return True for a change of, inside or around one of ``paths``."""
        return any(_inside(self.path, path) or _inside(path, self.path) for path in paths)


def changes(old: Any, new: Any, path: str = "") -> Iterator[Change]:
    """Every place in which ``new`` differs from ``old``; an unknown value always differs.

    Paths are spelt as the engine's property paths: ``metadata.annotations["example.com/a"]``.
    """
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in sorted({*old, *new} - {DEFAULTS}):
            yield from _pair(old, new, name, _member(path, name))
    elif isinstance(old, list) and isinstance(new, list):
        left, right = dict(enumerate(old)), dict(enumerate(new))
        for index in sorted({*left, *right}):
            yield from _pair(left, right, index, f"{path}[{index}]")
    elif old != new:
        yield Change(path, "update")


def _pair(old: Mapping[Any, Any], new: Mapping[Any, Any], key: Any, path: str) -> Iterator[Change]:
    if key not in new:
        yield Change(path, "delete")
    elif key not in old:
        yield Change(path, "add")
    else:
        yield from changes(old[key], new[key], path)


def _member(path: str, name: str) -> str:
    if _QUOTED.intersection(name):
        escaped = name.replace('"', r"\"")
        return f'{path}["{escaped}"]'
    return f"{path}.{name}" if path else name


def _inside(path: str, outer: str) -> bool:
    return path == outer or path.startswith((f"{outer}.", f"{outer}["))


def _plain(value: PropertyValue) -> Any:
    content: Any = value.value
    # An unknown inside an output value arrives as its bare marker.
    if isinstance(content, Computed) or content == rpc.UNKNOWN:
        return UNKNOWN
    if isinstance(content, Mapping):
        return {name: _plain(item) for name, item in content.items()}
    if isinstance(content, Sequence) and not isinstance(content, str):
        return [_plain(item) for item in content]
    if isinstance(content, float) and content.is_integer():
        return int(content)  # the wire knows doubles only
    return content


def _marshal(value: Any) -> struct_pb2.Value:
    # `PropertyValue.marshal` of pulumi 3.272 raises on computed values, hence our own.
    if value is UNKNOWN:
        return struct_pb2.Value(string_value=rpc.UNKNOWN)
    if value is None:
        return struct_pb2.Value(null_value=struct_pb2.NULL_VALUE)
    if isinstance(value, bool):
        return struct_pb2.Value(bool_value=value)
    if isinstance(value, int | float):
        return struct_pb2.Value(number_value=value)
    if isinstance(value, str):
        return struct_pb2.Value(string_value=value)
    if isinstance(value, Mapping):
        fields = {name: _marshal(item) for name, item in value.items()}
        return struct_pb2.Value(struct_value=struct_pb2.Struct(fields=fields))
    if isinstance(value, list | tuple):
        items = [_marshal(item) for item in value]
        return struct_pb2.Value(list_value=struct_pb2.ListValue(values=items))
    raise TypeError(f"a property cannot hold a {type(value).__name__}")


def _secret(value: struct_pb2.Value) -> struct_pb2.Value:
    signature = struct_pb2.Value(string_value=rpc._special_secret_sig)
    fields = {rpc._special_sig_key: signature, "value": value}
    return struct_pb2.Value(struct_value=struct_pb2.Struct(fields=fields))
