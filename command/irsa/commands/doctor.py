"""``python -m irsa doctor "<error text>"``: the causes of an error, and a check for each."""

import argparse
import re
from collections.abc import Callable
from dataclasses import asdict
from functools import partial

from irsa import PROGRAM
from irsa.commands import cli
from irsa.commands.known_errors import KNOWN_ERRORS, Cause, KnownError, diagnose, plain
from irsa.commands.message_names import authorization_calls, fill, names, verify
from irsa.printable import line
from irsa_core.identity.errors import Denial, read_denial

Check = Callable[[Cause], str]


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    command.add_argument(
        "text",
        nargs="+",
        metavar="ERROR",
        help="the message, or a name of docs/troubleshooting.md; - is standard input",
    )


def run(options: argparse.Namespace) -> int:
    """Run the command; its exit code."""
    text = " ".join(options.text)
    if text == "-":
        from irsa.observe.files import read_text

        text = read_text("-")
        if not text.strip():
            raise cli.Stop("ERROR -: standard input is empty; give the message")
    errors = diagnose(text)
    flat = plain(text)
    denial = read_denial(flat)
    placeholders = names(flat)
    asking = verify(placeholders, denial)
    check = partial(_check, found=placeholders, asking=asking)
    calls = authorization_calls(flat)
    if options.output == "json":
        listed = [_as_json(error, denial, check) for error in errors]
        print(cli.json_text(errors=listed, verify=asking, calls=calls))
    elif errors:
        said = [f"AWS says: {line(denial.reason)}"] if denial and denial.reason else []
        explain = [f"AWS explains it: {line('; '.join(calls))}"] if calls else []
        parts = [_as_text(error, check) for error in errors]
        print("\n\n".join([*said, *explain, *parts, f"verify: {line(asking)}"]))
    else:
        print(f"not among the {len(KNOWN_ERRORS)} known errors; `{PROGRAM} verify` checks the "
              "whole chain")  # fmt: skip
    return cli.HOLDS if errors else cli.UNDECIDED


def _as_text(error: KnownError, check_of: Check) -> str:
    lines = [error.error, f"  {error.meaning}"]
    for number, cause in enumerate(error.causes, start=1):
        link = f"link {cause.link!r}"
        check = f"{check_of(cause)}  ({link})" if cause.link else check_of(cause)
        check = line(check) if cause.check else f"{link} of verify"
        lines += [f"  {number}. {cause.cause}", f"     check: {check}"]
    return "\n".join(lines)


def _check(cause: Cause, found: dict[str, str], asking: str) -> str:
    """The check, with the program's name and the text's names."""
    return fill(re.sub("^irsa ", f"{PROGRAM} ", cause.check), found) or asking


def _as_json(error: KnownError, denial: Denial | None, check_of: Check) -> dict[str, object]:
    return {
        "key": error.key,
        "error": error.error,
        "meaning": error.meaning,
        "denial": denial and _denial_as_json(denial),
        "causes": [
            {"id": e.id, "cause": e.cause, "check": check_of(e)}
            | {"link": e.link or None, "source": e.source or None}
            for e in error.causes
        ],
    }


def _denial_as_json(denial: Denial) -> dict[str, str | None]:
    """The refusal as the text describes it; null for everything that it does not name."""
    policy_type = denial.policy_type and denial.policy_type.value
    texts = {key: value or None for key, value in asdict(denial).items()}
    return {**texts, "refusal": denial.refusal.value, "policy_type": policy_type}
