"""The pages of the repository."""

from pathlib import Path

from tools.environment import ROOT


def documents() -> list[Path]:
    """Return README.md, the page of each part, and every page in docs/."""
    parts = [ROOT / part / "README.md" for part in ("core", "components", "command", "sandbox")]
    return [ROOT / "README.md", *parts, *sorted((ROOT / "docs").rglob("*.md"))]
