"""The pack's configuration: exceptions, and the quota of trust policies. Pure.

The engine checks it against the schema before it previews, and reads the levels of the same file.
https://www.pulumi.com/docs/insights/policy/policy-packs/authoring/
"""

from collections.abc import Iterable, Mapping
from typing import Any

from irsa.decide.patterns import Pattern
from irsa.identity.quotas import TRUST_POLICY_QUOTA, TRUST_POLICY_QUOTA_MAX

_BY = ("role", "urn")
_NAME = {"type": "string", "pattern": "[^*?]"}

EXCEPTIONS = {
    "type": "array",
    "description": "Resources that the rule leaves out: role (a name or an ARN, with wildcards) or "
    "urn (with wildcards), and the reason",
    "items": {
        "type": "object",
        "properties": {**dict.fromkeys(_BY, _NAME), "reason": {"type": "string", "pattern": "\\S"}},
        "required": ["reason"],
        "oneOf": [{"required": [each]} for each in _BY],
        "additionalProperties": False,
    },
}
QUOTA = {
    "type": "integer",
    "description": "Characters that the account's trust policies may have",
    "default": TRUST_POLICY_QUOTA,
    "minimum": TRUST_POLICY_QUOTA,
    "maximum": TRUST_POLICY_QUOTA_MAX,
}


def schema_of(rule: str) -> dict[str, dict[str, Any]]:
    """The properties that a rule takes, as JSON Schema."""
    quota = {"quota": QUOTA} if rule == "trust-quota" else {}
    return {"exceptions": EXCEPTIONS, **quota}


def is_excepted(config: Mapping[str, Any], urn: str, names: Iterable[str]) -> bool:
    """Return whether a rule leaves a resource out; ``names`` are those of its roles."""
    values = {"urn": (urn,), "role": tuple(names)}
    return any(
        Pattern.parse(str(each[by])).matches(value)
        for each in config.get("exceptions", [])
        for by in _BY
        if by in each
        for value in values[by]
    )


def quota_of(config: Mapping[str, Any]) -> int:
    """The quota of trust policies."""
    return int(config.get("quota", TRUST_POLICY_QUOTA))
