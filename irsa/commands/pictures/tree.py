"""A chain drawn as a tree: for a terminal, and as JSON. Pure."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from irsa.commands.marks import MARKS
from irsa.commands.printable import line
from irsa.identity.policy_json import Json
from irsa.observe.pulumi_resources import LATER, StackAccount, StackRole
from irsa.verify.link import Link
from irsa.who.assumers import Assumer
from irsa.who.callers import Callers

WIDTH = 100  # columns


@dataclass(frozen=True)
class Node:
    """A label and what depends on it."""

    label: str
    children: list["Node"] = field(default_factory=list["Node"])
    follows: bool = False
    """Whether it comes after its parent rather than under it: drawn below, at the same column."""

    def as_json(self) -> Json:
        """The tree for ``--output json``."""
        return {"label": self.label, "children": [child.as_json() for child in self.children]}


def of_links(title: str, links: Sequence[Link], more: Sequence[Node]) -> Node:
    """A chain of links, each following the one before, and further nodes at the root."""
    root = Node(title)
    at = root
    for link in links:
        node = Node(f"{MARKS[link.status]} {link.key}: {link.found}", follows=at is not root)
        if link.remedy.text:
            node.children.append(Node(f"remedy: {link.remedy.text}"))
        at.children.append(node)
        at = node
    root.children.extend(more)
    return root


def of_assumers(
    role_arn: str,
    assumers: Sequence[Assumer],
    accounts: Sequence[str],
    callers: Mapping[str, Callers],
) -> Node:
    """Who can assume a role, and which service accounts of the cluster that comes to.

    ``callers`` says by account who of it may, where a whole account is trusted.
    """
    root = Node(f"who can assume {role_arn}")
    for each in assumers:
        allowed = callers.get(each.account)
        root.children.append(
            Node(each.text, [Node(text) for text in allowed.texts] if allowed else [])
        )
    if accounts:
        root.children.append(Node("in this cluster", [Node(each) for each in accounts]))
    return root


def of_stack(
    roles: Sequence[StackRole],
    accounts: Sequence[StackAccount],
    who: Mapping[str, Sequence[Assumer]],
) -> Node:
    """The roles of a stack: who assumes them, and what is attached."""
    root = Node("stack")
    for role in roles:
        users = [f"{a.namespace}/{a.name}" for a in accounts if a.role_arn == role.arn != LATER]
        node = Node(f"role {role.label}")
        node.children.extend(Node(f"annotated on service account {user}") for user in users)
        node.children.append(Node("can be assumed by", [Node(each.text) for each in who[role.urn]]))
        if role.policies:
            node.children.append(Node("policies", [Node(each.name) for each in role.policies]))
        root.children.append(node)
    known = {role.arn for role in roles} - {LATER}
    for account in accounts:
        if account.role_arn not in known:
            label = f"service account {account.namespace}/{account.name}: role {account.role_arn}"
            root.children.append(Node(label))
    return root


def plain(root: Node) -> str:
    """The tree for a terminal or a file. A chain of any length stays in its column."""
    return "\n".join([line(root.label), *_drawn(_below(root), "")])


def _below(node: Node) -> list[Node]:
    """What is drawn under a node: its children, each with all that follows it."""
    return [each for child in node.children if not child.follows for each in _in_a_row(child)]


def _in_a_row(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        if child.follows:
            yield from _in_a_row(child)


def _drawn(nodes: Sequence[Node], rail: str) -> Iterator[str]:
    for node in nodes:
        last = node is nodes[-1]
        below = _below(node)
        yield from textwrap.wrap(
            line(node.label),
            WIDTH,
            initial_indent=f"{rail}{'└── ' if last else '├── '}",
            subsequent_indent=f"{rail}{'    ' if last else '│   '}{'│ ' if below else '  '}",
            break_long_words=False,  # an ARN that is cut cannot be copied
            break_on_hyphens=False,
        )
        yield from _drawn(below, f"{rail}{'    ' if last else '│   '}")
