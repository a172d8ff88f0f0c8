"""The generated parts of the documents: whole files, and blocks between two marks.

A block stands between ``<!-- begin: NAME -->`` and ``<!-- end: NAME -->``; `tools.docs.reference`
has its text. Some blocks come from runs, and tests in tests/sandbox compare them.
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


def outdated() -> dict[Path, str]:
    """Return the current text of each file that has another one."""
    wanted = {ROOT / path: text for path, text in components.pages().items()}
    wanted |= {path: with_blocks(path.read_text()) for path in documents() if path not in wanted}
    return {
        path: text for path, text in wanted.items() if not path.exists() or path.read_text() != text
    }


def documents() -> list[Path]:
    """Return README.md, and every page in docs/."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def with_blocks(text: str) -> str:
    """Return a document with current blocks; KeyError for a block of an unknown name."""

    def renewed(match: re.Match[str]) -> str:
        if match["name"].startswith(_FROM_RUNS):
            return match[0]
        return f"{match['begin']}{reference.BLOCKS[match['name']]()}{match['end']}"

    return _BLOCK.sub(renewed, text)
