"""One HTML page with everything in it: a picture, and a table that can be filtered. Pure.

Nothing is loaded from elsewhere. A content security policy in the page lets the two inline pieces
run that are below, by their hashes, and nothing else: a text of somebody's that became markup by a
defect of ours would still do nothing.
"""

from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from html import escape

from irsa.commands.fleet_table import COLUMNS, cells
from irsa.commands.pictures.fleet import MOST, severity_of
from irsa.commands.pictures.picture import Picture
from irsa.commands.pictures.svg import svg
from irsa.commands.printable import line
from irsa.inventory.rows import Listing, Row

STYLE = """
:root { color-scheme: light dark; --back: #fff; --ink: #1b1f24; --quiet: #59636e; --rim: #d1d9e0;
  --row: #f6f8fa; --good: #1a7f37; --bad: #cf222e; --open: #9a6700; --blue: #0969da;
  --violet: #8250df; --amber: #bc4c00 }
@media (prefers-color-scheme: dark) { :root { --back: #0d1117; --ink: #e6edf3; --quiet: #9198a1;
  --rim: #3d444d; --row: #151b23; --good: #3fb950; --bad: #f85149; --open: #d29922;
  --blue: #4493f8; --violet: #ab7df8; --amber: #db6d28 } }
body { background: var(--back); color: var(--ink); margin: 1.5rem;
  font: 14px/1.45 system-ui, sans-serif }
h1 { font-size: 1.3rem; margin: 0 0 .2rem; overflow-wrap: anywhere }
p, li { color: var(--quiet); overflow-wrap: anywhere }
.picture { overflow: auto; max-height: 75vh; border: 1px solid var(--rim); border-radius: 6px;
  margin: 1rem 0 }
input { font: inherit; color: inherit; background: var(--back); border: 1px solid var(--rim);
  border-radius: 6px; padding: .35rem .6rem; width: min(26rem, 90%) }
.scroll { overflow-x: auto }
table { border-collapse: collapse; margin-top: .6rem; width: 100% }
th { text-align: left; color: var(--quiet); font-weight: 600 }
th, td { padding: .3rem .7rem; border-bottom: 1px solid var(--rim); vertical-align: top;
  overflow-wrap: anywhere }
tbody tr:hover { background: var(--row) }
td.error { color: var(--bad) } td.warning { color: var(--open) } td.note { color: var(--quiet) }
svg text { font: 12px system-ui, sans-serif; fill: var(--ink) }
svg text.kind { font-size: 10px; fill: var(--quiet) }
svg rect { fill: var(--back); stroke: var(--quiet) }
.service-account rect { stroke: var(--blue) } .role rect { stroke: var(--violet) }
.bucket rect { stroke: var(--good) } .access-key rect { stroke: var(--amber) }
svg path { fill: none; stroke: var(--rim); stroke-width: 1.5 }
.passed path { stroke: var(--good) } .failed path { stroke: var(--bad); stroke-dasharray: 2 3 }
.unknown path { stroke: var(--open); stroke-dasharray: 7 4 }
.dim { opacity: .12 }
.legend span { margin-right: 1.2rem } .legend .good { color: var(--good) }
.legend .bad { color: var(--bad) } .legend .open { color: var(--open) }
"""

SCRIPT = """
const filter = document.getElementById("filter"), shown = document.getElementById("shown")
const rows = [...document.querySelectorAll("tbody tr")]
const boxes = [...document.querySelectorAll("g.box.service-account")]
const arrows = [...document.querySelectorAll("g.arrow")]
const names = rows.map(row => row.dataset.account)
const texts = rows.map(row => row.textContent.toLowerCase())
filter.addEventListener("input", () => {
  const wanted = filter.value.toLowerCase().split(/\\s+/), found = new Set()
  rows.forEach((row, n) => {
    row.hidden = !wanted.every(word => texts[n].includes(word))
    if (!row.hidden) found.add(names[n])
  })
  const all = new Set(names)
  const gone = name => all.has(name) && !found.has(name)
  boxes.forEach(box => box.classList.toggle("dim", gone(box.dataset.name)))
  arrows.forEach(arrow => arrow.classList.toggle("dim",
    gone(arrow.dataset.from) || gone(arrow.dataset.to)))
  shown.textContent = found.size
})
"""


def page(
    listing: Listing,
    rows: Sequence[Row],
    picture: Picture,
    notes: Sequence[str],
) -> str:
    """The whole page."""
    title = f"Service accounts of {listing.issuer_url.removeprefix('https://')}"
    policy = (
        f"default-src 'none'; style-src {_hash(STYLE)}; script-src {_hash(SCRIPT)}; "
        "base-uri 'none'; form-action 'none'"
    )
    head = "".join(f'<th scope="col">{_text(each)}</th>' for each in ("namespace", *COLUMNS))
    body = "\n".join(_row(row, listing) for row in rows)
    said = list(notes)
    if len(rows) > MOST:
        said.append(f"the picture shows the first {MOST} of them; the table has all")
    listed = "".join(f"<li>{_text(each)}</li>" for each in said)
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{_text(title)}</title>
<style>{STYLE}</style>
<h1>{_text(title)}</h1>
<p>Who can become what, from left to right: the cluster's service accounts, the roles or keys that
they have, and the roles and buckets that those name in their policies. Account
{_text(listing.account)}.</p>
<p class="legend"><span class="good">green: the trust policy lets it in</span>
<span class="bad">red, dotted: it does not</span>
<span class="open">amber, dashed: not known</span></p>
<div class="picture">
{svg(picture, title)}
</div>
<label for="filter">Filter</label> <input id="filter" type="search" autocomplete="off">
<span><span id="shown">{len(rows)}</span> of {len(rows)}</span>
<div class="scroll"><table>
<thead><tr>{head}</tr></thead>
<tbody>
{body}
</tbody>
</table></div>
<ul>{listed}</ul>
<script>{SCRIPT}</script>
</html>"""


def _row(row: Row, listing: Listing) -> str:
    texts = (row.account.namespace, *cells(row, listing))
    severity = severity_of(row.findings)
    data = [f"<td>{_text(each)}</td>" for each in texts[:-1]]
    data.append(f'<td class="{severity}">{_text(texts[-1])}</td>')
    return f'<tr data-account="{_text(row.name)}">{"".join(data)}</tr>'


def _hash(text: str) -> str:
    """How a content security policy names an inline piece."""
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def _text(text: str) -> str:
    return escape(line(text))
