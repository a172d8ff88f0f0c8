"""Security groups in the emulator: rules of one peer each, and what EC2 refuses."""

from typing import Any
from uuid import uuid4

import pytest

from tests.sandbox.support.aws_harness import refusal

pytestmark = pytest.mark.sandbox

EVERYWHERE = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
HTTPS = {
    "IpProtocol": "tcp",
    "FromPort": 443,
    "ToPort": 443,
    "IpRanges": [{"CidrIp": "10.0.0.0/8", "Description": "offices"}, {"CidrIp": "11.0.0.0/8"}],
}
DNS = {"IpProtocol": "udp", "FromPort": 53, "ToPort": 53, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}


@pytest.fixture
def group(ec2: Any, vpc: str) -> str:
    return new_group(ec2, vpc)


def new_group(ec2: Any, vpc: str) -> str:
    name = f"group-{uuid4()}"
    return ec2.create_security_group(GroupName=name, Description="of a test", VpcId=vpc)["GroupId"]


def default_vpc(ec2: Any) -> str:
    (vpc,) = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
    return vpc["VpcId"]


def described(ec2: Any, group: str) -> dict[str, Any]:
    return ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]


def rules_of(ec2: Any, group: str) -> list[dict[str, Any]]:
    found = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])
    return found["SecurityGroupRules"]


def test_the_rules_of_a_permission_have_an_id_each_and_are_shown_together(ec2, group):
    made = ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[HTTPS])

    assert [rule["CidrIpv4"] for rule in made["SecurityGroupRules"]] == ["10.0.0.0/8", "11.0.0.0/8"]
    ids = {rule["SecurityGroupRuleId"] for rule in made["SecurityGroupRules"]}
    assert len(ids) == 2
    assert ids == {r["SecurityGroupRuleId"] for r in rules_of(ec2, group) if not r["IsEgress"]}
    ec2.authorize_security_group_ingress(
        GroupId=group,
        IpPermissions=[{**HTTPS, "IpRanges": [], "UserIdGroupPairs": [{"GroupId": group}]}, DNS],
    )
    https, dns = described(ec2, group)["IpPermissions"]
    assert https["IpRanges"] == HTTPS["IpRanges"]
    assert [pair["GroupId"] for pair in https["UserIdGroupPairs"]] == [group]
    assert (dns["IpProtocol"], dns["IpRanges"]) == ("udp", DNS["IpRanges"])


@pytest.mark.parametrize(
    "again",
    [HTTPS, {**HTTPS, "IpRanges": [{"CidrIp": "11.0.0.0/8", "Description": "another"}]}],
    ids=["the same", "one of its ranges, described otherwise"],
)
def test_a_rule_that_is_there_is_refused(ec2, group, again):
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[HTTPS])
    before = described(ec2, group)["IpPermissions"]

    assert refusal(
        lambda: ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[DNS, again])
    )[:2] == (400, "InvalidPermission.Duplicate")
    assert described(ec2, group)["IpPermissions"] == before


def test_the_rule_that_ec2_makes_for_a_new_group_goes_as_the_aws_provider_revokes_it(ec2, group):
    assert described(ec2, group)["IpPermissionsEgress"][0]["IpRanges"] == EVERYWHERE["IpRanges"]

    with_ports = {**EVERYWHERE, "FromPort": 0, "ToPort": 0}
    ec2.revoke_security_group_egress(GroupId=group, IpPermissions=[with_ports])

    assert described(ec2, group)["IpPermissionsEgress"] == []


def test_one_range_of_a_permission_can_be_revoked(ec2, group):
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[HTTPS])
    one = {**HTTPS, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}

    ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[one])

    (left,) = described(ec2, group)["IpPermissions"]
    assert left["IpRanges"] == [{"CidrIp": "11.0.0.0/8"}]


def test_a_rule_can_be_revoked_by_its_id(ec2, group):
    made = ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[DNS])
    (rule,) = made["SecurityGroupRules"]
    ids = [rule["SecurityGroupRuleId"]]

    ec2.revoke_security_group_ingress(GroupId=group, SecurityGroupRuleIds=ids)

    assert described(ec2, group)["IpPermissions"] == []
    assert refusal(
        lambda: ec2.revoke_security_group_ingress(GroupId=group, SecurityGroupRuleIds=ids)
    )[:2] == (400, "InvalidSecurityGroupRuleId.NotFound")


def test_what_is_not_there_cannot_be_revoked_but_in_the_default_vpc(ec2, group):
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[HTTPS])
    assert refusal(
        lambda: ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[HTTPS, DNS])
    )[:2] == (400, "InvalidPermission.NotFound")
    assert described(ec2, group)["IpPermissions"][0]["IpRanges"] == HTTPS["IpRanges"]

    in_default = new_group(ec2, default_vpc(ec2))
    ec2.authorize_security_group_ingress(GroupId=in_default, IpPermissions=[HTTPS])
    answer = ec2.revoke_security_group_ingress(GroupId=in_default, IpPermissions=[HTTPS, DNS])
    assert answer["UnknownIpPermissions"] == [DNS]
    assert described(ec2, in_default)["IpPermissions"] == []


def test_a_description_can_be_changed_and_is_that_of_the_rule_that_is_there(ec2, group):
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[DNS])
    changed = {**DNS, "IpRanges": [{"CidrIp": "10.0.0.0/8", "Description": "names"}]}

    ec2.update_security_group_rule_descriptions_ingress(GroupId=group, IpPermissions=[changed])

    assert described(ec2, group)["IpPermissions"][0]["IpRanges"] == changed["IpRanges"]
    assert [r["Description"] for r in rules_of(ec2, group) if not r["IsEgress"]] == ["names"]
    assert refusal(
        lambda: ec2.update_security_group_rule_descriptions_egress(
            GroupId=group, IpPermissions=[changed]
        )
    )[:2] == (400, "InvalidPermission.NotFound")


