"""Every link within the repository leads somewhere, and so does every decision that code names."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.support.paths import ROOT

LINK = re.compile(r"\]\((?!https?://|mailto:)([^)#\s]*)(?:#([^)\s]+))?\)")
DECISION = re.compile(r"\bdecisions? (D?[0-9]+)\b")
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))


def files(*patterns: str) -> list[Path]:
    """The repository's own files, as git knows them."""
    git = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns]
    listed = subprocess.check_output(git, cwd=ROOT, text=True)
    return [ROOT / name for name in listed.split() if (ROOT / name).exists()]


def anchors(document: Path) -> set[str]:
    """The anchors that GitHub gives a document's headings."""
    text = re.sub(r"^```.*?^```$", "", document.read_text(), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("document", files("*.md"), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(document):
    dead = [
        f"{target}#{anchor}" if anchor else target
        for target, anchor in LINK.findall(document.read_text())
        if not (document.parent / target).exists()
        or (anchor and anchor not in anchors(document.parent / target if target else document))
    ]
    assert not dead, f"{document.relative_to(ROOT)}: no such file or heading: {dead}"


def test_every_decision_that_is_named_is_recorded():
    recorded = {path.name[:4] for path in DECISIONS}
    named = {
        (str(path.relative_to(ROOT)), number)
        for path in files("*.py", "*.md", "*.yaml", "*.toml")
        if path != Path(__file__)
        for number in DECISION.findall(path.read_text())
    }
    assert named
    assert [each for each in sorted(named) if each[1].zfill(4) not in recorded] == []


def test_the_architecture_lists_every_decision():
    text = (ROOT / "docs" / "contributing.md").read_text()

    for path in DECISIONS:
        title = path.read_text().partition("\n")[0].removeprefix("# ")
        assert f"- [{title}](decisions/{path.name})\n" in text


def test_every_step_of_the_data_flow_exists():
    text = (ROOT / "docs" / "contributing.md").read_text()
    flows = text.partition("### Data flow")[2].partition("\n### ")[0].split("\n**")[1:]

    assert len(flows) == 7
    for flow in flows:
        steps = re.findall(r"`([\w/]+\.py):(\w+)`", flow)
        assert len(steps) == len(set(steps)) > 3
        for file, name in steps:
            code = (ROOT / file).read_text()
            assert re.search(rf"(def|class) {name}\b", code), f"{file} has no {name}"
