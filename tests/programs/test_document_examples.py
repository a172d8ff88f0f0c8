"""The Python of the documents runs: each block in the program that its first line names."""

import re
import runpy
import sys

import pytest

from tests.programs.test_account_b import OUTPUTS_A, STACK_A
from tests.support.engine import ROOT, Engine, deploy, run_program, stack_file
from tests.support.world import ISSUER_URL

BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PROGRAMS = {"# __main__.py": ".", "# account_b/__main__.py": "account_b"}
BLOCKS = [
    pytest.param(block, id=f"{file.name} {number}")
    for file in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
    # The sandbox's page is run by pytest, the components' examples by tests/unit/tools/docs.
    if file.name not in ("sandbox.md", "components.md")
    for number, block in enumerate(BLOCK.findall(file.read_text()))
]


@pytest.mark.parametrize("block", BLOCKS)
def test_python_of_a_document_runs(block, monkeypatch):
    engine = Engine(stacks={STACK_A: {**OUTPUTS_A, "issuer_url": ISSUER_URL}})
    folder = PROGRAMS.get(block.partition("\n")[0])
    if folder is None:
        deploy(lambda: exec(block, {}), engine)  # noqa: S102
    else:
        run = runpy.run_path
        monkeypatch.setattr(runpy, "run_path", lambda path: exec(block, run(path)))  # noqa: S102
        monkeypatch.setattr(sys, "path", [*sys.path])
        run_program(stack_file(folder), engine, folder=folder)

    assert engine.registered
