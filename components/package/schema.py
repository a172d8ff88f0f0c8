"""The package's schema, from which Pulumi writes an SDK for each language.

It comes from the same dataclasses as the arguments in Python, the stack configuration and the
documents. https://www.pulumi.com/docs/iac/guides/building-extending/packages/schema/
"""

import inspect
import json
from collections.abc import Mapping, Sequence
from dataclasses import is_dataclass
from typing import Any, Literal, get_args, get_origin

from irsa import __version__

from ..config.keys import Key, descriptions, keys_of, plain_of
from ..config.records import RECORDS
from .catalogue import COMPONENTS, NAME, SECRET, Component

Schema = dict[str, Any]

_PRIMITIVES = {str: "string", int: "integer", bool: "boolean"}


def package_schema() -> Schema:
    """The schema of the whole package."""
    types_: dict[str, Schema] = {}
    resources = {token: _resource(each, types_) for token, each in COMPONENTS.items()}
    return {
        "name": NAME,
        "displayName": "IRSA",
        "version": __version__,
        "description": "IAM Roles for Service Accounts on EKS.",
        "license": "Apache-2.0",
        "language": {
            language: {"respectSchemaVersion": True}
            for language in ("csharp", "go", "java", "nodejs", "python")
        },
        "types": dict(sorted(types_.items())),
        "resources": resources,
    }


def _resource(component: Component, types_: dict[str, Schema]) -> Schema:
    inputs = _properties(component.args, types_)
    texts = descriptions(component.kind)
    outputs = {
        name: {
            **_type(get_args(inspect.get_annotations(component.kind)[attribute])[0], "", types_),
            "description": texts[attribute],
            **({"secret": True} if attribute in SECRET else {}),
        }
        for name, attribute in component.outputs.items()
    }
    return {
        "isComponent": True,
        "description": inspect.getdoc(component.kind),
        "inputProperties": inputs["properties"],
        "requiredInputs": inputs["required"],
        "properties": outputs,
        "required": list(outputs),
    }


def _properties(kind: Any, types_: dict[str, Schema]) -> Schema:
    texts = descriptions(kind)
    keys = keys_of(kind)
    return {
        "properties": {key.name: _property(key, kind, texts[key.field], types_) for key in keys},
        "required": [key.name for key in keys if key.required],
    }


def _property(key: Key, owner: Any, text: str, types_: dict[str, Schema]) -> Schema:
    schema = {
        **_type(key.kind, f"{_name(owner)}{key.name[0].upper()}{key.name[1:]}", types_),
        "description": text,
    }
    if isinstance(key.default, str | int):
        # In words: as the schema's default it would be written into everybody's SDK.
        schema["description"] += f" Default: {json.dumps(key.default)}."
    if key.field in SECRET:
        schema["secret"] = True
    return schema


def _type(kind: Any, enum: str, types_: dict[str, Schema]) -> Schema:
    """A type; ``enum`` is what a choice is called. Plain: it decides what is made, and so it cannot
    be another resource's output."""
    if (of := plain_of(kind)) is not None:
        return _not_plain(_type(of, enum, types_))
    if get_origin(kind) in (list, tuple, Sequence):
        items = _type(get_args(kind)[0], enum, types_)
        if is_dataclass(get_args(kind)[0]) or get_args(kind)[0] in RECORDS:
            items = _not_plain(items)  # of which Pulumi's generator for Go makes no type
        return {"type": "array", "items": items, "plain": True}
    if get_origin(kind) is Mapping:
        of = _type(get_args(kind)[1], enum, types_)
        return {"type": "object", "additionalProperties": of, "plain": True}
    if get_origin(kind) is Literal:
        return _reference(enum, {"type": "string", "enum": _choices(kind)}, types_)
    if kind in RECORDS or is_dataclass(kind):
        record: Any = RECORDS.get(kind, kind)
        text = inspect.getdoc(record)
        if _token(_name(record)) not in types_:
            types_[_token(_name(record))] = {}  # its place, before what is inside it
            inside = _properties(record, types_)
            types_[_token(_name(record))] = {"type": "object", "description": text, **inside}
        return {"$ref": f"#/types/{_token(_name(record))}", "plain": True}
    return {"type": _PRIMITIVES[kind], "plain": True}


def _not_plain(schema: Schema) -> Schema:
    return {key: each for key, each in schema.items() if key != "plain"}


def _reference(name: str, definition: Schema, types_: dict[str, Schema]) -> Schema:
    types_[_token(name)] = definition
    return {"$ref": f"#/types/{_token(name)}", "plain": True}


def _choices(kind: Any) -> list[Schema]:
    return [{"value": value} for value in get_args(kind)]


def _name(kind: Any) -> str:
    return kind.__name__.removesuffix("Args").removesuffix("Spec")


def _token(name: str) -> str:
    return f"{NAME}:index:{name}"
