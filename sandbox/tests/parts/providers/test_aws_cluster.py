"""EKS clusters in a network, and who may use them: the `aws` provider, against the emulator."""

from collections.abc import Iterator
from typing import Any

import pytest

from irsa_sandbox.aws.accounts import ACCOUNT_A
from irsa_sandbox.kubernetes.cluster_access import administrators, principal
from tests.sandbox.support.aws_harness import ROLE_ARN, Aws
from tests.sandbox.support.networks import network
from tests.sandbox.support.provider_harness import NOTHING, Difference, Engine, Resource, refused

pytestmark = pytest.mark.sandbox

CLUSTER, NODES = "aws:eks/cluster:Cluster", "aws:eks/nodeGroup:NodeGroup"
ENTRY = "aws:eks/accessEntry:AccessEntry"
ASSOCIATION = "aws:eks/accessPolicyAssociation:AccessPolicyAssociation"
SUBNETS = ["subnet-00000001", "subnet-00000002"]  # MiniStack's default VPC
DEFAULT_VPC = "vpc-00000001"
ENCRYPTED = {"provider": {"keyArn": "arn:aws:kms:us-east-1:1:key/a"}, "resources": ["secrets"]}
OTHER_KEY = {**ENCRYPTED, "provider": {"keyArn": "arn:aws:kms:us-east-1:1:key/b"}}
POLICY = "arn:aws:eks::aws:cluster-access-policy/"


def cluster(vpc: dict[str, Any] | None = None, **inputs: Any) -> dict[str, Any]:
    return {
        "name": "net",
        "roleArn": ROLE_ARN,
        "vpcConfig": {"subnetIds": SUBNETS, **(vpc or {})},
        **inputs,
    }


@pytest.fixture
def net(engine: Engine) -> Iterator[Resource]:
    made = engine.create(CLUSTER, cluster())
    yield made
    engine.delete(made)


@pytest.fixture(scope="module")
def ec2(aws: Aws) -> Any:
    return aws.emulator.client("ec2", ACCOUNT_A)


@pytest.fixture(scope="module")
def eks(aws: Aws) -> Any:
    return aws.emulator.client("eks", ACCOUNT_A)


@pytest.fixture(scope="module")
def elsewhere(ec2: Any) -> dict[str, Any]:
    """Another VPC: its id, its subnets, its security group."""
    vpc, subnets = network(ec2, "a", "b")
    group = ec2.create_security_group(GroupName="g", Description="g", VpcId=vpc)["GroupId"]
    return {"vpc": vpc, "subnets": subnets, "group": group}


def test_a_cluster_is_in_the_vpc_of_its_subnets(engine: Engine, net: Resource, elsewhere: Any):
    assert net.state["vpcConfig"]["vpcId"] == DEFAULT_VPC
    made = engine.create(CLUSTER, cluster({"subnetIds": elsewhere["subnets"]}, name="else"))
    assert made.state["vpcConfig"]["vpcId"] == elsewhere["vpc"]
    engine.delete(made)


def test_eks_refuses_subnets_and_groups_that_do_not_belong_together(engine: Engine, elsewhere: Any):
    strange, group = elsewhere["subnets"][1], elsewhere["group"]
    other_group = (
        f"Security group(s) [{group}] are not in the same VPC as the subnets. "
        f"Please specify a security group that is associated with the VPC: {DEFAULT_VPC}."
    )
    for vpc, message in (
        ({"subnetIds": SUBNETS[:1]}, "Subnets specified must be in at least two different AZs"),
        ({"subnetIds": [SUBNETS[0], "subnet-9"]}, "The subnet ID 'subnet-9' does not exist"),
        ({"subnetIds": [SUBNETS[0], strange]}, "Subnets specified must be in the same VPC"),
        ({"securityGroupIds": [group]}, other_group),
        (
            {"endpointPublicAccess": False},
            "Private and public endpoint access cannot be false",
        ),
    ):
        line = refused(engine.create, CLUSTER, cluster(vpc, name="wrong"))
        assert line == f"CreateCluster: InvalidParameterException: {message}"


def test_a_cluster_stays_in_its_vpc_and_so_do_its_nodes(
    engine: Engine, net: Resource, elsewhere: Any
):
    outside = f"Specified subnets must belong to cluster's vpc {DEFAULT_VPC}"
    moved = cluster({"subnetIds": elsewhere["subnets"]})
    assert refused(engine.update, net, moved).endswith(outside)
    nodes = {
        "clusterName": "net",
        "nodeRoleArn": ROLE_ARN,
        "subnetIds": elsewhere["subnets"],
        "scalingConfig": {"minSize": 1, "maxSize": 2, "desiredSize": 1},
    }
    assert refused(engine.create, NODES, nodes).endswith(outside)


