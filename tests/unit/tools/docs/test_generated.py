"""The generated parts of the documents are current."""

import runpy
import sys

import pytest

from tests.support.paths import ROOT
from tools import environment
from tools.docs import generated
from tools.docs.generated import documents, outdated, with_blocks
from tools.docs.reference import BLOCKS


def test_every_document_is_current():
    assert [str(path.relative_to(ROOT)) for path in outdated()] == [], "run: make docs"


def test_every_block_that_can_be_written_stands_in_one_document():
    texts = [path.read_text() for path in documents()]

    for name in BLOCKS:
        assert sum(text.count(f"<!-- begin: {name} -->\n") for text in texts) == 1, name


def test_an_unknown_block_is_refused():
    with pytest.raises(KeyError, match="nothing"):
        with_blocks("<!-- begin: nothing -->\n<!-- end: nothing -->\n")


@pytest.mark.parametrize("names", [[], ["page.md"]], ids=["current", "outdated"])
def test_the_check_exits_with_1_for_an_outdated_document(tmp_path, monkeypatch, capsys, names):
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    monkeypatch.setattr(generated, "outdated", lambda: {tmp_path / name: "new" for name in names})
    monkeypatch.setattr(sys, "argv", ["tools.docs", "--check"])

    with pytest.raises(SystemExit) as ended:
        runpy.run_module("tools.docs", run_name="__main__")

    said = [f"{name} is outdated; run `make docs`" for name in names]
    assert (ended.value.code, capsys.readouterr().err.splitlines()) == (len(names), said)
    assert list(tmp_path.iterdir()) == []
