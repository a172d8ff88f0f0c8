"""Reading JSON that a stranger wrote: strict, and every complaint is one line that names the field.

Pure.
"""

import json
from typing import cast

from irsa_core.identity.policy_json import Json
from irsa_core.identity.token import is_moment

TEXT_MAX = 4_096
"""Longest text that is compared with policies: an ARN has at most 2,048 characters."""
DOCUMENT_MAX = 131_072
"""Longest policy document, in characters. The largest that AWS stores has about 100,000
(https://docs.aws.amazon.com/opensearch-service/latest/developerguide/limits.html)."""


class InputError(ValueError):
    """Invalid input; the message is one line that names the field."""

    def __init__(self, where: str, problem: str) -> None:
        line = f"{where}: {problem}" if where else problem
        super().__init__("".join(c if c.isprintable() else ascii(c)[1:-1] for c in line))


def parse_json(raw: bytes) -> object:
    """Decode UTF-8 and JSON; refuses duplicate keys, NaN and numbers beyond reason."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(
            "", f"not UTF-8: byte {error.start + 1} is 0x{raw[error.start]:02x}"
        ) from None
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise InputError("", f"not JSON: {error}") from None
    except RecursionError:
        raise InputError("", "not readable: nested too deep") from None


def _no_duplicates(pairs: list[tuple[str, object]]) -> Json:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise InputError(key[:200], "given twice in one object")
            seen.add(key)
    return fields


def _no_constant(name: str) -> object:
    raise InputError("", f"not JSON: {name} is not a number")


def _integer(text: str) -> int | float:
    # Infinity, which every check of a number refuses by name: Python would read digits for ever.
    return int(text) if len(text) <= 18 else float("inf")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_no_duplicates, parse_constant=_no_constant, parse_int=_integer
)


def json_object(value: object, where: str, known: frozenset[str] | None = None) -> Json:
    """The value as an object; fields that are not in ``known`` are refused."""
    if not isinstance(value, dict):
        raise InputError(where, f"{show(value)} is not a JSON object")
    fields = cast("Json", value)
    if known is not None and not fields.keys() <= known:
        name = next(name for name in fields if name not in known)
        path = f"{where}.{name[:200]}" if where else name[:200]
        raise InputError(path, f"unknown field; known are {', '.join(sorted(known))}")
    return fields


def check_given(fields: Json, where: str, *names: str) -> None:
    """Raise `InputError` for the first of these fields that is not there."""
    for name in names:
        if name not in fields:
            raise InputError(f"{where}.{name}" if where else name, "missing")


def json_list(value: object, where: str) -> list[object]:
    """The value as a list."""
    if not isinstance(value, list):
        raise InputError(where, f"{show(value)} is not a list")
    return cast("list[object]", value)


def entries(value: object, where: str) -> list[tuple[str, object]]:
    """The entries of a list, each behind its place, which counts from 1."""
    return [(f"{where}[{n}]", each) for n, each in enumerate(json_list(value, where), start=1)]


def text(value: object, where: str, most: int = TEXT_MAX) -> str:
    """The value as a string of at most ``most`` characters."""
    if not isinstance(value, str):
        raise InputError(where, f"{show(value)} is not a string")
    if len(value) > most:
        raise InputError(where, f"{len(value)} characters, more than {most}")
    return value


def check_size(value: object, where: str) -> None:
    """Raise `InputError` for a policy document that is longer than any that AWS stores."""
    try:
        size = len(json.dumps(value, separators=(",", ":"), ensure_ascii=False))
    except RecursionError:
        raise InputError(where, "not readable: nested too deep") from None
    if size > DOCUMENT_MAX:
        raise InputError(where, f"{size} characters, more than {DOCUMENT_MAX}")


def flag(value: object, where: str) -> bool:
    """The value as true or false."""
    if not isinstance(value, bool):
        raise InputError(where, f"{show(value)} is not true or false")
    return value


def integer(value: object, where: str) -> int:
    """The value as a whole number."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise InputError(where, f"{show(value)} is not a whole number")
    return value


def seconds(value: object, where: str) -> float:
    """The value as a moment, in seconds since the epoch."""
    if not is_moment(value):
        raise InputError(where, f"{show(value)} is not a number of seconds since the epoch")
    return cast("float", value)


def show(value: object) -> str:
    """A value as an error names it."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, float) and abs(value) == float("inf"):
        return "a number out of range"
    return json.dumps(value)[:200]
