"""A cluster in the real engine: its network, its options, its protection, and its creator."""

import json
import ssl
from collections.abc import Iterator
from typing import Any

import httpx2
import pulumi_aws as aws
import pytest
from pulumi import ResourceOptions, export

from components.eks_cluster import AccessEntryArgs, ControlPlaneArgs, EksCluster, EksClusterArgs
from components.namespace import Namespace, NamespaceArgs
from sandbox.aws.accounts import ACCOUNT_A, REGION
from sandbox.engine.stack import SandboxStack
from sandbox.session import Session
from tests.sandbox.support.networks import network, remove_default_vpc
from tests.sandbox.support.programs import refusal, stack_of, unchanged

pytestmark = pytest.mark.sandbox

KEY = f"arn:aws:kms:us-east-1:{ACCOUNT_A}:key/0a1b2c3d"
ANN = f"arn:aws:iam::{ACCOUNT_A}:user/ann"
VIEW = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"


@pytest.fixture(scope="module", autouse=True)
def no_other_stack(session: Session) -> None:
    """The sandbox's cluster has one issuer, and so an account has one OIDC provider for it."""
    SandboxStack(session.state).destroy()


@pytest.fixture(scope="module")
def eks(session: Session) -> Any:
    return session.aws("eks")


@pytest.fixture
def ec2(session: Session) -> Iterator[Any]:
    """EC2 of an account without a default VPC."""
    client = session.aws("ec2")
    remove_default_vpc(client)
    yield client
    client.create_default_vpc()


def open_cluster(session: Session, name: str = "vpc", **args: Any) -> SandboxStack:
    cluster_args = EksClusterArgs(cluster_name=name, **args)
    return stack_of(session, "cluster", lambda: EksCluster("dev", cluster_args))


def test_a_cluster_is_created_in_any_vpc_and_changes_in_place(session, ec2, eks):
    vpc, subnets = network(ec2, "a", "b")
    assert "no matching EC2 VPC found" in refusal(open_cluster(session).preview)

    where = {"vpc_id": vpc, "subnet_ids": subnets}
    stack = open_cluster(session, **where)
    assert stack.up().keys() == {"create"}
    unchanged(stack)
    made = eks.describe_cluster(name="vpc")["cluster"]
    assert made["resourcesVpcConfig"]["vpcId"] == vpc
    assert sorted(made["resourcesVpcConfig"]["subnetIds"]) == sorted(subnets)
    assert made["resourcesVpcConfig"]["endpointPrivateAccess"] is True
    assert enabled_logs(made) == ["audit", "authenticator"]
    assert made["encryptionConfig"] == []

    control_plane = ControlPlaneArgs(
        public_access_cidrs=["203.0.113.0/24"], log_types=["api"], encryption_key_arn=KEY
    )
    entry = AccessEntryArgs(principal_arn=ANN, policy="AmazonEKSViewPolicy")
    changed = {"vpc_id": vpc, "subnet_ids": subnets[::-1], "control_plane": control_plane}
    stack = open_cluster(session, **changed, access_entries=[entry])
    counts = stack.up()
    assert (counts["create"], counts["update"]) == (2, 1)
    assert counts.keys() == {"create", "update", "same"}
    unchanged(stack)
    made = eks.describe_cluster(name="vpc")["cluster"]
    assert made["resourcesVpcConfig"]["publicAccessCidrs"] == ["203.0.113.0/24"]
    assert enabled_logs(made) == ["api"]
    assert made["encryptionConfig"] == [{"resources": ["secrets"], "provider": {"keyArn": KEY}}]
    assert scope_of(eks, ANN) == {"type": "cluster", "namespaces": []}

    # Nothing of an association changes in place, and to EKS the new one is the old one.
    limited = AccessEntryArgs(principal_arn=ANN, policy="AmazonEKSViewPolicy", namespaces=["apps"])
    stack = open_cluster(session, **changed, access_entries=[limited])
    stack.up()
    assert scope_of(eks, ANN) == {"type": "namespace", "namespaces": ["apps"]}

    assert stack.destroy().keys() == {"delete"}
    assert eks.list_clusters()["clusters"] == []


