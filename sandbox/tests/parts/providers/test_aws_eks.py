"""The `aws` provider's EKS resources, against the emulator. All types: test_aws_types.py."""

from typing import Any

import pytest

from irsa.identity.subjects import ServiceAccountRef
from irsa_sandbox.aws.accounts import ACCOUNT_A
from irsa_sandbox.kubernetes.authenticator import administrators, principal
from tests.sandbox.support.aws_harness import ISSUER, ROLE_ARN, ROLE_B_ARN, SUBNETS, VPC, Aws
from tests.sandbox.support.networks import network
from tests.sandbox.support.pod_identity import AUTO_MODE, pod_role
from tests.sandbox.support.provider_harness import (
    NOTHING,
    Difference,
    Engine,
    Resource,
    refused,
    shown,
)

pytestmark = [pytest.mark.sandbox, pytest.mark.usefixtures("restored")]

CLUSTER, NODES = "aws:eks/cluster:Cluster", "aws:eks/nodeGroup:NodeGroup"
ADDON, TEMPLATE = "aws:eks/addon:Addon", "aws:ec2/launchTemplate:LaunchTemplate"
ENTRY = "aws:eks/accessEntry:AccessEntry"
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
POD_ROLE = f"arn:aws:iam::{ACCOUNT_A}:role/pods"


def cluster(vpc: dict[str, Any] | None = None, **inputs: Any) -> dict[str, Any]:
    return {"name": "dev", "roleArn": ROLE_ARN, "vpcConfig": {**VPC, **(vpc or {})}, **inputs}


@pytest.fixture
def dev(engine: Engine, restored: None) -> Resource:
    return engine.create(CLUSTER, cluster(version="1.34"))


@pytest.fixture
def elsewhere(ec2: Any, restored: None) -> dict[str, Any]:
    """Another VPC: its id, its subnets, its security group."""
    vpc, subnets = network(ec2, "a", "b")
    group = ec2.create_security_group(GroupName="g", Description="g", VpcId=vpc)["GroupId"]
    return {"vpc": vpc, "subnets": subnets, "group": group}


def test_a_cluster_shows_the_control_plane_that_stands_behind_it(engine: Engine, dev: Resource):
    facts = ("arn", "certificateAuthority", "endpoint", "identities", "status", "version")
    assert shown(dev.state, *facts) == {
        "arn": f"arn:aws:eks:us-east-1:{ACCOUNT_A}:cluster/dev",
        "certificateAuthority": {"data": "Q0E="},
        "endpoint": "https://127.0.0.1:6443",
        "identities": [{"oidcs": [{"issuer": f"https://{ISSUER}"}]}],
        "status": "ACTIVE",
        "version": "1.34",
    }
    assert dev.state["vpcConfig"]["vpcId"] == DEFAULT_VPC


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"roleArn": f"{ROLE_ARN}-2"}, Difference([], ["roleArn"], True)),
        (
            {"vpcConfig": {**VPC, "endpointPrivateAccess": True, "endpointPublicAccess": True}},
            Difference(["vpcConfig.endpointPrivateAccess", "vpcConfig.endpointPublicAccess"], []),
        ),
        (
            {"accessConfig": {"authenticationMode": "API"}},
            Difference(["accessConfig.authenticationMode"], []),
        ),
        ({"vpcConfig": {"subnetIds": SUBNETS[::-1]}}, NOTHING),
    ],
    ids=["role", "endpoints", "access", "order of subnets"],
)
def test_a_change_of_a_cluster_is_named_by_its_path(engine: Engine, change, expected):
    wanted = cluster(accessConfig={"authenticationMode": "API_AND_CONFIG_MAP"})
    made = engine.create(CLUSTER, wanted)
    assert engine.diff(made, {**wanted, **change}) == expected
    if not expected.replacing:
        changed = engine.update(made, {**wanted, **change})
        assert engine.refresh(changed) == changed


def test_eks_refuses_subnets_and_groups_that_do_not_belong_together(
    engine: Engine, dev: Resource, elsewhere: Any
):
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
        ({"endpointPublicAccess": False}, "Private and public endpoint access cannot be false"),
    ):
        line = refused(engine.create, CLUSTER, cluster(vpc, name="wrong"))
        assert line == f"CreateCluster: InvalidParameterException: {message}"

    moved = {"subnetIds": elsewhere["subnets"]}
    made = engine.create(CLUSTER, cluster(moved, name="else"))
    assert made.state["vpcConfig"]["vpcId"] == elsewhere["vpc"]
    outside = f"Specified subnets must belong to cluster's vpc {DEFAULT_VPC}"
    assert refused(engine.update, dev, cluster(moved)).endswith(outside)
    assert refused(engine.create, NODES, {**GROUP, **moved}).endswith(outside)


