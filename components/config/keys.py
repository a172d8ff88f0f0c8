"""The keys that a class of settings or arguments stands for, for the readers, the schemas and the
documents. Pure.

A field ``max_session_duration: int = 3600`` is the key ``maxSessionDuration``, and the string
under it says what it means. Where one of several classes is meant (``A | B``), each but the last
has a ``SECTION``: the key whose presence says that it is this one. ``WAYS_OUT`` of a class says
what to do about a key that does not belong in it, or is missing.
"""

import ast
import inspect
import textwrap
import types
from collections.abc import Awaitable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from itertools import pairwise
from typing import Any, NamedTuple, Union, get_args, get_origin


class Key(NamedTuple):
    """One key of a mapping."""

    name: str
    field: str
    """The name of the dataclass's field."""

    kind: Any
    """Its annotation, without ``None``."""

    default: Any
    """`dataclasses.MISSING` when it must be given; its factory's value when it has one."""

    @property
    def required(self) -> bool:
        """Whether it must be given."""
        return self.default is MISSING


def keys_of(kind: Any, *not_read: str) -> list[Key]:
    """The keys of a dataclass, without the fields that do not come from the configuration."""
    return [
        Key(
            camel_case(field.name),
            field.name,
            without_none(field.type),
            field.default if field.default_factory is MISSING else field.default_factory(),
        )
        for field in fields(kind)
        if field.name not in not_read
    ]


def without_none(kind: Any) -> Any:
    """An annotation without ``| None``."""
    if get_origin(kind) not in (Union, types.UnionType):
        return kind
    options = [option for option in get_args(kind) if option is not types.NoneType]
    return Union[tuple(options)]  # noqa: UP007 - of a number known at run time only


def plain_of(kind: Any) -> Any:
    """What Pulumi's ``Input[kind]`` is an input of; None for any other annotation."""
    options: tuple[Any, ...] = get_args(kind) if get_origin(kind) is Union else ()
    return options[0] if any(get_origin(each) is Awaitable for each in options) else None


def classes_of(kind: Any) -> tuple[Any, ...]:
    """The dataclasses that an annotation stands for, in the order in which they are tried."""
    options = get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)
    return options if all(is_dataclass(option) for option in options) else ()


def section_of(kind: Any) -> str:
    """The key whose presence chooses this class; empty for the one that is meant otherwise."""
    return getattr(kind, "SECTION", "")


def folders_of(kind: Any) -> frozenset[str]:
    """The keys of a class whose lists may stand in a folder, one file for each entry: ``FOLDERS``
    names their fields."""
    return frozenset(camel_case(field) for field in getattr(kind, "FOLDERS", ()))


def class_for(classes: tuple[Any, ...], mapping: Mapping[Any, object]) -> Any:
    """The class that a mapping is read as."""
    given = {"", *(key for key, value in mapping.items() if value is not None)}
    return next(kind for kind in classes if section_of(kind) in given)


def descriptions(kind: Any) -> dict[str, str]:
    """What the string under each field of a class says, those of its bases included."""
    texts: dict[str, str] = {}
    for each in reversed(kind.__mro__):
        if "__annotations__" in vars(each) and not each.__module__.startswith("pulumi"):
            texts.update(_field_docstrings(each))
    return texts


def _field_docstrings(kind: Any) -> dict[str, str]:
    (node,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    return {
        field.target.id: " ".join(text.split())
        for field, after in pairwise(getattr(node, "body", []))
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
        if isinstance(text := after.value.value, str)
    }


def camel_case(name: str) -> str:
    """A field's name as its key is spelt."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
