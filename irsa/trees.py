"""A chain drawn as a tree: for a terminal, as Mermaid, as JSON. Pure but for rich."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from irsa.facts import Json
from irsa.links import Link, Status
from irsa.printable import line
from irsa.resources import StackAccount, StackRole
from irsa.trust_words import LATER, Assumer

MARKS = {Status.PASSED: "✓ ", Status.FAILED: "✗ ", Status.UNKNOWN: "? "}


@dataclass(frozen=True)
class Node:
    """A label and what hangs on it."""

    label: str
    children: list["Node"] = field(default_factory=list["Node"])

    def as_json(self) -> Json:
        """The tree for ``--output json``."""
        return {"label": self.label, "children": [child.as_json() for child in self.children]}


def of_links(title: str, links: list[Link], more: list[Node]) -> Node:
    """A chain of links, each hanging on the one before, and further nodes at the root."""
    root = Node(title)
    at = root
    for link in links:
        found = Node(f"{MARKS[link.status]}{link.key}: {link.found}")
        if link.remedy:
            found.children.append(Node(f"remedy: {link.remedy}"))
        at.children.append(found)
        at = found
    root.children.extend(more)
    return root


def of_assumers(role_arn: str, assumers: list[Assumer], accounts: list[str]) -> Node:
    """Who can assume a role, and which service accounts of the cluster that comes to."""
    root = Node(f"who can assume {role_arn}", [Node(each.text) for each in assumers])
    if accounts:
        root.children.append(Node("in this cluster", [Node(each) for each in accounts]))
    return root


def of_stack(
    roles: list[StackRole], accounts: list[StackAccount], who: dict[str, list[Assumer]]
) -> Node:
    """The roles of a stack: who assumes them, and what is attached."""
    root = Node("stack")
    for role in roles:
        users = [f"{a.namespace}/{a.name}" for a in accounts if a.role_arn == role.arn != LATER]
        node = Node(f"role {role.name if role.arn == LATER else role.arn}")
        node.children.extend(Node(f"annotated on service account {user}") for user in users)
        node.children.append(Node("can be assumed by", [Node(each.text) for each in who[role.urn]]))
        if role.policies:
            node.children.append(Node("policies", [Node(policy) for policy in role.policies]))
        root.children.append(node)
    unbound = [
        a for a in accounts if a.role_arn == LATER or a.role_arn not in {r.arn for r in roles}
    ]
    for account in unbound:
        label = f"service account {account.namespace}/{account.name}: role {account.role_arn}"
        root.children.append(Node(label))
    return root


def mermaid(root: Node) -> str:
    """The tree as a Mermaid flowchart. https://mermaid.js.org/syntax/flowchart.html"""
    return "\n".join(["flowchart LR", *_mermaid(root, "n")])


def _mermaid(node: Node, name: str) -> Iterator[str]:
    label = line(node.label).replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    yield f'  {name}["{label}"]'
    for number, child in enumerate(node.children):
        yield from _mermaid(child, f"{name}_{number}")
        yield f"  {name} --> {name}_{number}"


def plain(root: Node) -> str:
    """The tree for a terminal or a file, drawn by rich without colours."""
    from rich.console import Console
    from rich.markup import escape
    from rich.tree import Tree

    def grow(tree: Tree, node: Node) -> None:
        for child in node.children:
            grow(tree.add(escape(line(child.label))), child)

    tree = Tree(escape(line(root.label)))
    grow(tree, root)
    console = Console(width=WIDTH, color_system=None, highlight=False)
    with console.capture() as captured:
        console.print(tree)
    return "\n".join(drawn.rstrip() for drawn in captured.get().splitlines())


WIDTH = 160  # columns
