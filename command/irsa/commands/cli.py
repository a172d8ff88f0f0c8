"""The commands, their options, one-line errors, exit codes and JSON."""

import argparse
import difflib
import json
import math
import re
import sys
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any, NamedTuple, NoReturn, TypeVar

from irsa import PROGRAM
from irsa.observe.facts import Unread
from irsa.printable import line
from irsa_core.identity.subjects import ServiceAccountRef, parse_account

T = TypeVar("T")

HOLDS, FAILS, USAGE, UNDECIDED = 0, 1, 2, 3
"""Exit codes: the checks passed, or failed; wrong usage or input; could not be decided."""

JSON_VERSION = 1
"""Of the JSON of every command. A change that removes or renames a field makes it one higher."""

TEXT = ("text", "json")
REVIEW = (*TEXT, "markdown", "sarif")
"""Values of ``--output``, of which the first is the default; some commands have others."""

REGION = "AWS region (default: the cluster's, or boto3's)"


class Command(NamedTuple):
    """A command, known without loading it."""

    module: str
    """Module with ``add_options(parser)``, and ``run(options)``, which returns the exit code."""
    summary: str
    codes: Mapping[int, str]
    """Meaning of its exit codes, but for 2."""
    examples: Sequence[str]
    outputs: Sequence[str] = TEXT


COMMANDS = {
    "decide": Command(
        "irsa.commands.decide", "decide a scenario as AWS would: allow, deny or unknown, and why",
        {0: "allow", 1: "deny", 3: "unknown"}, ("decide scenario.json", "decide -"), ("json",),
    ),
    "verify": Command(
        "irsa.commands.verify", "check a service account's chain and name the link that fails",
        {0: "passed", 1: "a link failed", 3: "could not be decided"},
        ("verify dev/s3-app --bucket bucket-s3-app", "verify --stack dev -o json"),
    ),
    "explain": Command(
        "irsa.commands.explain", "draw the chain, and list who else can assume the role",
        {0: "drawn", 1: "a link fails or a service account does not exist", 3: "a fact is unknown"},
        ("explain dev/s3-app", "explain --trust-policy docs/examples/trust-deploy.json -o mermaid"),
        (*TEXT, "mermaid"),
    ),
    "audit": Command(
        "irsa.commands.audit", "check the service accounts of clusters and the roles of accounts",
        {0: "neither error nor warning", 1: "an error or a warning", 3: "a source was not read"},
        ("audit --context blue --context green", "audit --stack preview.json -o sarif"), REVIEW,
    ),
    "diff": Command(
        "irsa.commands.diff", "name who gains and who loses access by a change",
        {0: "no caller gains", 1: "a caller gains or may gain", 3: "undecided or not compared"},
        ("diff old.json new.json", "diff preview.json -o markdown"), REVIEW,
    ),
    "list": Command(
        "irsa.commands.listing", "list service accounts with the AWS identity of their Pods",
        {0: "listed", 3: "a source was not read"}, ("list -o wide", "list --since week.json"),
        ("text", "wide", "json"),
    ),
    "doctor": Command(
        "irsa.commands.doctor", "explain an error message of AWS or an SDK, and say what to check",
        {0: "known", 3: "not among the known errors"}, ("doctor ExpiredToken", "doctor -"),
    ),
    "credentials": Command(
        "irsa.commands.credentials", "print a service account's credentials for credential_process",
        {0: "printed", 1: "refused, or no role", 3: "could not be read"},
        ("credentials dev/s3-app", "credentials -n dev s3-app --region eu-west-1"), ("json",),
    ),
    "takeover": Command(
        "irsa.commands.takeover", "print the lines with which a program takes over stack resources",
        {0: "printed", 3: "the preview leaves resources out: lines may be missing"},
        ("takeover state.json", "takeover dev --to acme/new/dev"),
    ),
    "move": Command(
        "irsa.commands.move", "move Pods between IRSA and EKS Pod Identity without a failed call",
        {0: "moved", 1: "refused, or a step failed", 3: "not read or not proven", 4: "steps left"},
        ("move dev/s3-app --to pod-identity", "move dev/s3-app --to irsa --yes --wait"), (),
    ),
}  # fmt: skip

FREE = frozenset({"external_id", "text"})
"""Options whose value may begin as a negative number does."""


class Stop(Exception):
    """Ends a command with one line on stderr."""

    def __init__(self, message: str, code: int = USAGE) -> None:
        super().__init__(message)
        self.code = code


