"""Policy documents in one spelling, so that equal text means equal meaning. Pure.

The `aws` provider takes two documents for the same that have this spelling in common
(https://github.com/hashicorp/awspolicyequivalence), and does not write the one over the other. What
lets the same callers in by other operators or other statements is another document to it.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

import json
from collections.abc import Mapping
from typing import Any, cast

from irsa_core.identity.arns import is_account_id, root_arn
from irsa_core.identity.policy_json import Json, as_list


def canonical(source: str | Mapping[str, Any]) -> str:
    """The document, given as text or parsed, in canonical spelling.

    Spaces, the order of keys, of values and of statements, lists of one and an empty ``Sid`` are
    alike. Raises `ValueError` if it is not a JSON object.
    """
    policy: Any = json.loads(source) if isinstance(source, str) else source
    if not isinstance(policy, Mapping):
        raise ValueError(f"expected a JSON object, got {type(policy).__name__}")
    document = dict(cast("Mapping[str, Any]", policy))
    if "Statement" in document:
        listed = [_statement(statement) for statement in as_list(document["Statement"])]
        document["Statement"] = sorted(listed, key=_text_of)
    return _text_of(document)


def _text_of(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _statement(statement: Any) -> Any:
    if not isinstance(statement, dict):
        return statement
    elements = {n: _element(n, value) for n, value in cast("Json", statement).items()}
    return {name: value for name, value in elements.items() if (name, value) != ("Sid", "")}


def _element(name: str, value: Any) -> Any:
    match name, value:
        case "Action" | "NotAction" | "Resource" | "NotResource", _:
            return _set(value)
        case "Principal" | "NotPrincipal", {**named}:
            return {
                kind: _set([root_arn(t) if is_account_id(t) else t for t in _texts(who)])
                for kind, who in named.items()
            }
        case "Condition", {**operators}:
            return {
                operator: {key: _set(values) for key, values in keys.items()}
                for operator, keys in operators.items()
                if isinstance(keys, dict)
            }
    return value


def _set(value: Any) -> Any:
    """One value bare, several sorted; booleans and numbers as IAM writes them."""
    values = sorted({*_texts(value)})
    return values[0] if len(values) == 1 else values


def _texts(value: Any) -> list[str]:
    return [each if isinstance(each, str) else json.dumps(each) for each in as_list(value)]
