"""``python -m irsa verify``: check the chain of a service account, and name the link that fails.

A row for each link, in the order of a request, with the expected and the found state and the
commands of the remedy. Needs read access only, and names the permissions that are missing.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace

from irsa import printable
from irsa.commands import cli
from irsa.commands.chain_options import add_chain_options, places, questions
from irsa.identity.errors import AwsError
from irsa.identity.token import Token, decode_unverified
from irsa.observe.files import read_text
from irsa.verify.facts import Facts
from irsa.verify.gather import gather_each
from irsa.verify.link import Link, Status, failing_link, status_of
from irsa.verify.walk import walk

EXIT_CODES = {Status.PASSED: cli.HOLDS, Status.FAILED: cli.FAILS, Status.UNKNOWN: cli.UNDECIDED}
WAIT = 90.0  # seconds


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    command = cli.parser("verify", "Check the chain from a service account to its data.")
    add_chain_options(command)
    command.add_argument("--token-file", help="use the token in this file instead of a new one")
    command.add_argument(
        "--exec",
        action="store_true",
        dest="inside",
        help="run the AWS CLI inside the Pod, too (needs kubectl, and create on pods/exec)",
    )
    command.add_argument(
        "--wait",
        type=float,
        default=WAIT,
        metavar="SECONDS",
        help=f"time that a change in AWS may take to propagate (default: {WAIT:.0f})",
    )
    return command


def run(options: argparse.Namespace) -> int:
    """Run the command; its exit code."""
    token = _read_token(options.token_file) if options.token_file else None
    asked = [
        replace(each, given_token=token, wait=options.wait, inside=options.inside)
        for each in questions(options)
    ]
    with places(options) as where:
        results = [
            (facts, walk(facts, where)) for each in asked for facts in gather_each(each, where)
        ]
    if options.output == "json":
        print(json.dumps([result_json(*each) for each in results], indent=1))
    else:
        print("\n\n".join(text(*each) for each in results))
    return EXIT_CODES[status_of([link for _, links in results for link in links])]


def _read_token(file: str) -> Token:
    try:
        return decode_unverified(read_text(file).strip())
    except AwsError as error:
        raise cli.Stop(f"--token-file {file}: {error.message}") from error


def result_json(facts: Facts, links: Sequence[Link]) -> dict[str, object]:
    """Return a chain's result for ``--output json``."""
    failing = failing_link(links)
    return {
        "namespace": facts.namespace,
        "service_account": facts.name,
        "profile": facts.profile or None,
        "role_b": facts.role_b.target.role_arn if facts.role_b else None,
        "verdict": status_of(links).value,
        "failing_link": failing.key if failing else None,
        "links": [link.as_json() for link in links],
    }


def _command(command: str) -> Iterator[str]:
    """Yield the lines of a command; a policy in it can have several."""
    first, *others = command.split("\n")
    yield f"                $ {first}"
    yield from (f"                {line}" for line in others)


def text(facts: Facts, links: Sequence[Link]) -> str:
    """Return a chain's result as text."""
    report = [facts.title]
    for link in links:
        report.append(f"  {link.status.mark} {link.key:<16} {link.title}")
        if link.status is not Status.PASSED:
            report.append(f"      expected  {link.expected}")
        report.append(f"      found     {link.found}")
        if link.remedy.text:
            report.append(f"      remedy    {link.remedy.text}")
            report += [line for command in link.remedy.shell for line in _command(command)]
    failing = failing_link(links)
    report.append(f"{status_of(links).value}{f': the link {failing.key!r}' if failing else ''}")
    return printable.lines(*report)
