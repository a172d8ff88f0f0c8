"""The cluster whose nodes have the agent. What the agent answers is tested with EKS Auth."""

from unittest.mock import Mock

from sandbox.kubernetes.pod_identity_agent import Node, node_with_agent


def test_eks_auto_mode_has_the_agent_without_an_addon():
    """EKS is played: MiniStack keeps no `computeConfig`."""
    role = "arn:aws:iam::111122223333:role/nodes"
    eks = Mock()
    eks.list_clusters.return_value = {"clusters": ["auto"]}
    compute = {"enabled": True, "nodeRoleArn": role}
    eks.describe_cluster.return_value = {"cluster": {"computeConfig": compute}}

    assert node_with_agent(eks) == Node("auto", role)
