"""docs/sandbox.md, "Plain `pulumi`", word for word, with a language host of Pulumi's."""

import json
import shutil
import subprocess
from contextlib import closing

import pytest

from irsa_core.identity.eks import ROLE_ARN_ANNOTATION
from irsa_sandbox import lifecycle
from irsa_sandbox.demo import left_overs
from irsa_sandbox.session import Session
from irsa_sandbox.state import load
from tests.sandbox.support.clone import clone_in, newcomer
from tests.support.code_blocks import blocks
from tests.support.paths import ROOT

LANGUAGE_HOST = "pulumi-language-python"

pytestmark = pytest.mark.skipif(
    shutil.which(LANGUAGE_HOST) is None, reason=f"no {LANGUAGE_HOST} on PATH: install all of Pulumi"
)

UP, DRIFT, DOWN = [block for block in blocks() if block.document == "docs/sandbox.md"][:3]


def test_the_section_makes_what_sandbox_stack_makes_and_leaves_nothing(tmp_path):
    """Pasted into one shell, with looks at it in between."""
    clone, home = clone_in(tmp_path), tmp_path / "home"
    home.mkdir()
    look = "python -m irsa_sandbox stack preview --output json"
    steps = {
        "up": UP.content,
        "a": look,
        "b": f"{look} --project account_b",
        "drift": DRIFT.content,
        "annotation": "kubectl get serviceaccount s3-app --namespace dev --output json",
        "down": DOWN.content,
    }
    # Who types it confirms each step.
    confirmed = 'pulumi() { PULUMI_SKIP_CONFIRMATIONS=true command pulumi "$@"; }'
    lines = ["set -e", ". .venv/bin/activate", confirmed]
    for name, commands in steps.items():
        lines += ["{", commands, f"}} >{tmp_path / name} 2>&1"]
    try:
        command = ["bash", "-c", "\n".join(lines)]
        done = subprocess.run(command, cwd=clone, env=newcomer(home), check=False)
        said = {step: (tmp_path / step).read_text() for step in steps if (tmp_path / step).exists()}
        assert done.returncode == 0, [*said.values()][-1]
        with closing(Session(load(clone / ".sandbox"))) as session:
            assert left_overs(session) == []
    finally:
        lifecycle.down(clone / ".sandbox")

    for stack in ("a", "b"):
        answer = json.loads(said[stack][said[stack].index("{\n") :])
        assert answer["changes"].keys() == {"same"}
    # A refresh finds what others have changed, and `up` puts it right.
    assert "~ kubernetes:core/v1:ServiceAccount" in said["drift"].replace("  ", " ")
    assert ROLE_ARN_ANNOTATION in said["annotation"]
    # The settings stay but for the salt.
    for settings in ("Pulumi.dev.yaml", "account_b/Pulumi.dev.yaml"):
        kept = (clone / settings).read_text().splitlines()
        added = [line for line in kept if line.startswith("encryptionsalt: ")]
        assert len(added) <= 1
        left = [line for line in kept if line not in added]
        assert left == (ROOT / settings).read_text().splitlines()