def test_the_provider_sends_eks_one_kind_of_change_at_a_time(
    engine: Engine, net: Resource, eks: Any
):
    with pytest.raises(eks.exceptions.InvalidParameterException, match="Only one type of update"):
        eks.update_cluster_config(
            name="net", resourcesVpcConfig={"endpointPrivateAccess": True, "subnetIds": SUBNETS}
        )
    wanted = cluster(
        {
            "subnetIds": [*SUBNETS, "subnet-00000003"],
            "endpointPrivateAccess": True,
            "publicAccessCidrs": ["203.0.113.0/24", "198.51.100.0/24"],
        },
        enabledClusterLogTypes=["audit", "api"],
        deletionProtection=False,
        encryptionConfig=ENCRYPTED,
    )
    changed = engine.update(net, wanted)
    assert engine.diff(changed, wanted) == NOTHING
    assert engine.refresh(changed) == changed
    without_logs = {**wanted, "enabledClusterLogTypes": []}
    assert engine.update(changed, without_logs).state["enabledClusterLogTypes"] == []


def test_the_order_of_subnets_and_blocks_means_nothing(engine: Engine):
    blocks = ["203.0.113.0/24", "198.51.100.0/24"]
    made = engine.create(CLUSTER, cluster({"publicAccessCidrs": blocks}))
    other = cluster({"subnetIds": SUBNETS[::-1], "publicAccessCidrs": blocks[::-1]})
    assert engine.diff(made, other) == NOTHING
    engine.delete(made)


def test_encryption_is_added_in_place_and_never_taken_away(engine: Engine, net: Resource):
    wanted = cluster(encryptionConfig=ENCRYPTED)
    assert engine.diff(net, wanted) == Difference(["encryptionConfig"], [])
    changed = engine.update(net, wanted)
    assert engine.refresh(changed) == changed
    assert engine.diff(changed, cluster()) == Difference([], ["encryptionConfig"], True)
    assert refused(engine.update, changed, cluster(encryptionConfig=OTHER_KEY)) == (
        "cluster net has an encryption key, which EKS never changes"
    )


def test_a_protected_cluster_is_deleted_once_it_is_no_longer(engine: Engine):
    made = engine.create(CLUSTER, cluster(name="kept", deletionProtection=True))
    assert refused(engine.delete, made).startswith("DeleteCluster: InvalidRequestException: ")
    freed = engine.update(made, cluster(name="kept", deletionProtection=False))
    engine.delete(freed)
    assert engine.refresh(freed) is None


def test_an_access_policy_is_replaced_whole(engine: Engine, net: Resource):
    entry = engine.create(ENTRY, {"clusterName": "net", "principalArn": ROLE_ARN})
    wanted = {
        "clusterName": "net",
        "principalArn": ROLE_ARN,
        "policyArn": f"{POLICY}AmazonEKSEditPolicy",
        "accessScope": {"type": "namespace", "namespaces": ["dev", "apps"]},
    }
    made = engine.create(ASSOCIATION, wanted)
    assert made.id == f"net#{ROLE_ARN}#{POLICY}AmazonEKSEditPolicy"
    assert engine.refresh(made) == made
    same = {**wanted, "accessScope": {"type": "namespace", "namespaces": ["apps", "dev"]}}
    assert engine.diff(made, same) == NOTHING
    assert engine.diff(made, {**wanted, "accessScope": {"type": "cluster"}}).replacing != []
    engine.delete(made)
    assert engine.refresh(made) is None
    engine.delete(entry)
    assert refused(engine.read, ASSOCIATION, "net#x") == (
        "'net#x' is not an id of this type; expected CLUSTER#PRINCIPAL-ARN#POLICY-ARN"
    )


def test_subnets_and_vpcs_are_looked_up(engine: Engine, elsewhere: Any):
    assert engine.invoke("aws:ec2/getVpc:getVpc", default=True)["id"] == DEFAULT_VPC
    of_vpc = {"name": "vpc-id", "values": [elsewhere["vpc"]]}
    ids = engine.invoke("aws:ec2/getSubnets:getSubnets", filters=[of_vpc])["ids"]
    assert ids == sorted(elsewhere["subnets"])
    assert refused(engine.invoke, "aws:ec2/getVpc:getVpc", tags={"a": "b"}) == (
        "aws.ec2.getVpc: the sandbox does not know tags"
    )


def test_administrators_are_the_creator_and_principals_with_the_policy(
    aws: Aws, net: Resource, eks: Any
):
    for name, policy, scope in (
        ("admin", "AmazonEKSClusterAdminPolicy", {"type": "cluster"}),
        ("here", "AmazonEKSClusterAdminPolicy", {"type": "namespace", "namespaces": ["dev"]}),
        ("reader", "AmazonEKSViewPolicy", {"type": "cluster"}),
    ):
        arn = f"arn:aws:iam::{ACCOUNT_A}:role/team/{name}"
        eks.create_access_entry(clusterName="net", principalArn=arn)
        eks.associate_access_policy(
            clusterName="net", principalArn=arn, policyArn=f"{POLICY}{policy}", accessScope=scope
        )
    assert administrators(eks, "net") == {
        aws.emulator.administrator_arn,
        principal(f"arn:aws:sts::{ACCOUNT_A}:assumed-role/admin/session"),
    }
