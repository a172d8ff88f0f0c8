"""A plain `pulumi up` that is killed: docs/pulumi.md word for word, and `sandbox stack` (P7)."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from lightkube.resources.apps_v1 import Deployment

from sandbox.demo import left_overs
from sandbox.engine.stack import ROOT, SandboxStack
from sandbox.session import Session
from tests.sandbox.support.namespaces import there
from tools.docs.code_blocks import blocks

pytestmark = pytest.mark.sandbox

DOCUMENT = [block.content for block in blocks() if block.document == "docs/pulumi.md"]
LOOK, IMPORT, GO_ON = DOCUMENT[3:6]


class Plain:
    """A project of account A's program, and a plain CLI that knows nothing of the sandbox."""

    def __init__(self, session: Session, project: Path, language_port: str) -> None:
        self._session = session
        self._project = project
        programs = [str(Path(session.state.pulumi).parent), str(Path(sys.executable).parent)]
        self._environment = {
            **os.environ,
            **session.state.environment(),
            "PATH": os.pathsep.join([*programs, os.environ["PATH"]]),
            "PULUMI_DEBUG_LANGUAGES": f"python:{language_port}",
            "PULUMI_SKIP_CONFIRMATIONS": "true",
        }

    def paste(self, commands: str) -> tuple[int, str]:
        """The exit code and the output of commands in the project's folder."""
        done = subprocess.run(
            ["bash", "-ec", commands],
            cwd=self._project,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout

    def kill_up(self) -> None:
        """Kill an `up` when its Deployment is there and not ready."""
        code, said = self.paste("pulumi stack init dev 2>&1 || pulumi stack select dev")
        assert code == 0, said
        with subprocess.Popen(
            ["pulumi", "up", "--stack", "dev", "--skip-preview"],
            cwd=self._project,
            env=self._environment,
            stdout=subprocess.DEVNULL,
        ) as up:
            while not there(self._session, Deployment, "s3-app", "dev"):
                assert up.poll() is None, "the up ended before its Deployment was there"
                time.sleep(0.05)
            up.kill()
        time.sleep(1)  # what the engine left under way comes to its end


def many_pods() -> dict[str, Any]:
    """Settings with one workload, whose pods take seconds to become ready."""
    settings = yaml.safe_load((ROOT / "Pulumi.dev.yaml").read_text())
    workloads = settings["config"]["irsa:workloads"]
    settings["config"]["irsa:workloads"] = [{**workloads[0], "replicas": 20}]
    return settings


@pytest.fixture
def plain(session: Session, tmp_path: Path) -> Iterator[Plain]:
    SandboxStack(session.state).destroy()
    for name in ("Pulumi.yaml", "__main__.py"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "Pulumi.dev.yaml").write_text(yaml.safe_dump(many_pods()))
    with subprocess.Popen(
        [sys.executable, "-m", "tests.sandbox.support.language_host", str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, **session.state.environment()},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as host:
        assert host.stdout is not None
        yield Plain(session, tmp_path, host.stdout.readline().strip())
        host.terminate()
    stack = SandboxStack(session.state)
    stack.destroy()
    assert left_overs(session) == []


def test_p7_a_killed_up_goes_on_as_the_document_says(plain: Plain):
    plain.kill_up()

    code, locked = plain.paste("pulumi up --stack dev")
    assert (code, "pulumi cancel" in locked) == (1, True), locked
    code, said = plain.paste(LOOK)
    assert code != 0
    assert "Deployment 'dev/s3-app' exists already" in said

    for commands in (IMPORT, GO_ON):
        code, said = plain.paste(commands)
        assert code == 0, said

    code, said = plain.paste("pulumi preview --stack dev --json")
    assert code == 0, said
    assert json.loads(said)["changeSummary"].keys() == {"same"}


def test_p7_sandbox_stack_goes_on_after_a_cancel(plain: Plain, session: Session):
    plain.kill_up()
    assert plain.paste("pulumi cancel --stack dev")[0] == 0

    stack = SandboxStack(session.state)
    done = stack.up()

    assert "delete" not in done
    assert stack.up().keys() == {"same"}
    assert stack.refresh().keys() == {"same"}
