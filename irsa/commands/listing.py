"""``python -m irsa list``: the service accounts of a cluster, and whom their Pods are to AWS.

Reads what `audit` reads, Pods, Pod Identity associations and CloudTrail's event history. What of
the last three cannot be read is said in a line, and the rest is listed.
"""

import argparse
import json
import shutil
import sys
from typing import TypeVar

from irsa.commands import cli
from irsa.commands.fleet_options import (
    Fleet,
    Sources,
    add_files,
    add_sources,
    read,
    sources,
)
from irsa.commands.fleet_table import table
from irsa.commands.pictures.fleet import of_fleet
from irsa.commands.pictures.page import page
from irsa.commands.printable import lines
from irsa.inventory.collect import audited
from irsa.inventory.rows import Inventory, Listing, Row, listing
from irsa.observe import saved
from irsa.observe.cloudtrail import PAGES, Trail
from irsa.observe.facts import Unread
from irsa.observe.fleet_pods import FleetPod
from irsa.observe.pod_identity import Associations

OUTPUTS = ("text", "json", "html")

T = TypeVar("T")


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    command = cli.parser(
        "list", "List service accounts, and whom their Pods are to AWS.", outputs=OUTPUTS
    )
    add_sources(command)
    add_files(command, "--pods", f"read Pods from what `{saved.GET_PODS}` printed")
    command.add_argument(
        "--cluster",
        metavar="NAME",
        help="the EKS cluster, to read its Pod Identity associations (default: the one that the "
        "kubeconfig names)",
    )
    command.add_argument(
        "--trail-pages",
        type=_pages,
        default=PAGES,
        metavar="N",
        help="how many pages of 50 CloudTrail events to read, two a second "
        f"(default: {PAGES}; 0: none)",
    )
    command.add_argument(
        "--all",
        action="store_true",
        help="text and html: list service accounts without anything of AWS, too",
    )
    return command


def _pages(text: str) -> int:
    if not text.isdecimal() or int(text) > 10_000:
        raise cli.Stop(f"--trail-pages {text!r} is not a number of pages from 0 to 10000")
    return int(text)


def run(options: argparse.Namespace) -> int:
    """Run the command; its exit code."""
    with sources(options) as where:
        fleet = read(options, where, policies=True)
        if isinstance(fleet, Unread):
            raise cli.Stop(fleet.text, cli.UNDECIDED)
        inventory = _inventory(options, where, fleet)
    found = listing(inventory)
    unchecked = [each.text for each in fleet.gaps.unchecked]
    if options.output == "json":
        print(json.dumps({**found.as_json(), "unchecked": unchecked}, indent=1))
        return cli.HOLDS
    rows = [row for row in found.rows if row.matters or options.all]
    notes = [*found.notes, *unchecked, _summary(found, rows)]
    if options.output == "html":
        print(page(found, rows, of_fleet(found, rows), notes))
        return cli.HOLDS
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    if rows:
        print(table(found, rows, width=width))
    print(lines(*notes))
    return cli.HOLDS


def _inventory(options: argparse.Namespace, where: Sources, fleet: Fleet) -> Inventory:
    return Inventory(
        facts=fleet.facts,
        roles=fleet.roles,
        findings=audited(fleet.facts, fleet.gaps),
        pods=_pods(options, where),
        associations=_associations(options, where),
        trail=_trail(options, where),
    )


def _pods(options: argparse.Namespace, where: Sources) -> list[FleetPod] | str:
    if options.pods:
        return saved.pods(options.pods)
    if where.cluster is None:
        return f"Pods: not known; give --pods what `{saved.GET_PODS}` prints"
    return _or_text(where.cluster.pods())


def _associations(options: argparse.Namespace, where: Sources) -> Associations | str:
    what = "Pod Identity associations"
    if where.aws is None:
        return f"{what}: not asked for, since --roles says to read no AWS"
    name = options.cluster or (where.cluster.eks_name if where.cluster else "")
    if not name:
        return f"{what}: not asked for; name the EKS cluster with --cluster"
    return _or_text(where.aws.pod_identities(name))


def _trail(options: argparse.Namespace, where: Sources) -> Trail | str:
    what = "sessions and failures"
    if where.aws is None:
        return f"{what}: not asked for, since --roles says to read no AWS"
    if options.trail_pages == 0:
        return f"{what}: not asked for, since --trail-pages is 0"
    return _or_text(where.aws.web_identity_calls(options.trail_pages))


def _or_text(fact: T | Unread) -> T | str:
    return fact.text if isinstance(fact, Unread) else fact


def _summary(found: Listing, rows: list[Row]) -> str:
    rest = len(found.rows) - len(rows)
    left_out = f"; {rest} more have nothing of AWS (--all lists them)" if rest else ""
    return f"{len(rows)} service accounts of {found.issuer_url or 'the cluster'}{left_out}"
