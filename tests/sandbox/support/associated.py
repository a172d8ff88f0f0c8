"""Workloads whose Pods have their role by EKS Pod Identity."""

import contextlib
import itertools
import json
from collections.abc import Iterator
from functools import partial
from typing import Any

from botocore.exceptions import ClientError
from lightkube.resources.core_v1 import Pod

from irsa.identity.arns import bucket_arn, role_arn
from irsa.identity.pod_identity import (
    TargetedBy,
    pod_identity_trust_policy,
    target_role_trust_policy,
)
from irsa.identity.policies import bucket_permissions_policy
from irsa.identity.subjects import ServiceAccountRef
from irsa_sandbox.aws.accounts import ACCOUNT_A, ACCOUNT_B
from irsa_sandbox.engine.stack import SandboxStack
from irsa_sandbox.json_types import Json
from irsa_sandbox.pods.exec import find_pod
from tests.sandbox.support.cluster import eventually
from tests.sandbox.support.kubectl import NAME
from tests.sandbox.support.pod_identity import (
    ADDON,
    arn_of_cluster,
    associate,
    node_role,
    nodes_with_agent,
)
from tests.sandbox.support.workload import Workload
from tests.sandbox.support.world import RegisteredCluster

CLUSTER = "associated"
CLUSTER_ARN = arn_of_cluster(CLUSTER)
NODES = "associated-nodes"
LISTING = "import boto3; print(boto3.client('sts').get_caller_identity()['Arn'])"
_numbers = itertools.count(1)


class AssociatedWorkload(Workload):
    """With an association and the trust policy that it needs, and without an annotation."""

    @property
    def account(self) -> ServiceAccountRef:
        return ServiceAccountRef(self.namespace, NAME)

    @property
    def trust_policy(self) -> Json:
        return pod_identity_trust_policy([CLUSTER_ARN], [self.account])

    @property
    def eks(self) -> Any:
        return self.session.aws("eks")

    @property
    def association(self) -> str:
        """The association's id; empty when there is none."""
        listed = self.eks.list_pod_identity_associations(
            clusterName=CLUSTER, namespace=self.namespace, serviceAccount=NAME
        )["associations"]
        return listed[0]["associationId"] if listed else ""

    @property
    def target_arn(self) -> str:
        return role_arn(ACCOUNT_B, f"{self.namespace}-b")

    def create_role(self) -> None:
        super().create_role()
        self.associate()

    def associate(self, **more: Any) -> None:
        """Create the association, or replace it."""
        self.dissociate()
        associate(self.eks, CLUSTER, self.account, self.role_arn, **more)

    def dissociate(self) -> None:
        if self.association:
            self.eks.delete_pod_identity_association(
                clusterName=CLUSTER, associationId=self.association
            )

    def target(self) -> None:
        """Give the association a target role in account B, which may list the bucket."""
        iam = self.session.aws("iam", ACCOUNT_B)
        by = TargetedBy(self.role_arn, CLUSTER_ARN, self.account)
        iam.create_role(
            RoleName=f"{self.namespace}-b",
            AssumeRolePolicyDocument=json.dumps(target_role_trust_policy([by])),
        )
        iam.put_role_policy(
            RoleName=f"{self.namespace}-b",
            PolicyName="data",
            PolicyDocument=json.dumps(bucket_permissions_policy(bucket_arn(f"{self.namespace}-b"))),
        )
        self.session.aws("s3", ACCOUNT_B).create_bucket(Bucket=f"{self.namespace}-b")
        self.put_policy(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Action": ["sts:AssumeRole", "sts:TagSession"],
                        "Resource": self.target_arn,
                    }
                ],
            }
        )
        self.associate(targetRoleArn=self.target_arn)

    def runs(self) -> bool:
        """Return whether a Pod of it runs."""
        with contextlib.suppress(LookupError):
            return bool(find_pod(self.session.cluster, self.namespace, NAME))
        return False

    def identity(self) -> str:
        """The caller ARN of boto3 in the Pod, or its error."""
        done = self.session.in_pod(self.namespace, NAME, ["python3", "-c", LISTING])
        return done.output.strip().splitlines()[-1]

    def session_arn(self, name: str = "", account: str = ACCOUNT_A) -> str:
        return f"arn:aws:sts::{account}:assumed-role/{name or self.role_name}/"

    def remove_from_aws(self) -> None:
        self.dissociate()
        with contextlib.suppress(ClientError):
            self.delete_role(f"{self.namespace}-other")
        super().remove_from_aws()


def wait_for_agent(world: RegisteredCluster) -> None:
    """Wait until the agent's Pod is ready on the node."""
    labels = {"app.kubernetes.io/name": ADDON}
    listed = partial(world.session.cluster.list, Pod, namespace="kube-system", labels=labels)
    eventually(lambda: [pod for pod in listed() if pod.status.phase == "Running"])


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
    wait_for_agent(world)
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


@contextlib.contextmanager
def associated_workload(world: RegisteredCluster) -> Iterator[AssociatedWorkload]:
    """A new workload in a namespace of its own, and nothing of it afterwards."""
    workload = AssociatedWorkload(world, f"associated-{next(_numbers)}", annotated=False)
    try:
        workload.create()
        eventually(workload.runs)
        yield workload
    finally:
        workload.remove()
