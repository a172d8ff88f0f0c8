"""EC2 in the emulator: nothing that could run, no filter that is not heeded, tags of what is."""

import pytest

from tests.sandbox.support.aws_harness import refusal

pytestmark = pytest.mark.usefixtures("restored")


def test_a_filter_that_would_not_be_heeded_is_refused_and_nothing_can_be_run(ec2):
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    old_name = [{"Name": "isDefault", "Values": ["true"]}]
    (default,) = ec2.describe_vpcs(Filters=old_name)["Vpcs"]
    assert (default["IsDefault"], default["VpcId"] == vpc) == (True, False)
    unknown = [{"Name": "dhcp-options-id", "Values": ["dopt-1"]}]
    calls = {"Vpcs": ec2.describe_vpcs}
    calls["LaunchTemplateVersions"] = ec2.describe_launch_template_versions
    for kind, call in calls.items():
        message = f"Filter dhcp-options-id of ec2:Describe{kind} is not supported by the sandbox"
        assert refusal(call, Filters=unknown) == (400, "ValidationError", message)
    refused = refusal(ec2.run_instances, ImageId="ami-1", MinCount=1, MaxCount=1)
    assert "RunInstances is not supported" in refused[2]


def test_tags_are_for_what_exists(ec2):
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    made = ec2.create_security_group(GroupName="tagged", Description="of a test", VpcId=vpc)
    group, tag = made["GroupId"], {"Key": "team", "Value": "payments"}

    def tags():
        (facts,) = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"]
        return facts.get("Tags", [])

    ec2.create_tags(Resources=[vpc, group], Tags=[tag])
    assert tags() == [tag]
    ec2.delete_tags(Resources=[vpc, group], Tags=[tag])
    assert tags() == []
    for change in (ec2.create_tags, ec2.delete_tags):
        refused = refusal(change, Resources=[group, "sg-0"], Tags=[tag])
        assert refused == (400, "InvalidID", "The ID 'sg-0' is not valid")
    assert tags() == []


def test_a_launch_template_takes_no_user_data_but_an_empty_text(ec2):
    """The aws provider always sends one; the rest of a template: providers/test_aws_types.py."""
    data = {"LaunchTemplateName": "nodes", "LaunchTemplateData": {"UserData": ""}}
    for create in (ec2.create_launch_template, ec2.create_launch_template_version):
        create(**data)
    [*versions] = ec2.describe_launch_template_versions(LaunchTemplateName="nodes")[
        "LaunchTemplateVersions"
    ]
    assert [version["LaunchTemplateData"] for version in versions] == [{}, {}]
    data["LaunchTemplateData"] = {"UserData": "eA=="}
    refused = refusal(ec2.create_launch_template_version, **data)
    name = "LaunchTemplateData.UserData of ec2:CreateLaunchTemplateVersion"
    assert refused[2] == f"{name} is not supported by the sandbox"