def test_the_provider_sends_eks_one_kind_of_change_at_a_time(
    engine: Engine, dev: Resource, eks: Any
):
    encrypted = {"provider": {"keyArn": "arn:aws:kms:us-east-1:1:key/a"}, "resources": ["secrets"]}
    other_key = {**encrypted, "provider": {"keyArn": "arn:aws:kms:us-east-1:1:key/b"}}
    with pytest.raises(eks.exceptions.InvalidParameterException, match="Only one type of update"):
        eks.update_cluster_config(
            name="dev", resourcesVpcConfig={"endpointPrivateAccess": True, "subnetIds": SUBNETS}
        )
    blocks = ["203.0.113.0/24", "198.51.100.0/24"]
    vpc = {"subnetIds": [*SUBNETS, "subnet-00000003"], "endpointPrivateAccess": True}
    wanted = cluster(
        {**vpc, "publicAccessCidrs": blocks},
        enabledClusterLogTypes=["audit", "api"],
        deletionProtection=True,
        encryptionConfig=encrypted,
    )
    changed = engine.update(dev, wanted)
    assert engine.refresh(changed) == changed
    reordered = cluster({**vpc, "publicAccessCidrs": blocks[::-1]})["vpcConfig"]
    assert engine.diff(changed, {**wanted, "vpcConfig": reordered}) == NOTHING
    assert refused(engine.delete, changed).startswith("DeleteCluster: InvalidRequestException: ")
    freed = {**wanted, "enabledClusterLogTypes": [], "deletionProtection": False}
    changed = engine.update(changed, freed)
    assert changed.state["enabledClusterLogTypes"] == []

    without = {name: value for name, value in freed.items() if name != "encryptionConfig"}
    assert engine.diff(changed, without) == Difference([], ["encryptionConfig"], True)
    line = refused(engine.update, changed, {**freed, "encryptionConfig": other_key})
    assert line.startswith("AssociateEncryptionConfig: InvalidRequestException: ")


def test_auto_mode_is_switched_in_place(engine: Engine, dev: Resource):
    changed = engine.update(dev, {**dev.inputs, **AUTO_MODE})
    assert engine.refresh(changed) == changed
    assert engine.diff(changed, {**dev.inputs, **AUTO_MODE}) == NOTHING
    off = {"enabled": False}
    switched_off = {
        "computeConfig": off,
        "kubernetesNetworkConfig": {"elasticLoadBalancing": off},
        "storageConfig": {"blockStorage": off},
    }
    switched = engine.update(changed, {**dev.inputs, **switched_off})
    assert switched.state["computeConfig"]["enabled"] is False


def test_nodes_follow_their_launch_template_in_place(engine: Engine, dev: Resource):
    options = {"httpTokens": "required", "httpPutResponseHopLimit": 1}
    template = engine.create(TEMPLATE, {"metadataOptions": options})
    assert template.state["arn"].endswith(f"{ACCOUNT_A}:launch-template/{template.id}")
    nodes = engine.create(NODES, {**GROUP, "launchTemplate": {"id": template.id, "version": "1"}})
    assert engine.refresh(nodes) == nodes
    assert refused(engine.delete, dev) == (
        "DeleteCluster: ResourceInUseException: Cluster has nodegroups attached"
    )

    wanted = {"metadataOptions": {**options, "httpPutResponseHopLimit": 2}}
    changed = engine.update(template, wanted)
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


def test_the_groups_and_namespaces_of_an_access_entry_have_no_order(engine: Engine, dev: Resource):
    entry = {"clusterName": "dev", "principalArn": ROLE_ARN}
    made = engine.create(ENTRY, {**entry, "kubernetesGroups": ["b", "a"]})
    assert made.state["kubernetesGroups"] == ["a", "b"]
    scope = {"type": "namespace", "namespaces": ["dev", "apps"]}
    wanted = {**entry, "policyArn": f"{POLICY}AmazonEKSEditPolicy", "accessScope": scope}
    policy = engine.create(ACCESS_POLICY, wanted)
    same = {**wanted, "accessScope": {**scope, "namespaces": ["apps", "dev"]}}
    assert engine.diff(policy, same) == NOTHING


def test_administrators_are_the_creator_and_principals_with_the_policy(
    aws: Aws, dev: Resource, eks: Any
):
    for name, policy, scope in (
        ("admin", "AmazonEKSClusterAdminPolicy", {"type": "cluster"}),
        ("here", "AmazonEKSClusterAdminPolicy", {"type": "namespace", "namespaces": ["dev"]}),
        ("reader", "AmazonEKSViewPolicy", {"type": "cluster"}),
    ):
        entry = {"clusterName": "dev", "principalArn": f"arn:aws:iam::{ACCOUNT_A}:role/team/{name}"}
        eks.create_access_entry(**entry)
        eks.associate_access_policy(**entry, policyArn=f"{POLICY}{policy}", accessScope=scope)
    assert administrators(eks, "dev") == {
        aws.emulator.administrator_arn,
        principal(f"arn:aws:sts::{ACCOUNT_A}:assumed-role/admin/session"),
    }


