"""Chains that were read from a cluster, as trees and as one picture. Pure.

In a picture the links of a chain are its arrows.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from irsa.commands.pictures.picture import Box, Picture, assumer_box, draw_assumers, draw_policy
from irsa.commands.pictures.tree import Node
from irsa.observe.facts import PermissionsPolicy, Role, Unread
from irsa.verify.facts import Facts
from irsa.verify.link import Link, Status
from irsa.who.assumers import Assumer
from irsa.who.callers import Callers

RUNS_AS, BECOMES, READS, CHAINS = range(4)

ARROWS = {
    "pod": (RUNS_AS, "runs as"),
    "injection": (RUNS_AS, ""),
    "precedence": (RUNS_AS, ""),
    "annotation": (BECOMES, "annotation"),
    "association": (BECOMES, "association"),
    "agent": (BECOMES, "agent"),
    "token": (BECOMES, ""),
    "provider": (BECOMES, ""),
    "audience": (BECOMES, ""),
    "role": (BECOMES, ""),
    "trust": (BECOMES, "trust"),
    "permissions": (READS, "policy"),
    "profile": (CHAINS, ""),
    "chain-permission": (CHAINS, "policy"),
    "chain-trust": (CHAINS, "trust"),
}
"""The arrow of each link, and its label. A link without one is drawn only if it does not hold."""


@dataclass(frozen=True, slots=True)
class Explained:
    """A chain, the links that were checked, and the principals that can assume its roles."""

    facts: Facts
    links: Sequence[Link]
    assumers: Mapping[str, Sequence[Assumer]]
    """By the role's ARN, for the roles that were read."""
    callers: Mapping[str, Mapping[str, Callers]]
    """By the role's ARN and the account that it trusts, the users and roles that may assume it."""


def chain_tree(chain: Explained, accounts: Sequence[str]) -> Node:
    """The links of a chain, and the principals that can assume its roles.

    ``accounts`` are the service accounts of the cluster that can assume the first role.
    """
    root = Node(chain.facts.title)
    for link in chain.links:
        remedy = [f"remedy: {link.remedy.text}"] if link.remedy.text else []
        root.add(f"{link.status.mark} {link.key}: {link.found}", *remedy)
    for arn, assumers in chain.assumers.items():
        node = assumers_tree(arn, assumers, chain.callers.get(arn, {}))
        if accounts and isinstance(chain.facts.role, Role) and arn == chain.facts.role.arn:
            node.add("in this cluster", *accounts)
        root.children.append(node)
    return root


def assumers_tree(
    role: str, assumers: Sequence[Assumer], callers: Mapping[str, Callers] | None = None
) -> Node:
    """The principals that can assume a role.

    ``callers`` has by account the users and roles that may, where a whole account is trusted.
    """
    root = Node(f"who can assume {role}")
    for each in assumers:
        allowed = (callers or {}).get(each.account)
        root.add(each.text, *(allowed.texts if allowed else ()))
    return root


def chains_picture(chains: Sequence[Explained]) -> Picture:
    """One picture of all chains; shared boxes are drawn once."""
    picture = Picture()
    for chain in chains:
        _draw_links(picture, chain)
    checked = set(picture.arrows)
    for chain in chains:
        _draw_more(picture, chain, checked)
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
        # One cause can leave several links open; it is drawn at the first.
        if link.key in ARROWS and (link.status is Status.PASSED or link.found not in reasons):
            _draw_link(picture, link, *ends[ARROWS[link.key][0]])
            reasons.add(link.found)


def _draw_more(picture: Picture, chain: Explained, checked: Collection[tuple[Box, Box]]) -> None:
    for arn, assumers in chain.assumers.items():
        role = Box("role", arn)
        # The arrow of a chain already has the result of its trust policy.
        others = [
            each for each in assumers if not each.allows or (assumer_box(each), role) not in checked
        ]
        draw_assumers(picture, role, others, chain.callers.get(arn, {}))
    for found in (chain.facts.role, chain.facts.role_b and chain.facts.role_b.role):
        if isinstance(found, Role):
            _draw_policies(picture, found)


def _draw_link(picture: Picture, link: Link, start: Box | None, end: Box | None) -> None:
    label = ARROWS[link.key][1]
    holds = link.status is Status.PASSED
    if holds and not label:
        return
    # A role that could not be read says so in its box.
    is_said = holds or (end is not None and link.found in picture.boxes.get(end, ()))
    text = (label or link.key) if is_said else f"{label or link.key}: {link.found}"
    if start is not None and end is not None:
        picture.arrow(start, end, text, link.status)
    elif not holds and (known := start or end):
        picture.box(*known, text)


def _workload(facts: Facts) -> Box | None:
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
        draw_policy(picture, box, policy.name, policy.content)
    if isinstance(role.boundary, PermissionsPolicy):
        picture.box(*box, f"permissions boundary {role.boundary.name}")
    elif isinstance(role.boundary, Unread):
        picture.box(*box, role.boundary.text)
