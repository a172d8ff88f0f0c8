"""Options, one-line errors and exit codes of the commands."""

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn, TypeVar

from irsa import PROGRAM
from irsa.identity.subjects import ServiceAccountRef, parse_account
from irsa.observe.facts import Unread
from irsa.printable import line

T = TypeVar("T")

HOLDS, FAILS, USAGE, UNDECIDED = 0, 1, 2, 3
"""Exit codes: the checks passed, or failed; wrong usage or input; could not be decided."""

OUTPUTS = ("text", "json")


class Stop(Exception):
    """Ends a command with one line on stderr."""

    def __init__(self, message: str, code: int = USAGE) -> None:
        super().__init__(message)
        self.code = code


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Raise `Stop`."""
        raise Stop(f"{message}; {self.prog} --help has the options")


def parser(name: str, text: str, *, outputs: Sequence[str] = OUTPUTS) -> Parser:
    """Return a command's parser, with ``--output``."""
    command = Parser(prog=f"{PROGRAM} {name}", description=text, allow_abbrev=False)
    command.add_argument(
        "--output", choices=outputs, default=outputs[0], help=f"default: {outputs[0]}"
    )
    return command


def add_role_b(command: argparse.ArgumentParser, text: str) -> None:
    """Add the option that names role B."""
    command.add_argument("--role-b", metavar="ROLE_ARN", help=text)


def account(text: str) -> ServiceAccountRef:
    """Return the service account that an argument names; raises `Stop`."""
    try:
        return parse_account(text)
    except ValueError as error:
        raise Stop(str(error)) from None


def complain(command: str, text: str) -> None:
    """Print a line on stderr, where it does not mix with the command's output."""
    print(line(f"irsa {command}: {text}"), file=sys.stderr)


def known(fact: T | Unread) -> T:
    """Return a fact; raises `Stop` if it could not be read."""
    if isinstance(fact, Unread):
        raise Stop(fact.text, UNDECIDED)
    return fact
