"""The code blocks of README.md and docs/, for the tests that paste them.

A block says what it is: `sh` is for pasting into a shell in the clone's folder, `console` shows
commands behind `$ ` with what they print, and the rest is no command.
"""

import re
from dataclasses import dataclass

from tests.support.paths import ROOT
from tools.docs.pages import documents

COMMANDS = ("sh", "console")
OTHERS = ("ini", "json", "go", "mermaid", "python", "text", "typescript", "yaml")
PROMPT = "$ "

_BLOCK = re.compile(
    r"^(?P<indent> *)```(?P<language>\w*)\n(?P<content>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """A fenced block of a document."""

    document: str
    """Path from the repository's root."""
    line: int
    language: str
    content: str

    @property
    def where(self) -> str:
        """Document and line."""
        return f"{self.document}:{self.line}"

    @property
    def first_line(self) -> str:
        """The line that identifies it in the document."""
        return self.content.partition("\n")[0]

    def commands(self) -> list[tuple[str, str]]:
        """The commands, each with the output that is shown; a block of `sh` is a single one."""
        if self.language != "console":
            return [(self.content, "")]
        shown = [part.partition("\n") for part in f"\n{self.content}".split(f"\n{PROMPT}")[1:]]
        return [(command, output) for command, _, output in shown]


def blocks() -> list[Block]:
    """Every block, README first, in order."""
    found: list[Block] = []
    for document in documents():
        text, path = document.read_text(), str(document.relative_to(ROOT))
        for match in _BLOCK.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            content = re.sub(rf"^{match['indent']}", "", match["content"], flags=re.MULTILINE)
            found.append(Block(path, line, match["language"], content))
    return found