def enabled_logs(cluster):
    setups = cluster["logging"]["clusterLogging"]
    return sorted(kind for setup in setups if setup["enabled"] for kind in setup["types"])


def scope_of(eks, principal):
    found = eks.list_associated_access_policies(clusterName="vpc", principalArn=principal)
    (policy,) = found["associatedAccessPolicies"]
    assert policy["policyArn"] == VIEW
    return policy["accessScope"]


def test_a_protected_cluster_is_refused_in_the_preview_and_by_eks(session, eks):
    protected = ControlPlaneArgs(deletion_protection=True)
    stack = open_cluster(session, control_plane=protected)
    stack.up()

    line = refusal(lambda: stack.destroy(preview_only=True))
    assert "cannot be deleted because it is protected" in line
    # Another name is another cluster.
    line = refusal(open_cluster(session, "other", control_plane=protected).preview)
    assert line.startswith("unable to replace resource ")
    assert "remove the `protect` flag" in line
    with pytest.raises(eks.exceptions.InvalidRequestException, match="deletion protection"):
        eks.delete_cluster(name="vpc")
    assert eks.list_clusters()["clusters"] == ["vpc"]

    stack = open_cluster(session)
    assert stack.up()["update"] == 1
    assert stack.destroy().keys() == {"delete"}


@pytest.fixture
def deployer(session: Session) -> Iterator[str]:
    """An administrator's role, by its ARN."""
    iam = session.aws("iam")
    caller = session.aws("sts").get_caller_identity()["Arn"]
    statement = {"Effect": "Allow", "Principal": {"AWS": caller}, "Action": "sts:AssumeRole"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    role = iam.create_role(RoleName="deployer", Path="/ci/", AssumeRolePolicyDocument=trust)
    administrator = "arn:aws:iam::aws:policy/AdministratorAccess"
    iam.attach_role_policy(RoleName="deployer", PolicyArn=administrator)
    yield role["Role"]["Arn"]
    iam.detach_role_policy(RoleName="deployer", PolicyArn=administrator)
    iam.delete_role(RoleName="deployer")


def test_the_role_that_deploys_the_cluster_reaches_its_api(session, eks, deployer: str):
    """The cluster's creator is the role, so the Kubernetes provider assumes it as well."""

    def program() -> None:
        role = aws.ProviderAssumeRoleArgs(role_arn=deployer, session_name="ci")
        account = aws.Provider("account", region=REGION, assume_roles=[role])
        args = EksClusterArgs(cluster_name="deployed", role_arn=deployer)
        cluster = EksCluster("deployed", args, ResourceOptions(providers=[account]))
        in_cluster = ResourceOptions(providers=[cluster.kubernetes_provider])
        Namespace("deployed", NamespaceArgs(namespace="deployed", force_destroy=True), in_cluster)
        export("kubeconfig", cluster.kubeconfig)

    stack = stack_of(session, "deployed", program)
    stack.up()
    unchanged(stack)
    assert eks.list_access_entries(clusterName="deployed")["accessEntries"] == [deployer]

    (user,) = json.loads(stack.outputs()["kubeconfig"])["users"]
    command = user["user"]["exec"]["args"]
    assert command[-2:] == ["--role", deployer]  # as pulumi-eks writes it
    assert answer_to(session, command) == 200
    assert answer_to(session, command[:-2]) == 403
    stack.destroy()


def answer_to(session, command):
    """Return the API server's status for the token that the AWS CLI gets with these arguments."""
    state = session.state
    done = session.run(["aws", *command], state.aws_environment())
    assert done.code == 0, done.output
    context = ssl.create_default_context(cafile=state.aws_ca_bundle)
    bearer = f"Bearer {json.loads(done.output)['status']['token']}"
    url = f"{state.kubernetes_server}/api/v1/namespaces"
    with httpx2.Client(verify=context, trust_env=False) as http:
        return http.get(url, headers={"Authorization": bearer}).status_code
