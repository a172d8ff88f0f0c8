"""Security groups, rules and add-ons of clusters: the `aws` provider, against the emulator."""

from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.aws.accounts import ACCOUNT_A
from sandbox.providers.values import UNKNOWN
from tests.sandbox.support.aws_harness import ROLE_ARN, Aws
from tests.sandbox.support.networks import network
from tests.sandbox.support.provider_harness import (
    NOTHING,
    Difference,
    Engine,
    InvalidInput,
    Resource,
    refused,
    shown,
)

pytestmark = pytest.mark.sandbox

CLUSTER, ADDON = "aws:eks/cluster:Cluster", "aws:eks/addon:Addon"
GROUP, RULE = "aws:ec2/securityGroup:SecurityGroup", "aws:ec2/securityGroupRule:SecurityGroupRule"
SUBNETS = ["subnet-00000001", "subnet-00000002"]  # MiniStack's default VPC
DEFAULT_VPC = "vpc-00000001"
GET_VERSION = "aws:eks/getAddonVersion:getAddonVersion"


@pytest.fixture(scope="module")
def ec2(aws: Aws) -> Any:
    return aws.emulator.client("ec2", ACCOUNT_A)


@pytest.fixture
def group(engine: Engine) -> Iterator[Resource]:
    made = engine.create(GROUP, {"revokeRulesOnDelete": True, "tags": {"Name": "main"}})
    yield made
    engine.delete(made)


@pytest.fixture
def dev(engine: Engine) -> Iterator[Resource]:
    made = engine.create(
        CLUSTER,
        {
            "name": "dev",
            "roleArn": ROLE_ARN,
            "version": "1.34",
            "vpcConfig": {"subnetIds": SUBNETS},
        },
    )
    yield made
    engine.delete(made)


def https(group: Resource, **inputs: Any) -> dict[str, Any]:
    return {
        "type": "ingress",
        "protocol": "tcp",
        "fromPort": 443,
        "toPort": 443,
        "securityGroupId": group.id,
        **inputs,
    }


def permissions(ec2: Any, group: Resource, side: str = "IpPermissions") -> Any:
    (found,) = ec2.describe_security_groups(GroupIds=[group.id])["SecurityGroups"]
    return found[side]


# Security groups


def test_a_new_group_lets_nothing_out_and_is_in_the_default_vpc(
    engine: Engine, group: Resource, ec2: Any
):
    assert shown(group.state, "description", "vpcId", "ownerId", "arn", "tags", "egress") == {
        "description": "Managed by Pulumi",
        "vpcId": DEFAULT_VPC,
        "ownerId": ACCOUNT_A,
        "arn": f"arn:aws:ec2:us-east-1:{ACCOUNT_A}:security-group/{group.id}",
        "tags": {"Name": "main"},
        "egress": [],
    }
    assert permissions(ec2, group, "IpPermissionsEgress") == []
    assert group.state["name"].startswith("main-")
    assert engine.refresh(group) == group


def test_a_group_changes_its_tags_and_nothing_else(engine: Engine, group: Resource, ec2: Any):
    wanted = {"revokeRulesOnDelete": True, "tags": {"team": "data"}}
    assert engine.diff(group, wanted) == Difference(["tags.Name", "tags.team"], [])
    assert engine.update(group, wanted).state["tagsAll"] == {"team": "data"}
    for change in ({"description": "d"}, {"vpcId": "vpc-2"}, {"name": "n"}):
        assert engine.diff(group, {**wanted, **change}).replacing == list(change)


def test_a_group_is_imported_and_needs_no_change(engine: Engine, group: Resource):
    found = engine.read(GROUP, group.id)
    assert found is not None
    said = {"name": group.state["name"], "tags": {"Name": "main"}, "vpcId": DEFAULT_VPC}
    assert engine.diff(found, said) == NOTHING
    assert engine.read(GROUP, "sg-0a1b2c3d4e5f60718") is None


def test_ec2_refuses_a_second_group_of_the_name_and_an_unknown_vpc(engine: Engine, group: Resource):
    twice = refused(engine.create, GROUP, {"name": group.state["name"]})
    assert twice.startswith("CreateSecurityGroup: InvalidGroup.Duplicate: ")
    nowhere = refused(engine.create, GROUP, {"name": "n", "vpcId": "vpc-0123456789abcdef0"})
    assert nowhere.startswith("CreateSecurityGroup: InvalidVpcID.NotFound: ")


