"""``python -m irsa doctor "<error text>"``: from an error to its causes and checks."""

import argparse
import json
from collections.abc import Sequence

from irsa import PROGRAM
from irsa.commands import cli
from irsa.commands.printable import line
from irsa.commands.troubles.diagnosis import TROUBLES, diagnose, plain
from irsa.commands.troubles.trouble import VERIFY, Trouble
from irsa.identity.access_denied import Denial, read_denial


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    command = cli.parser("doctor", "Say what an AWS or SDK error message means, and what to check.")
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
    troubles = diagnose(text)
    denial = read_denial(plain(text))
    if options.output == "json":
        print(json.dumps([_as_json(trouble, denial) for trouble in troubles], indent=1))
    elif troubles:
        print(_as_text(troubles, denial))
    else:
        print(f"not among the {len(TROUBLES)} errors known here; `{PROGRAM} verify` looks "
              "at the whole chain")  # fmt: skip
    return cli.HOLDS if troubles else cli.UNDECIDED


def _as_text(troubles: Sequence[Trouble], denial: Denial | None) -> str:
    parts = [_trouble_as_text(trouble) for trouble in troubles]
    if denial and denial.reason:
        parts.insert(0, f"AWS says: {line(denial.reason)}")
    if any(cause.check.startswith(VERIFY) for trouble in troubles for cause in trouble.causes):
        parts.append(f"verify: {VERIFY}")
    return "\n\n".join(parts)


def _trouble_as_text(trouble: Trouble) -> str:
    lines = [trouble.error, f"  {trouble.meaning}"]
    for number, cause in enumerate(trouble.causes, start=1):
        check = cause.check.replace(VERIFY, "verify")
        if check == "verify":
            check = f"link {cause.link!r} of verify"
        elif cause.link:
            check += f"  (link {cause.link!r})"
        lines += [f"  {number}. {cause.cause}", f"     check: {check}"]
    return "\n".join(lines)


def _as_json(trouble: Trouble, denial: Denial | None) -> dict[str, object]:
    return {
        "key": trouble.key,
        "error": trouble.error,
        "meaning": trouble.meaning,
        "denial": denial and _denial_as_json(denial),
        "causes": [
            {
                "id": each.id,
                "cause": each.cause,
                "check": each.check,
                "link": each.link or None,
                "source": each.source or None,
            }
            for each in trouble.causes
        ],
    }


def _denial_as_json(denial: Denial) -> dict[str, str | None]:
    """What the text says of the refusal; None for what it does not say."""
    return {
        "action": denial.action,
        "caller": denial.caller or None,
        "resource": denial.resource or None,
        "refusal": denial.refusal.value,
        "policy_type": denial.policy_type and denial.policy_type.value,
        "policy_arn": denial.policy_arn or None,
    }
