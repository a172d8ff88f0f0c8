"""Answers of IAM that are neither yes nor no."""

import json

import pytest
from botocore import xform_name
from botocore.stub import Stubber

from irsa.observe.aws import NO_POLICY, POLICY_READERS, Aws
from irsa.observe.errors import CollectError
from irsa.observe.facts import Answer, Credentials, Unread
from tests.support.refusal import refusal
from tests.support.world import ROLE_ARN

MISSING = {"MissingContextValues": ["aws:SourceIp"]}


@pytest.fixture(scope="module")
def aws():
    with Aws(region="us-east-1", credentials=Credentials("AKIA", "secret", "token", "")) as own:
        yield own


def test_a_simulation_that_depends_on_a_key_is_no_answer(aws):
    answers = []
    for result in ({"allowed": {}}, {"implicitDeny": {}}, {"allowed": MISSING}):
        [(decision, more)] = result.items()
        with Stubber(aws.client("iam")) as iam:
            result = {"EvalActionName": "iam:PassRole", "EvalDecision": decision, **more}
            iam.add_response("simulate_principal_policy", {"EvaluationResults": [result]})
            found = aws.simulate("arn:aws:iam::111122223333:user/mover", "iam:PassRole", ROLE_ARN)
        answers.append(found.reason if isinstance(found, Unread) else found)
    assert answers == [True, False, "it depends on aws:SourceIp"]


def test_a_proxy_that_does_not_answer_ends_the_command(monkeypatch):
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    with Aws(region="us-east-1", credentials=Credentials("AKIA", "secret", "", "")) as aws:
        for call in (lambda: aws.account, aws.list_users):
            line = refusal(call, raised=CollectError)
            assert line.startswith("HTTPS_PROXY of this shell: Failed to connect to proxy URL: ")


USER = "arn:aws:iam::111122223333:user/team/app"
ROLE, KEYS, BUCKET, KEY = (
    lambda aws: aws.role(ROLE_ARN),
    lambda aws: aws.access_keys(USER),
    lambda aws: aws.bucket_policy("bucket"),
    lambda aws: aws.resource_policy("arn:aws:kms:us-east-1:111122223333:key/1"),
)


@pytest.mark.cases(("call", "read", "code", "expected"), {
    "throttled": ("iam get_role", ROLE, "Throttling", "run it again"),
    "role denied": ("iam get_role", ROLE, "AccessDenied", "grant iam:GetRole"),
    "access keys denied": ("iam list_access_keys", KEYS, "AccessDenied",
        "grant iam:ListAccessKeys"),
    "user missing": ("iam list_access_keys", KEYS, "NoSuchEntity", []),
    "bucket without a policy": ("s3 get_bucket_policy", BUCKET, "NoSuchBucketPolicy", None),
    "bucket missing": ("s3 get_bucket_policy", BUCKET, "NoSuchBucket",
        "correct the bucket's name, or create the bucket"),
    "bucket denied": ("s3 get_bucket_policy", BUCKET, "AccessDenied", "grant s3:GetBucketPolicy"),
    "KMS key denied": ("kms get_key_policy", KEY, "AccessDeniedException",
        "grant kms:GetKeyPolicy"),
})  # fmt: skip
def test_an_error_of_a_call_is_an_answer_or_has_a_remedy(
    aws, monkeypatch, call, read, code, expected
):
    monkeypatch.setattr(aws, "account", "111122223333")
    service, operation = call.split()
    with Stubber(aws.client(service)) as stub:
        stub.add_client_error(operation, code, "Rate exceeded")
        answer = read(aws)
    assert (answer.remedy if isinstance(answer, Unread) else answer) == expected


def test_a_user_has_the_keys_that_iam_lists(aws):
    listed = {"AccessKeyId": "AKIAEXAMPLE000000000", "UserName": "app"}
    with Stubber(aws.client("iam")) as iam:
        iam.add_response("list_access_keys", {"AccessKeyMetadata": [listed]}, {"UserName": "app"})
        assert aws.access_keys(USER) == ["AKIAEXAMPLE000000000"]


POLICY = {"Statement": []}
NAME = {"s3": "bucket/key", "sqs": "queue", "lambda": "function:f", "dynamodb": "table/t"}


@pytest.mark.parametrize("service", POLICY_READERS)
@pytest.mark.cases("has_one", {"with a policy": True, "without a policy": False})
def test_the_policy_of_a_resource_is_read_with_its_service_s_call(aws, service, has_one):
    region, account = ("", "") if service == "s3" else ("us-east-1", "111122223333")
    arn = f"arn:aws:{service}:{region}:{account}:{NAME.get(service, 'x')}"
    reader = POLICY_READERS[service]
    operation = xform_name(reader.action)
    with Stubber(aws.client(service)) as stub:
        if has_one:
            answer = {reader.element: json.dumps(POLICY)}
            by_attribute = service in ("sqs", "sns")
            stub.add_response(operation, {"Attributes": answer} if by_attribute else answer)
        else:
            stub.add_client_error(operation, NO_POLICY[0])
        assert aws.resource_policy(arn) == (POLICY if has_one else None)
    assert aws.resource_policy(f"{arn}*") is aws.resource_policy("*") is None


def test_a_queue_is_asked_by_its_url(aws):
    asked = {"AttributeNames": ["Policy"]}
    asked["QueueUrl"] = "https://sqs.us-east-1.amazonaws.com/111122223333/orders"
    with Stubber(aws.client("sqs")) as stub:
        stub.add_response("get_queue_attributes", {}, asked)
        assert aws.resource_policy("arn:aws:sqs:us-east-1:111122223333:orders") is None


def test_a_fact_of_another_account_needs_credentials_of_that_account(aws, monkeypatch):
    monkeypatch.setattr(aws, "account", "111122223333")
    found = aws.providers("444455556666")
    assert isinstance(found, Unread)
    assert found.reason == "the credentials are of 111122223333"
    assert found.remedy == "grant credentials of account 444455556666"


def test_an_answer_has_the_caller_or_the_error_in_one_line(aws):
    with Stubber(aws.client("sts")) as sts:
        sts.add_response("get_caller_identity", {"Arn": ROLE_ARN})
        sts.add_client_error("get_caller_identity", "ExpiredToken", "The token\nis expired")
        answers = [aws.caller(), aws.caller()]
    refused = Answer(False, "", "ExpiredToken", "The token is expired")
    assert answers == [Answer(True, ROLE_ARN), refused]