def test_rules_within_a_group_are_refused_by_name(engine: Engine):
    with pytest.raises(InvalidInput, match="ingress: the sandbox does not know this input"):
        engine.check(GROUP, {"ingress": [{"protocol": "tcp"}]})


def test_eks_refuses_a_group_of_another_vpc_than_the_subnets(engine: Engine, ec2: Any):
    vpc, _ = network(ec2, "a", "b")
    elsewhere = engine.create(GROUP, {"vpcId": vpc})
    config = {"subnetIds": SUBNETS, "securityGroupIds": [elsewhere.id]}
    line = refused(
        engine.create, CLUSTER, {"name": "wrong", "roleArn": ROLE_ARN, "vpcConfig": config}
    )
    assert line.startswith(
        f"CreateCluster: InvalidParameterException: Security group(s) [{elsewhere.id}] are not in "
        "the same VPC as the subnets"
    )
    engine.delete(elsewhere)


# Rules


def test_a_rule_lives_in_its_group(engine: Engine, group: Resource, ec2: Any):
    wanted = https(group, cidrBlocks=["10.0.0.0/8"], description="From the office.")
    rule = engine.create(RULE, wanted)
    assert rule.id.startswith("sgrule-")
    assert rule.state["securityGroupRuleId"].startswith("sgr-")
    assert permissions(ec2, group)[0]["IpRanges"] == [
        {"CidrIp": "10.0.0.0/8", "Description": "From the office."}
    ]
    assert engine.refresh(rule) == rule
    seen = engine.refresh(group)
    assert seen is not None
    assert seen.state["ingress"] == [
        {
            "cidrBlocks": ["10.0.0.0/8"],
            "description": "From the office.",
            "fromPort": 443,
            "ipv6CidrBlocks": [],
            "prefixListIds": [],
            "protocol": "tcp",
            "securityGroups": [],
            "self": False,
            "toPort": 443,
        }
    ]
    found = engine.read(RULE, f"{group.id}_ingress_tcp_443_443_10.0.0.0/8")
    assert found is not None
    assert engine.diff(found, wanted) == NOTHING
    engine.delete(rule)
    assert permissions(ec2, group) == []
    assert engine.refresh(rule) is None
    engine.delete(rule)  # once more is fine


def test_of_a_rule_only_the_description_changes_in_place(engine: Engine, group: Resource, ec2: Any):
    wanted = https(group, self=True, description="among ourselves")
    rule = engine.create(RULE, wanted)
    renamed = {**wanted, "description": "nodes"}
    assert engine.diff(rule, renamed) == Difference(["description"], [])
    assert engine.update(rule, renamed).state["description"] == "nodes"
    assert permissions(ec2, group)[0]["UserIdGroupPairs"][0]["Description"] == "nodes"
    assert engine.diff(rule, {**wanted, "toPort": 444}).replacing == ["toPort"]
    engine.delete(rule)


def test_rules_between_two_groups_and_for_every_protocol(engine: Engine, group: Resource, ec2: Any):
    nodes = engine.create(GROUP, {}, name="nodes")
    inward = engine.create(RULE, https(group, sourceSecurityGroupId=nodes.id), name="in")
    everything = {"type": "egress", "protocol": "all", "fromPort": 0, "toPort": 0}
    outward = engine.create(
        RULE,
        {**everything, "securityGroupId": nodes.id, "cidrBlocks": ["0.0.0.0/0"]},
        name="out",
    )
    assert permissions(ec2, group)[0]["UserIdGroupPairs"][0]["GroupId"] == nodes.id
    assert outward.state["protocol"] == "-1"
    assert "FromPort" not in permissions(ec2, nodes, "IpPermissionsEgress")[0]
    for rule in (inward, outward):
        assert engine.refresh(rule) == rule
        engine.delete(rule)
    engine.delete(nodes)


def test_a_rule_goes_with_its_group(engine: Engine):
    lonely = engine.create(GROUP, {"revokeRulesOnDelete": True})
    rule = engine.create(RULE, https(lonely, self=True))
    engine.delete(lonely)
    assert engine.refresh(rule) is None


