"""What is generated: whole files, and the blocks between two marks of a document.

A block stands between ``<!-- begin: NAME -->`` and ``<!-- end: NAME -->``; `tools.docs.reference`
has what belongs there. Some blocks come from runs, and tests in tests/sandbox compare them.
"""

import re
from pathlib import Path

from tools.docs import components, reference
from tools.docs.paths import ROOT
from tools.docs.transcripts import TRANSCRIPT

_BLOCK = re.compile(
    r"(?P<begin><!-- begin: (?P<name>[^>]+?) -->\n).*?(?P<end><!-- end: (?P=name) -->)", re.DOTALL
)
_FROM_RUNS = (TRANSCRIPT, "sdk matrix")


def old() -> dict[Path, str]:
    """The files that are not what they should be, and what they should be."""
    wanted = {ROOT / path: text for path, text in components.pages().items()}
    wanted |= {path: with_blocks(path.read_text()) for path in documents() if path not in wanted}
    return {
        path: text for path, text in wanted.items() if not path.exists() or path.read_text() != text
    }


def documents() -> list[Path]:
    """README first, then everything in docs/."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def with_blocks(text: str) -> str:
    """A document with the blocks renewed that the code has; KeyError for a name of nobody's."""

    def renewed(match: re.Match[str]) -> str:
        if match["name"].startswith(_FROM_RUNS):
            return match[0]
        return f"{match['begin']}{reference.BLOCKS[match['name']]()}{match['end']}"

    return _BLOCK.sub(renewed, text)
