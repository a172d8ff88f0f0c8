"""Resources that a run of the engine opens are closed with it."""

import gc
import os
from pathlib import Path

import pulumi_aws as aws
import pytest

from irsa_sandbox.engine.stack import SandboxStack
from irsa_sandbox.session import Session
from tests.sandbox.support.cluster import eventually
from tests.sandbox.support.provider_harness import Serving

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="reads Linux's /proc"),
]

PARALLEL = 16
"""Steps that the engine runs at a time: up to as many connections to the API server are kept."""


def descriptors(pid: int) -> int:
    """Count the files and sockets that a process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def user() -> None:
    aws.iam.User("runs", name="runs")


def test_six_runs_leave_as_many_descriptors_as_two(session: Session):
    stack = SandboxStack(session.state, program=user, project_name="runs")
    stack.up()
    for _ in range(2):
        stack.refresh()
    second = descriptors(session.state.pid)

    for _ in range(4):
        stack.refresh()

    assert eventually(lambda: descriptors(session.state.pid) < second + PARALLEL)
    stack.destroy()


def test_a_provider_closes_its_clients_with_its_connection(provider: Serving):
    provider.configured(region="us-east-1")  # opens what is opened once
    before = descriptors(os.getpid())
    gc.disable()  # it would close them too, some time
    try:
        instances = [provider.configured(region="us-east-1") for _ in range(10)]
        assert descriptors(os.getpid()) > before + len(instances)

        for _ in instances:
            provider.disconnect()

        assert eventually(lambda: descriptors(os.getpid()) <= before)
    finally:
        gc.enable()
