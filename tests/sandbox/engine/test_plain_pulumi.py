"""docs/sandbox.md, "Plain `pulumi`", word for word, with a language host of Pulumi's."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from irsa.identity.eks import ROLE_ARN_ANNOTATION
from irsa_sandbox import lifecycle
from irsa_sandbox.demo import left_overs
from irsa_sandbox.session import Session
from irsa_sandbox.state import load
from tests.sandbox.support.clone import clone_in, newcomer
from tests.support.code_blocks import blocks
from tests.support.paths import ROOT

LANGUAGE_HOST = "pulumi-language-python"

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.skipif(
        shutil.which(LANGUAGE_HOST) is None,
        reason=f"no {LANGUAGE_HOST} on PATH: install all of Pulumi",
    ),
]

UP, DRIFT, DOWN = [block for block in blocks() if block.document == "docs/sandbox.md"][:3]
LOOK_A = "python -m irsa_sandbox stack preview --output json"
LOOK_B = f"{LOOK_A} --project account_b"
ANNOTATION = "kubectl get serviceaccount s3-app --namespace dev --output jsonpath={.metadata}"


class Pasted(NamedTuple):
    clone: Path
    said: dict[str, str]
    """The output of each step."""


@pytest.fixture(scope="module")
def pasted(tmp_path_factory) -> Iterator[Pasted]:
    """The section, pasted into one shell, with looks at it in between."""
    folder = tmp_path_factory.mktemp("plain")
    clone = clone_in(folder)
    steps = {
        "up": UP.content,
        "a": LOOK_A,
        "b": LOOK_B,
        "drift": DRIFT.content,
        "annotation": ANNOTATION,
        "down": DOWN.content,
    }
    # Who types it confirms each step.
    confirmed = 'pulumi() { PULUMI_SKIP_CONFIRMATIONS=true command pulumi "$@"; }'
    lines = ["set -e", ". .venv/bin/activate", confirmed]
    for name, commands in steps.items():
        lines += ["{", commands, f"}} >{folder / name} 2>&1"]
    (folder / "home").mkdir()
    try:
        done = subprocess.run(
            ["bash", "-c", "\n".join(lines)],
            cwd=clone,
            env=newcomer(folder / "home"),
            check=False,
        )
        said = {name: (folder / name).read_text() for name in steps if (folder / name).exists()}
        assert done.returncode == 0, [*said.values()][-1]
        yield Pasted(clone, said)
    finally:
        lifecycle.down(clone / ".sandbox")


def test_the_plain_cli_makes_what_sandbox_stack_makes(pasted):
    for stack in ("a", "b"):
        assert json.loads(pasted.said[stack].splitlines()[-1]).keys() == {"same"}


def test_a_refresh_finds_what_others_have_changed_and_up_puts_it_right(pasted):
    assert "~ kubernetes:core/v1:ServiceAccount" in pasted.said["drift"].replace("  ", " ")
    assert ROLE_ARN_ANNOTATION in pasted.said["annotation"]


def test_nothing_is_left(pasted):
    with closing(Session(load(pasted.clone / ".sandbox"))) as session:
        assert left_overs(session) == []


def test_the_settings_stay_but_for_the_salt(pasted):
    for settings in ("Pulumi.dev.yaml", "account_b/Pulumi.dev.yaml"):
        kept = (pasted.clone / settings).read_text().splitlines()
        added = [line for line in kept if line.startswith("encryptionsalt: ")]
        assert len(added) <= 1
        assert [line for line in kept if line not in added] == (
            (ROOT / settings).read_text().splitlines()
        )
