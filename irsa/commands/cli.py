"""What the commands share: options, one-line errors and exit codes."""

import argparse
import getpass
import re
from collections.abc import Sequence
from typing import NoReturn

from irsa import PROGRAM

HOLDS, FAILS, USAGE, UNDECIDED = 0, 1, 2, 3
"""Exit codes: what was checked holds, or fails; wrong usage or input; it could not be decided."""

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


def parser(name: str, text: str, *, outputs: Sequence[str] = OUTPUTS) -> Parser:
    """A command's parser, with ``--output``."""
    command = Parser(prog=f"{PROGRAM} {name}", description=text, allow_abbrev=False)
    command.add_argument(
        "--output", choices=outputs, default=outputs[0], help=f"default: {outputs[0]}"
    )
    return command


def add_role_b(command: argparse.ArgumentParser, *, metavar: str, text: str) -> None:
    """The option that names role B."""
    command.add_argument("--role-b", metavar=metavar, help=text)
    command.add_argument("--chain", type=_renamed, help=argparse.SUPPRESS)


def _renamed(value: str) -> NoReturn:
    raise Stop(f"--chain is called --role-b now; write --role-b {value}")


def add_sources(command: argparse.ArgumentParser) -> None:
    """The options that say which cluster and which AWS."""
    command.add_argument("--context", help="context of the kubeconfig (default: the current one)")
    command.add_argument("--region", help="AWS region (default: the one that boto3 finds)")


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
