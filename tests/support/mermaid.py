"""Reads the Mermaid that `explain` writes, strictly; and draws it in a browser."""

import json
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

from tests.support.browser import browser

LABEL = r'"((?:[A-Za-z0-9 ./:@-]|#[0-9]+;|<br/>)+)"'
BOX = re.compile(rf"  ([a-z_]+_[0-9a-f]{{8}})\[{LABEL}\]")
ARROW = re.compile(rf"  (\w+) (-->|-\.->|--x)\|{LABEL}\| (\w+)")


class Drawing:
    """Boxes by id and arrows of one flowchart; anything else in the text fails the test."""

    def __init__(self, text):
        first, *rest = text.strip().split("\n")
        assert first == "flowchart TD"
        self.boxes, self.arrows = {}, []
        for line in rest:
            box, arrow = BOX.fullmatch(line), ARROW.fullmatch(line)
            if box:
                assert box[1] not in self.boxes, f"two boxes are called {box[1]}"
                self.boxes[box[1]] = shown(box[2])
            else:
                assert arrow, f"not Mermaid as we write it: {line}"
                assert {arrow[1], arrow[4]} <= self.boxes.keys(), f"no such box: {line}"
                self.arrows.append((arrow[1], arrow[2], shown(arrow[3]), arrow[4]))

    @property
    def named(self):
        """The arrows, with what stands in the boxes instead of their ids."""
        return {(self.boxes[a], kind, text, self.boxes[b]) for a, kind, text, b in self.arrows}


def shown(label):
    """A label's text as a person sees it."""
    text = re.sub(r"#([0-9]+);", lambda found: chr(int(found[1])), label.replace("<br/>", "\n"))
    return text.replace("\u2060", "").replace("\u200a", "")


DRAW = """(async () => {
  mermaid.initialize({ startOnLoad: false })
  const place = document.createElement("div")
  place.innerHTML = (await mermaid.render("drawn", %s)).svg
  const texts = where => [...place.querySelectorAll(where)].map(each => each.textContent)
  return { boxes: texts(".node"), arrows: texts(".edgeLabel foreignObject") }
})()"""


@cache
def mermaid_script():
    """Mermaid's own script, if npm installed it for everybody."""
    npm = shutil.which("npm")
    if npm is None:
        return None
    root = subprocess.run([npm, "root", "--global"], capture_output=True, text=True, check=True)
    script = Path(root.stdout.strip(), "mermaid/dist/mermaid.min.js")
    return script if script.exists() else None


def drawn_in_a_browser(text, folder):
    """Return the boxes of a flowchart in a browser; skip the test without a browser or Mermaid."""
    script = mermaid_script()
    if script is None:
        pytest.skip("needs Mermaid: `npm install --global mermaid`")
    page = folder / "page.html"
    page.write_text(f'<!doctype html><meta charset=utf-8><script src="{script.as_uri()}"></script>')
    with browser(folder) as tab:
        tab.open(page)
        return tab.run(DRAW % json.dumps(text))
