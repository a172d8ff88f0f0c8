"""``python -m irsa doctor "<error text>"``: from an error to its causes and checks."""

import argparse
import json
from collections.abc import Sequence

from irsa import cli
from irsa.troubles import TROUBLES, Trouble, diagnose


def main(arguments: Sequence[str]) -> int:
    """Run the command; its exit code."""
    return cli.run("doctor", _run, arguments)


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    made = cli.parser("doctor", "Say what an AWS or SDK error message means, and what to check.")
    made.add_argument("text", nargs="+", metavar="ERROR", help="the message; - is standard input")
    return made


def _run(arguments: Sequence[str]) -> int:
    options = parser().parse_args(arguments)
    text = " ".join(options.text)
    if text == "-":
        from irsa.collect_files import read_text

        text = read_text("-")
    found = diagnose(text)
    if options.output == "json":
        print(json.dumps([_as_json(trouble) for trouble in found], indent=1))
    elif found:
        print("\n\n".join(_as_text(trouble) for trouble in found))
    else:
        print(f"not among the {len(TROUBLES)} errors known here; `python -m irsa verify` looks "
              "at the whole chain")  # fmt: skip
    return cli.SO if found else cli.UNDECIDED


def _as_text(trouble: Trouble) -> str:
    lines = [trouble.error, f"  {trouble.meaning}"]
    for number, cause in enumerate(trouble.causes, start=1):
        link = f"  (link {cause.link!r})" if cause.link else ""
        lines += [f"  {number}. {cause.cause}", f"     check: {cause.check}{link}"]
    return "\n".join(lines)


def _as_json(trouble: Trouble) -> dict[str, object]:
    return {
        "key": trouble.key,
        "error": trouble.error,
        "meaning": trouble.meaning,
        "causes": [
            {"cause": each.cause, "check": each.check, "link": each.link or None}
            for each in trouble.causes
        ],
    }
