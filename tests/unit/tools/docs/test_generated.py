"""The generated parts of the documents are current."""

import subprocess
import sys

import pytest

from tests.support.paths import ROOT
from tools.docs.generated import documents, outdated, with_blocks
from tools.docs.reference import BLOCKS


def test_every_document_is_current():
    assert [str(path.relative_to(ROOT)) for path in outdated()] == [], "run: make docs"


def test_every_generated_block_is_in_one_document():
    texts = [path.read_text() for path in documents()]

    for name in BLOCKS:
        assert sum(text.count(f"<!-- begin: {name} -->\n") for text in texts) == 1, name


def test_the_text_around_a_block_is_kept():
    text = "a\n<!-- begin: links -->\nold\n<!-- end: links -->\nb\n"

    renewed = with_blocks(text)
    assert renewed.startswith("a\n<!-- begin: links -->\n| link | it holds when |\n")
    assert renewed.endswith("|\n<!-- end: links -->\nb\n")
    assert with_blocks(renewed) == renewed


def test_a_transcript_is_kept():
    text = "<!-- begin: transcript a b -->\nold\n<!-- end: transcript a b -->\n"

    assert with_blocks(text) == text


def test_a_block_of_an_unknown_name_is_refused():
    with pytest.raises(KeyError, match="nothing"):
        with_blocks("<!-- begin: nothing -->\n<!-- end: nothing -->\n")


def test_the_check_is_a_command():
    done = subprocess.run([sys.executable, "-m", "tools.docs", "--check"], cwd=ROOT, check=False)

    assert done.returncode == 0
