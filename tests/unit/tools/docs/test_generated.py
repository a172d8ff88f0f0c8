"""The generated parts of the documents are current."""

from tests.support.paths import ROOT
from tools.docs.generated import documents, outdated
from tools.docs.reference import BLOCKS


def test_every_document_is_current():
    assert [str(path.relative_to(ROOT)) for path in outdated()] == [], "run: make docs"


def test_every_block_that_can_be_written_stands_in_one_document():
    texts = [path.read_text() for path in documents()]

    for name in BLOCKS:
        assert sum(text.count(f"<!-- begin: {name} -->\n") for text in texts) == 1, name
