"""Fixtures of the tests of `python -m irsa`: a registered cluster, and a whole workload."""

from collections.abc import Iterator

import pytest

from irsa_sandbox.session import Session
from tests.sandbox.support.workload import Workload, new_workload
from tests.sandbox.support.world import RegisteredCluster, world


@pytest.fixture(scope="module")
def irsa_world(session: Session) -> Iterator[RegisteredCluster]:
    with world(session) as own:
        yield own


@pytest.fixture(scope="module")
def workload(irsa_world: RegisteredCluster) -> Workload:
    """A whole chain, for the tests of one module."""
    return new_workload(irsa_world)
