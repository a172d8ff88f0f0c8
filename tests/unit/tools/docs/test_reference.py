"""The reference pages are what the code says."""

import pytest

from tools.docs.reference import FOLDER, PAGES


@pytest.mark.parametrize("file", PAGES)
def test_the_page_is_current(file):
    assert (FOLDER / file).read_text() == PAGES[file](), "run: python -m tools.docs.reference"
