"""Each call of the services that the sandbox answers itself needs a permission."""

from typing import Any

import pytest

from irsa_sandbox.aws.accounts import ACCOUNT_A
from tests.sandbox.support.aws_harness import BUCKET, PROVIDER_ARN, ROLE_ARN, VPC, Aws, refusal

pytestmark = [pytest.mark.sandbox, pytest.mark.usefixtures("restored")]

GROUP = "sg-default"
TAGS = {"Resources": [GROUP], "Tags": [{"Key": "a", "Value": "b"}]}
EVERYWHERE = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
RULE = {"GroupId": GROUP, "IpPermissions": [EVERYWHERE]}
NETWORK = {"VpcId": "vpc-00000001"}
ADDON = {"clusterName": "dev", "addonName": "coredns"}
ARN = {"AccountId": ACCOUNT_A, "ResourceArn": f"arn:aws:s3:::{BUCKET}"}
TRUST = '{"Version": "2012-10-17", "Statement": []}'


@pytest.mark.parametrize(
    ("service", "code", "calls"),
    [
        (
            "ec2",
            "UnauthorizedOperation",
            {
                "authorize_security_group_ingress": RULE,
                "create_security_group": {"GroupName": "x", "Description": "x", **NETWORK},
                "create_subnet": {**NETWORK, "CidrBlock": "10.0.1.0/24"},
                "create_tags": TAGS,
                "create_vpc": {"CidrBlock": "10.1.0.0/16"},
                "delete_security_group": {"GroupId": GROUP},
                "delete_tags": TAGS,
                "describe_security_groups": {},
                "describe_subnets": {},
                "describe_vpcs": {},
                "revoke_security_group_egress": RULE,
            },
        ),
        (
            "eks",
            "AccessDeniedException",
            {
                "create_addon": {**ADDON, "addonName": "vpc-cni"},
                "create_cluster": {"name": "x", "roleArn": ROLE_ARN, "resourcesVpcConfig": VPC},
                "delete_addon": ADDON,
                "describe_addon": ADDON,
                "describe_addon_versions": {},
                "describe_update": {"name": "dev", "updateId": "x"},
                "update_addon": ADDON,
            },
        ),
        (
            "iam",
            "AccessDenied",
            {
                "add_client_id_to_open_id_connect_provider": {
                    "OpenIDConnectProviderArn": PROVIDER_ARN,
                    "ClientID": "mine",
                },
                "create_role": {"RoleName": "new", "AssumeRolePolicyDocument": TRUST},
                "delete_role": {"RoleName": "s3-app"},
                "set_default_policy_version": {
                    "PolicyArn": f"arn:aws:iam::{ACCOUNT_A}:policy/x",
                    "VersionId": "v1",
                },
                "update_assume_role_policy": {"RoleName": "s3-app", "PolicyDocument": TRUST},
            },
        ),
        (
            "s3control",
            "AccessDenied",
            {
                "list_tags_for_resource": ARN,
                "tag_resource": {**ARN, "Tags": [{"Key": "a", "Value": "b"}]},
                "untag_resource": {**ARN, "TagKeys": ["team"]},
            },
        ),
    ],
    ids=["ec2", "eks", "iam", "s3control"],
)
def test_a_workload_without_the_permission_is_denied_each_call(
    aws: Aws, service: str, code: str, calls: dict[str, dict[str, Any]]
):
    iam = aws.emulator.client("iam", ACCOUNT_A)
    iam.delete_role_policy(RoleName="s3-app", PolicyName="s3-app")
    administrator, workload = aws.administrator(), aws.session()(service)
    administrator("eks").create_cluster(name="dev", roleArn=ROLE_ARN, resourcesVpcConfig=VPC)
    administrator("eks").create_addon(**ADDON)

    refused = {name: refusal(getattr(workload, name), **calls[name])[:2] for name in calls}

    assert refused == dict.fromkeys(calls, (403, code))
