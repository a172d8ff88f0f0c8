"""The code blocks of the documents say what they are, and can be pasted into any shell."""

import re

import pytest

from tests.support.code_blocks import COMMANDS, OTHERS, blocks


@pytest.mark.parametrize("block", blocks(), ids=lambda block: block.where)
def test_a_block_says_what_it_is(block):
    kinds = ", ".join([*COMMANDS, *OTHERS])
    assert block.language in (*COMMANDS, *OTHERS), (
        f"{block.where}: say behind the three backticks what the block is: one of {kinds}"
    )


@pytest.mark.parametrize(
    "block", [block for block in blocks() if block.language == "sh"], ids=lambda block: block.where
)
def test_a_pasted_block_has_no_comments(block):
    assert not re.search(r"(^|\s)#", block.content), (
        f"{block.where}: zsh takes a comment that is pasted for arguments; say it in the text"
    )


def test_there_are_blocks_of_both_kinds():
    assert set(COMMANDS) <= {block.language for block in blocks()}
