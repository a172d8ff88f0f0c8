"""The line of a program's log that gives the reason of its end. Pure."""

import json
import re

CAUSES = (
    "no space left on device",
    "too many open files",
    "address already in use",
    "permission denied",
)
"""Reasons for a program's end from outside, as spelt in logs, in any case."""

LONGEST = 300  # characters

# Go's stack traces: a goroutine's head, a function with its arguments or its file, registers.
_FRAME = re.compile(
    r"goroutine \d+ |\s|created by |[\w./()*-]+\(.*\)$|r?[a-z0-9]+\s+0x[0-9a-f]+$|exit "
)
_ERROR = re.compile(r'[EF]\d{4} |panic: |(?i:error|fatal)\b|\{.*"level":"(?:error|\w*panic|fatal)"')
"""Starts an error's line: of Kubernetes' programs, of Go's runtime, in words, of etcd."""

_ABOUT = ("level", "ts", "caller", "logger", "stacktrace")
"""Keys of etcd's JSON lines without information for a user."""


def telling(text: str) -> str:
    """The line with a known cause, else the last error, else the last line that is not part of a
    stack trace."""
    lines = [line for line in text.splitlines() if line.strip()]
    known = [line for line in lines if any(cause in line.lower() for cause in CAUSES)]
    spoken = [line for line in lines if not _FRAME.match(line)]
    errors = [line for line in spoken if _ERROR.match(line)]
    line = (known or errors or spoken or lines or ["its log is empty"])[-1]
    return _cut(" ".join(_plain(line).split()))


def _plain(line: str) -> str:
    """A line in JSON as words."""
    try:
        fields = json.loads(line)
        message = fields.pop("msg")
    except (ValueError, TypeError, KeyError, AttributeError):
        return line
    more = [f"{key}: {value}" for key, value in fields.items() if key not in _ABOUT]
    return f"{message} ({', '.join(more)})" if more else str(message)


def _cut(line: str) -> str:
    """The part of a long line that surrounds the cause, or its end, where Go's errors have it."""
    if len(line) <= LONGEST:
        return line
    at = max(line.lower().rfind(cause) for cause in CAUSES)
    end = len(line) if at < 0 else min(len(line), at + LONGEST // 2)
    return f"…{line[max(0, end - LONGEST) : end]}"
