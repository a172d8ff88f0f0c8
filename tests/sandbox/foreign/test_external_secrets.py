"""The External Secrets Operator reads account B's secret for a service account of account A.

What it does, by its documentation: with `auth.jwt.serviceAccountRef` it asks for a token of that
service account, assumes the role of its annotation with it, and with that session the store's
`role`, with `externalID` and `sessionTags`. https://external-secrets.io/latest/provider/aws-access/
"""

import json
from typing import Any

import boto3
import botocore.exceptions
import pytest

from irsa_sandbox.aws.clients import Credentials, session_of
from irsa_sandbox.session import Session
from irsa_sandbox.testing.sandbox import Accounts, Sandbox

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


@pytest.fixture
def role_a(session: Session, irsa_sandbox: Sandbox, accounts: Accounts, pod) -> boto3.Session:
    """The service account's session of role `eso` in A, which may assume role `team-a` in B."""
    a, b = accounts.a.client("iam"), accounts.b.client("iam")
    trust = irsa_sandbox.trust_policy(ACCOUNT)
    made = a.create_role(RoleName="eso", AssumeRolePolicyDocument=trust)["Role"]
    role_b = f"arn:aws:iam::{accounts.b.id}:role/team-a"
    chain = document(Action=BOTH, Resource=role_b)
    a.put_role_policy(RoleName="eso", PolicyName="chain", PolicyDocument=chain)
    b.create_role(RoleName="team-a", AssumeRolePolicyDocument=trust_of_b(accounts, BOTH))
    secret = accounts.b.client("secretsmanager").create_secret(Name=SECRET, SecretString="hunter2")
    read = document(Action="secretsmanager:GetSecretValue", Resource=secret["ARN"])
    b.put_role_policy(RoleName="team-a", PolicyName="read", PolicyDocument=read)
    return pod(ACCOUNT, made["Arn"]).boto3()


@pytest.fixture
def secret(session: Session, accounts: Accounts, role_a: boto3.Session):
    """The value that the operator would write into a Secret of the cluster, given the store."""

    def read(**store: Any) -> str:
        role_b = f"arn:aws:iam::{accounts.b.id}:role/team-a"
        request = {"RoleArn": role_b, "RoleSessionName": "external-secrets", **store}
        assumed = role_a.client("sts").assume_role(**request)["Credentials"]
        names = ("AccessKeyId", "SecretAccessKey", "SessionToken")
        keys, state = Credentials(*(assumed[name] for name in names)), session.state
        clients = session_of(keys, state.aws_proxy, state.path / "ca.pem")
        return clients.client("secretsmanager").get_secret_value(SecretId=SECRET)["SecretString"]

    return read


@pytest.mark.parametrize(
    "store",
    [
        {"Tags": STORE["Tags"]},
        {**STORE, "ExternalId": "from-team-b"},
        {"ExternalId": "from-team-a"},
        {**STORE, "Tags": [{"Key": "team", "Value": "b"}]},
    ],
    ids=["no-external-id", "another-external-id", "no-tags", "other-tags"],
)
def test_only_the_store_that_account_b_trusts_reads_its_secret(secret, store):
    assert secret(**STORE) == "hunter2"
    with pytest.raises(botocore.exceptions.ClientError, match=r"AccessDenied.*sts:AssumeRole"):
        secret(**store)


def test_tags_need_a_permission_of_their_own_at_both_ends(secret, accounts):
    accounts.b.client("iam").update_assume_role_policy(
        RoleName="team-a", PolicyDocument=trust_of_b(accounts, "sts:AssumeRole")
    )
    with pytest.raises(botocore.exceptions.ClientError, match=r"AccessDenied.*sts:TagSession"):
        secret(**STORE)
