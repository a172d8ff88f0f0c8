"""Runs that are killed at any moment, and what comes after them (M5, P7)."""

import json
import os
import signal
import subprocess

import pytest
import yaml

from sandbox import lifecycle
from sandbox.demo import left_overs
from tests.sandbox.support.command import started

pytestmark = pytest.mark.sandbox

EXAMPLE = yaml.safe_load((lifecycle.ROOT / "Pulumi.dev.yaml").read_text())["config"]
WORKLOADS = [w for w in EXAMPLE["irsa:workloads"] if w["name"] != "s3-app-chain"]
MORE = {**WORKLOADS[0], "name": "more", "bucket": {"name": "bucket-more", "forceDestroy": True}}
# One role is replaced, one workload created, and the last one deleted.
CHANGED = [{**WORKLOADS[0], "role": {"name": "s3-app-renamed"}}, MORE]


def config(workloads):
    return {"irsa:workloads": workloads}


def killed(session, operation, workloads, lines, *, engine_only=False) -> int:
    """Run an operation in another process, and kill it when it has printed so many lines."""
    settings = ["--config", f"irsa:workloads={json.dumps(workloads)}"]
    with started("stack", operation, "--folder", session.state.folder, *settings) as process:
        assert process.stdout is not None
        for _ in range(lines):
            process.stdout.readline()
        if engine_only:
            children = ["pgrep", "-P", str(process.pid), "pulumi"]
            [engine] = subprocess.run(
                children, capture_output=True, text=True, check=True
            ).stdout.split()
            os.kill(int(engine), signal.SIGKILL)
            assert "the Pulumi engine was killed (signal 9)" in process.stdout.read()
        else:
            os.killpg(process.pid, signal.SIGKILL)
    return process.returncode


def role_ids(session) -> dict[str, str]:
    return {role["RoleName"]: role["RoleId"] for role in session.aws("iam").list_roles()["Roles"]}


def finished(session, stack):
    """Bring a stack to its end: nothing is out of date, and nothing remains when it is gone."""
    stack.up()
    assert stack.up().keys() == {"same"}
    assert stack.refresh().keys() == {"same"}
    stack.destroy()
    assert left_overs(session) == []


@pytest.mark.parametrize("lines", [8, 45], ids=lambda lines: f"after-{lines}-lines")
def test_m5_a_killed_up_goes_on_with_what_it_had_made(session, open_stack, lines):
    open_stack(config(WORKLOADS)).destroy()
    assert killed(session, "up", WORKLOADS, lines) == -signal.SIGKILL
    before = role_ids(session)

    stack = open_stack(config(WORKLOADS))
    assert stack.up().keys() == {"create"}

    assert before.items() <= role_ids(session).items(), "made twice"
    finished(session, stack)


def test_m5_a_killed_engine_is_one_line_and_the_next_up_goes_on(session, open_stack):
    open_stack(config(WORKLOADS)).destroy()

    assert killed(session, "up", WORKLOADS, 25, engine_only=True) == 1

    finished(session, open_stack(config(WORKLOADS)))


@pytest.mark.parametrize("lines", [16, 30], ids=lambda lines: f"after-{lines}-lines")
def test_m5_a_killed_change_goes_on(session, open_stack, lines):
    open_stack(config(WORKLOADS)).up()
    killed(session, "up", CHANGED, lines)

    finished(session, open_stack(config(CHANGED)))


def test_m5_a_killed_change_can_be_taken_back(session, open_stack):
    open_stack(config(WORKLOADS)).up()
    killed(session, "up", CHANGED, 30)

    stack = open_stack(config(WORKLOADS))
    stack.up()

    held = left_overs(session)
    assert [name for name in held if "more" in name or "renamed" in name] == []
    finished(session, stack)


def test_m5_what_a_killed_up_made_goes_with_a_destroy(session, open_stack):
    open_stack(config(WORKLOADS)).destroy()
    killed(session, "up", WORKLOADS, 30)
    assert left_overs(session) != []

    open_stack(config(WORKLOADS)).destroy()

    assert left_overs(session) == []


def test_m5_a_killed_destroy_goes_on_either_way(session, open_stack):
    stack = open_stack(config(WORKLOADS))
    stack.up()
    killed(session, "destroy", WORKLOADS, 12)
    stack.up()
    killed(session, "destroy", WORKLOADS, 12)

    finished(session, stack)


def test_m5_a_run_killed_twice_goes_on(session, open_stack):
    open_stack(config(WORKLOADS)).destroy()
    killed(session, "up", WORKLOADS, 12)
    killed(session, "up", WORKLOADS, 30)

    finished(session, open_stack(config(WORKLOADS)))
