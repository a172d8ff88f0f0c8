"""Fixtures of the tests of `python -m irsa`: a registered cluster, and a whole workload."""

import pytest

from irsa_sandbox.testing.sandbox import CLUSTER
from tests.sandbox.support.in_process import RegisteredCluster
from tests.sandbox.support.pod_identity import node_role, nodes_with_agent, wait_for_agent
from tests.sandbox.support.workload import Workload


@pytest.fixture(scope="module")
def irsa_world(session, irsa_sandbox):
    """The sandbox, which is put back after each test."""
    return RegisteredCluster(session)


@pytest.fixture(scope="module")
def workload(irsa_world: RegisteredCluster) -> Workload:
    """A whole chain, for the tests of one module."""
    return Workload(irsa_world, "verify").create()


@pytest.fixture(scope="module")
def agent(irsa_world: RegisteredCluster) -> RegisteredCluster:
    """With nodes and the agent of EKS Pod Identity."""
    session = irsa_world.session
    nodes_with_agent(session.aws("eks"), CLUSTER, node_role(session.aws("iam")))
    wait_for_agent(session)
    return irsa_world
