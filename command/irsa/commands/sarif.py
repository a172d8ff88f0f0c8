"""SARIF 2.1.0, for code scanning.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple
from urllib.parse import quote

from irsa_core.identity.policy_json import Json

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


class Result(NamedTuple):
    """One result of a run."""

    rule: str
    level: str
    """``error``, ``warning`` or ``note``."""
    title: str
    """Subject of the result."""
    text: str
    found: str
    """Text that makes it the same result in the next run, with the title."""


def report(
    name: str, rules: Sequence[Json], results: Sequence[Result], missing: Sequence[str] = ()
) -> Json:
    """Return the report of a command, with a notification for what was not read or checked."""
    listed = [
        {
            "ruleId": hit.rule,
            "level": hit.level,
            "message": {"text": f"{hit.title}: {hit.text}"},
            # GitHub takes no file of which a hit has no physical location.
            "locations": [
                {
                    "logicalLocations": [{"fullyQualifiedName": hit.title}],
                    "physicalLocation": {
                        "artifactLocation": {"uri": quote(hit.title)},
                        "region": {"startLine": 1},
                    },
                }
            ],
            "partialFingerprints": {
                "primaryLocationLineHash": sha256(f"{hit.title} {hit.found}".encode()).hexdigest()
            },
        }
        for hit in results
    ]
    driver = {"name": name, "rules": list(rules)}
    notifications = [{"level": "warning", "message": {"text": reason}} for reason in missing]
    invocation = {"executionSuccessful": True, "toolExecutionNotifications": notifications}
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "invocations": [invocation], "results": listed}],
    }
