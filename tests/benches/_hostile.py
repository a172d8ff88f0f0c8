"""Inputs of ``irsa decide`` that are made to be slow, of about 500 kB each.

In each, four identity policies of the largest size are full of one construct.
"""

import json
from collections.abc import Mapping
from typing import Any

USER = "arn:aws:iam::111122223333:user/bob"
ROOM = 125_000
VALUE = "a" * 4_096
OBJECT = "arn:aws:s3:::b/" + "a" * 2_000
COLONS = "arn:aws:s3:::" + "a:" * 10
PARTS = ":".join(["arn", *["a" * 800] * 5])


def _step(statements: list[Any], context: Mapping[str, str], resource: str = OBJECT) -> bytes:
    step = {
        "action": "s3:GetObject",
        "resource": resource,
        "principal": USER,
        "resource_account": "111122223333",
        "identity_policies": [{"Version": "2012-10-17", "Statement": statements}] * 4,
        "context": context,
    }
    return json.dumps({"steps": [step]}).encode()


def _statement(effect: str = "Allow", **elements: Any) -> dict[str, Any]:
    return {"Effect": effect, "Action": "*", "Resource": "*", **elements}


def _texts(text: str) -> list[str]:
    """As many of a text as a policy holds."""
    return [text] * (ROOM // (len(json.dumps(text)) + 2))


def _statements(effect: str, **elements: Any) -> list[Any]:
    statement = _statement(effect, **elements)
    return [statement] * (ROOM // (len(json.dumps(statement, separators=(",", ":"))) + 1))


def _tested(operator: str, texts: list[str], value: str = VALUE) -> bytes:
    return _step([_statement(Condition={operator: {"k:v": texts}})], {"k:v": value})


def _on(texts: list[str], resource: str) -> bytes:
    return _step([_statement(Resource=texts)], {}, resource)


HOSTILE = {
    "denied statements": _step(_statements("Deny"), {}),
    "other statements": _step(_statements("Allow", Action="s3:PutObject"), {}),
    "conditions": _step(
        [_statement(Condition={"StringEquals": {f"k:{n}": "x" for n in range(8_000)}})], {}
    ),
    "short gaps": _tested("StringLike", _texts("*?b*")),
    "long gaps": _tested("StringLike", _texts("*" + "?a" * 1_900 + "b*")),
    "stars": _tested("StringLike", _texts("*a" * 1_000 + "b")),
    "variables": _step(
        [_statement(Condition={"StringLike": {"k:v": "*${aws:PrincipalTag/t}?" * 5_000}})],
        {"aws:PrincipalTag/t": VALUE, "k:v": VALUE},
    ),
    "arns": _tested("ArnLike", _texts("arn:*a*:*a*:*a*:*a*:?*a*b"), PARTS),
    "stars within parts": _on(_texts("arn:a*s:*:*:*:?*:?"), COLONS),
    "stars in a resource": _on(_texts("arn:aws:s3:::*" + "a" * 900 + "b"), OBJECT),
    "numbers": _tested("NumericEquals", _texts("9" * 4_000), "9" * 4_096),
    "dates": _tested("DateEquals", _texts("2026-11-25T00:00:00.12345"), "2026-11-25"),
    "networks": _tested("IpAddress", _texts("10.11.12.0/24"), "11.0.0.1"),
}

ORDINARY_LOG = "2026-12-01T09:10:19Z INFO the service app answered 200 in 12 ms "
LINES = (
    "assumed-role/node",
    "access denied ",
    "sts.amazonaws.com ",
    "a.",
    "arn:aws:sts::1:assumed-role/r/s is not authorized to perform: sts:AssumeRole on resource ",
    "User: x is not authorized to perform: s3:a ",
    "token expired could not connect ",
)
"""Beginnings of what the patterns of ``irsa doctor`` look for, to be repeated."""
