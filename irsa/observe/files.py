"""Reads files, standard input, and a stack through the Pulumi CLI."""

import json
import subprocess
import sys
from pathlib import Path
from typing import cast

from irsa.identity.policy_json import Json
from irsa.observe.errors import CollectError, one_line

CLI_TIMEOUT = 120.0  # seconds; a backend in the cloud can be slow


def read_text(source: str) -> str:
    """A file, or standard input for ``-``; raises `CollectError`."""
    try:
        return sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise CollectError(f"{source}: {one_line(error)}") from error


def read_json(source: str) -> Json:
    """A JSON object from a file, or from standard input for ``-``; raises `CollectError`."""
    documents = read_documents(source)
    if len(documents) > 1:
        raise CollectError(f"{source}: {len(documents)} JSON objects instead of one")
    return documents[0]


def read_documents(source: str) -> list[Json]:
    """The JSON objects of a file, which may be one a line; at least one.

    Raises `CollectError` for what holds anything else.
    """
    text = read_text(source)
    lines = [(n, each) for n, each in enumerate(text.split("\n"), start=1) if each.strip()]
    try:
        documents: list[object] = [json.loads(text)]
    except (ValueError, RecursionError) as error:
        one_a_line = len(lines) > 1 and lines[0][1].rstrip().endswith("}")
        if not one_a_line:
            raise CollectError(f"{source}: not JSON: {one_line(error)}") from error
        documents = [_document(f"{source}, line {n}", each) for n, each in lines]
    if not all(isinstance(each, dict) for each in documents):
        raise CollectError(f"{source}: not a JSON object")
    return cast("list[Json]", documents)


def _document(where: str, text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CollectError(f"{where}: not JSON: {one_line(error)}") from error


def read_stack(stack: str) -> Json:
    """The state of a stack: of a file if there is one of that name, or else from the Pulumi CLI."""
    if is_file(stack):
        return read_json(stack)
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
    """Whether ``--stack`` means a file (``-`` is standard input), and not a stack's name."""
    return stack == "-" or Path(stack).is_file()
