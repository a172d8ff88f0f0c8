"""Answers of IAM that are neither yes nor no."""

import pytest
from botocore.stub import Stubber

from irsa.observe.aws import Aws
from irsa.observe.facts import Credentials, Unread
from tests.support.world import ROLE_ARN

MISSING = {"MissingContextValues": ["aws:SourceIp"]}


@pytest.fixture(scope="module")
def aws():
    with Aws(region="us-east-1", credentials=Credentials("AKIA", "secret", "token", "")) as own:
        yield own


@pytest.mark.parametrize(
    ("result", "answer"),
    [
        ({"EvalDecision": "allowed"}, True),
        ({"EvalDecision": "implicitDeny"}, False),
        ({"EvalDecision": "allowed", **MISSING}, "it depends on aws:SourceIp"),
    ],
)
def test_a_simulation_that_depends_on_a_key_is_no_answer(aws, result, answer):
    with Stubber(aws.client("iam")) as iam:
        result = {"EvalActionName": "iam:PassRole", **result}
        iam.add_response("simulate_principal_policy", {"EvaluationResults": [result]})
        found = aws.simulate("arn:aws:iam::111122223333:user/mover", "iam:PassRole", ROLE_ARN)

    assert (found.reason if isinstance(found, Unread) else found) == answer


@pytest.mark.parametrize(
    ("code", "remedy"), [("Throttling", "run it again"), ("AccessDenied", "grant iam:GetRole")]
)
def test_a_call_that_is_throttled_needs_no_permission(aws, monkeypatch, code, remedy):
    monkeypatch.setattr(aws, "account", "111122223333")
    with Stubber(aws.client("iam")) as iam:
        iam.add_client_error("get_role", code, "Rate exceeded")
        found = aws.role(ROLE_ARN)

    assert isinstance(found, Unread)
    assert found.remedy == remedy


@pytest.mark.parametrize(
    ("code", "policy", "remedy"),
    [
        ("NoSuchBucketPolicy", None, ""),
        ("NoSuchBucket", Unread, "correct the bucket's name, or create the bucket"),
        ("AccessDenied", Unread, "grant s3:GetBucketPolicy"),
    ],
)
def test_a_bucket_that_does_not_exist_is_not_one_without_a_policy(aws, code, policy, remedy):
    with Stubber(aws.client("s3")) as s3:
        s3.add_client_error("get_bucket_policy", code, code)
        found = aws.bucket_policy("bucket")

    assert (type(found) if found else None) is policy
    assert not found or found.remedy == remedy
