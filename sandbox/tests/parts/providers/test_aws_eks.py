"""The `aws` provider's EKS resources, against the emulator. All types: test_aws_types.py."""

from typing import Any

import pytest

from irsa_core.identity.subjects import ServiceAccountRef
from irsa_sandbox.aws.accounts import ACCOUNT_A
from irsa_sandbox.kubernetes.authenticator import administrators, principal
from tests.sandbox.support.aws_harness import ROLE_ARN, ROLE_B_ARN, SUBNETS, VPC, Aws, network
from tests.sandbox.support.pod_identity import AUTO_MODE, pod_role
from tests.sandbox.support.provider_harness import NOTHING, Difference, refused

pytestmark = pytest.mark.usefixtures("restored")

CLUSTER, NODES = "aws:eks/cluster:Cluster", "aws:eks/nodeGroup:NodeGroup"
ADDON, TEMPLATE = "aws:eks/addon:Addon", "aws:ec2/launchTemplate:LaunchTemplate"
ACCESS_POLICY = "aws:eks/accessPolicyAssociation:AccessPolicyAssociation"
ASSOCIATION = "aws:eks/podIdentityAssociation:PodIdentityAssociation"
DEFAULT_VPC = "vpc-00000001"
POLICY = "arn:aws:eks::aws:cluster-access-policy/"
GROUP = {
    "clusterName": "dev",
    "nodeRoleArn": ROLE_ARN,
    "subnetIds": SUBNETS,
    "scalingConfig": {"minSize": 1, "maxSize": 2, "desiredSize": 1},
}
CNI = {"addonName": "vpc-cni", "clusterName": "dev"}
READER = ServiceAccountRef("dev", "s3-app")


def cluster(vpc: dict[str, Any] | None = None, **inputs: Any) -> dict[str, Any]:
    return {"name": "dev", "roleArn": ROLE_ARN, "vpcConfig": {**VPC, **(vpc or {})}, **inputs}


@pytest.fixture
def dev(engine, restored):
    return engine.create(CLUSTER, cluster(version="1.34"))


@pytest.fixture
def elsewhere(ec2: Any, restored) -> dict[str, Any]:
    """Another VPC: its id, its subnets, its security group."""
    vpc, subnets = network(ec2, "a", "b")
    group = ec2.create_security_group(GroupName="g", Description="g", VpcId=vpc)["GroupId"]
    return {"vpc": vpc, "subnets": subnets, "group": group}


def test_eks_refuses_subnets_and_groups_that_do_not_belong_together(engine, dev, elsewhere):
    strange, group = elsewhere["subnets"][1], elsewhere["group"]
    other_group = (
        f"Security group(s) [{group}] are not in the same VPC as the subnets. Please speci"
    )
    for vpc, message in (
        ({"subnetIds": SUBNETS[:1]}, "Subnets specified must be in at least two different AZs"),
        ({"subnetIds": [SUBNETS[0], "subnet-9"]}, "The subnet ID 'subnet-9' does not exist"),
        ({"subnetIds": [SUBNETS[0], strange]}, "Subnets specified must be in the same VPC"),
        ({"securityGroupIds": [group]}, other_group),
        ({"endpointPublicAccess": False}, "Private and public endpoint access cannot be false"),
    ):
        line = refused(engine.create, CLUSTER, cluster(vpc, name="wrong"))
        assert line.startswith(f"CreateCluster: InvalidParameterException: {message}")
    moved = {"subnetIds": elsewhere["subnets"]}
    made = engine.create(CLUSTER, cluster(moved, name="else"))
    assert made.state["vpcConfig"]["vpcId"] == elsewhere["vpc"]
    outside = f"Specified subnets must belong to cluster's vpc {DEFAULT_VPC}"
    assert refused(engine.update, dev, cluster(moved)).endswith(outside)
    assert refused(engine.create, NODES, {**GROUP, **moved}).endswith(outside)