@pytest.mark.parametrize(
    ("inputs", "reason"),
    [
        ({}, "cidrBlocks: one of cidrBlocks, ipv6CidrBlocks, prefixListIds, self, source"),
        ({"self": True, "cidrBlocks": ["10.0.0.0/8"]}, "self: conflicts with cidrBlocks"),
        ({"self": True, "type": "inward"}, "type: is 'inward'; it can be egress or ingress"),
    ],
)
def test_a_rule_that_cannot_be_is_refused_in_the_preview(
    engine: Engine, group: Resource, inputs: dict[str, Any], reason: str
):
    with pytest.raises(InvalidInput, match=reason):
        engine.check(RULE, https(group, **inputs))


def test_a_rule_may_have_a_source_that_only_the_up_knows(engine: Engine, group: Resource):
    preview = engine.preview(RULE, https(group, sourceSecurityGroupId=UNKNOWN))
    assert preview["securityGroupRuleId"] is UNKNOWN


def test_a_rule_of_no_group_is_refused_by_ec2(engine: Engine, group: Resource):
    wanted = {**https(group, self=True), "securityGroupId": "sg-0a1b2c3d4e5f60718"}
    line = refused(engine.create, RULE, wanted)
    assert line.startswith("AuthorizeSecurityGroupIngress: InvalidGroup.NotFound: ")


# Add-ons


def test_an_addon_is_made_changed_imported_and_taken_away(engine: Engine, dev: Resource):
    version = engine.invoke(
        GET_VERSION, addonName="vpc-cni", kubernetesVersion="1.34", mostRecent=True
    )["version"]
    wanted = {
        "addonName": "vpc-cni",
        "clusterName": "dev",
        "addonVersion": version,
        "configurationValues": '{"env":{"WARM_ENI_TARGET":"1"}}',
        "preserve": True,
        "resolveConflictsOnCreate": "OVERWRITE",
        "resolveConflictsOnUpdate": "OVERWRITE",
        "tags": {"team": "data"},
    }
    made = engine.create(ADDON, wanted)
    assert made.id == "dev:vpc-cni"
    assert made.state["arn"].startswith(f"arn:aws:eks:us-east-1:{ACCOUNT_A}:addon/dev/vpc-cni/")
    assert engine.refresh(made) == made

    changed = {**wanted, "configurationValues": '{"env":{"WARM_ENI_TARGET":"2"}}', "tags": {}}
    assert engine.diff(made, changed) == Difference(["configurationValues", "tags"], [])
    updated = engine.update(made, changed)
    assert updated.state["configurationValues"] == changed["configurationValues"]
    assert updated.state["tags"] == {}
    assert engine.diff(made, {**wanted, "addonName": "coredns"}).replacing == ["addonName"]

    found = engine.read(ADDON, "dev:vpc-cni")
    assert found is not None
    told = {"preserve", "resolveConflictsOnCreate", "resolveConflictsOnUpdate"}
    assert set(engine.diff(found, changed).in_place) == told
    assert refused(engine.create, ADDON, wanted).startswith(
        "CreateAddon: ResourceInUseException: Addon already exists"
    )
    engine.delete(updated)
    assert engine.refresh(updated) is None


def test_an_addon_needs_a_cluster_and_a_version_that_eks_has(engine: Engine, dev: Resource):
    wanted = {"addonName": "vpc-cni", "clusterName": "none"}
    assert refused(engine.create, ADDON, wanted).startswith(
        "CreateAddon: ResourceNotFoundException: "
    )
    unknown = {"addonName": "vpc-cni", "clusterName": "dev", "addonVersion": "v0.0.1"}
    assert refused(engine.create, ADDON, unknown).startswith(
        "CreateAddon: InvalidParameterException: "
    )
    assert refused(engine.read, ADDON, "vpc-cni") == (
        "'vpc-cni' is not an id of this type; expected CLUSTER:ADD-ON"
    )


def test_versions_of_addons_are_looked_up(engine: Engine):
    of_eks = {"addonName": "kube-proxy", "kubernetesVersion": "1.34"}
    newest = engine.invoke(GET_VERSION, **of_eks, mostRecent=True)
    default = engine.invoke(GET_VERSION, **of_eks)
    assert newest["version"].startswith("v1.34.")
    assert default["version"].startswith("v1.34.")
    assert (newest["mostRecent"], default["mostRecent"]) == (True, False)


def test_the_partition_is_that_of_the_region(engine: Engine):
    assert engine.invoke("aws:index/getPartition:getPartition") == {
        "dnsSuffix": "amazonaws.com",
        "id": "aws",
        "partition": "aws",
        "reverseDnsPrefix": "com.amazonaws",
    }
