"""The trust policy of the AWS Load Balancer Controller, as AWS documents it.

https://docs.aws.amazon.com/eks/latest/userguide/lbc-manifest.html
"""

import json

import botocore.exceptions
import pytest

from irsa_sandbox.testing.sandbox import Accounts, Sandbox

pytestmark = pytest.mark.sandbox

NAME = "AmazonEKSLoadBalancerControllerRole"
SUBJECT = "system:serviceaccount:kube-system:aws-load-balancer-controller"


def test_the_documented_policy_admits_the_controller_alone(
    irsa_sandbox: Sandbox, accounts: Accounts, pod
):
    issuer = irsa_sandbox.issuer
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": irsa_sandbox.provider_arn},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {
            "StringEquals": {f"{issuer}:aud": "sts.amazonaws.com", f"{issuer}:sub": SUBJECT}
        },
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    role = accounts.a.client("iam").create_role(RoleName=NAME, AssumeRolePolicyDocument=document)

    def caller(service_account: str) -> str:
        session = pod(service_account, role["Role"]["Arn"]).boto3()
        return session.client("sts").get_caller_identity()["Arn"]

    controller = caller("kube-system/aws-load-balancer-controller")
    assert controller.startswith(f"arn:aws:sts::{accounts.a.id}:assumed-role/{NAME}/")
    for stranger in ("kube-system/default-2", "default/aws-load-balancer-controller"):
        with pytest.raises(botocore.exceptions.ClientError, match="AccessDenied"):
            caller(stranger)
