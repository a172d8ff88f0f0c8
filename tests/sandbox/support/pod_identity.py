"""What EKS Pod Identity needs in an account: nodes, the agent's add-on, roles and associations."""

import json
from typing import Any

from irsa.identity.arns import aws_policy_arn
from irsa.identity.pod_identity import pod_identity_trust_policy
from irsa.identity.policies import service_trust_policy
from irsa.identity.subjects import ServiceAccountRef
from sandbox.aws.accounts import ACCOUNT_A, REGION

ADDON = "eks-pod-identity-agent"
SUBNETS = ["subnet-00000001", "subnet-00000002"]  # MiniStack's default VPC
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
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": resource}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_role_policy(RoleName=role, PolicyName="own", PolicyDocument=document)


def associate(eks: Any, cluster: str, account: ServiceAccountRef, role: str, **more: Any) -> str:
    """Create an association; return its id."""
    made = eks.create_pod_identity_association(
        clusterName=cluster,
        namespace=account.namespace,
        serviceAccount=account.name,
        roleArn=role,
        **more,
    )
    return made["association"]["associationId"]


def nodes_with_agent(eks: Any, cluster: str, role: str) -> None:
    """A node group and the add-on in a cluster that exists."""
    eks.create_nodegroup(clusterName=cluster, nodegroupName="nodes", subnets=SUBNETS, nodeRole=role)
    eks.create_addon(clusterName=cluster, addonName=ADDON)
