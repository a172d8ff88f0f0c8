"""`--stack` with the output of the real CLI, whose forms the unit tests repeat."""

import json

import pytest

from irsa.__main__ import main
from irsa_sandbox.engine.stack import SandboxStack
from tests.sandbox.support.in_process import Result
from tests.sandbox.support.previews import preview

pytestmark = pytest.mark.sandbox


@pytest.fixture
def listed(tmp_path, capsys):
    """Exit code, output and complaint of `list --stack` for a text."""

    def run(text):
        file = tmp_path / "state.json"
        file.write_text(text)
        code = main(["list", "--stack", str(file)])
        return Result(code, *capsys.readouterr())

    return run


def test_the_real_preview_says_what_the_state_says(listed, open_stack):
    stack = open_stack()
    stack.up()
    state = listed(json.dumps({"version": 3, "deployment": stack.export()}))

    assert (state.code, state.err) == (0, "")
    assert "s3-app" in state.out
    assert listed(preview(stack, "--json", "--show-sames")) == state

    changes_only = listed(preview(stack, "--json"))
    assert changes_only.code == 3
    assert "unchanged resources out; `pulumi preview --json --show-sames` has" in changes_only.err


def test_a_preview_that_failed_is_an_error(listed, session, tmp_path):
    (tmp_path / "Pulumi.yaml").write_text("name: failing\nruntime: python\n")
    (tmp_path / "Pulumi.dev.yaml").write_text("config: {}\n")
    (tmp_path / "__main__.py").write_text("import pulumi\n\nraise pulumi.RunError('no role')\n")
    stack = SandboxStack(session.state, tmp_path)

    done = listed(preview(stack, "--json", "--show-sames"))

    assert (done.code, done.err.count("\n")) == (3, 1)
    assert "failed: no role" in done.err
