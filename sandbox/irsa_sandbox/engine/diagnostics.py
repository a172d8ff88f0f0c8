"""Errors of the engine as one line."""

import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from socket import gethostname
from textwrap import shorten
from traceback import format_stack
from typing import Any

from pulumi.automation.errors import CommandError, ConcurrentUpdateError

REPEATED = "an unhandled error occurred: "
"""Starts the line in which the inline language server repeats an error."""

PROGRAM = "python inline source runtime error: "
"""Starts the error of a program; its traceback follows, twice."""

_CALLBACK = re.compile(r"invoke \w+: rpc error: code = Unknown desc = Invoke callback \S+ error: ")
_FRAME = re.compile(
    r'^ *File "(?P<file>.+)", line (?P<line>\d+).*(?=\n *(?P<code>.*)$)', re.MULTILINE
)
_NOT_THE_USERS = re.compile(
    r"^<|/(site|dist)-packages/|/lib/python3|/(irsa_components|irsa_core|irsa_sandbox|command/irsa)/"
)
PLAIN = ("ValueError", "Exception", "RunError")
"""Errors whose text says all."""

_RESOURCE = re.compile(r"  (\S+) \((.+)\):")
"""Starts the diagnostics of a resource."""

_PROTECTED = re.compile(r'resource "\S+::(?P<name>[^"]+)" cannot be deleted because it is prot')
_FIXES = {
    "(?s).*Missing required configuration variable '(.+?)'.*": r"configuration has no \1; add it "
    r"to Pulumi.STACK.yaml, or give --config \1=VALUE",
    r'unknown stack ".+': r"\g<0>; bring that stack up first, or correct its name",
    "type Output is not JSON serializable$": r"\g<0>; use pulumi.Output.json_dumps",
}
"""Patterns of errors, with the text that has a way out."""

_SUMMARY = re.compile(r"(update|preview|destroy|refresh) failed$|\d+ errors? occurred:$")
_ECHOES = (
    "Resource monitor has terminated, shutting down",
    "Exception calling application: ",
    f"{PROGRAM}resource monitor shut down",
)
"""Start errors of a program that has failed, or whose engine has, for another reason."""

_MORE = ("because ",)
"""Starts the second line of an error that says why. Others are a traceback's, mostly."""

_KILLED = re.compile(r"\A\s*code: -(?P<signal>\d+)$", re.MULTILINE)
_REPEATED = re.compile(rf"^ *[+~=-]* +\S+ .+ (\([\d.]+m?s\) warning: |error: {PROGRAM})")
"""On the line of a resource; the diagnostics have it, too."""

_AFTER_TRACEBACK = re.compile(r" {0,3}[^ ]| {4}(error|warning|info|debug): ")
"""Lines with which a resource's diagnostics end, or its next one begins."""

_HOLDER = re.compile(r"created by (?P<user>\S+)@(?P<host>\S+) \(pid (?P<pid>\d+)\)")


def resource_key(kind: str, name: str) -> str:
    """Return a resource as a key for its diagnostics, which leave out a part of some types."""
    return re.sub(r"/\w+:", ":", f"{kind} ({name})")


def users_line() -> str:
    """Return the innermost line of the user's files that runs, as a traceback has it."""
    frame: Any = sys._getframe()
    while frame and _NOT_THE_USERS.search(frame.f_code.co_filename):
        frame = frame.f_back
    return "".join(format_stack(frame, 1)) if frame else ""


def explain(error: CommandError, lines: Mapping[str, str]) -> str:
    """Return an error of the CLI as one line; ``lines`` has those of the program by resource."""
    text, signal = str(error), _KILLED.match(str(error))
    if isinstance(error, ConcurrentUpdateError):
        holder = _HOLDER.search(text)
        who = f"process {holder['pid']} of {holder['user']}" if holder else "another process"
        return f"the stack is locked by {who}; wait until it ends"
    if signal:
        fix = "refresh the stack, then run it again"
        return f"the Pulumi engine was killed (signal {signal['signal']}); {fix}"
    return diagnostics(text, lines)


