"""The stand-in for `eks.Cluster` leaves the state that pulumi-eks leaves, but for a written list.

No registry has pulumi-eks' provider, which is a Node.js program: build it from its source, and put
`pulumi-resource-eks` on PATH. docs/sandbox.md says how.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sandbox.aws.accounts import ACCOUNT_A
from sandbox.engine.stack import SandboxStack
from sandbox.session import Session
from sandbox.state import PULUMI_HOME, SandboxState
from sandbox.toolchain.plugins import find, link
from tests.sandbox.support.comparison import State, differences, settled, state_of
from tests.sandbox.support.eks_program import cluster_stack

pytestmark = [pytest.mark.sandbox, pytest.mark.published]

EKS = "eks"

LEAST = {
    "authentication_mode": "API",
    "skip_default_node_group": True,
    "skip_default_security_groups": True,
}
CLUSTERS: dict[str, dict[str, Any]] = {
    "as the component asks for it": {
        **LEAST,
        "create_oidc_provider": False,
        "deletion_protection": False,
        "enabled_cluster_log_types": ["audit", "authenticator"],
        "endpoint_private_access": True,
        "name": "compared",
        "public_access_cidrs": ["203.0.113.0/24"],
    },
    "with a key, a role and a version": {
        **LEAST,
        "encryption_config_key_arn": f"arn:aws:kms:us-east-1:{ACCOUNT_A}:key/0a1b2c3d",
        "endpoint_private_access": True,
        "endpoint_public_access": False,
        "name": "compared",
        "provider_credential_opts": {"role_arn": f"arn:aws:iam::{ACCOUNT_A}:role/deployer"},
        "version": "1.34",
    },
    "with few inputs": LEAST,
}


@pytest.fixture(scope="module")
def published(session: Session) -> SandboxState:
    """The session's sandbox, for an engine that starts pulumi-eks' provider by itself."""
    program = find(EKS, Path("~/.pulumi").expanduser())
    if program is None:
        pytest.skip("no plugin of pulumi-eks: put pulumi-resource-eks on PATH")
    state = session.state
    link({EKS: program}, state.path / PULUMI_HOME)
    attached = {name: port for name, port in state.providers.items() if name != EKS}
    return replace(state, providers=attached, plugins=[EKS])


def left_by(stack: SandboxStack) -> State:
    """The state after an `up`, of a stack that is then destroyed."""
    assert stack.up().keys() == {"create"}
    assert stack.preview().keys() == {"same"}
    state = state_of(stack.export())
    assert stack.refresh().keys() <= {"same"}
    assert stack.preview().keys() == {"same"}
    assert stack.destroy().keys() == {"delete"}
    return state


@pytest.mark.parametrize("cluster", CLUSTERS.values(), ids=CLUSTERS)
def test_both_leave_the_same_state(
    session: Session, published: SandboxState, tmp_path: Path, cluster: dict[str, Any]
):
    ours = left_by(cluster_stack(session.state, tmp_path, cluster))
    theirs = left_by(cluster_stack(published, tmp_path, cluster))
    assert differences(*settled(ours, theirs)) == []
