"""What AWS, or the sandbox, answers to a check, without what differs from run to run. Pure.

So two answers can be compared, and a report can be shown to anybody: no account, key or token is
in it.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

GRANTED = "granted"
FAILED = "failed"
"""The code of a command that did not work for a reason which AWS did not give."""

SANDBOX_ANSWERS = Path(__file__).with_name("sandbox_answers.json")
"""What the sandbox answers; tests/sandbox/test_live.py compares it with what it does."""

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
    (r"(assumed-role/[\w+=,.@-]+/)(?:botocore-session-)?\d{9,}\b", r"\1SESSION"),
    (r"\b\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d\S*", "TIME"),
    (r"(?i)\b(request ?id:? ?)[\w-]{8,}", r"\1REQUEST_ID"),
    (
        r"(?<![\w:/])/\S*?(?=/etc/aws\b|/var/run/secrets/)",
        "",
    ),  # where the sandbox's Pods' files lie
)


@dataclass(frozen=True)
class Answer:
    """One answer."""

    code: str
    """AWS's error code; ``granted`` or ``failed`` when there is none."""

    text: str
    """What was granted, or AWS's message."""

    operation: str = ""
    """The operation that was refused."""


def answer_of(code: int, output: str, errors: str) -> Answer:
    """What a command of the AWS CLI says."""
    if code == 0:
        return Answer(GRANTED, output.strip())
    refused = _ERROR.search(errors)
    if refused is None:
        return Answer(FAILED, f"exit code {code}: {(errors or output).strip()}")
    return Answer(refused[1], " ".join(refused[3].split()), refused[2])


def normalised(answer: Answer, names: Mapping[str, str]) -> Answer:
    """The answer with placeholders; ``names`` are a run's own words and what to call them."""
    text = answer.text
    for word in sorted(names, key=len, reverse=True):
        text = text.replace(word, names[word])
    for pattern, placeholder in _PLACEHOLDERS:
        text = re.sub(pattern, placeholder, text)
    return Answer(answer.code, text, answer.operation)


def sandbox_answers() -> dict[str, Answer]:
    """The recorded answers of the sandbox, by the checks' keys."""
    recorded = json.loads(SANDBOX_ANSWERS.read_text("utf-8"))
    return {key: Answer(**answer) for key, answer in recorded.items()}


def as_json(answers: Mapping[str, Answer]) -> str:
    """Answers as they are recorded."""
    return json.dumps({key: asdict(each) for key, each in answers.items()}, indent=1) + "\n"


@dataclass(frozen=True)
class Row:
    """One check in the report."""

    key: str
    title: str
    passed: bool
    answer: Answer


def report(title: str, facts: Mapping[str, str], rows: Iterable[Row]) -> str:
    """The report, as Markdown: every answer beside the sandbox's."""
    of_sandbox = sandbox_answers()
    rows = list(rows)
    lines = [f"# {title}", "", *(f"- {name}: {value}" for name, value in facts.items()), ""]
    lines += ["| check | what must be so | result | here | sandbox |", "|---|---|---|---|---|"]
    for row in rows:
        theirs = of_sandbox.get(row.key)
        cells = (
            row.key,
            row.title,
            "passed" if row.passed else "**FAILED**",
            _short(row.answer),
            _short(theirs) if theirs else "not recorded",
        )
        lines.append(f"| {' | '.join(cells)} |")
    for row in rows:
        theirs = of_sandbox.get(row.key)
        lines += ["", f"## {row.key}: {row.title}", "", *_quoted("here", row.answer)]
        if theirs == row.answer:
            lines += ["", "The sandbox answers the same."]
        elif theirs is not None:
            lines += ["", *_quoted("sandbox", theirs)]
    return "\n".join(lines) + "\n"


def _short(answer: Answer) -> str:
    return f"{answer.code} ({answer.operation})" if answer.operation else answer.code


def _quoted(where: str, answer: Answer) -> list[str]:
    return [f"{where}: {_short(answer)}", "", "```text", answer.text, "```"]
