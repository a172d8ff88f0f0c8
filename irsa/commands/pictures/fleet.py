"""The picture of a cluster, from its service accounts to what they can become and reach. Pure."""

from collections.abc import Iterator, Sequence

from irsa.audit.table import RULES
from irsa.commands.pictures.picture import Box, Picture, Way, draw_policy
from irsa.inventory.rows import Identity, IdentityKind, Listing, Row
from irsa.observe.facts import Role, Unread
from irsa.verify.link import Status
from irsa.who.assumers import Assumer, who_can_assume

CLUSTER, ACCOUNT, ROLE, KEY = "cluster", "service account", "role", "access key"
MOST = 400
"""How many service accounts a picture shows."""

_BROKEN = ("annotation", "role-missing", "trust-mismatch")
_OPEN = ("trust-unknown", "other-account")
"""Rules that say of the way from a service account to its role that it ends, or may end."""


def of_fleet(listing: Listing, rows: Sequence[Row]) -> Picture:
    """The first `MOST` of the rows, their roles, and what those name in their policies."""
    picture = Picture()
    cluster = picture.box(CLUSTER, listing.issuer_url.removeprefix("https://"))
    shown = rows[:MOST]
    for row in shown:
        account = picture.box(ACCOUNT, row.name)
        picture.arrow(cluster, account, Way("has"))
        for identity in row.identities:
            _draw_identity(picture, account, row, identity)
    names = {row.name for row in shown}
    for arn in dict.fromkeys(arn for row in shown for arn in row.roles):
        if arn in listing.roles:
            _draw_role(picture, listing, listing.roles[arn], names)
    return picture


def _draw_identity(picture: Picture, account: Box, row: Row, identity: Identity) -> None:
    if identity.kind is IdentityKind.KEY:
        key = picture.box(KEY, f"{row.account.namespace}: {identity.source}")
        picture.arrow(account, key, Way("static credentials"))
    elif identity.source:
        picture.arrow(account, picture.box(ROLE, identity.source), _way(row, identity))
    else:
        picture.box(*account, identity.kind.value)


def _way(row: Row, identity: Identity) -> Way:
    """The audit judges the annotation's role; of one that Pods or EKS name it knows nothing."""
    if identity != Identity(IdentityKind.IRSA, row.account.role_arn):
        return Way(identity.kind.value)
    told = [rule for rule in row.findings if rule in (*_BROKEN, *_OPEN)]
    if not told:
        return Way(identity.kind.value, Status.PASSED)
    ends = any(rule in _BROKEN for rule in told)
    text = f"{identity.kind.value}: {', '.join(told)}"
    return Way(text, Status.FAILED if ends else Status.UNKNOWN)


def _draw_role(picture: Picture, listing: Listing, role: Role, names: set[str]) -> None:
    box = Box(ROLE, role.arn)
    for each in _others(role, listing, names):
        start = Box(each.kind, each.name or each.who.removesuffix(f" of the cluster {each.issuer}"))
        if (start, box) not in picture.arrows:
            picture.arrow(start, box, Way("trust policy"))
    if isinstance(role.policies, Unread):
        picture.box(*box, "policies not read")
        return
    for policy in role.policies:
        draw_policy(picture, box, policy.name, policy.document)


def _others(role: Role, listing: Listing, names: set[str]) -> Iterator[Assumer]:
    """Who of this cluster the trust policy lets in; service accounts only if they are drawn."""
    issuer = listing.issuer_url.removeprefix("https://")
    for each in who_can_assume(role.trust_policy):
        if not each.allows or each.issuer != issuer:
            continue
        if each.kind != ACCOUNT or each.name in names:
            yield each


def severity_of(rules: Sequence[str]) -> str:
    """The severest of some rules; empty for none."""
    found = {RULES[rule].severity for rule in rules}
    return next((each for each in ("error", "warning", "note") if each in found), "")
