"""The service accounts of clusters as one HTML page with a table. Pure.

The page loads nothing and runs nothing: its content security policy allows only the inline style.
"""

from collections.abc import Iterator, Sequence
from html import escape

from irsa.commands.inventory_table import COLUMNS, NO, cells
from irsa.commands.pictures.picture import reached
from irsa.inventory.rows import Listing, Row
from irsa.observe.facts import Unread
from irsa.printable import line
from irsa.rules.table import RULES, SEVERITIES

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark }}
body {{ font: 14px/1.45 system-ui, sans-serif; margin: 1.5rem; overflow-wrap: anywhere }}
table {{ border-collapse: collapse; width: 100% }}
th {{ text-align: left; position: sticky; top: 0; background: Canvas }}
th, td {{ padding: .3rem .7rem; border-bottom: 1px solid GrayText; vertical-align: top }}
.error {{ border-left: 4px solid #cf222e }} .warning {{ border-left: 4px solid #d29922 }}
</style>
<h1>{title}</h1>
<table>
<thead><tr>{head}</tr></thead>
<tbody>
{body}
</tbody>
</table>
<ul>{notes}</ul>
</html>"""

HEAD = ("namespace", *COLUMNS, "role's policies name")
PLACE = ("cluster", "account")
"""Columns in front of these, where there are several clusters."""


def page(listing: Listing, rows: Sequence[Row], notes: Sequence[str]) -> str:
    """Return the page; ``notes`` are the lines below the table."""
    head = (*(PLACE if len(listing.clusters) > 1 else ()), *HEAD)
    names = ", ".join(each.name or each.issuer for each in listing.clusters)
    return PAGE.format(
        title=_text(f"Service accounts of {names}"),
        head="".join(f'<th scope="col">{_text(each)}</th>' for each in head),
        body="\n".join(_row(row, listing) for row in rows),
        notes="".join(f"<li>{_text(each)}</li>" for each in notes),
    )


def _row(row: Row, listing: Listing) -> str:
    named = ", ".join(dict.fromkeys(_named(row, listing))) or NO
    several = len(listing.clusters) > 1
    place = (row.cluster.name or row.cluster.issuer_url, row.cluster.account) if several else ()
    texts = (*place, row.account.namespace, *cells(row), named)
    severities = {RULES[rule].severity for rule in row.findings}
    worst = next((each for each in SEVERITIES if each in severities), "")
    return f'<tr class="{worst}">{"".join(f"<td>{_text(each)}</td>" for each in texts)}</tr>'


def _named(row: Row, listing: Listing) -> Iterator[str]:
    for arn in row.roles:
        role = listing.roles.get(arn)
        if role is None:
            continue
        if isinstance(role.policies, Unread):
            yield "policies not read"
            continue
        for policy in role.policies:
            for box, denied in reached(policy.document):
                yield f"{'not ' if denied else ''}{box.kind} {box.name}"


def _text(text: str) -> str:
    return escape(line(text))
