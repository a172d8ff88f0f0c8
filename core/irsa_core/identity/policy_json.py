"""Policy documents as JSON: read and edited, in every form in which a policy may be written. Pure.

A list of one may stand without its brackets, in ``Statement`` as in every other element.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

from collections.abc import Callable, Collection
from typing import Any, cast

Json = dict[str, Any]


def as_list(value: object) -> list[Any]:
    """A JSON list; anything else alone in one."""
    return cast("list[Any]", value) if isinstance(value, list) else [value]


def statements(document: Json) -> list[Json]:
    """A document's statements."""
    return as_list(document.get("Statement", []))


def without(document: Json, positions: Collection[int]) -> Json:
    """The document without the statements at these positions, which count from 0."""
    kept = [each for i, each in enumerate(statements(document)) if i not in positions]
    return {**document, "Statement": kept}


def with_statements(document: Json, *more: Json) -> Json:
    """The document with more statements."""
    return {**document, "Statement": [*statements(document), *more]}


def principals(statement: Json, kind: str) -> list[str]:
    """A statement's principals of one type: ``AWS``, ``Federated``, ``Service``."""
    return as_list(principals_by_type(statement).get(kind, []))


def principals_by_type(statement: Json, element: str = "Principal") -> Json:
    """A Principal or NotPrincipal element as an object; a bare ``*`` gives an empty one."""
    return mapping(statement.get(element))


def with_principals(document: Json, spell: Callable[[str], str]) -> Json:
    """The document with every ``AWS`` principal replaced."""
    return {**document, "Statement": [_respelt(each, spell) for each in statements(document)]}


def _respelt(statement: Json, spell: Callable[[str], str]) -> Json:
    named = principals_by_type(statement)
    if "AWS" not in named:
        return statement
    new = [spell(each) for each in as_list(named["AWS"])]
    entries = new[0] if isinstance(named["AWS"], str) else new
    return {**statement, "Principal": {**named, "AWS": entries}}


def mapping(value: object) -> Json:
    """The value if it is a JSON object; an empty one for anything else."""
    return cast("Json", value) if isinstance(value, dict) else {}


def mappings(value: object) -> list[Json]:
    """The JSON objects of a list, or the one that stands in its place."""
    return [cast("Json", each) for each in as_list(value) if isinstance(each, dict)]


UNKNOWN_OUTPUT = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""Pulumi's placeholder for one in previews."""
