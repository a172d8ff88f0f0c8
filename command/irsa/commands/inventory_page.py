"""The service accounts of clusters as one HTML page: a table, and who can become what. Pure.

The page loads nothing, and its content security policy allows its own style and script alone.
"""

import re
from base64 import b64encode
from collections.abc import Iterator, Sequence
from hashlib import sha256
from html import escape
from importlib.resources import files

from irsa.commands.inventory_table import COLUMNS, NO, UNKNOWN, cells, role_text
from irsa.decide.patterns import is_plain
from irsa.identity.arns import parse_arn
from irsa.identity.policy_json import Json, as_list, mappings
from irsa.inventory.rows import Identity, IdentityKind, Listing, Row, targets
from irsa.observe.facts import Unread
from irsa.printable import line
from irsa.rules.table import RULES, SEVERITIES

STYLE, SCRIPT = ((files("irsa.data") / f"inventory.{each}").read_text() for each in ("css", "js"))
MARKS = dict(zip(SEVERITIES, "✗▲•", strict=True))  # browsers sort the worst last
MOST = 100  # roles behind one identity that are drawn with what they reach


def page(listing: Listing, rows: Sequence[Row], notes: Sequence[str]) -> str:
    """Return the page; ``notes`` are the lines below the table."""
    head = (*(("cluster", "account") if len(listing.clusters) > 1 else ()), "namespace", *COLUMNS)
    title = (
        f"Service accounts of {', '.join(each.name or each.issuer for each in listing.clusters)}"
    )
    style, script = (b64encode(sha256(each.encode()).digest()).decode() for each in (STYLE, SCRIPT))
    policy = f"default-src 'none'; style-src 'sha256-{style}'; script-src 'sha256-{script}'"
    legend = ", ".join(f'<b class="{each}">{mark} {each}</b>' for each, mark in MARKS.items())
    return f"""<!doctype html><html lang="en"><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(line(title))}</title>
<style>{STYLE}</style>
<h1>{_text(title)}</h1>
<p>Findings: {legend}. A - is none, a ? <a href="#notes">is not known</a>. Below the table:
<a href="#picture">who can become what</a>.</p>
<p hidden><label>Filter <input type="search" autocomplete="off"></label></p>
<table><thead><tr>{"".join(f"<th scope=col>{each}</th>" for each in head)}</tr></thead>
<tbody>{"".join(_row(row, head) for row in rows)}</tbody></table>
<ul id="notes">{"".join(f"<li>{_text(each)}</li>" for each in notes)}</ul>
<h2 id="picture">Who can become what</h2>
<p>Service accounts &rarr; role &rarr; roles that its policies name for it to assume, and each
policy's buckets (not: denied) or else its name. Trust policies and conditions are not judged.</p>
<ul class="chains">{_chains(listing, rows)}</ul>
<script>{SCRIPT}</script></html>"""


def _row(row: Row, head: Sequence[str]) -> str:
    place = (row.cluster.name or row.cluster.issuer_url, row.cluster.account, row.account.namespace)
    ranked = sorted(row.findings, key=lambda each: SEVERITIES.index(RULES[each].severity))
    findings = ", ".join(f"{MARKS[RULES[each].severity]} {each}" for each in ranked) or NO
    pairs = zip(head, (*place, *cells(row)[:-1], findings)[-len(head) :], strict=True)
    written = "".join(f'<td data-label="{name}">{_text(text)}</td>' for name, text in pairs)
    return f'\n<tr class="{_worst(row)}">{written}</tr>'


def _worst(row: Row) -> str:
    return min((RULES[each].severity for each in row.findings), key=SEVERITIES.index, default="")


def _chains(listing: Listing, rows: Sequence[Row]) -> str:
    """Return an item for each identity, with all service accounts that have it."""
    several = len(listing.clusters) > 1  # two accounts may have a role of one name
    chains: dict[str, str] = {}
    for row in rows:
        name = f"{row.cluster.name or row.cluster.issuer_url} {row.name}" if several else row.name
        for each in row.identities:
            chain = _identity(each, listing, "" if several else row.cluster.account)
            own = f'<li class="{_worst(row)}">{_text(name)} <small>{each.kind.value}</small></li>'
            chains[chain] = chains.get(chain, "") + own
    return "\n".join(f"<li><ul>{own}</ul><ul>{chain}</ul></li>" for chain, own in chains.items())


def _identity(identity: Identity, listing: Listing, account: str) -> str:
    if identity.kind is IdentityKind.KEY:
        return _item(f"access key of {identity.source}")
    if identity.association and (target := identity.association.target_role_arn):
        # EKS assumes it with the role, and gives Pods the credentials of the target role alone.
        role = f"role {role_text(identity.source, account)}"
        return _item(role, _role(target, listing, account, set()))
    return _role(identity.source, listing, account, set())


def _role(arn: str, listing: Listing, account: str, above: set[str]) -> str:
    """Return a role, and what its policies name unless it is ``above``."""
    name, role = f"role {role_text(arn, account) or UNKNOWN}", listing.roles.get(arn)
    if arn in above or len(above) == MOST:
        return _item(f"{name} …")
    above.add(arn)
    if role is None or isinstance(role.policies, Unread):
        return _item(name, _item(UNKNOWN))
    own = targets(Identity(IdentityKind.IRSA, arn), listing.roles)
    further = [_role(each, listing, account, above) for each in own]
    for policy in role.policies:
        buckets = [_item(text) for text in _buckets(policy.content)]
        further += buckets or [_item(f"policy {policy.name}")]
    return _item(name, *dict.fromkeys(further))


def _buckets(document: Json) -> Iterator[str]:
    """Return the buckets that a policy document names, "not" those of a Deny."""
    for statement in mappings(as_list(document.get("Statement"))):
        denied = "" if statement.get("Effect") == "Allow" else "not "
        for resource in as_list(statement.get("Resource")):
            arn = parse_arn(str(resource))
            bucket = arn.resource.partition("/")[0] if arn and arn.service == "s3" else ""
            if bucket and is_plain(bucket, wildcards=True):
                yield f"{denied}bucket {bucket}"


def _item(label: str, *below: str) -> str:
    return f"<li><span>{_text(label)}</span><ul>{''.join(below)}</ul></li>"


def _text(text: str) -> str:
    return re.sub(r"(?<=[:/._])(?=\w)", "<wbr>", escape(line(text)))  # an ARN may be broken there
