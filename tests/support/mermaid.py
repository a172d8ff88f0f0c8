"""Reads the Mermaid that `explain` writes, strictly; and draws it in a browser."""

import html
import json
import os
import re
import shutil
import subprocess

import pytest

from tests.support.npm import npm_package

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# Chromium refuses to run as root with its own sandbox.
AS_ROOT = ("--no-sandbox",) if os.geteuid() == 0 else ()
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


PAGE = """<!doctype html><meta charset=utf-8><pre id=result></pre><script src="%s"></script><script>
(async () => {
  const found = {}
  try {
    mermaid.initialize({ startOnLoad: false })
    const { svg } = await mermaid.render("drawn", %s)
    const place = document.createElement("div")
    place.innerHTML = svg
    const texts = where => [...place.querySelectorAll(where)].map(each => each.textContent)
    found.boxes = texts(".node")
    found.arrows = texts(".edgeLabel foreignObject")
    const { width, height } = place.querySelector("svg").viewBox.baseVal
    Object.assign(found, { width, height })
  } catch (error) { found.error = String(error) }
  document.getElementById("result").textContent = JSON.stringify(found)
})()
</script>"""


def drawn_in_a_browser(text, folder):
    """What a browser shows of a flowchart; skips the test where there is no browser or Mermaid."""
    browser, mermaid = next(filter(None, map(shutil.which, BROWSERS)), None), npm_package("mermaid")
    if browser is None or mermaid is None:
        pytest.skip("needs chromium on PATH, and `npm install --global mermaid`")
    page = folder / "page.html"
    page.write_text(
        PAGE % ((mermaid / "dist/mermaid.min.js").as_uri(), json.dumps(text).replace("</", r"<\/"))
    )
    done = subprocess.run(
        [
            browser, "--headless", "--disable-gpu", "--virtual-time-budget=60000",
            f"--user-data-dir={folder / 'browser'}", "--dump-dom",
            *AS_ROOT,
            page.as_uri(),
        ],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    result = re.search(r'<pre id="result">(.+?)</pre>', done.stdout, re.DOTALL)
    assert result, done.stderr[-1000:]
    return json.loads(html.unescape(result[1]))
