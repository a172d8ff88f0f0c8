"""``python -m irsa decide FILE``: the answer to one scenario as JSON.

The form of the scenario and of the answer is in ``docs/evaluator.md``.
"""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from irsa.commands.printable import line
from irsa.decide.evaluate import Verdict
from irsa.decide.json_input import InputError
from irsa.decide.scenario import parse_scenario
from irsa.decide.simulate import simulate

EXIT_CODES = {Verdict.ALLOW: 0, Verdict.DENY: 1, Verdict.UNKNOWN: 3}

USAGE = """usage: python -m irsa decide FILE

Reads a scenario (JSON; - is standard input) and prints what AWS would answer, as one JSON object.
exit codes: 0 allow, 1 deny, 3 unknown, 2 wrong usage or input"""


def main(arguments: Sequence[str]) -> int:
    """Run the command; its exit code."""
    if any(each in ("-h", "--help") for each in arguments):
        print(USAGE)
        return 0
    # JSON is the only output there is; the option is taken because every command takes it.
    files = [each for each in _without_output(arguments) if each == "-" or not each.startswith("-")]
    if len(files) != 1 or len(files) != len(_without_output(arguments)):
        print(USAGE, file=sys.stderr)
        return 2
    try:
        outcome = simulate(parse_scenario(_read(files[0])))
    except InputError as error:
        print(line(f"irsa decide: {error}"), file=sys.stderr)
        return 2
    try:
        print(json.dumps(outcome.as_json(), indent=2))
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader has seen enough; the interpreter must not complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return EXIT_CODES[outcome.verdict]


def _without_output(arguments: Sequence[str]) -> list[str]:
    joined = "\0".join(arguments).replace("--output\0json", "--output=json")
    return [each for each in joined.split("\0") if each and each != "--output=json"]


def _read(file: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise InputError(file, f"cannot be read: {reason}") from None