class Options(argparse.Namespace):
    """Options that record which of them the command reads: any other one has no effect."""

    unread: set[str]

    def __getattribute__(self, name: str) -> Any:
        super().__getattribute__("__dict__").get("unread", set()).discard(name)
        return super().__getattribute__(name)


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line, and which takes no empty value."""

    def error(self, message: str) -> NoReturn:
        """Raise `Stop`, for an unknown option with the nearest one."""
        words = message.split() if message.startswith("unrecognized arguments: -") else []
        for word in words[2:3]:
            for near in difflib.get_close_matches(word, self._option_string_actions, 1):
                message += f"; the nearest option is {near}"
        raise Stop(f"{message}; {self.prog} --help has the options")

    def complete_files(self, file: object) -> None:
        """Have completion offer files where an argument is one."""
        for action in self._actions:
            if "FILE" in str(action.metavar) or action.dest in ("old", "new"):
                vars(action)["complete"] = file

    def _get_value(self, action: argparse.Action, arg_string: str) -> Any:
        name = [action.metavar or action.dest, *action.option_strings][-1]
        negative = action.dest not in FREE and re.match(r"-\.?\d", arg_string)
        if (negative or not arg_string.strip()) and action.nargs != argparse.PARSER:
            problem = "negative" if negative else "empty"
            raise Stop(f"{name} {arg_string!r}: the value is {problem}; give another one")
        return super()._get_value(action, arg_string)


def parser(name: str) -> Parser:
    """Load a command and return its parser, with ``--output`` if it has several."""
    row = COMMANDS[name]
    command = Parser(
        prog=f"{PROGRAM} {name}",
        description=f"{row.summary[0].upper()}{row.summary[1:]}.",
        epilog=epilog(PROGRAM, row.codes, row.examples),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    if row.outputs:
        default = row.outputs[0]
        text = f"default: {default}"
        command.add_argument("-o", "--output", choices=row.outputs, default=default, help=text)
    import_module(row.module).add_options(command)
    return command


def epilog(program: str, codes: Mapping[int, str], examples: Iterable[str]) -> str:
    """Return the end of a command's help."""
    every = sorted({**codes, USAGE: "wrong usage or input"}.items())
    meanings = "\n".join(f"  {code}  {meaning}" for code, meaning in every)
    shown = "\n".join(f"  {program} {example}" for example in examples)
    return f"exit codes:\n{meanings}\n\nexamples:\n{shown}"


def json_text(**fields: object) -> str:
    """Return the answer of a command as one JSON object."""
    return json.dumps({"version": JSON_VERSION, **fields}, indent=1)


def add_account(command: argparse.ArgumentParser, nargs: str | None = None) -> None:
    """Add the arguments that name a service account."""
    group = command.add_argument_group("service account")
    group.add_argument(
        "account",
        nargs=nargs,
        metavar="NAMESPACE/SERVICE-ACCOUNT",
        help="such as dev/s3-app, or with -n its name alone",
    )
    group.add_argument("-n", "--namespace", help="namespace of the service account")
    if nargs == "?":
        group.add_argument("--service-account", metavar="NAME", help="its name, as an option")


def repeated(text: str, metavar: str = "NAME") -> dict[str, Any]:
    """Return the settings of an option that may be given several times."""
    return {"action": "append", "default": [], "metavar": metavar, "help": text}


def account(name: str, namespace: str | None = None) -> ServiceAccountRef:
    """Return the service account that an argument names; raises `Stop`."""
    if namespace and "/" in name:
        raise Stop(f"{name} is given beside --namespace {namespace}; give one namespace")
    with stopping("", "; give it as dev/s3-app, or -n dev s3-app"):
        return parse_account(f"{namespace}/{name}" if namespace else name)


def checked(check: Callable[[str], object]) -> Callable[[str], str]:
    """Return the type of an argument that a check refuses by ValueError."""

    def read(text: str) -> str:
        try:
            check(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None
        return text

    return read


def seconds(text: str) -> float:
    """Return a time in seconds, or raise ValueError for text, infinity and nan."""
    if not math.isfinite(value := float(text)):
        raise ValueError(text)
    return value


@contextmanager
def stopping(
    start: str, end: str = "", *, on: type[Exception] = ValueError, code: int = USAGE
) -> Generator[None]:
    """End the command on an error, with the error between ``start`` and ``end`` as its line."""
    try:
        yield
    except on as error:
        raise Stop(f"{start}{error}{end}", code) from None


def complain(command: str, *texts: str) -> None:
    """Print lines on stderr, where they do not mix with the command's output."""
    for text in texts:
        print(line(f"irsa {command}: {text}"), file=sys.stderr)


def known(fact: T | Unread) -> T:
    """Return a fact; raises `Stop` if it could not be read."""
    if isinstance(fact, Unread):
        raise Stop(fact.text, UNDECIDED)
    return fact
