"""Answers of AWS, or of the sandbox, to the checks, without values that differ between runs.

Two answers can then be compared, and a report holds no account, key or token.
"""

import json
import re
from collections.abc import Mapping
from difflib import unified_diff
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from irsa_sandbox.session import Done

SANDBOX_ANSWERS = Path(__file__).with_name("sandbox_answers.json")
"""The sandbox's answers; tests/sandbox/test_live.py compares them with a run."""

_ERROR = re.compile(
    r"An error occurred \((\w+)\) when calling the (\w+) operation"
    r"(?: \(reached max retries: \d+\))?: (.*)",
    re.DOTALL,
)
_PLACEHOLDERS = (
    (r"\beyJ[\w-]+\.[\w-]+\.[\w-]*", "TOKEN"),
    (r"(?<=AWS_SECRET_ACCESS_KEY=)\S+", "SECRET"),
    (r"\bA(?:KIA|SIA)[A-Z0-9]{12,}", "KEY_ID"),
    (r"\bA(?:ROA|IDA)[A-Z0-9]{12,}", "UNIQUE_ID"),
    (r"(/id/)[0-9A-F]{16,}", r"\1ISSUER"),
    (r"(assumed-role/[\w+=,.@-]+/|UNIQUE_ID:)(?:botocore-session-)?\d{9,}\b", r"\1SESSION"),
    (r"\b\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d\S*", "TIME"),
    (r"\b1\d{9}\b", "SECONDS"),
    (r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "UUID"),
    # the random part of Pulumi's names, and the hash of `shared_name`
    (r"(?<=[A-Za-z]-)[0-9a-f]{7}\b", "HEX"),
    (r"\b(s3-app[a-z-]*)-[0-9a-f]{8,10}-[a-z0-9]{5}\b", r"\1-POD"),
    (r"(?i)\b(request ?id:? ?)[\w-]{8,}", r"\1REQUEST_ID"),
    # the folder of a Pod's files in the sandbox
    (r"(?<![\w:/])/\S*?(?=/etc/aws\b|/var/run/secrets/)", ""),
)


class Answer(NamedTuple):
    """Code, text and refused operation of one answer."""

    code: str
    """AWS's error, ``granted``, or ``failed`` for another reason than AWS's refusal."""
    text: str
    operation: str = ""


def answer_of(done: Done) -> Answer:
    """Return the answer of an AWS CLI command."""
    if done.code == 0:
        return Answer("granted", done.output.strip())
    refused = _ERROR.search(done.output)
    if refused is None:
        return Answer("failed", f"exit code {done.code}: {done.output.strip()}")
    return Answer(refused[1], " ".join(refused[3].split()), refused[2])


def normalised(text: str, names: Mapping[str, str] = MappingProxyType({})) -> str:
    """Return a text with placeholders; ``names`` maps a run's own words to them."""
    for word in sorted(names, key=len, reverse=True):
        text = text.replace(word, names[word])
    for pattern, placeholder in _PLACEHOLDERS:
        text = re.sub(pattern, placeholder, text)
    return text


def as_json(answers: Mapping[str, Answer]) -> str:
    """Return answers as they are recorded."""
    return json.dumps({key: each._asdict() for key, each in answers.items()}, indent=1) + "\n"


def report(facts: Mapping[str, str], answers: str) -> str:
    """Return the report in Markdown: where the answers differ from the sandbox's."""
    recorded = SANDBOX_ANSWERS.read_text("utf-8").splitlines()
    differences = unified_diff(recorded, answers.splitlines(), "sandbox", "here", lineterm="")
    lines = ["# Live run of both stacks", "", *(f"- {key}: {text}" for key, text in facts.items())]
    return "\n".join([*lines, "", "```diff", *differences, "```", ""])
