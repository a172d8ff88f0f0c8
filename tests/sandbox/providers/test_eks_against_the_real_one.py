"""The stand-in for `eks.Cluster` leaves the state that pulumi-eks leaves, but for a written list.

No registry has pulumi-eks' provider, which is a Node.js program: build it from its source, and put
`pulumi-resource-eks` on PATH. docs/sandbox.md says how.
"""

import shutil
from pathlib import Path
from typing import Any

import pytest

from sandbox.aws.accounts import ACCOUNT_A
from sandbox.engine.stack import ROOT, SandboxStack
from sandbox.session import Session
from tests.sandbox.support.comparing import State, differences, resources
from tests.sandbox.support.eks_program import cluster_stack

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.published,
    pytest.mark.skipif(
        shutil.which("pulumi-resource-eks") is None, reason="no pulumi-resource-eks on PATH"
    ),
]

LEAST = {"skip_default_node_group": True}
CLUSTERS: dict[str, dict[str, Any]] = {
    "as the component asks for it": {
        **LEAST,
        "authentication_mode": "API",
        "create_oidc_provider": False,
        "deletion_protection": False,
        "enabled_cluster_log_types": ["audit", "authenticator"],
        "endpoint_private_access": True,
        "name": "dev",
        "public_access_cidrs": ["203.0.113.0/24"],
        "skip_default_security_groups": True,
    },
    "with groups, a key, a role and a version": {
        **LEAST,
        "authentication_mode": "API",
        "encryption_config_key_arn": f"arn:aws:kms:us-east-1:{ACCOUNT_A}:key/0a1b2c3d",
        "endpoint_private_access": True,
        "endpoint_public_access": False,
        "name": "dev",
        "provider_credential_opts": {"role_arn": f"arn:aws:iam::{ACCOUNT_A}:role/deployer"},
        "version": "1.34",
    },
    "in the older way of access": {**LEAST, "authentication_mode": "API_AND_CONFIG_MAP"},
    "with next to nothing said": LEAST,
}


def left_by(stack: SandboxStack) -> State:
    """The state after an `up`, of a stack that lives a whole life."""
    assert stack.up().keys() == {"create"}
    assert stack.preview().keys() == {"same"}
    state = resources(stack.export())
    assert stack.refresh().keys() <= {"same"}
    assert stack.preview().keys() == {"same"}
    assert stack.destroy().keys() == {"delete"}
    return state


@pytest.mark.parametrize("cluster", CLUSTERS.values(), ids=CLUSTERS)
def test_both_leave_the_same(session: Session, tmp_path: Path, cluster: dict[str, Any]):
    ours = left_by(cluster_stack(session, tmp_path, cluster))
    theirs = left_by(cluster_stack(session, tmp_path, cluster, "eks"))
    assert [str(each) for each in differences(ours, theirs)] == []


def test_account_a_s_stack_has_the_same_resources_with_either(session: Session):
    ours = left_by(SandboxStack(session.state, ROOT))
    theirs = left_by(SandboxStack(session.state, ROOT, installed=frozenset({"eks"})))
    assert theirs.keys() == ours.keys()
    assert [str(each) for each in differences(of_cluster(ours), of_cluster(theirs))] == []


def of_cluster(state: State) -> State:
    """The part of a stack that `eks.Cluster` makes."""
    return {urn: each for urn, each in state.items() if "$eks:index:Cluster" in urn}
