"""A call of EKS or EC2 that is made again with its idempotency token, as an SDK does by itself when
an answer was lost: it has its first answer, and was made once."""

from typing import Any

import pytest

from irsa_sandbox.aws.accounts import ACCOUNT_A, ACCOUNT_B
from tests.sandbox.support.aws_harness import ROLE_ARN, VPC, Aws, refusal

pytestmark = [pytest.mark.sandbox, pytest.mark.usefixtures("restored")]

CLUSTER = {"clusterName": "dev"}
DATA = {"MetadataOptions": {"HttpTokens": "required"}}


@pytest.fixture
def service(aws: Aws, request) -> Any:
    clients = aws.administrator()
    eks, ec2 = clients("eks"), clients("ec2")
    eks.create_cluster(name="dev", version="1.33", roleArn=ROLE_ARN, resourcesVpcConfig=VPC)
    eks.create_addon(**CLUSTER, addonName="vpc-cni")
    return ec2 if "launch" in request.node.name else eks


@pytest.mark.parametrize(
    ("call", "inputs", "other"),
    [
        (
            "create_cluster",
            {"name": "second", "roleArn": ROLE_ARN, "resourcesVpcConfig": VPC},
            {"version": "1.33"},
        ),
        (
            "update_addon",
            {**CLUSTER, "addonName": "vpc-cni", "configurationValues": "{}"},
            {"configurationValues": ""},
        ),
        (
            "create_launch_template",
            {"LaunchTemplateName": "x", "LaunchTemplateData": DATA},
            {"LaunchTemplateName": "y"},
        ),
    ],
)
def test_a_call_with_the_same_token_is_made_once(service, call, inputs, other):
    token = {"ClientToken" if "launch" in call else "clientRequestToken": "0123456789abcdef" * 3}
    made = getattr(service, call)
    first = made(**inputs, **token)
    again = made(**inputs, **token)

    assert {**again, "ResponseMetadata": None} == {**first, "ResponseMetadata": None}
    status, code, message = refusal(made, **{**inputs, **other}, **token)
    assert status == 400
    assert code in ("InvalidParameterException", "IdempotentParameterMismatch")
    assert message.endswith("was used with other parameters")


def test_a_token_is_one_accounts(aws: Aws):
    entry = {"LaunchTemplateName": "x", "LaunchTemplateData": DATA, "ClientToken": "0123456789"}
    ids: set[str] = set()
    for account in (ACCOUNT_A, ACCOUNT_B):
        made = aws.emulator.client("ec2", account).create_launch_template(**entry)
        ids.add(made["LaunchTemplate"]["LaunchTemplateId"])
    assert len(ids) == 2


def test_a_refused_call_can_be_made_again_with_its_token(aws: Aws):
    entry = {**CLUSTER, "principalArn": f"arn:aws:iam::{ACCOUNT_A}:role/admins"}
    eks, token = aws.administrator()("eks"), {"clientRequestToken": "0123456789abcdef" * 3}
    assert refusal(eks.create_access_entry, **entry, **token)[0] == 404
    eks.create_cluster(name="dev", version="1.33", roleArn=ROLE_ARN, resourcesVpcConfig=VPC)
    assert eks.create_access_entry(**entry, **token)["accessEntry"]["clusterName"] == "dev"
