"""``python -m irsa COMMAND …``: which pods may assume which role, and why.

A command is a row of the table below; its module is loaded when it is used, so that ``--help`` and
a wrong command are fast. Exit codes: 0 passed, 1 failed, 2 wrong usage or input, 3 could not be
decided.
"""

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NamedTuple

from irsa import PROGRAM, __version__
from irsa.commands import cli
from irsa.commands.terminal import quietly
from irsa.printable import line


class Command(NamedTuple):
    """A command, known without loading it."""

    module: str
    """Module with ``parser()``, and with ``run(options)``, which returns the exit code."""
    summary: str


COMMANDS = {
    "decide": Command("irsa.commands.decide", "decide a scenario: allow, deny or unknown, and why"),
    "verify": Command(
        "irsa.commands.verify", "check a service account's chain and name the link that fails"
    ),
    "explain": Command(
        "irsa.commands.explain", "draw the chain, and list who else can assume the role"
    ),
    "audit": Command(
        "irsa.commands.audit", "check the service accounts of a cluster and the roles of an account"
    ),
    "diff": Command("irsa.commands.diff", "name who gains and who loses access by a change"),
    "list": Command(
        "irsa.commands.listing", "list service accounts with the AWS identity of their Pods"
    ),
    "doctor": Command("irsa.commands.doctor", "explain an error message, and say what to check"),
    "credentials": Command(
        "irsa.commands.credentials", "print a service account's credentials for credential_process"
    ),
    "takeover": Command(
        "irsa.commands.takeover", "print the lines with which a program takes a stack's roles over"
    ),
    "move": Command("irsa.commands.move", "move Pods between IRSA and EKS Pod Identity"),
}


def usage() -> str:
    """Return the text of ``--help``."""
    rows = [f"  {name:<12} {command.summary}" for name, command in COMMANDS.items()]
    return "\n".join([
        f"usage: {PROGRAM} COMMAND …",
        "",
        *rows,
        "",
        f"{PROGRAM} COMMAND --help has the options, {PROGRAM} --version the version.",
        "exit codes: 0 passed, 1 failed, 2 wrong usage or input, 3 could not be decided",
    ])  # fmt: skip


def main(arguments: Sequence[str]) -> int:
    """Run a command and return its exit code. An error is one line on stderr."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(usage(), file=sys.stdout if arguments else sys.stderr)
        return 0 if arguments else cli.USAGE
    name, *rest = arguments
    if name == "--version":
        print(f"irsa {__version__}")
        return 0
    if name not in COMMANDS:
        return _stopped("irsa", f"no command {name[:100]!r}; commands are {', '.join(COMMANDS)}")
    from irsa.observe.errors import CollectError

    try:
        command = import_module(COMMANDS[name].module)
        return command.run(command.parser().parse_args(rest))
    except SystemExit as done:  # argparse's --help
        return int(done.code or 0)
    except cli.Stop as stop:
        return _stopped(f"irsa {name}", str(stop), stop.code)
    except CollectError as error:
        code = cli.UNDECIDED if error.undecided else cli.USAGE
        return _stopped(f"irsa {name}", str(error), code)


def _stopped(who: str, why: str, code: int = cli.USAGE) -> int:
    print(line(f"{who}: {why}"), file=sys.stderr)
    return code


def console() -> int:
    """Entry point of `irsa` and `kubectl irsa`, where the package is installed."""
    return quietly(lambda: main(sys.argv[1:]))


if __name__ == "__main__":
    sys.exit(console())
