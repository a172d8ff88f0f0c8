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


def equals(issuer: str, sub: str, aud: str = "sts.amazonaws.com") -> dict[str, Any]:
    return {"StringEquals": {f"{issuer}:aud": aud, f"{issuer}:sub": sub}}


WRONG = {
    "another namespace": lambda issuer: equals(issuer, SUBJECT.replace("kube-system", "default")),
    "the account's name alone": lambda issuer: equals(issuer, SUBJECT.rpartition(":")[2]),
    "a slash for the colon": lambda issuer: equals(
        issuer, "system:serviceaccount:kube-system/aws-load-balancer-controller"
    ),
    "a wildcard that is compared as text": lambda issuer: equals(
        issuer, "system:serviceaccount:kube-system:*"
    ),
    "the API server's audience": lambda issuer: equals(
        issuer, SUBJECT, "https://kubernetes.default.svc"
    ),
    "the audience and the subject interchanged": lambda issuer: equals(
        issuer, "sts.amazonaws.com", SUBJECT
    ),
    "the issuer with its scheme": lambda issuer: equals(f"https://{issuer}", SUBJECT),
    "the issuer of the page's example": lambda issuer: equals(
        "oidc.eks.us-east-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE", SUBJECT
    ),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_a_policy_with_a_common_mistake_is_refused(
    irsa_sandbox: Sandbox, accounts: Accounts, pod, mistake
):
    conditions = WRONG[mistake](irsa_sandbox.issuer)
    arn = role(accounts, documented(irsa_sandbox.provider_arn, irsa_sandbox.issuer, **conditions))

    with pytest.raises(botocore.exceptions.ClientError, match="AccessDenied"):
        who(pod, CONTROLLER, arn)


def test_the_provider_of_the_pages_example_is_refused(
    irsa_sandbox: Sandbox, accounts: Accounts, pod
):
    example = "oidc.eks.us-east-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE"
    provider = f"arn:aws:iam::{accounts.a.id}:oidc-provider/{example}"
    arn = role(accounts, documented(provider, irsa_sandbox.issuer))

    with pytest.raises(botocore.exceptions.ClientError, match="AccessDenied"):
        who(pod, CONTROLLER, arn)
