"""A tree for a terminal, as JSON, and as a Mermaid flowchart. Pure."""

import re
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count

from irsa.printable import line
from irsa_core.identity.policy_json import Json

WIDTH = 100  # columns

# Characters that Mermaid or the Markdown of its labels reads as more than text, and the last
# letters of words behind which it cuts references: https://mermaid.js.org/syntax/flowchart.html
_SPECIAL = re.compile(
    r"[^A-Za-z0-9 .,/:=✓✗·-]|^[^A-Za-z✓✗·]|:(?=//|fa)|(?<=www)\.|(?<=styl)e|(?<=classDe)f"
)


@dataclass(frozen=True)
class TreeNode:
    """A label and the nodes below it."""

    label: str
    children: list["TreeNode"] = field(default_factory=list["TreeNode"])
    fails: bool = False
    """True for the first link that does not hold; a flowchart marks it."""

    def add(self, label: str, *labels: str) -> None:
        """Add a node, with leaves of its own."""
        self.children.append(TreeNode(label, [TreeNode(leaf) for leaf in labels]))

    def as_json(self) -> Json:
        """The tree for ``--output json``."""
        return {"label": self.label, "children": [child.as_json() for child in self.children]}

    def __str__(self) -> str:
        return "\n".join([line(self.label), *_drawn(self, "")])


def flowchart(trees: Iterable[TreeNode]) -> str:
    """Return the trees as one Mermaid flowchart."""
    rows = ["flowchart LR"]
    numbers = count(1)

    def draw(node: TreeNode, arrow: str) -> None:
        name = f"n{next(numbers)}"
        label = _SPECIAL.sub(lambda special: f"#{ord(special[0])};", line(node.label))
        rows.append(f'    {arrow}{name}["{label}"]{":::fails" if node.fails else ""}')
        for child in node.children:
            draw(child, f"{name} --> ")

    for tree in trees:
        draw(tree, "")
    return "\n".join([*rows, "    classDef fails stroke:red,stroke-width:4px"])


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
