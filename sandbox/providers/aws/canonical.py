"""Policy documents in one spelling, so that equal text means equal meaning. Pure.

The `aws` provider compares documents by meaning; the engine compares inputs by value. Every
document therefore gets the same spelling when it comes from a program and when it comes from AWS.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

import json
from collections.abc import Mapping
from typing import Any

from irsa.identity.arns import is_account_id, root_arn
from irsa.identity.policy_json import as_list

_SETS = ("Action", "NotAction", "Resource", "NotResource")
_PRINCIPALS = ("Principal", "NotPrincipal")


def canonical(source: str | Mapping[str, Any]) -> str:
    """The document, given as text or parsed, in canonical spelling.

    Spaces, the order of keys and of values, and lists of one are alike. Raises `ValueError` for
    what is not a JSON object.
    """
    document: Any = json.loads(source) if isinstance(source, str) else source
    if not isinstance(document, Mapping):
        raise ValueError(f"expected a JSON object, got {type(document).__name__}")
    if "Statement" in document:
        listed = as_list(document["Statement"])
        document = {**document, "Statement": [_statement(each) for each in listed]}
    return json.dumps(document, sort_keys=True, separators=(",", ":"))


def _statement(statement: Any) -> Any:
    if not isinstance(statement, dict):
        return statement
    return {name: _element(name, value) for name, value in statement.items()}


def _element(name: str, value: Any) -> Any:
    if name in _SETS:
        return _set(value)
    if name in _PRINCIPALS and isinstance(value, dict):
        return {kind: _set(_accounts_as_arns(who)) for kind, who in value.items()}
    if name == "Condition" and isinstance(value, dict):
        return {
            operator: {key: _set(values) for key, values in keys.items()}
            for operator, keys in value.items()
            if isinstance(keys, dict)
        }
    return value


def _set(value: Any) -> Any:
    """One value bare, several sorted; booleans and numbers as IAM writes them."""
    values = sorted({_text(each) for each in as_list(value)})
    return values[0] if len(values) == 1 else values


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _accounts_as_arns(value: Any) -> list[str]:
    values = map(_text, as_list(value))
    return [root_arn(each) if is_account_id(each) else each for each in values]
