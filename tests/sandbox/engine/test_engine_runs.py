"""H3: what an engine's run opens ends with it."""

import gc
import os
import threading

import pytest

from benches._measure import descriptors
from sandbox.engine.stack import SandboxStack
from sandbox.session import Session
from sandbox.state import SandboxError
from tests.sandbox.conftest import OpenStack
from tests.sandbox.support.cluster import eventually
from tests.sandbox.support.provider_harness import Serving

pytestmark = pytest.mark.sandbox

PARALLEL = 16
"""Steps that the engine runs at a time: up to as many connections to the API server are kept. A run
used to leave 29 descriptors."""


def test_h3_ten_runs_leave_as_many_descriptors_as_three(session: Session, open_stack: OpenStack):
    stack = open_stack()
    stack.up()
    for _ in range(3):
        stack.refresh()
    third = descriptors(session.state.pid)

    for _ in range(7):
        stack.refresh()

    assert eventually(lambda: descriptors(session.state.pid) < third + PARALLEL)


def test_grpc_stays_up_after_a_program_that_failed(session: Session):
    """It would go down whenever what is left of the program is collected, on whichever thread."""
    SandboxStack(session.state, config={"irsa:workloads": "none"}).preview()
    (thread,) = _threads_of_grpc()
    wrong = {"irsa:workloads": [{"name": "x"}]}
    with pytest.raises(SandboxError, match="'namespace' is missing"):
        SandboxStack(session.state, config=wrong).preview()

    gc.collect()

    assert _threads_of_grpc() == [thread]


def _threads_of_grpc() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if "_poll_wrapper" in each.name]


def test_h3_a_provider_s_clients_are_closed_with_its_connection(provider: Serving):
    provider.configured(region="us-east-1")  # whatever is opened once
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
