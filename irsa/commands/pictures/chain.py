"""The picture of chains that were read from a cluster: their links are its arrows. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from irsa.commands.pictures.picture import Box, Picture, Way, box_of, draw_assumers, draw_policy
from irsa.observe.facts import PermissionsPolicy, Role, Unread
from irsa.verify.facts import Facts
from irsa.verify.link import Link, Status
from irsa.who.assumers import Assumer
from irsa.who.callers import Callers

RUNS_AS, BECOMES, READS, CHAINS = range(4)

ARROWS = {
    "pod": RUNS_AS,
    "injection": RUNS_AS,
    "precedence": RUNS_AS,
    "annotation": BECOMES,
    "token": BECOMES,
    "provider": BECOMES,
    "audience": BECOMES,
    "role": BECOMES,
    "trust": BECOMES,
    "permissions": READS,
    "profile": CHAINS,
    "chain-permission": CHAINS,
    "chain-trust": CHAINS,
}
"""The arrow that each link is a part of."""

WORDS = {
    "pod": "runs as",
    "permissions": "policy",
    "chain-permission": "policy",
    "chain-trust": "trust",
}
"""What an arrow says of a link that has another name; the rest are said by their own."""

SAID = frozenset({"pod", "annotation", "trust", "permissions", "chain-permission", "chain-trust"})
"""Links that are written down although they hold: they say how one thing leads to the next."""


@dataclass(frozen=True, slots=True)
class Explained:
    """One chain, what was checked of it, and who can assume its roles."""

    facts: Facts
    links: Sequence[Link]
    assumers: Mapping[str, Sequence[Assumer]]
    """By the role's ARN, for the roles that were read."""
    callers: Mapping[str, Mapping[str, Callers]]
    """By the role's ARN and the account that it trusts, who of that account may assume it."""


def of_chains(chains: Sequence[Explained]) -> Picture:
    """One picture of all chains; what they share is drawn once."""
    picture = Picture()
    for chain in chains:
        _draw_links(picture, chain)
    checked = set(picture.arrows)
    for chain in chains:
        _draw_others(picture, chain, checked)
    return picture


def _draw_links(picture: Picture, chain: Explained) -> None:
    facts = chain.facts
    account = picture.box("service account", f"{facts.namespace}/{facts.name}")
    role_a = _role(picture, facts.role_arn, facts.role) if facts.role_arn else None
    role_b = None
    if facts.role_b is not None:
        role_b = _role(picture, facts.role_b.target.role_arn, facts.role_b.role)
    bucket = Box("bucket", facts.bucket) if facts.bucket else None
    ends = {
        RUNS_AS: (_workload(facts), account),
        BECOMES: (account, role_a),
        READS: (role_a, bucket),
        CHAINS: (role_a, role_b),
    }
    reasons: set[str] = set()
    for link in chain.links:
        # One cause can leave several links open, and is told at the first.
        if link.key in ARROWS and (link.status is Status.PASSED or link.found not in reasons):
            _draw_link(picture, link, *ends[ARROWS[link.key]])
            reasons.add(link.found)


def _draw_others(picture: Picture, chain: Explained, checked: Collection[tuple[Box, Box]]) -> None:
    """Who else can assume the roles, and what else they reach."""
    for arn, assumers in chain.assumers.items():
        role = Box("role", arn)
        # An arrow of a chain says of trust whether it holds.
        others = [
            each for each in assumers if not each.allows or (box_of(each), role) not in checked
        ]
        draw_assumers(picture, role, others, chain.callers.get(arn, {}))
    for found in (chain.facts.role, chain.facts.role_b and chain.facts.role_b.role):
        if isinstance(found, Role):
            _draw_policies(picture, found)


def _draw_link(picture: Picture, link: Link, start: Box | None, end: Box | None) -> None:
    name = WORDS.get(link.key, link.key)
    holds = link.status is Status.PASSED
    if holds and link.key not in SAID:
        return
    way = Way(name if holds else f"{name}: {link.found}", link.status)
    if start is not None and end is not None:
        picture.arrow(start, end, way)
    elif not holds and (known := start or end):
        picture.box(*known, way.text)


def _workload(facts: Facts) -> Box | None:
    """What runs as the service account, or should."""
    pod = facts.pod
    name = facts.deployment if pod is None else pod.deployment
    if name:
        return Box("Deployment", f"{facts.namespace}/{name}")
    return None if pod is None else Box("Pod", f"{facts.namespace}/{pod.name}")


def _role(picture: Picture, arn: str, role: Role | Unread | None) -> Box:
    if role is None:
        return picture.box("role", arn, "does not exist")
    return picture.box("role", arn, *([role.text] if isinstance(role, Unread) else []))


def _draw_policies(picture: Picture, role: Role) -> None:
    box = Box("role", role.arn)
    if isinstance(role.policies, Unread):
        picture.box(*box, role.policies.text)
        return
    for policy in role.policies:
        draw_policy(picture, box, policy.name, policy.document)
    if isinstance(role.boundary, PermissionsPolicy):
        picture.box(*box, f"permissions boundary {role.boundary.name}")
    elif isinstance(role.boundary, Unread):
        picture.box(*box, role.boundary.text)
