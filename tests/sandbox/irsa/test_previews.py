"""`python -m irsa explain` on what the real CLI writes; the unit tests have its forms by heart."""

import json

import pytest

from irsa.__main__ import main
from tests.sandbox.support.in_process import Result
from tests.sandbox.support.previews import STREAMING, event_log, preview
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


def test_f4_every_form_of_the_real_clis_preview_says_what_the_state_says(
    explained, open_stack, tmp_path
):
    stack = open_stack()
    stack.up()
    state = explained(json.dumps({"version": 3, "deployment": stack.export()}))

    assert (state.code, state.err) == (0, "")
    assert "annotated on service account dev/s3-app\n" in state.out
    for text in (
        preview(stack, "--json", "--show-sames"),
        preview(stack, "--json", **STREAMING),
        event_log(stack, tmp_path),
    ):
        assert explained(text) == state

    changes_only = explained(preview(stack, "--json"))
    assert (changes_only.code, changes_only.out) == (3, "")
    assert "unchanged resources out; `pulumi preview --json --show-sames` has" in changes_only.err


def test_f4_a_preview_of_something_new_is_drawn_as_far_as_it_is_known(explained, open_stack):
    stack = open_stack()
    stack.destroy()

    for text in (preview(stack, "--json"), preview(stack, "--json", **STREAMING)):
        done = explained(text, "--output", "mermaid")

        boxes = {" ".join(text.split()) for text in Drawing(done.out).boxes.values()}
        assert (done.code, done.err) == (0, "")
        assert "service account dev/s3-app role (known after up)" in boxes
        assert "role s3-app trust policy (known after up) policy s3-app-bucket" in boxes


def test_f4_a_preview_that_failed_is_said(explained, open_stack):
    stack = open_stack({"irsa:workloads": [{"name": "x", "namespace": "dev", "bucket": {}}]})

    for form in ({}, STREAMING):
        done = explained(preview(stack, "--json", "--show-sames", **form))

        assert (done.code, done.err.count("\n")) == (3, 1)
        assert "failed: irsa:workloads[x]" in done.err
