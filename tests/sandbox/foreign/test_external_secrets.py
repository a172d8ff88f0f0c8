"""The External Secrets Operator reads account B's secret for a service account of account A.

What it does, by its documentation: with `auth.jwt.serviceAccountRef` it asks for a token of that
service account, assumes the role of its annotation with it, and with that session the store's
`role`, with `externalID` and `sessionTags`. https://external-secrets.io/latest/provider/aws-access/
"""

import json
from typing import Any

import botocore.exceptions
import pytest

from irsa_sandbox.aws.clients import Credentials, session_of
from irsa_sandbox.session import Session
from irsa_sandbox.testing.accounts import Accounts
from irsa_sandbox.testing.sandbox import Sandbox

pytestmark = pytest.mark.sandbox

ACCOUNT, SECRET = "team-a/external-secrets", "team-a/db"
BOTH = ["sts:AssumeRole", "sts:TagSession"]
STORE = {"ExternalId": "from-team-a", "Tags": [{"Key": "team", "Value": "a"}]}


def document(**statement: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})


def trust_of_b(accounts: Accounts, action: Any) -> str:
    """Return the trust policy of the secret's owner: that role, with its external id and a tag."""
    asked = {"sts:ExternalId": "from-team-a", "aws:RequestTag/team": "a"}
    principal = {"AWS": f"arn:aws:iam::{accounts.a.id}:role/eso"}
    return document(Principal=principal, Action=action, Condition={"StringEquals": asked})


def test_only_the_store_that_account_b_trusts_reads_its_secret(
    session: Session, irsa_sandbox: Sandbox, accounts: Accounts, pod
):
    a, b, secrets = *(each.client("iam") for each in accounts), accounts.b.client("secretsmanager")
    trust, role_b = irsa_sandbox.trust_policy(ACCOUNT), f"arn:aws:iam::{accounts.b.id}:role/team-a"
    made = a.create_role(RoleName="eso", AssumeRolePolicyDocument=trust)["Role"]
    chain = document(Action=BOTH, Resource=role_b)
    a.put_role_policy(RoleName="eso", PolicyName="chain", PolicyDocument=chain)
    b.create_role(RoleName="team-a", AssumeRolePolicyDocument=trust_of_b(accounts, BOTH))
    secret = secrets.create_secret(Name=SECRET, SecretString="hunter2")
    read = document(Action="secretsmanager:GetSecretValue", Resource=secret["ARN"])
    b.put_role_policy(RoleName="team-a", PolicyName="read", PolicyDocument=read)
    sts = pod(ACCOUNT, made["Arn"]).boto3().client("sts")

    def value(**store: Any) -> str:
        """The value that the operator would write into a Secret of the cluster, given the store."""
        request = {"RoleArn": role_b, "RoleSessionName": "external-secrets", **store}
        keys = sts.assume_role(**request)["Credentials"]
        given = Credentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
        own = session_of(given, session.state.aws_proxy, session.state.path / "ca.pem")
        return own.client("secretsmanager").get_secret_value(SecretId=SECRET)["SecretString"]

    assert value(**STORE) == "hunter2"
    for wrong in (
        {"ExternalId": None},
        {"ExternalId": "from-team-b"},
        {"Tags": []},
        {"Tags": [{"Key": "team", "Value": "b"}]},
    ):
        store = {key: given for key, given in {**STORE, **wrong}.items() if given is not None}
        with pytest.raises(botocore.exceptions.ClientError, match=r"AccessDenied.*sts:AssumeRole"):
            value(**store)
    # Tags need a permission of their own at both ends.
    trust = trust_of_b(accounts, "sts:AssumeRole")
    b.update_assume_role_policy(RoleName="team-a", PolicyDocument=trust)
    with pytest.raises(botocore.exceptions.ClientError, match=r"AccessDenied.*sts:TagSession"):
        value(**STORE)