def test_an_addon_keeps_its_role_and_cannot_be_without_it_again(engine: Engine, dev: Resource):
    made = engine.create(ADDON, {**CNI, "serviceAccountRoleArn": ROLE_ARN})
    assert made.state["arn"].startswith(f"arn:aws:eks:us-east-1:{ACCOUNT_A}:addon/dev/vpc-cni/")
    changed = {**CNI, "serviceAccountRoleArn": ROLE_ARN, "configurationValues": "{}"}
    assert engine.update(made, changed).state["serviceAccountRoleArn"] == ROLE_ARN

    assert refused(engine.update, made, CNI) == (
        "InvalidParameterException: Cross-account pass role is not allowed. The aws provider asks "
        "for an empty role (terraform-provider-aws#30645); remove the add-on in one `up` and "
        "create it in the next"
    )
    assert refused(engine.create, ADDON, CNI).startswith(
        "CreateAddon: ResourceInUseException: Addon already exists"
    )


def test_versions_of_addons_are_looked_up(engine: Engine):
    get_version = "aws:eks/getAddonVersion:getAddonVersion"
    of_eks = {"addonName": "kube-proxy", "kubernetesVersion": "1.34"}
    for arguments, is_newest in (({}, False), ({"mostRecent": True}, True)):
        found = engine.invoke(get_version, **of_eks, **arguments)
        assert found["version"].startswith("v1.34.")
        assert found["mostRecent"] is is_newest


@pytest.fixture
def pod(iam: Any, dev: Resource) -> None:
    """The role of Pods."""
    pod_role(iam, "pods", "dev", ServiceAccountRef("dev", "s3-app"))


def test_a_removed_target_role_stays_as_with_the_published_provider(pod, engine: Engine):
    """It leaves the argument out of its update, which EKS takes for no change."""
    account = {
        "clusterName": "dev",
        "namespace": "dev",
        "serviceAccount": "s3-app",
        "roleArn": POD_ROLE,
    }
    made = engine.create(ASSOCIATION, {**account, "targetRoleArn": ROLE_B_ARN})
    assert made.id == made.state["associationId"]
    assert made.state["externalId"] == f"us-east-1/{ACCOUNT_A}/dev/dev/s3-app"
    assert engine.diff(made, {**made.inputs, "region": "us-east-1"}) == NOTHING
    for name in ("clusterName", "region"):
        assert engine.diff(made, {**made.inputs, name: "other"}) == Difference([], [name])
    assert engine.update(made, account).state["targetRoleArn"] == ROLE_B_ARN


def test_an_add_on_has_the_associations_of_its_last_update(pod, engine: Engine):
    associations = [{"roleArn": POD_ROLE, "serviceAccount": "aws-node"}]
    wanted = {**CNI, "podIdentityAssociations": associations}
    made = engine.create(ADDON, wanted)
    assert made.state["podIdentityAssociations"] == associations
    assert engine.refresh(made) == made

    without = engine.update(made, CNI)
    assert without.state["podIdentityAssociations"] == []
    assert engine.update(without, wanted).state["podIdentityAssociations"] == associations


def test_networks_and_the_partition_are_looked_up(engine: Engine, elsewhere: Any):
    assert engine.invoke("aws:ec2/getVpc:getVpc", default=True)["id"] == DEFAULT_VPC
    of_vpc = {"name": "vpc-id", "values": [elsewhere["vpc"]]}
    ids = engine.invoke("aws:ec2/getSubnets:getSubnets", filters=[of_vpc])["ids"]
    assert ids == sorted(elsewhere["subnets"])
    assert refused(engine.invoke, "aws:ec2/getVpc:getVpc", tags={"a": "b"}) == (
        "aws.ec2.getVpc: the sandbox does not know tags"
    )
    assert engine.invoke("aws:index/getPartition:getPartition") == {
        "dnsSuffix": "amazonaws.com",
        "id": "aws",
        "partition": "aws",
        "reverseDnsPrefix": "com.amazonaws",
    }


@pytest.mark.parametrize(
    ("token", "form"),
    [
        (NODES, "CLUSTER:NODE-GROUP"),
        (ENTRY, "CLUSTER:PRINCIPAL-ARN"),
        (ADDON, "CLUSTER:ADD-ON"),
        (ACCESS_POLICY, "CLUSTER#PRINCIPAL-ARN#POLICY-ARN"),
        (ASSOCIATION, "CLUSTER,ASSOCIATION-ID"),
    ],
)
def test_an_id_of_another_form_is_refused(engine: Engine, token, form):
    line = refused(engine.read, token, "one-part")
    assert line == f"'one-part' is not an id of this type; expected {form}"
