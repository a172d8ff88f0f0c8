"""What the commands share: options, one-line errors and exit codes."""

import argparse
import getpass
import re
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from irsa.commands.printable import line

SO, NOT_SO, USAGE, UNDECIDED = 0, 1, 2, 3
"""Exit codes: done and true; the thing checked is not so; wrong usage or input; not decided."""

OUTPUTS = ("text", "json")


class Stop(Exception):
    """Ends a command with one line on stderr."""

    def __init__(self, message: str, code: int = USAGE) -> None:
        super().__init__(message)
        self.code = code


class Parser(argparse.ArgumentParser):
    """An argument parser whose complaints are one line."""

    def error(self, message: str) -> NoReturn:
        """Raise `Stop`."""
        raise Stop(f"{message}; {self.prog} --help says more")


def parser(command: str, text: str, *, outputs: Sequence[str] = OUTPUTS) -> Parser:
    """A command's parser, with ``--output``."""
    made = Parser(prog=f"python -m irsa {command}", description=text, allow_abbrev=False)
    made.add_argument(
        "--output", choices=outputs, default=outputs[0], help=f"default: {outputs[0]}"
    )
    return made


def add_sources(made: argparse.ArgumentParser) -> None:
    """The options that say which cluster and which AWS."""
    made.add_argument("--context", help="context of the kubeconfig (default: the current one)")
    made.add_argument("--region", help="AWS region (default: as boto3 finds it)")


def run(command: str, body: Callable[[Sequence[str]], int], arguments: Sequence[str]) -> int:
    """Run a command's body; its exit code. Whatever stops it is one line on stderr."""
    from irsa.observe.kubernetes import CollectError

    try:
        return body(arguments)
    except SystemExit as error:  # argparse's --help
        return int(error.code or 0)
    except (Stop, CollectError) as error:
        print(line(f"irsa {command}: {error}"), file=sys.stderr)
        return error.code if isinstance(error, Stop) else USAGE


def split_name(text: str) -> tuple[str, str]:
    """NAMESPACE and SERVICE-ACCOUNT of ``NAMESPACE/SERVICE-ACCOUNT``."""
    namespace, _, name = text.partition("/")
    if not namespace or not name or "/" in name:
        raise Stop(f"{text!r} is not NAMESPACE/SERVICE-ACCOUNT, such as dev/s3-app")
    return namespace, name


def session_name(prefix: str) -> str:
    """A session name that says in CloudTrail who ran the command."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = "unknown"
    return re.sub(r"[^A-Za-z0-9_+=,.@-]", "-", f"{prefix}-{user}")[:64]