@pytest.mark.parametrize(
    ("permission", "code", "message"),
    [
        ({"IpRanges": []}, "MissingParameter", "ipPermissions"),
        ({"FromPort": None}, "InvalidParameterValue", "both from and to ports"),
        ({"FromPort": 444}, "InvalidParameterValue", "TCP port range (444, 443)"),
        ({"IpRanges": [{"CidrIp": "10.0.0.0"}]}, "InvalidParameterValue", "10.0.0.0 is malformed"),
        ({"IpRanges": [{"CidrIp": "::/0"}]}, "InvalidParameterValue", "::/0 is malformed"),
        ({"Ipv6Ranges": [{"CidrIpv6": "::/200"}]}, "InvalidParameterValue", "is malformed"),
        ({"PrefixListIds": [{"PrefixListId": "pl-1"}]}, "InvalidPrefixListID.NotFound", "pl-1"),
        ({"UserIdGroupPairs": [{"GroupId": "sg-1"}]}, "InvalidGroup.NotFound", "'sg-1' does not"),
    ],
    ids=["no peer", "no port", "ports", "no prefix", "IPv4", "IPv6", "prefix list", "group"],
)
def test_a_rule_that_cannot_be_is_refused(ec2, group, permission, code, message):
    wanted = {n: value for n, value in {**HTTPS, **permission}.items() if value is not None}

    refused = refusal(
        lambda: ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[wanted])
    )

    assert refused[:2] == (400, code)
    assert message in refused[2]
    assert described(ec2, group)["IpPermissions"] == []


def test_groups_of_two_vpcs_do_not_know_each_other(ec2, group):
    elsewhere = new_group(ec2, default_vpc(ec2))
    wanted = {**HTTPS, "IpRanges": [], "UserIdGroupPairs": [{"GroupId": elsewhere}]}
    assert refusal(
        lambda: ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[wanted])
    ) == (
        400,
        "InvalidGroup.NotFound",
        "You have specified two resources that belong to different networks.",
    )


@pytest.mark.parametrize("operation", ["authorize", "revoke"])
@pytest.mark.parametrize("way", ["ingress", "egress"])
def test_a_group_that_does_not_exist_has_no_rules(ec2, operation, way):
    change = getattr(ec2, f"{operation}_security_group_{way}")
    assert refusal(lambda: change(GroupId="sg-0", IpPermissions=[HTTPS])) == (
        400,
        "InvalidGroup.NotFound",
        "The security group 'sg-0' does not exist",
    )


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"VpcId": "vpc-0"}, "InvalidVpcID.NotFound"),
        ({"GroupName": "default"}, "InvalidParameterValue"),
        ({"GroupName": "sg-mine"}, "InvalidParameterValue"),
        ({"Description": ""}, "MissingParameter"),
    ],
)
def test_a_group_that_cannot_be_is_refused(ec2, vpc, wrong, code):
    wanted = {"GroupName": "mine", "Description": "mine", "VpcId": vpc, **wrong}
    assert refusal(lambda: ec2.create_security_group(**wanted))[:2] == (400, code)


def test_a_group_stays_while_a_rule_of_another_names_it(ec2, vpc, group):
    other = new_group(ec2, vpc)
    pairs = {**HTTPS, "IpRanges": [], "UserIdGroupPairs": [{"GroupId": group}]}
    ec2.authorize_security_group_ingress(GroupId=other, IpPermissions=[pairs])

    assert refusal(lambda: ec2.delete_security_group(GroupId=group)) == (
        400,
        "DependencyViolation",
        f"resource {group} has a dependent object",
    )
    ec2.revoke_security_group_ingress(GroupId=other, IpPermissions=[pairs])
    ec2.delete_security_group(GroupId=group)
    assert refusal(lambda: described(ec2, group))[1] == "InvalidGroup.NotFound"


def test_security_groups_are_not_for_everybody(aws, ec2, vpc, group):
    workload = aws.session()("ec2")
    rule = {"GroupId": group, "IpPermissions": [HTTPS]}
    tags = {"Resources": [group], "Tags": [{"Key": "a", "Value": "b"}]}
    calls: dict[str, dict[str, Any]] = {
        "authorize_security_group_egress": rule,
        "authorize_security_group_ingress": rule,
        "create_security_group": {"GroupName": "x", "Description": "x", "VpcId": vpc},
        "create_tags": tags,
        "delete_security_group": {"GroupId": group},
        "delete_tags": tags,
        "describe_network_interfaces": {},
        "describe_route_tables": {},
        "describe_security_group_rules": {},
        "describe_security_groups": {},
        "describe_vpc_attribute": {"VpcId": vpc, "Attribute": "enableDnsSupport"},
        "revoke_security_group_egress": {"GroupId": group, "IpPermissions": [EVERYWHERE]},
        "revoke_security_group_ingress": rule,
        "update_security_group_rule_descriptions_egress": rule,
        "update_security_group_rule_descriptions_ingress": rule,
    }
    before = described(ec2, group)
    refused = {name: refusal(lambda n=name: getattr(workload, n)(**calls[n])) for name in calls}
    assert {name: answer[:2] for name, answer in refused.items()} == dict.fromkeys(
        calls, (403, "UnauthorizedOperation")
    )
    assert described(ec2, group) == before
