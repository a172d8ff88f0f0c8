"""The pack's configuration: exceptions, and the quota of trust policies. Pure.

Levels are the engine's business; it reads them from the same file.
https://www.pulumi.com/docs/insights/policy/policy-packs/authoring/
"""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from irsa.decide.patterns import Pattern
from irsa.identity.policy_json import Json
from irsa.identity.quotas import TRUST_POLICY_QUOTA, TRUST_POLICY_QUOTA_MAX
from policy_pack.rules import PACK

EXCEPTIONS = "exceptions"
QUOTA = "quota"

_BY = ("role", "urn")
_EXAMPLE = '{"role": "legacy-*", "reason": "TICKET-7, until March"}'


def schema_of(rule: str) -> dict[str, dict[str, Any]]:
    """The properties that a rule takes, as JSON Schema."""
    properties: dict[str, dict[str, Any]] = {
        EXCEPTIONS: {
            "type": "array",
            "items": {"type": "object"},
            "description": "What the rule leaves alone: role (a name or an ARN, with wildcards) or "
            "urn (with wildcards), and the reason",
        }
    }
    if rule == "trust-quota":
        properties[QUOTA] = {
            "type": "integer",
            "description": "Characters that the account's trust policies may have "
            f"(default: {TRUST_POLICY_QUOTA})",
        }
    return properties


def problem_of(config: Mapping[str, Json]) -> str:
    """What is wrong with a configuration, by rule; one line, and empty when nothing is."""
    for name, properties in config.items():
        if name != "all" and name not in PACK:
            [nearest] = get_close_matches(name, PACK, n=1, cutoff=0)
            return f"{name!r} is no rule of this pack; write {nearest!r} or another of its rules"
        allowed = {} if name == "all" else schema_of(name)
        for key, value in properties.items():
            if key not in allowed:
                keys = " and ".join(["enforcementLevel", *allowed])
                return f"{name}: {key!r} cannot be set; write {keys}"
            if key == QUOTA and not TRUST_POLICY_QUOTA <= value <= TRUST_POLICY_QUOTA_MAX:
                return (
                    f"{name}: {QUOTA} {value:g} is none that AWS gives; "
                    f"write {TRUST_POLICY_QUOTA} to {TRUST_POLICY_QUOTA_MAX}"
                )
        for number, each in enumerate(properties.get(EXCEPTIONS, [])):
            if problem := _problem_of_exception(each):
                return f"{name}: {EXCEPTIONS}[{number}]: {problem}"
    return ""


def _problem_of_exception(exception: Json) -> str:
    for key, value in exception.items():
        if key not in (*_BY, "reason"):
            return f"{key!r} is not known; write role or urn, and reason: {_EXAMPLE}"
        if not isinstance(value, str) or not value.strip():
            return f"{key} is {value!r}; write a text: {_EXAMPLE}"
    by = [key for key in _BY if key in exception]
    if len(by) != 1:
        return (
            f"{exception} has {' and '.join(by) or 'neither role nor urn'}; write one: {_EXAMPLE}"
        )
    if "reason" not in exception:
        return f"{by[0]} {exception[by[0]]!r} has no reason; write one: {_EXAMPLE}"
    if not exception[by[0]].strip("*?"):
        return (
            f"{by[0]} {exception[by[0]]!r} is everything; set the rule's level to disabled instead"
        )
    return ""


def is_excepted(config: Mapping[str, Any], urn: str, names: Iterable[str]) -> bool:
    """Whether a rule's configuration leaves a resource alone; ``names`` are those of its roles."""
    texts = {"urn": (urn,), "role": tuple(names)}
    return any(
        Pattern.parse(str(each[by])).matches(text)
        for each in config.get(EXCEPTIONS, [])
        for by in _BY
        if by in each
        for text in texts[by]
    )


def quota_of(config: Mapping[str, Any]) -> int:
    """The quota of trust policies."""
    return int(config.get(QUOTA, TRUST_POLICY_QUOTA))
