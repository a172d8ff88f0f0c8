"""JSON Schema of a stack's settings file, from the classes that it is read into. Pure.

For editors: as strict as the reader about keys, types and choices. It leaves alone what only the
reader checks, what one key means for another, and JSON text in place of a structure.
https://json-schema.org/draft-07/schema, which editors know best
"""

from collections.abc import Mapping
from dataclasses import is_dataclass
from typing import Any, Literal, get_args, get_origin

from irsa.identity.arns import AccountId

from .keys import Key, classes_of, descriptions, folders_of, keys_of, section_of
from .reader import NONE
from .texts import TEXTS

Schema = dict[str, Any]

_FOLDER: Schema = {"type": "string", "minLength": 1, "description": "Folder of one file each."}

FOREIGN = ("aws", "eks", "kubernetes", "pulumi")
"""Prefixes of keys that are not the project's: those of its providers, and the engine's own."""

# https://www.pulumi.com/docs/iac/concepts/config/
_PULUMIS_OWN = ("encryptedkey", "encryptionsalt", "environment", "secretsprovider")


def stack_schema(kind: Any, project: str) -> Schema:
    """Of ``Pulumi.<stack>.yaml`` of a project whose configuration is ``kind``."""
    definitions: dict[str, Schema] = {}
    own = _mapping(kind, definitions, prefix=f"{project}:", not_read=("region",))
    region = {"type": "string", "minLength": 1, "description": descriptions(kind)["region"]}
    config = {
        **own,
        "required": ["aws:region", *own["required"]],
        "properties": {"aws:region": region, **own["properties"]},
        "patternProperties": {f"^({'|'.join(FOREIGN)}):": {}},
    }
    return {
        **_head(f"Pulumi.<stack>.yaml of project {project}"),
        "required": ["config"],
        "properties": {"config": config, **{key: {} for key in _PULUMIS_OWN}},
        "additionalProperties": False,
        "definitions": definitions,
    }


def entry_schema(kind: Any, title: str) -> Schema:
    """Of a file that holds one entry of a list, whose class or classes are ``kind``."""
    definitions: dict[str, Schema] = {}
    entry = _one_of(classes_of(kind), definitions)
    for each in classes_of(kind):
        definitions[each.__name__]["required"].remove("name")  # the file's, if it is left out
    return {**_head(title), **entry, "definitions": definitions}


def _head(title: str) -> Schema:
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": title,
        "type": "object",
    }


def _mapping(
    kind: Any,
    definitions: dict[str, Schema],
    *,
    prefix: str = "",
    not_read: tuple[str, ...] = (),
) -> Schema:
    keys = keys_of(kind, *not_read)
    texts = descriptions(kind)
    properties = {key.name: _key(key, texts.get(key.field, ""), definitions) for key in keys}
    for name in folders_of(kind):
        properties[name] = _or_folder(properties[name])
    return {
        "type": "object",
        "required": [f"{prefix}{key.name}" for key in keys if key.required],
        "properties": {f"{prefix}{name}": schema for name, schema in properties.items()},
        "additionalProperties": False,
    }


def _or_folder(schema: Schema) -> Schema:
    """A list, or text that names a folder; not JSON, which is text to Pulumi and a list to us."""
    described = {"description": schema["description"]}
    listed = {key: value for key, value in schema.items() if key != "description"}
    return {**described, "anyOf": [*listed.get("anyOf", [listed]), _FOLDER]}


def _key(key: Key, text: str, definitions: dict[str, Schema]) -> Schema:
    schema = {"description": text, **_value(key.kind, definitions)}
    if "$ref" in schema:  # whose neighbours draft 7 ignores
        schema = {"description": text, "allOf": [{"$ref": schema["$ref"]}]}
    if key.required and get_origin(key.kind) is tuple:
        filled = {"type": "array", "minItems": 1, "items": schema["items"]}
        return {"description": text, "anyOf": [filled, {"const": NONE}]}
    if key.default and not key.required and not is_dataclass(key.default):
        default = key.default
        schema["default"] = list(default) if isinstance(default, tuple) else default
    return schema


def _value(kind: Any, definitions: dict[str, Schema]) -> Schema:
    if classes := classes_of(kind):
        return _one_of(classes, definitions)
    origin = get_origin(kind)
    if origin is tuple:
        return {"type": "array", "items": _value(get_args(kind)[0], definitions)}
    if origin is Mapping:
        of = _value(get_args(kind)[1], definitions)
        return {"type": "object", "additionalProperties": of}
    if origin is Literal:
        return {"enum": list(get_args(kind))}
    # `pulumi config set` writes numbers and flags as text.
    if kind is int:
        return {"type": ["integer", "string"], "pattern": "^[0-9]+$"}
    if kind is bool:
        return {"enum": [True, False, "true", "false"]}
    return _text(kind)


def _text(kind: Any) -> Schema:
    pattern = TEXTS[kind].pattern if kind in TEXTS else None
    if kind is AccountId:  # in quotes or, when it does not begin with 0, without
        numbers = {"minimum": 10**11, "maximum": 10**12 - 1}
        return {"type": ["string", "integer"], "pattern": pattern, **numbers}
    return {"type": "string", "pattern": pattern} if pattern else {"type": "string", "minLength": 1}


def _one_of(classes: tuple[Any, ...], definitions: dict[str, Schema]) -> Schema:
    """The first class whose section is given, the last one otherwise: as the reader chooses."""
    for kind in classes:
        if kind.__name__ not in definitions:
            definitions[kind.__name__] = {}  # its place, before what is inside it
            definitions[kind.__name__] = _mapping(kind, definitions)
    *sections, last = classes
    schema: Schema = {"$ref": f"#/definitions/{last.__name__}"}
    for kind in reversed(sections):
        schema = {
            "if": {"required": [section_of(kind)]},
            "then": {"$ref": f"#/definitions/{kind.__name__}"},
            "else": schema,
        }
    return schema