def in_program(message: str, text: str) -> str:
    """Return an error of the program with the last line of the user's files in its traceback."""
    message = _CALLBACK.sub("", message.removeprefix(PROGRAM)).removesuffix(":")
    frames = [f for f in _FRAME.finditer(text) if not _NOT_THE_USERS.search(f["file"])]
    raised = re.search(rf"^ *(?:\w+\.)*(\w+): {re.escape(message)}$", text, re.MULTILINE)
    if raised and raised[1] not in PLAIN:
        message = f"{raised[1]}: {message}"
    for words, fixed in _FIXES.items():
        message = re.sub(words, fixed, message)
    if not frames:
        return message
    file, line, code = frames[-1].groups()
    short = min(os.path.relpath(file), file, key=len)
    return f"{short}:{line}: {message.rstrip('.')}, in {shorten(code, 80)}"


def diagnostics(text: str, lines: Mapping[str, str]) -> str:
    """Return the errors under "Diagnostics:", or else all, without lines that only sum up."""
    _, _, below = text.rpartition("\nDiagnostics:\n")
    errors: list[tuple[str, str]] = []
    severity = place = ""
    for printed in (below or text).splitlines():
        if resource := _RESOURCE.fullmatch(printed):
            place = lines.get(resource_key(*resource.groups()), "")
        line = printed.strip().removeprefix("stderr: ")
        if line.startswith(("error: ", "warning: ")):
            severity, _, line = line.partition(": ")
        elif severity == "error" and errors and line.startswith(_MORE):
            errors[-1] = f"{errors[-1][0]} {line}", place
            continue
        elif not line.startswith("* "):
            continue
        if severity == "error" and not _SUMMARY.search(line):
            errors.append((line.removeprefix("* ").removeprefix(REPEATED), place))
    told = [error for error in dict.fromkeys(errors) if not error[0].startswith(_ECHOES)] or errors
    told = [in_program(line, text if line.startswith(PROGRAM) else at) for line, at in told]
    if protected := [match["name"] for match in map(_PROTECTED.search, told) if match]:
        return (
            f"protected: {', '.join(protected)}; set `deletion_protection` or `protect` to False, "
            "bring the stack up, and run this again"
        )
    return "; ".join(told) or " ".join(text.split())


def ways_on(line: str, states: Iterable[Mapping[str, Any]]) -> str:
    """Return the ways on after the error of an `up` that left these resources in the state."""
    fix = "; it was not changed: give another name, or take it over (docs/existing.md)"
    deleted: list[str] = []
    for state in states:
        urn = state["urn"].split("::", 2)[2]
        if state.get("pendingReplacement"):
            deleted.append(urn.rpartition("$")[2])
        elif f"{state['type'].split(':')[-1]} ({state.get('id')})" in line:
            to_keep = "name that in `taken_over` or `aliases`, and preview (docs/existing.md)"
            fix = f"; the stack has it as {urn}: to keep it, {to_keep}"
    if not re.search("already ?exists", line, re.IGNORECASE):
        fix = ""
    return f"{fix}; deleted, until an up works: {', '.join(deleted)}" if deleted else fix


def without_repeats(on_output: Callable[[str], Any]) -> Callable[[str], Any]:
    """Pass the engine's output on without repeated errors and warnings, and without tracebacks."""
    in_traceback = False

    def show(line: str) -> None:
        nonlocal in_traceback
        in_traceback = in_traceback and not _AFTER_TRACEBACK.match(line)
        if not (in_traceback or f"error: {REPEATED}" in line or _REPEATED.match(line)):
            on_output(line.replace(PROGRAM, ""))
        in_traceback = in_traceback or PROGRAM in line

    return show


def left_locked(error: ConcurrentUpdateError) -> bool:
    """Return whether each lock is one of a process of this machine that has ended."""
    holders = [*_HOLDER.finditer(str(error))]
    return bool(holders) and all(map(_has_ended, holders))


def _has_ended(holder: re.Match[str]) -> bool:
    try:
        os.kill(int(holder["pid"]), 0)
    except OSError as error:  # or the process of another user
        return holder["host"] == gethostname() and isinstance(error, ProcessLookupError)
    return False
