"""``python -m irsa verify``: check the chain of a service account, and name the link that fails.

A row for each link, in the order of a request, with the expected and the found state and the
commands of the remedy. Needs read access only, and names the permissions that are missing.
"""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace

from irsa import PROGRAM, printable
from irsa.commands import cli
from irsa.commands.chain_options import add_chain_options, questions
from irsa.commands.sources import places
from irsa.observe.facts import Role
from irsa.observe.files import read_text
from irsa.verify.facts import Facts
from irsa.verify.gather import gather_each
from irsa.verify.link import AS_EXPECTED, Link, Status, failing_link, status_of
from irsa.verify.links.to_bucket import asked_grants
from irsa.verify.walk import walk
from irsa_core.identity.errors import AwsError
from irsa_core.identity.policy_json import as_list
from irsa_core.identity.token import decode_unverified

EXIT_CODES = {Status.PASSED: cli.HOLDS, Status.FAILED: cli.FAILS, Status.UNKNOWN: cli.UNDECIDED}
WAIT = 90.0  # seconds


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    add_chain_options(command)
    calls = command.add_argument_group("calls")
    text = "use the token in this file instead of a new one"
    calls.add_argument("--token-file", metavar="FILE", help=text)
    calls.add_argument(
        "--exec",
        action="store_true",
        dest="inside",
        help="run the AWS CLI inside the Pod, too (needs kubectl, and create on pods/exec)",
    )
    calls.add_argument(
        "--wait",
        type=cli.seconds,
        default=WAIT,
        metavar="SECONDS",
        help=f"time that a change in AWS may take to propagate (default: {WAIT:.0f})",
    )


def run(options: argparse.Namespace) -> int:
    """Run the command; its exit code."""
    token = None
    if options.token_file:
        with cli.stopping(f"--token-file {options.token_file}: ", on=AwsError):
            token = decode_unverified(read_text(options.token_file).strip())
    chosen, skipped = questions(options)
    asked = [
        replace(question, given_token=token, wait=options.wait, inside=options.inside)
        for question in chosen
    ]
    program, again = (*PROGRAM.split(), "verify"), same_place(options)
    with places(options.context, options.region, options.trusting_profile) as where:
        results = [
            (facts, [link.with_words(program, *again) for link in walk(facts, where)])
            for question in asked
            for facts in gather_each(question, where)
        ]
        place = where.place
    if options.external_id and not any(facts.role_b for facts, _ in results):
        skipped.append("--external-id: it has no effect, no chain leads to a role B")
    if options.output == "json":
        print(cli.json_text(**report(place, results, skipped)))
    else:
        title = ", ".join(f"{name} {value}" for name, value in place.items())
        print("\n\n".join(text(*result, title, colours()) for result in results))
    cli.complain("verify", *skipped)
    return EXIT_CODES[status_of([link for _, links in results for link in links])]


def same_place(options: argparse.Namespace) -> list[str]:
    """The options by which another question asks the same cluster, accounts and Pods."""
    names = ("context", "region", "trusting_profile", "profile", "role_b", "external_id")
    given = [(name, getattr(options, name)) for name in names]
    listed = [(name, e) for name, value in given for e in as_list(value or [])]
    return [word for name, e in listed for word in (f"--{name.replace('_', '-')}", e)]


def report(
    place: Mapping[str, str],
    results: Sequence[tuple[Facts, Sequence[Link]]],
    unchecked: Sequence[str],
) -> dict[str, object]:
    """Return the results for ``--output json``."""
    chains = [
        {
            "namespace": facts.namespace,
            "service_account": facts.name,
            "profile": facts.profile or None,
            "role_b": facts.role_b.role_arn if facts.role_b else None,
            "verdict": status_of(links).value,
            "failing_link": failing.key if (failing := failing_link(links)) else None,
            "links": [link.as_json() for link in links],
        }
        for facts, links in results
    ]
    return {**place, "chains": chains, "unchecked": unchecked}


def colours() -> Mapping[Status, str]:
    """The colour of each status for a terminal; empty elsewhere, and with NO_COLOR.

    https://no-color.org
    """
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return {}
    return {Status.FAILED: "31", Status.UNKNOWN: "33", Status.PASSED: "32"}


_ORDER = (Status.FAILED, Status.UNKNOWN, Status.NOT_ASKED, Status.PASSED)


def text(
    facts: Facts, links: Sequence[Link], place: str = "", colour: Mapping[Status, str] | None = None
) -> str:
    """Return a chain's result as text: what does not hold first."""
    report, remedies = [f"{facts.title}{f': {place}' if place else ''}"], set[str]()
    # In the order of a request; but a role without a policy comes before what is merely unknown.
    first = [e for e in links if e.status is Status.UNKNOWN and e.key.endswith("permissions")]
    ordered = sorted(links, key=lambda e: (_ORDER.index(e.status), e not in first))
    whole = (Status.FAILED,) if failing_link(links) else (Status.UNKNOWN, Status.NOT_ASKED)
    for link in ordered:
        if link.status not in whole:
            summary = link.title if link.found == AS_EXPECTED else link.found
            report.append(f"  {link.status.mark} {link.key:<17} {summary}")
            continue
        report.append(f"  {link.status.mark} {link.key:<17} {link.title}")
        report.append(f"      expected  {link.expected}")
        report.append(f"      found     {link.found}")
        if link.remedy.text and link.remedy.text not in remedies:
            report.append(f"      remedy    {link.remedy.text}")
        remedies.add(link.remedy.text)
        for command in link.remedy.shell:  # a policy in it can have several lines
            report += [f"                {line}" for line in f"$ {command}".split("\n")]
    report.append(_verdict(facts, links))
    lines = printable.lines(*report).split("\n")
    for status, code in (colour or {}).items():
        starts = (f"  {status.mark} ", status.value)
        lines = [f"\x1b[{code}m{e}\x1b[0m" if e.startswith(starts) else e for e in lines]
    return "\n".join(lines)


def _verdict(facts: Facts, links: Sequence[Link]) -> str:
    """Status, the failing link, the actions that were judged, and the questions not asked."""
    failing, status = failing_link(links), status_of(links)
    if failing:
        return f"{status.value}: the link {failing.key!r}"
    role = facts.role_b.role if facts.role_b else facts.role
    grants = asked_grants(role, facts) if isinstance(role, Role) else []
    judged = ", ".join(dict.fromkeys(grant.action for grant in grants))
    left = "other actions" if judged else "permissions"
    left += "" if facts.inside else ", the call inside the Pod (--exec)"
    return f"{status.value}{f': {judged}' if judged else ''}; not asked: {left}"
