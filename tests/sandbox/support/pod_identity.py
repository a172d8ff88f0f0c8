"""Nodes, the agent's add-on, roles and associations for EKS Pod Identity."""

import json
from typing import Any

from lightkube.resources.core_v1 import Pod

from core.tests.decide.policies import document
from irsa_core.identity.arns import aws_policy_arn
from irsa_core.identity.pod_identity import (
    TargetedBy,
    pod_identity_trust_policy,
    target_role_trust_policy,
)
from irsa_core.identity.policies import service_trust_policy
from irsa_core.identity.subjects import ServiceAccountRef
from irsa_sandbox.aws.accounts import ACCOUNT_A, ACCOUNT_B, REGION
from irsa_sandbox.aws.clients import AccessKeys, AwsClients
from irsa_sandbox.session import Session
from tests.sandbox.support.aws_harness import KEY, ROLE_ARN, SUBNETS, VPC, Aws, refusal, token
from tests.sandbox.support.cluster import eventually

CLUSTER = "production-blue"
READER = ServiceAccountRef("dev", "reader")
POD = {"name": "reader-6d5f9c-x2x7k", "uid": "11111111-2222-3333-4444-555555555555"}
ROLE, TARGET = "pod-reader", "target-reader"
TARGET_ARN = f"arn:aws:iam::{ACCOUNT_B}:role/{TARGET}"
ADDON = "eks-pod-identity-agent"
AUTO_MODE: dict[str, Any] = {
    "computeConfig": {"enabled": True, "nodePools": ["system"], "nodeRoleArn": ROLE_ARN},
    "kubernetesNetworkConfig": {"elasticLoadBalancing": {"enabled": True}},
    "storageConfig": {"blockStorage": {"enabled": True}},
}
NODE_POLICY = aws_policy_arn("AmazonEKSWorkerNodePolicy")


def arn_of_cluster(name: str) -> str:
    return f"arn:aws:eks:{REGION}:{ACCOUNT_A}:cluster/{name}"


def node_role(iam: Any, name: str = "nodes", *, may_ask: bool = True) -> str:
    trust = json.dumps(service_trust_policy("ec2.amazonaws.com"))
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]
    if may_ask:
        iam.attach_role_policy(RoleName=name, PolicyArn=NODE_POLICY)
    return role["Arn"]


def pod_role(iam: Any, name: str, cluster: str, account: ServiceAccountRef, **options: Any) -> str:
    """A role for a service account of a cluster."""
    trust = pod_identity_trust_policy([arn_of_cluster(cluster)], [account], **options)
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]
    return role["Arn"]


def allow(iam: Any, role: str, *actions: str, resource: str = "*") -> None:
    policy = document({"Effect": "Allow", "Action": list(actions), "Resource": resource})
    iam.put_role_policy(RoleName=role, PolicyName="own", PolicyDocument=json.dumps(policy))


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


CLUSTER_ARN = arn_of_cluster(CLUSTER)


def pod_token(account: ServiceAccountRef = READER, key: Any = KEY, **changed: Any) -> str:
    bound = {"serviceaccount": {"name": account.name, "uid": "1"}, "pod": POD}
    claims: dict[str, Any] = {"aud": ["pods.eks.amazonaws.com"], "sub": account.subject}
    claims["kubernetes.io"] = {"namespace": account.namespace, **bound}
    return token(key, **claims | changed)


class Associated:
    """A cluster with a role for one service account."""

    def __init__(self, aws: Aws) -> None:
        self.aws = aws
        self.iam = aws.emulator.client("iam", ACCOUNT_A)
        self.iam_b = aws.emulator.client("iam", ACCOUNT_B)
        self.eks = aws.emulator.client("eks", ACCOUNT_A)
        self.create_cluster(CLUSTER)
        self.node_role = node_role(self.iam)
        self.role_arn = pod_role(self.iam, ROLE, CLUSTER, READER)
        allow(self.iam, ROLE, "s3:*", "sts:*")

    def create_cluster(self, name: str) -> None:
        role = ROLE_ARN  # any that exists
        self.eks.create_cluster(name=name, roleArn=role, resourcesVpcConfig=VPC)

    def associate(self, **more: Any) -> str:
        return associate(self.eks, CLUSTER, READER, self.role_arn, **more)

    def target(self, trust: Any = None, *, actions: tuple[str, ...] = ("s3:*",)) -> None:
        by = TargetedBy(self.role_arn, CLUSTER_ARN, READER)
        text = json.dumps(trust or target_role_trust_policy([by]))
        self.iam_b.create_role(RoleName=TARGET, AssumeRolePolicyDocument=text)
        allow(self.iam_b, TARGET, *actions)

    @property
    def node(self) -> Any:
        return self.aws.emulator.instance(self.node_role)("eks-auth")

    def ask(self, raw: str | None = None, cluster: str = CLUSTER) -> dict[str, Any]:
        return self.node.assume_role_for_pod_identity(clusterName=cluster, token=raw or pod_token())

    def refused(self, raw: str | None = None, cluster: str = CLUSTER) -> tuple[int, str, str]:
        call = self.node.assume_role_for_pod_identity
        return refusal(call, clusterName=cluster, token=raw or pod_token())

    def session(self) -> AwsClients:
        keys = self.ask()["credentials"]
        given = AccessKeys(keys["accessKeyId"], keys["secretAccessKey"], keys["sessionToken"])
        return self.aws.administrator().with_credentials(given)
