"""EC2 in the emulator: nothing that could run, no filter that is not heeded, tags of what is."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.sandbox.support.aws_harness import refusal

pytestmark = pytest.mark.sandbox


@pytest.fixture(scope="module")
def vpc(ec2: Any) -> str:
    """A VPC that is not the default one."""
    return ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]


@pytest.fixture
def group(ec2: Any, vpc: str) -> Iterator[str]:
    made = ec2.create_security_group(GroupName="tagged", Description="of a test", VpcId=vpc)
    yield made["GroupId"]
    ec2.delete_security_group(GroupId=made["GroupId"])


def test_nothing_can_be_run(ec2):
    image = {"ImageId": "ami-1", "MinCount": 1, "MaxCount": 1}
    assert "RunInstances is not supported" in refusal(lambda: ec2.run_instances(**image))[2]


def test_a_filter_that_would_not_be_heeded_is_refused(ec2, vpc):
    old_name = [{"Name": "isDefault", "Values": ["true"]}]
    (default,) = ec2.describe_vpcs(Filters=old_name)["Vpcs"]
    assert default["IsDefault"]
    assert default["VpcId"] != vpc
    unknown = [{"Name": "dhcp-options-id", "Values": ["dopt-1"]}]
    assert refusal(lambda: ec2.describe_vpcs(Filters=unknown)) == (
        400,
        "ValidationError",
        "Filter dhcp-options-id of ec2:DescribeVpcs is not supported by the sandbox",
    )


def test_tags_are_for_what_exists(ec2, vpc, group):
    def tags_of(ec2: Any, group: str) -> list[dict[str, str]]:
        (found,) = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"]
        return found.get("Tags", [])

    tag = {"Key": "team", "Value": "payments"}
    ids = [vpc, group]
    ec2.create_tags(Resources=ids, Tags=[tag])
    assert tags_of(ec2, group) == [tag]
    ec2.delete_tags(Resources=ids, Tags=[tag])
    assert tags_of(ec2, group) == []
    for change in (ec2.create_tags, ec2.delete_tags):
        assert refusal(lambda change=change: change(Resources=[group, "sg-0"], Tags=[tag])) == (
            400,
            "InvalidID",
            "The ID 'sg-0' is not valid",
        )
    assert tags_of(ec2, group) == []


def test_a_launch_template_takes_no_user_data_but_an_empty_text(ec2):
    """The aws provider always sends one."""
    options = {"HttpTokens": "required", "HttpPutResponseHopLimit": 1}
    data = {"MetadataOptions": options, "UserData": ""}
    made = ec2.create_launch_template(LaunchTemplateName="nodes", LaunchTemplateData=data)
    ids = {"LaunchTemplateId": made["LaunchTemplate"]["LaunchTemplateId"]}
    ec2.create_launch_template_version(**ids, LaunchTemplateData=data)
    [*versions] = ec2.describe_launch_template_versions(**ids)["LaunchTemplateVersions"]
    shown = [each["LaunchTemplateData"].get("MetadataOptions") for each in versions]
    assert (len(shown), {"UserData"} & versions[0]["LaunchTemplateData"].keys()) == (2, set())

    refused = refusal(
        ec2.create_launch_template_version, **ids, LaunchTemplateData={**data, "UserData": "eA=="}
    )
    assert refused[2] == (
        "LaunchTemplateData.UserData of ec2:CreateLaunchTemplateVersion is not supported by the "
        "sandbox"
    )
