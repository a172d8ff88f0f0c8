"""A tree for a terminal, and as JSON. Pure."""

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field

from irsa.identity.policy_json import Json
from irsa.printable import line

WIDTH = 100  # columns


@dataclass(frozen=True)
class TreeNode:
    """A label and the nodes below it."""

    label: str
    children: list["TreeNode"] = field(default_factory=list["TreeNode"])

    def add(self, label: str, *labels: str) -> "TreeNode":
        """Add a node, with leaves of its own, and return it."""
        node = TreeNode(label, [TreeNode(each) for each in labels])
        self.children.append(node)
        return node

    def as_json(self) -> Json:
        """The tree for ``--output json``."""
        return {"label": self.label, "children": [child.as_json() for child in self.children]}

    def __str__(self) -> str:
        return "\n".join([line(self.label), *_drawn(self, "")])


def _drawn(node: TreeNode, rail: str) -> Iterator[str]:
    for child in node.children:
        last = child is node.children[-1]
        below = f"{rail}{'    ' if last else '│   '}"
        yield from textwrap.wrap(
            line(child.label),
            WIDTH,
            initial_indent=f"{rail}{'└── ' if last else '├── '}",
            subsequent_indent=f"{below}{'│ ' if child.children else '  '}",
            break_long_words=False,  # an ARN that is cut cannot be copied
            break_on_hyphens=False,
        )
        yield from _drawn(child, below)