def test_what_leaves_a_cluster_is_switched_off_but_its_key_stays_for_life(engine, dev):
    """All else changes in place, however much at a time: tests/sandbox/systems/test_cluster.py."""
    keys = [{"keyArn": f"arn:aws:kms:us-east-1:1:key/{name}"} for name in "ab"]
    encrypted, other = ({"provider": key, "resources": ["secrets"]} for key in keys)
    protected = {"deletionProtection": True, "enabledClusterLogTypes": ["audit", "api"]}
    made = engine.update(dev, cluster(encryptionConfig=encrypted, **protected, **AUTO_MODE))
    assert engine.refresh(made) == made
    assert refused(engine.delete, made).startswith("DeleteCluster: InvalidRequestException: ")
    off = {"enabled": False}
    switched = {
        "computeConfig": off,
        "kubernetesNetworkConfig": {"elasticLoadBalancing": off},
        "storageConfig": {"blockStorage": off},
        "deletionProtection": False,
        "enabledClusterLogTypes": [],
    }
    made = engine.update(made, cluster(encryptionConfig=encrypted, **switched))
    assert made.state["computeConfig"]["enabled"] is False
    assert made.state["enabledClusterLogTypes"] == []
    assert engine.diff(made, cluster(**switched)) == Difference([], ["encryptionConfig"], True)
    line = refused(engine.update, made, cluster(encryptionConfig=other, **switched))
    assert line.startswith("AssociateEncryptionConfig: InvalidRequestException: ")


def test_nodes_follow_their_launch_template_in_place(engine, dev):
    options = {"httpTokens": "required", "httpPutResponseHopLimit": 1}
    template = engine.create(TEMPLATE, {"metadataOptions": options})
    assert template.state["arn"].endswith(f"{ACCOUNT_A}:launch-template/{template.id}")
    nodes = engine.create(NODES, {**GROUP, "launchTemplate": {"id": template.id, "version": "1"}})
    assert engine.refresh(nodes) == nodes
    in_use = "DeleteCluster: ResourceInUseException: Cluster has nodegroups attached"
    assert refused(engine.delete, dev) == in_use
    inputs = {"metadataOptions": {**options, "httpPutResponseHopLimit": 2}}
    changed = engine.update(template, inputs)
    assert (changed.state["latestVersion"], changed.state["defaultVersion"]) == (2, 1)
    newer = {**GROUP, "launchTemplate": {"id": template.id, "version": "2"}}
    assert engine.diff(nodes, newer) == Difference(["launchTemplate.version"], [])
    moved = engine.update(nodes, newer)
    assert moved.state["launchTemplate"]["version"] == "2"
    # As terraform-provider-aws: said to be an update, it changes nothing, also the next time.
    assert engine.diff(moved, GROUP) == Difference(["launchTemplate"], [])
    kept = engine.update(moved, GROUP)
    assert kept.state == moved.state
    again = engine.refresh(kept)
    assert again is not None
    assert engine.diff(again, GROUP) == Difference(["launchTemplate"], [])


def test_administrators_are_the_creator_and_principals_with_the_policy(aws: Aws, dev, eks):
    """A principal counts without its path, as in the ARN of a session."""
    cluster_admin, account = "AmazonEKSClusterAdminPolicy", f"arn:aws:iam::{ACCOUNT_A}"
    for name, policy, scope in (
        ("role/team/admin", cluster_admin, {"type": "cluster"}),
        ("user/team/ann", cluster_admin, {"type": "cluster"}),
        ("role/here", cluster_admin, {"type": "namespace", "namespaces": ["dev"]}),
        ("role/reader", "AmazonEKSViewPolicy", {"type": "cluster"}),
    ):
        entry = {"clusterName": "dev", "principalArn": f"{account}:{name}"}
        eks.create_access_entry(**entry)
        eks.associate_access_policy(**entry, policyArn=f"{POLICY}{policy}", accessScope=scope)
    principals = {aws.emulator.administrator_arn, f"{account}:role/admin", f"{account}:user/ann"}
    assert administrators(eks, "dev") == principals
    assert principal(f"arn:aws:sts::{ACCOUNT_A}:assumed-role/admin/x") == f"{account}:role/admin"


def test_an_addon_keeps_its_role_and_cannot_be_without_it_again(engine, dev):
    made = engine.create(ADDON, {**CNI, "serviceAccountRoleArn": ROLE_ARN})
    assert made.state["arn"].startswith(f"arn:aws:eks:us-east-1:{ACCOUNT_A}:addon/dev/vpc-cni/")
    changed = {**CNI, "serviceAccountRoleArn": ROLE_ARN, "configurationValues": "{}"}
    assert engine.update(made, changed).state["serviceAccountRoleArn"] == ROLE_ARN
    assert refused(engine.update, made, CNI) == (
        "InvalidParameterException: Cross-account pass role is not allowed. The aws provider asks "
        "for an empty role (terraform-provider-aws#30645); remove the add-on in one `up` and "
        "create it in the next"
    )
    line = "CreateAddon: ResourceInUseException: Addon already exists"
    assert refused(engine.create, ADDON, CNI).startswith(line)


