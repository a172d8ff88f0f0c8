"""Nodes, the agent's add-on, roles and associations for EKS Pod Identity."""

import json
from typing import Any

from lightkube.resources.core_v1 import Pod

from irsa_core.identity.arns import aws_policy_arn
from irsa_core.identity.pod_identity import pod_identity_trust_policy
from irsa_core.identity.policies import service_trust_policy
from irsa_core.identity.subjects import ServiceAccountRef
from irsa_sandbox.aws.accounts import ACCOUNT_A, REGION
from irsa_sandbox.session import Session
from tests.sandbox.support.aws_harness import ROLE_ARN, SUBNETS
from tests.sandbox.support.cluster import eventually

ADDON = "eks-pod-identity-agent"
AUTO_MODE: dict[str, Any] = {
    "computeConfig": {"enabled": True, "nodePools": ["system"], "nodeRoleArn": ROLE_ARN},
    "kubernetesNetworkConfig": {"elasticLoadBalancing": {"enabled": True}},
    "storageConfig": {"blockStorage": {"enabled": True}},
}
NODE_POLICY = aws_policy_arn("AmazonEKSWorkerNodePolicy")


def arn_of_cluster(name: str) -> str:
    return f"arn:aws:eks:{REGION}:{ACCOUNT_A}:cluster/{name}"


def node_role(iam: Any, name: str = "nodes") -> str:
    trust = json.dumps(service_trust_policy("ec2.amazonaws.com"))
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]
    iam.attach_role_policy(RoleName=name, PolicyArn=NODE_POLICY)
    return role["Arn"]


def pod_role(iam: Any, name: str, cluster: str, account: ServiceAccountRef, **options: Any) -> str:
    """A role for a service account of a cluster."""
    trust = pod_identity_trust_policy([arn_of_cluster(cluster)], [account], **options)
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]
    return role["Arn"]


def associate(eks: Any, cluster: str, account: ServiceAccountRef, role: str, **more: Any) -> str:
    """Create an association; return its id."""
    own = {"namespace": account.namespace, "serviceAccount": account.name, "roleArn": role}
    made = eks.create_pod_identity_association(clusterName=cluster, **own, **more)
    return made["association"]["associationId"]


def nodes_with_agent(eks: Any, cluster: str, role: str) -> None:
    """A node group and the add-on in a cluster that exists."""
    eks.create_nodegroup(clusterName=cluster, nodegroupName="nodes", subnets=SUBNETS, nodeRole=role)
    eks.create_addon(clusterName=cluster, addonName=ADDON)


def wait_for_agent(session: Session) -> None:
    """Wait until the agent's Pod is ready on the node."""
    labels = {"app.kubernetes.io/name": ADDON}

    def runs() -> bool:
        pods = session.cluster.list(Pod, namespace="kube-system", labels=labels)
        return any(pod.status and pod.status.phase == "Running" for pod in pods)

    eventually(runs)
