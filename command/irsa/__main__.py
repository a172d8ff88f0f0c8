"""``python -m irsa COMMAND …``: which pods may assume which role, and why.

The module of a command is loaded when it is used, so that ``--help`` and a wrong command are fast.
"""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from irsa import PROGRAM
from irsa.commands import cli
from irsa.commands.cli import COMMANDS
from irsa.commands.terminal import quietly
from irsa.printable import line
from irsa_core import __version__


def root(*loaded: str) -> cli.Parser:
    """Return the parser of the whole program, with the options of the loaded commands."""
    import shtab

    codes = {cli.HOLDS: "passed", cli.FAILS: "failed", cli.UNDECIDED: "could not be decided"}
    parser = cli.Parser(
        prog="irsa" if loaded else PROGRAM,
        epilog=cli.epilog(PROGRAM, codes, ("verify --help", "--print-completion bash")),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"irsa {__version__}")
    shtab.add_argument_to(parser, "--print-completion")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, command in COMMANDS.items():
        parents = [cli.parser(name)] if name in loaded else []
        commands.add_parser(name, help=command.summary, parents=parents, add_help=not parents)
        for parent in parents:
            parent.complete_files(shtab.FILE)
    return parser


def main(arguments: Sequence[str]) -> int:
    """Run a command and return its exit code. An error is one line on stderr."""
    if not arguments:
        print(root().format_help(), file=sys.stderr)
        return cli.USAGE
    name, *rest = arguments
    options = None
    from irsa.observe.errors import CollectError

    try:
        if name not in COMMANDS:
            root(*COMMANDS if name.startswith("--print") else ()).parse_args(arguments)
        command = cli.parser(name)
        options = command.parse_args(rest, cli.Options())
        values = vars(options).items()
        options.unread = {key for key, value in values if value != command.get_default(key)}
        code = import_module(COMMANDS[name].module).run(options)
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
    print(line(f"irsa {name}: {error}" if name in COMMANDS else f"irsa: {error}"), file=sys.stderr)
    return code


def console() -> int:
    """Entry point of `irsa` and `kubectl irsa`, where the package is installed."""
    return quietly(lambda: main(sys.argv[1:]))


if __name__ == "__main__":
    sys.exit(console())
