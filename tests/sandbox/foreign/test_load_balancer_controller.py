"""The trust policy of the AWS Load Balancer Controller, as AWS documents it, and as it goes wrong.

https://docs.aws.amazon.com/eks/latest/userguide/lbc-manifest.html
"""

import json
from typing import Any

import botocore.exceptions
import pytest

from sandbox.testing.accounts import Accounts
from sandbox.testing.sandbox import Sandbox

pytestmark = pytest.mark.sandbox

NAME = "AmazonEKSLoadBalancerControllerRole"
CONTROLLER = "kube-system/aws-load-balancer-controller"
SUBJECT = "system:serviceaccount:kube-system:aws-load-balancer-controller"


def documented(provider_arn: str, issuer: str, **conditions: Any) -> dict[str, Any]:
    """The statement, with the placeholders of the page filled in."""
    conditions = conditions or {
        "StringEquals": {f"{issuer}:aud": "sts.amazonaws.com", f"{issuer}:sub": SUBJECT}
    }
    return {
        "Effect": "Allow",
        "Principal": {"Federated": provider_arn},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": conditions,
    }


def role(accounts: Accounts, statement: dict[str, Any]) -> str:
    made = accounts.a.client("iam").create_role(
        RoleName=NAME,
        AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )
    return made["Role"]["Arn"]


def who(pod: Any, service_account: str, role_arn: str) -> str:
    return pod(service_account, role_arn).boto3().client("sts").get_caller_identity()["Arn"]


def test_the_documented_policy_lets_the_controller_in(
    irsa_sandbox: Sandbox, accounts: Accounts, pod
):
    arn = role(accounts, documented(irsa_sandbox.provider_arn, irsa_sandbox.issuer))

    caller = who(pod, CONTROLLER, arn)

    assert caller.startswith(f"arn:aws:sts::{accounts.a.id}:assumed-role/{NAME}/")


@pytest.mark.parametrize(
    "stranger", ["kube-system/default-2", "default/aws-load-balancer-controller"]
)
def test_the_documented_policy_lets_nobody_else_in(
    irsa_sandbox: Sandbox, accounts: Accounts, pod, stranger
):
    arn = role(accounts, documented(irsa_sandbox.provider_arn, irsa_sandbox.issuer))

    with pytest.raises(botocore.exceptions.ClientError, match="AccessDenied"):
        who(pod, stranger, arn)