def test_a_removed_target_role_stays_as_with_the_published_provider(iam, dev, engine):
    """It leaves the argument out of its update, which EKS takes for no change."""
    account = {"clusterName": "dev", "namespace": "dev", "serviceAccount": "s3-app"}
    account["roleArn"] = pod_role(iam, "pods", "dev", READER)
    made = engine.create(ASSOCIATION, {**account, "targetRoleArn": ROLE_B_ARN})
    assert made.id == made.state["associationId"]
    assert made.state["externalId"] == f"us-east-1/{ACCOUNT_A}/dev/dev/s3-app"
    assert engine.diff(made, {**made.inputs, "region": "us-east-1"}) == NOTHING
    for name in ("clusterName", "region"):
        assert engine.diff(made, {**made.inputs, name: "other"}) == Difference([], [name])
    assert engine.update(made, account).state["targetRoleArn"] == ROLE_B_ARN


def test_an_add_on_has_the_associations_of_its_last_update(iam, dev, engine):
    role = pod_role(iam, "pods", "dev", READER)
    associations = [{"roleArn": role, "serviceAccount": "aws-node"}]
    wanted = {**CNI, "podIdentityAssociations": associations}
    made = engine.create(ADDON, wanted)
    assert made.state["podIdentityAssociations"] == associations
    assert engine.refresh(made) == made
    without = engine.update(made, CNI)
    assert without.state["podIdentityAssociations"] == []
    assert engine.update(without, wanted).state["podIdentityAssociations"] == associations


def test_networks_versions_of_addons_and_the_partition_are_looked_up(engine, elsewhere):
    assert engine.invoke("aws:ec2/getVpc:getVpc", default=True)["id"] == DEFAULT_VPC
    of_vpc = {"name": "vpc-id", "values": [elsewhere["vpc"]]}
    ids = engine.invoke("aws:ec2/getSubnets:getSubnets", filters=[of_vpc])["ids"]
    assert ids == sorted(elsewhere["subnets"])
    line = refused(engine.invoke, "aws:ec2/getVpc:getVpc", tags={"a": "b"})
    assert line == "the sandbox does not know 'tags' in aws.ec2.getVpc; it knows default, id"
    of_eks = {"addonName": "kube-proxy", "kubernetesVersion": "1.34"}
    for arguments, is_newest in (({}, False), ({"mostRecent": True}, True)):
        answer = engine.invoke("aws:eks/getAddonVersion:getAddonVersion", **of_eks, **arguments)
        assert (answer["version"][:6], answer["mostRecent"]) == ("v1.34.", is_newest)
    answer = engine.invoke("aws:index/getPartition:getPartition")
    assert (answer["partition"], answer["dnsSuffix"]) == ("aws", "amazonaws.com")


def test_an_account_without_a_default_vpc_is_one_line(engine, ec2):
    of_default = [{"Name": "vpc-id", "Values": [DEFAULT_VPC]}]
    for subnet in ec2.describe_subnets(Filters=of_default)["Subnets"]:
        ec2.delete_subnet(SubnetId=subnet["SubnetId"])
    [gateway] = ec2.describe_internet_gateways()["InternetGateways"]
    gateway_id = gateway["InternetGatewayId"]
    ec2.detach_internet_gateway(InternetGatewayId=gateway_id, VpcId=DEFAULT_VPC)
    ec2.delete_vpc(VpcId=DEFAULT_VPC)
    line = refused(engine.invoke, "aws:ec2/getVpc:getVpc", default=True)
    assert line == "no matching EC2 VPC found"


def test_an_id_of_another_form_is_refused(engine):
    for token, form in (
        (NODES, "clusterName:nodegroupName"),
        ("aws:eks/accessEntry:AccessEntry", "clusterName:principalArn"),
        (ADDON, "clusterName:addonName"),
        (ACCESS_POLICY, "clusterName#principalArn#policyArn"),
        (ASSOCIATION, "clusterName,associationId"),
    ):
        line = refused(engine.read, token, "one-part")
        assert line == f"'one-part' is not an id of this type; expected {form}"
