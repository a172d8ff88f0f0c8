"""Answers of IAM that are neither yes nor no."""

import json

import pytest
from botocore.stub import Stubber

from irsa.observe.aws import Aws
from irsa.observe.errors import CollectError
from irsa.observe.facts import Answer, Credentials, Unread
from irsa.observe.resource_policies import NO_POLICY, READERS
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


REMEDIES = {"Throttling": "run it again", "AccessDenied": "grant iam:GetRole"}


@pytest.mark.parametrize("code", REMEDIES)
def test_a_call_that_is_throttled_needs_no_permission(aws, monkeypatch, code):
    monkeypatch.setattr(aws, "account", "111122223333")
    with Stubber(aws.client("iam")) as iam:
        iam.add_client_error("get_role", code, "Rate exceeded")
        assert aws.role(ROLE_ARN).remedy == REMEDIES[code]


def test_a_user_has_the_keys_that_iam_lists_and_a_missing_one_has_none(aws):
    listed = {"AccessKeyId": "AKIAEXAMPLE000000000", "UserName": "app"}
    with Stubber(aws.client("iam")) as iam:
        iam.add_response("list_access_keys", {"AccessKeyMetadata": [listed]}, {"UserName": "app"})
        iam.add_client_error("list_access_keys", "NoSuchEntity")
        iam.add_client_error("list_access_keys", "AccessDenied", http_status_code=403)
        found = [aws.access_keys("arn:aws:iam::111122223333:user/team/app") for _ in range(3)]
    assert found[:2] == [["AKIAEXAMPLE000000000"], []]
    assert found[2].remedy == "grant iam:ListAccessKeys"


def test_a_bucket_that_does_not_exist_is_not_one_without_a_policy(aws):
    found = []
    for code in ("NoSuchBucketPolicy", "NoSuchBucket", "AccessDenied"):
        with Stubber(aws.client("s3")) as s3:
            s3.add_client_error("get_bucket_policy", code, code)
            found.append(aws.bucket_policy("bucket"))
    none, missing, denied = found
    assert none is None
    assert missing.remedy == "correct the bucket's name, or create the bucket"
    assert denied.remedy == "grant s3:GetBucketPolicy"


POLICY = {"Statement": []}
NAME = {"s3": "bucket/key", "sqs": "queue", "lambda": "function:f", "dynamodb": "table/t"}


@pytest.mark.parametrize("service", READERS)
@pytest.mark.cases("has_one", {"with a policy": True, "without a policy": False})
def test_the_policy_of_a_resource_is_read_with_its_service_s_call(aws, service, has_one):
    region, account = ("", "") if service == "s3" else ("us-east-1", "111122223333")
    arn = f"arn:aws:{service}:{region}:{account}:{NAME.get(service, 'x')}"
    reader = READERS[service]
    with Stubber(aws.client(service)) as stub:
        if has_one:
            answer = {reader.element: json.dumps(POLICY)}
            by_attribute = service in ("sqs", "sns")
            stub.add_response(reader.operation, {"Attributes": answer} if by_attribute else answer)
        else:
            stub.add_client_error(reader.operation, NO_POLICY[0])
        assert aws.resource_policy(arn) == (POLICY if has_one else None)
    assert aws.resource_policy(f"{arn}*") is aws.resource_policy("*") is None


def test_a_resource_policy_that_may_not_be_read_names_the_permission(aws):
    with Stubber(aws.client("kms")) as stub:
        stub.add_client_error("get_key_policy", "AccessDeniedException")
        found = aws.resource_policy("arn:aws:kms:us-east-1:111122223333:key/1")
    assert found.remedy == "grant kms:GetKeyPolicy"


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
