"""`python -m irsa explain` on the output of the real CLI, whose forms the unit tests repeat."""

import json

import pytest

from irsa.__main__ import main
from irsa_sandbox.engine.stack import SandboxStack
from tests.sandbox.support.in_process import Result
from tests.sandbox.support.previews import preview
from tests.support.mermaid import Drawing

pytestmark = pytest.mark.sandbox


@pytest.fixture
def explained(tmp_path, capsys):
    """Exit code, output and complaint of `explain --state` for a text."""

    def explain(text, *more):
        file = tmp_path / "state.json"
        file.write_text(text)
        code = main(["explain", "--state", str(file), *more])
        return Result(code, *capsys.readouterr())

    return explain


def test_the_real_preview_says_what_the_state_says(explained, open_stack):
    stack = open_stack()
    stack.destroy()
    new = explained(preview(stack, "--json"), "--output", "mermaid")
    assert (new.code, new.err) == (0, "")
    boxes = {" ".join(text.split()) for text in Drawing(new.out).boxes.values()}
    assert "service account dev/s3-app role (known after up)" in boxes

    stack.up()
    state = explained(json.dumps({"version": 3, "deployment": stack.export()}))

    assert (state.code, state.err) == (0, "")
    assert "annotated on service account dev/s3-app\n" in state.out
    assert explained(preview(stack, "--json", "--show-sames")) == state

    changes_only = explained(preview(stack, "--json"))
    assert (changes_only.code, changes_only.out) == (3, "")
    assert "unchanged resources out; `pulumi preview --json --show-sames` has" in changes_only.err


def test_a_preview_that_failed_is_an_error(explained, session, tmp_path):
    (tmp_path / "Pulumi.yaml").write_text("name: failing\nruntime: python\n")
    (tmp_path / "Pulumi.dev.yaml").write_text("config: {}\n")
    (tmp_path / "__main__.py").write_text("import pulumi\n\nraise pulumi.RunError('no role')\n")
    stack = SandboxStack(session.state, tmp_path)

    done = explained(preview(stack, "--json", "--show-sames"))

    assert (done.code, done.err.count("\n")) == (3, 1)
    assert "failed: no role" in done.err
