"""``python -m irsa list``: the service accounts of clusters, and the AWS identity of their Pods.

Reads the sources of `audit`, Pods and Pod Identity associations. A line names each of the last two
that cannot be read; the rest is listed.
"""

import argparse
import json
import shutil
import sys
from dataclasses import replace

from irsa import PROGRAM
from irsa.audit.findings import audit
from irsa.commands import cli
from irsa.commands.inventory_options import add_inventory_options, inventory
from irsa.commands.inventory_table import WIDTH, table
from irsa.inventory.rows import KEY, Listing, ServiceAccountRow, changes, listing
from irsa.observe.files import read_text
from irsa.printable import lines
from irsa_core.identity.policy_json import Json, mapping, mappings


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    add_inventory_options(command)
    command.add_argument(
        "--since",
        metavar="FILE",
        help="an earlier report of list with --output json: only what is new or changed is "
        "printed, and the rest counted; - is standard input",
    )
    command.add_argument("-n", "--namespace", help="only the service accounts of this namespace")
    command.add_argument(
        "--all",
        action="store_true",
        help="text: list service accounts without an AWS identity, too",
    )


def run(options: argparse.Namespace) -> int:
    """Run the command; its exit code."""
    earlier = _earlier(options.since) if options.since else []
    scan = inventory(options, whole=True)
    report = listing(scan, audit(scan.facts))
    if options.since:
        rows, counts = changes(report.rows, earlier, scan.unread)
        report = replace(report, rows=rows, notes=[*report.notes, counts])
    if options.namespace:
        rows = [row for row in report.rows if row.account.namespace == options.namespace]
        report = replace(report, rows=rows)
    code = cli.UNDECIDED if scan.unread else cli.HOLDS
    if options.output == "json":
        print(cli.json_text(**report.as_json(), unchecked=scan.missing))
        return code
    rows = [row for row in report.rows if row.matters or options.all or options.since]
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else WIDTH
    shown = table(report, rows, width=None if options.output == "wide" else width)
    print(lines(*shown, *report.notes, *scan.missing, _summary(report, rows)))
    return code


def _earlier(file: str) -> list[Json]:
    """Return the entries of an earlier report; raises `cli.Stop` for any other file."""
    try:
        document: object = json.loads(read_text(file))
    except (ValueError, RecursionError):
        document = None
    listed = mapping(document).get("service_accounts")
    entries = mappings(listed)
    if not isinstance(listed, list) or not all(entry.keys() >= {*KEY} for entry in entries):
        raise cli.Stop(
            f"--since {file}: it is not a report of list; give what `{PROGRAM} list --output json` "
            "prints"
        )
    return entries


def _summary(found: Listing, rows: list[ServiceAccountRow]) -> str:
    rest = len(found.rows) - len(rows)
    left_out = f"; {rest} more have no AWS identity (--all lists them)" if rest else ""
    clusters = ", ".join(each.name or each.issuer_url for each in found.clusters)
    of = f" of {clusters}" if clusters else ""
    return f"{len(rows)} service accounts{of}{left_out}"
