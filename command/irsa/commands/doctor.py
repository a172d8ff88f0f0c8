"""``python -m irsa doctor "<error text>"``: the causes of an error, and a check for each."""

import argparse
import json
import re
from dataclasses import asdict

from irsa import PROGRAM
from irsa.commands import cli
from irsa.commands.known_errors import KNOWN_ERRORS, VERIFY, Cause, KnownError, diagnose, plain
from irsa.identity.errors import Denial, read_denial
from irsa.printable import line


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    command = cli.parser("doctor", "Explain an AWS or SDK error message, and say what to check.")
    command.add_argument(
        "text", nargs="+", metavar="ERROR", help="the message; - is standard input"
    )
    return command


def run(options: argparse.Namespace) -> int:
    """Run the command; its exit code."""
    text = " ".join(options.text)
    if text == "-":
        from irsa.observe.files import read_text

        text = read_text("-")
    errors = diagnose(text)
    denial = read_denial(plain(text))
    if options.output == "json":
        print(json.dumps([_as_json(error, denial) for error in errors], indent=1))
    elif errors:
        said = [f"AWS says: {line(denial.reason)}"] if denial and denial.reason else []
        print("\n\n".join([*said, *map(_as_text, errors), f"verify: {VERIFY}"]))
    else:
        print(f"not among the {len(KNOWN_ERRORS)} known errors; `{PROGRAM} verify` checks the "
              "whole chain")  # fmt: skip
    return cli.HOLDS if errors else cli.UNDECIDED


def _as_text(error: KnownError) -> str:
    lines = [error.error, f"  {error.meaning}"]
    for number, cause in enumerate(error.causes, start=1):
        link = f"link {cause.link!r}"
        check = f"{_check(cause)}  ({link})" if cause.link else _check(cause)
        check = check if cause.check else f"{link} of verify"
        lines += [f"  {number}. {cause.cause}", f"     check: {check}"]
    return "\n".join(lines)


def _check(cause: Cause) -> str:
    """The check, with the name by which the program was started."""
    return re.sub("^irsa ", f"{PROGRAM} ", cause.check) or VERIFY


def _as_json(error: KnownError, denial: Denial | None) -> dict[str, object]:
    return {
        "key": error.key,
        "error": error.error,
        "meaning": error.meaning,
        "denial": denial and _denial_as_json(denial),
        "causes": [_cause_as_json(each) for each in error.causes],
    }


def _cause_as_json(cause: Cause) -> dict[str, str | None]:
    return {
        "id": cause.id,
        "cause": cause.cause,
        "check": _check(cause),
        "link": cause.link or None,
        "source": cause.source or None,
    }


def _denial_as_json(denial: Denial) -> dict[str, str | None]:
    """The refusal as the text describes it; null for everything that it does not name."""
    policy_type = denial.policy_type and denial.policy_type.value
    texts = {key: value or None for key, value in asdict(denial).items()}
    return {**texts, "refusal": denial.refusal.value, "policy_type": policy_type}
