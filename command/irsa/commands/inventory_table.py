"""The service accounts of clusters as a table: texts of its cells, and their widths. Pure."""

from collections.abc import Sequence
from itertools import groupby

from irsa.inventory.rows import Identity, IdentityKind, Listing, ServiceAccountRow
from irsa.observe.facts import Unread
from irsa.printable import line
from irsa_core.identity.arns import account_of, name_of, parse_arn

COLUMNS = ("service account", "Pods", "identity", "role or key", "last used", "findings")
NARROWEST = {
    "role or key": 12, "findings": 8, "Pods": 4, "identity": 10, "service account": 15,
    "last used": 10,
}  # fmt: skip
"""Least widths, in the order in which columns are narrowed: together they fit 80 columns."""
GAP = 2
WIDTH = 100
"""Columns of a table that is not for a terminal."""
NO, UNKNOWN = "-", "?"


def cells(row: ServiceAccountRow) -> tuple[str, ...]:
    """Return the texts of a row's cells."""
    return (
        row.account.name,
        _pods(row),
        _identity(row),
        _sources(row, row.cluster.account),
        _last_used(row),
        ", ".join(row.findings) or NO,
    )


def _pods(row: ServiceAccountRow) -> str:
    if row.pods is None:
        return UNKNOWN
    owners = dict.fromkeys(each.owner or f"Pod {each.name}" for each in row.pods)
    return f"{len(row.pods)} ({', '.join(owners)})" if owners else "0"


def _identity(row: ServiceAccountRow) -> str:
    forms = ", ".join(dict.fromkeys(identity.kind.value for identity in row.identities))
    if owners := {o for identity in row.identities if (o := _owner(identity))}:
        forms += f" ({', '.join(sorted(owners))})"
    if row.without_role and row.pods is not None:
        return f"{forms} ({row.without_role} of {len(row.pods)} Pods without)"
    if row.trusted_by:
        read = not isinstance(row.cluster.associations, Unread)
        return "no association for this service account, or Pods older than it" if read else UNKNOWN
    if not forms and row.unread_secrets:
        return f"node's or none ({', '.join(row.unread_secrets)} not read)"
    return forms or (UNKNOWN if row.pods is None else "node's or none")


def _sources(row: ServiceAccountRow, account: str) -> str:
    texts = [_source(each, account) for each in row.identities if each.source]
    texts += [f"{_role_text(each, account)} trusts it" for each in row.trusted_by]
    return ", ".join(dict.fromkeys(texts)) or NO


def _source(identity: Identity, account: str) -> str:
    text, association = _role_text(identity.source, account), identity.association
    if association and association.target_role_arn:
        text += f", target {_role_text(association.target_role_arn, account)}"
    if identity.targets:
        text += f", may assume {', '.join(_role_text(each, account) for each in identity.targets)}"
    return f"{text} (session policy)" if association and association.policy else text


def _role_text(source: str, account: str) -> str:
    """A role of the account by its name, and anything else as it is."""
    return name_of(source) if account and account_of(source) == account else source


def _owner(identity: Identity) -> str:
    """Return the add-on that manages an association; empty for none."""
    arn = parse_arn(identity.association.owner_arn) if identity.association else None
    return arn.resource.rpartition("/")[0].replace("/", " ", 1) if arn else ""


def _last_used(row: ServiceAccountRow) -> str:
    if row.role_used:
        return row.role_used[:16].replace("T", " ")
    if row.role_used == "":
        return "not in 400 days"
    used = any(each.kind is not IdentityKind.KEY for each in row.identities)
    return UNKNOWN if used else NO


def table(listing: Listing, rows: Sequence[ServiceAccountRow], *, width: int | None) -> list[str]:
    """Return the rows by cluster and namespace as lines of at most ``width``, and a last line that
    names the columns which were cut."""
    texts = [tuple(map(line, cells(row))) for row in rows]
    widths = [max(map(len, column)) for column in zip(COLUMNS, *texts, strict=True)]
    narrowed = _narrowed(widths, width) if width else widths
    written = [_line(COLUMNS, narrowed)] if rows else []
    cut = [e for e, *both in zip(COLUMNS, widths, narrowed, strict=True) if both[0] > both[1]]
    pairs = zip(rows, texts, strict=True)
    for place, group in groupby(pairs, lambda pair: line(_place(pair[0], listing))):
        written.append(_cut(place, width or len(place)))
        cut += ["namespace"] * (written[-1] != place and "namespace" not in cut)
        written += [_line(row_texts, narrowed) for _, row_texts in group]
    return written + [f"cut (-o wide has all): {', '.join(cut)}"] * bool(cut and rows)


def _place(row: ServiceAccountRow, listing: Listing) -> str:
    namespace = f"namespace {row.account.namespace}"
    if len(listing.clusters) == 1:
        return namespace
    name = row.cluster.name or row.cluster.issuer_url  # of a stack
    return f"cluster {name}, account {row.cluster.account}, {namespace}"


def _narrowed(widths: Sequence[int], most: int) -> list[int]:
    narrowed = [*widths]
    for name, least in NARROWEST.items():
        over = GAP + sum(narrowed) + GAP * (len(narrowed) - 1) - most
        at = COLUMNS.index(name)
        narrowed[at] = max(min(narrowed[at], least), narrowed[at] - max(over, 0))
    return narrowed


def _line(texts: Sequence[str], widths: Sequence[int]) -> str:
    gap = " " * GAP
    cut = (_cut(text, width).ljust(width) for text, width in zip(texts, widths, strict=True))
    return f"{gap}{gap.join(cut)}".rstrip()


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"
