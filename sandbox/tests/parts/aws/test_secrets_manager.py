"""Secrets Manager under IAM, and the header that names its actions, which opens nothing else."""

import json

import pytest

from irsa_sandbox.aws.accounts import ACCOUNT_A, ACCOUNT_B
from tests.sandbox.support.aws_harness import BUCKET, HOSTS, Aws, allow, refusal

pytestmark = pytest.mark.sandbox

JSON = "application/x-amz-json-1.1"
TARGET = {"x-amz-target": "secretsmanager.ListSecrets", "content-type": JSON}


@pytest.fixture(scope="module")
def secret(aws: Aws) -> str:
    """The ARN of a secret, which lies beside another one."""
    ours = aws.administrator()("secretsmanager")
    ours.create_secret(Name="prod/other", SecretString="not yours")
    return ours.create_secret(Name="prod/db", SecretString="hunter2")["ARN"]


def may(aws: Aws, action: str, resource: str) -> None:
    iam = aws.emulator.client("iam", ACCOUNT_A)
    iam.put_role_policy(
        RoleName="s3-app", PolicyName="secrets", PolicyDocument=allow(action, resource)
    )


def test_a_secret_is_read_by_callers_whose_policy_names_it(aws: Aws, secret):
    ours = aws.session()("secretsmanager")
    may(aws, "secretsmanager:ListSecrets", "*")
    assert refusal(lambda: ours.get_secret_value(SecretId="prod/db"))[1] == "AccessDeniedException"

    may(aws, "secretsmanager:GetSecretValue", f"{secret.rpartition('-')[0]}-??????")

    assert ours.get_secret_value(SecretId="prod/db")["SecretString"] == "hunter2"
    assert ours.get_secret_value(SecretId=secret)["SecretString"] == "hunter2"
    for denied in (
        lambda: ours.get_secret_value(SecretId="prod/other"),
        lambda: ours.put_secret_value(SecretId="prod/db", SecretString="mine"),
        lambda: ours.batch_get_secret_value(SecretIdList=["prod/db", "prod/other"]),
        lambda: ours.list_secrets(),
    ):
        assert refusal(denied)[1] == "AccessDeniedException"


def test_accounts_have_secrets_of_their_own(aws: Aws, secret):
    theirs = aws.emulator.client("secretsmanager", ACCOUNT_B)

    assert theirs.list_secrets()["SecretList"] == []
    refused = refusal(theirs.get_secret_value, SecretId="prod/db")
    assert refused[1] == "ResourceNotFoundException"


@pytest.mark.parametrize(
    ("method", "path", "service", "headers"),
    [
        ("PUT", f"/{BUCKET}/object", "s3", TARGET),
        ("POST", f"/{BUCKET}?delete", "s3", TARGET),
        ("POST", "/?delete", "s3", {**TARGET, "host": f"{BUCKET}.s3.amazonaws.com"}),
        ("POST", "/", "iam", {**TARGET, "content-type": "application/x-www-form-urlencoded"}),
        ("POST", "/", "iam", TARGET),
        ("POST", "/?Action=CreateUser&UserName=x", "secretsmanager", TARGET),
        ("POST", "/", "secretsmanager", {**TARGET, "x-amz-target": "AmazonSSM.GetParameter"}),
        ("POST", "/", "secretsmanager", {**TARGET, "content-type": "text/plain"}),
    ],
)
def test_the_header_that_names_an_action_opens_nothing_else(
    aws: Aws, secret, method, path, service, headers
):
    may(aws, "secretsmanager:*", "*")  # which is what any of these would be judged by
    host = headers.get("host", HOSTS[service])
    session = aws.session().credentials
    answer = aws.signed(
        method, host, path, service=service, credentials=session, headers=headers, content="{}"
    )

    assert (answer.status_code, "MalformedQueryString" in answer.text) == (400, True)


@pytest.mark.parametrize("authorization", [{}, {"authorization": "Bearer x"}])
def test_a_secret_is_not_read_without_a_signature(aws: Aws, secret, authorization):
    body = json.dumps({"SecretId": "prod/db"})
    headers = {**TARGET, "x-amz-target": "secretsmanager.GetSecretValue", **authorization}

    answer = aws.post(body, host=HOSTS["secretsmanager"], **headers)

    assert answer.status_code in (400, 403)
    assert "hunter2" not in answer.text
