"""Reads files, standard input, and a stack through the Pulumi CLI."""

import json
import subprocess
import sys
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from pathlib import Path
from typing import cast

from irsa.observe.errors import CollectError, one_line
from irsa_core.identity.policy_json import Json

CLI_TIMEOUT = 120.0  # seconds; a backend in the cloud can be slow


def read_text(source: str) -> str:
    """A file, or standard input for ``-``; raises `CollectError`."""
    try:
        if source == "-":
            return sys.stdin.read().removeprefix("\ufeff")
        read = Path(source).read_bytes()
        # PowerShell's > writes UTF-16.
        return read.decode("utf-16" if read[:2] in (BOM_UTF16_LE, BOM_UTF16_BE) else "utf-8-sig")
    except (OSError, ValueError) as error:
        raise CollectError(f"{source}: {one_line(error)}") from error


def read_json(source: str) -> Json:
    """A JSON object from a file, or from standard input for ``-``; raises `CollectError`."""
    try:
        document: object = json.loads(read_text(source), object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise CollectError(f"{source}: not JSON: {one_line(error)}") from error
    if not isinstance(document, dict):
        raise CollectError(f"{source}: not a JSON object")
    return cast("Json", document)


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """An object; of a key that stands twice, JSON's reader would lose the first value."""
    found = dict(pairs)
    if len(found) < len(pairs):
        name = next(name for name in found if sum(each == name for each, _ in pairs) > 1)
        raise ValueError(f"the key {name!r} stands twice in one object; write its values in one")
    return found


def read_stack(stack: str) -> Json:
    """The state of a stack: of a file if there is one of that name, or else from the Pulumi CLI."""
    if is_file(stack):
        try:
            return read_json(stack)
        except CollectError as error:
            way_out = "give what `pulumi stack export` or `pulumi preview --json` prints, alone"
            raise CollectError(f"{error}; {way_out}") from None
    command = ["pulumi", "stack", "export", "--stack", stack]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=CLI_TIMEOUT
        )
    except FileNotFoundError:
        raise CollectError(
            f"--stack {stack}: there is no file of that name, and the Pulumi CLI, which knows "
            "stacks, is not on PATH; install it (https://www.pulumi.com/docs/install/), or give "
            "a file that `pulumi stack export` wrote"
        ) from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CollectError(f"{' '.join(command)}: {one_line(error)}") from error
    if done.returncode != 0:
        raise CollectError(f"{' '.join(command)}: {one_line(done.stderr)}")
    document: Json = json.loads(done.stdout)
    return document


def is_file(stack: str) -> bool:
    """Return True if ``--stack`` means a file (``-`` is standard input), and not a stack's name."""
    return stack == "-" or Path(stack).is_file()
