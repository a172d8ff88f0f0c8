"""Errors of the engine as one line."""

import re
from collections.abc import Callable
from typing import Any

from pulumi.automation.errors import CommandError, ConcurrentUpdateError

REPEATED = "an unhandled error occurred: "
"""Starts the line in which the inline language server repeats an error."""

_SUMMARY = re.compile(r"(update|preview|destroy|refresh) failed$|\d+ errors? occurred:$")
_ECHOES = ("Resource monitor has terminated, shutting down", "Exception calling application: ")
"""Start errors of a program that has failed, or whose engine has, for another reason."""

_MORE = ("because ",)
"""Starts the second line of an error that says why. Others are a traceback's, mostly."""

_CANCELED = "update canceled"
_UNLOCK = "remove the lock with `pulumi cancel`"
_KILLED = re.compile(r"\A\s*code: -(?P<signal>\d+)$", re.MULTILINE)
_UNKNOWN_STACK = 'unknown stack "'
_REPEATED_WARNING = re.compile(r"^ *[+~=-]* +\S+ .+ \([\d.]+m?s\) warning: ")
"""On the line of a resource; the diagnostics have it, too."""

_HOLDER = re.compile(r"created by (?P<who>\S+) \(pid (?P<pid>\d+)\)")


def explain(error: CommandError) -> str:
    """Return an error of the CLI as one line."""
    text = str(error)
    if isinstance(error, ConcurrentUpdateError):
        return _locked(text)
    if killed := _KILLED.match(text):
        return f"the Pulumi engine was killed (signal {killed['signal']}); {_UNLOCK}, then refresh"
    line = diagnostics(text)
    if line == _CANCELED:
        return "update canceled; run the command again to finish it"
    if _UNKNOWN_STACK in line:
        return f"{line}; bring that stack up first, or correct its name"
    return line


def diagnostics(text: str) -> str:
    """Return the errors under "Diagnostics:", or else all, without lines that only sum up."""
    _, _, below = text.rpartition("\nDiagnostics:\n")
    errors: list[str] = []
    severity = ""
    for line in map(str.strip, (below or text).splitlines()):
        line = line.removeprefix("stderr: ")
        if line.startswith(("error: ", "warning: ")):
            severity, _, line = line.partition(": ")
        elif severity == "error" and errors and line.startswith(_MORE):
            errors[-1] += f" {line}"
            continue
        elif not line.startswith("* "):
            continue
        if severity == "error" and not _SUMMARY.search(line):
            errors.append(line.removeprefix("* ").removeprefix(REPEATED))
    told = [line for line in dict.fromkeys(errors) if not line.startswith(_ECHOES)] or errors
    return "; ".join(told) or " ".join(text.split())


def without_repeats(on_output: Callable[[str], Any]) -> Callable[[str], Any]:
    """Pass the engine's output on without repeated errors and warnings."""

    def show(line: str) -> None:
        if f"error: {REPEATED}" not in line and not _REPEATED_WARNING.match(line):
            on_output(line)

    return show


def _locked(text: str) -> str:
    holder = _HOLDER.search(text)
    who = f"process {holder['pid']} ({holder['who']})" if holder else "another process"
    return f"the stack is locked by {who}; wait until it ends, or if it was killed, {_UNLOCK}"
