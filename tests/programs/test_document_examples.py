"""The Python of the documents runs: each block in the program that its first line names."""

import runpy
import sys

import pytest

from tests.programs.test_account_b import OUTPUTS_A, STACK_A
from tests.support.code_blocks import blocks
from tests.support.engine import Engine, deploy, run_program, stack_file
from tests.support.paths import ROOT
from tests.support.versions import needs_deletion_protection
from tests.support.world import ISSUER_URL

ELSEWHERE = {
    "core/README.md": "core/tests/test_page.py",
    "docs/sandbox.md": "tests/sandbox/test_pytest_plugin.py",
    "docs/components.md": "tests/unit/tools/docs/test_components.py",
}
"""Pages whose blocks other tests run."""
BLOCKS = [b for b in blocks() if b.language == "python" and b.document not in ELSEWHERE]


@pytest.mark.parametrize("page", ELSEWHERE)
def test_another_test_reads_the_page(page):
    assert page in (ROOT / ELSEWHERE[page]).read_text()


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(
            block,
            marks=needs_deletion_protection if "deletion_protection=True" in block.content else (),
            id=block.where,
        )
        for block in BLOCKS
    ],
)
def test_python_of_a_document_runs(block, monkeypatch):
    engine = Engine(stacks={STACK_A: {**OUTPUTS_A, "issuer_url": ISSUER_URL}})
    folder = {"# __main__.py": ".", "# account_b/__main__.py": "account_b"}.get(block.first_line)
    if folder is None:
        deploy(lambda: exec(block.content, {}), engine)  # noqa: S102
    else:
        run, text = runpy.run_path, block.content
        monkeypatch.setattr(runpy, "run_path", lambda path: exec(text, run(path)))  # noqa: S102
        monkeypatch.setattr(sys, "path", [*sys.path])
        run_program(stack_file(folder), engine, folder=folder)

    assert engine.registered
