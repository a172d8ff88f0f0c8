"""The example of core/README.md."""

import json

from tests.support.code_blocks import blocks


def test_the_example_decides_and_finds_nothing(capsys):
    [block] = (b for b in blocks() if (b.document, b.language) == ("core/README.md", "python"))
    exec(block.content, {})  # noqa: S102

    decided, _, found = capsys.readouterr().out.rpartition("\n[")
    assert json.loads(decided)["decision"] == "deny"
    assert "the token says 'system:serviceaccount:dev:other'" in decided
    assert found == "]\n"
