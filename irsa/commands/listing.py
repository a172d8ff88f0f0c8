"""``python -m irsa list``: the service accounts of a cluster, and the AWS identity of their Pods.

Reads the sources of `audit`, Pods, Pod Identity associations and CloudTrail's event history. A line
names each of the last three that cannot be read; the rest is listed.
"""

import argparse
import json
import shutil
import sys

from irsa.commands import cli
from irsa.commands.inventory_page import page
from irsa.commands.inventory_sources import (
    AuditInput,
    Clients,
    add_sources,
    read,
    sources,
)
from irsa.commands.inventory_table import table
from irsa.commands.printable import lines
from irsa.inventory.collect import audited
from irsa.inventory.rows import Inventory, Listing, Row, listing
from irsa.observe.cloudtrail import PAGES, Trail
from irsa.observe.facts import Unread

OUTPUTS = ("text", "json", "html")


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    command = cli.parser(
        "list", "List service accounts with the AWS identity of their Pods.", outputs=OUTPUTS
    )
    add_sources(command)
    command.add_argument(
        "--trail-pages",
        type=_pages,
        default=PAGES,
        metavar="N",
        help="number of pages of 50 CloudTrail events to read, two a second "
        f"(default: {PAGES}; 0: none)",
    )
    command.add_argument(
        "--all",
        action="store_true",
        help="text and html: list service accounts without an AWS identity, too",
    )
    return command


def _pages(text: str) -> int:
    if not text.isdecimal() or int(text) > 10_000:
        raise cli.Stop(f"--trail-pages {text!r} is not a number of pages from 0 to 10000")
    return int(text)


def run(options: argparse.Namespace) -> int:
    """Run the command; its exit code."""
    with sources(options) as opened:
        given = read(options, opened, every_pod=True)
        found = listing(_inventory(options, opened, given))
    unchecked = [each.text for each in given.gaps.unchecked]
    if options.output == "json":
        print(json.dumps({**found.as_json(), "unchecked": unchecked}, indent=1))
        return cli.HOLDS
    rows = [row for row in found.rows if row.matters or options.all]
    notes = [*found.notes, *unchecked, _summary(found, rows)]
    if options.output == "html":
        print(page(found, rows, notes))
        return cli.HOLDS
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    if rows:
        print(table(found, rows, width=width))
    print(lines(*notes))
    return cli.HOLDS


def _inventory(options: argparse.Namespace, opened: Clients, given: AuditInput) -> Inventory:
    return Inventory(
        facts=given.facts,
        roles=given.roles,
        findings=audited(given.facts, given.gaps),
        pods=given.pods,
        associations=given.associations,
        trail=_trail(options, opened),
    )


def _trail(options: argparse.Namespace, opened: Clients) -> Trail | str:
    what = "sessions and failures"
    if opened.aws is None:
        return f"{what}: not read, since AWS was not asked"
    if options.trail_pages == 0:
        return f"{what}: not read, since --trail-pages is 0"
    trail = opened.aws.web_identity_calls(options.trail_pages)
    return trail.text if isinstance(trail, Unread) else trail


def _summary(found: Listing, rows: list[Row]) -> str:
    rest = len(found.rows) - len(rows)
    left_out = f"; {rest} more have no AWS identity (--all lists them)" if rest else ""
    return f"{len(rows)} service accounts of {found.issuer_url or 'the cluster'}{left_out}"
