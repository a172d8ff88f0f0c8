"""A cluster of EKS for associations of EKS Pod Identity."""

import contextlib
from collections.abc import Iterator

from irsa_sandbox.engine.stack import SandboxStack
from tests.sandbox.support.pod_identity import (
    ADDON,
    arn_of_cluster,
    node_role,
    nodes_with_agent,
    wait_for_agent,
)
from tests.sandbox.support.world import RegisteredCluster

CLUSTER = "associated"
CLUSTER_ARN = arn_of_cluster(CLUSTER)
NODES = "associated-nodes"


@contextlib.contextmanager
def eks_cluster(world: RegisteredCluster) -> Iterator[None]:
    """A cluster in account A with nodes and the agent, which is the sandbox's."""
    stack = SandboxStack(world.session.state)
    was_up = bool(stack.export().get("resources"))
    if was_up:  # by an earlier test: its cluster has the same issuer
        stack.destroy()
        world.register()  # the provider was the stack's
    iam, eks = world.session.aws("iam"), world.session.aws("eks")
    role = node_role(iam, NODES)
    vpc = {"subnetIds": ["subnet-00000001", "subnet-00000002"]}
    eks.create_cluster(name=CLUSTER, roleArn=role, resourcesVpcConfig=vpc)
    nodes_with_agent(eks, CLUSTER, role)
    wait_for_agent(world.session)
    try:
        yield
    finally:
        with contextlib.suppress(eks.exceptions.ResourceNotFoundException):
            eks.delete_addon(clusterName=CLUSTER, addonName=ADDON)
        eks.delete_nodegroup(clusterName=CLUSTER, nodegroupName="nodes")
        eks.delete_cluster(name=CLUSTER)
        for policy in iam.list_attached_role_policies(RoleName=NODES)["AttachedPolicies"]:
            iam.detach_role_policy(RoleName=NODES, PolicyArn=policy["PolicyArn"])
        iam.delete_role(RoleName=NODES)
        if was_up:
            world.unregister()
