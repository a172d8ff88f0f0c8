"""``python -m irsa decide FILE``: decide one scenario; docs/evaluator.md has its fields."""

import argparse

from irsa.commands import cli
from irsa.observe.files import read_text
from irsa.signatures import check_signature
from irsa_core.decide.json_input import InputError
from irsa_core.decide.scenario import parse_scenario
from irsa_core.decide.simulate import simulate
from irsa_core.decide.truth import Verdict

EXIT_CODES = {Verdict.ALLOW: cli.HOLDS, Verdict.DENY: cli.FAILS, Verdict.UNKNOWN: cli.UNDECIDED}


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    command.add_argument("file", metavar="FILE", help="the scenario as JSON; - is standard input")


def run(options: argparse.Namespace) -> int:
    """Run the command; its exit code."""
    with cli.stopping("", on=InputError):
        outcome = simulate(parse_scenario(read_text(options.file).encode(), check_signature))
    print(cli.json_text(**outcome.as_json()))
    return EXIT_CODES[outcome.verdict]
