"""``python -m irsa COMMAND …``: which pods may assume which role, and why.

A command is a row of the table below; its module is loaded when it is used, so that ``--help`` and
a wrong command are fast. Exit codes: 0 passed, 1 failed, 2 wrong usage or input, 3 could not be
decided.
"""

import sys
from collections.abc import Sequence
from importlib import import_module

from irsa import PROGRAM, __version__
from irsa.commands import cli
from irsa.commands.cli import COMMANDS
from irsa.commands.terminal import quietly
from irsa.printable import line


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

    options = None
    try:
        command = import_module(COMMANDS[name].module)
        options = cli.options_of(command.parser(), rest)
        code = command.run(options)
        for option in sorted(options.unread):
            flag = f"--{option.replace('_', '-')}"
            cli.complain(name, f"{flag}: it has no effect beside the other options; leave it out")
        return code
    except SystemExit as done:  # argparse's --help
        return int(done.code or 0)
    except cli.Stop as stop:
        error, code = str(stop), stop.code
    except CollectError as problem:
        error, code = str(problem), cli.UNDECIDED if problem.undecided else cli.USAGE
    if options and getattr(options, "output", "") == "json" and name != "credentials":
        print(cli.json_text(problem=error))  # not to an SDK, which reads credentials there
    return _stopped(f"irsa {name}", error, code)


def _stopped(who: str, why: str, code: int = cli.USAGE) -> int:
    print(line(f"{who}: {why}"), file=sys.stderr)
    return code


def console() -> int:
    """Entry point of `irsa` and `kubectl irsa`, where the package is installed."""
    return quietly(lambda: main(sys.argv[1:]))


if __name__ == "__main__":
    sys.exit(console())
