"""The sandbox's STS over HTTPS, asked by a real SDK.

What STS decides is tested in command/tests: here are its wire format, its keys and its guard.
"""

import gzip
import json

import httpx2
import pytest

from irsa_sandbox.aws.accounts import ACCOUNT_A, ACCOUNT_B
from tests.sandbox.support.aws_harness import NEXT_KEY, ROLE_ARN, STRANGER, Aws, refusal, token
from tests.support.world import BUCKET, PROVIDER_ARN, ROLE_B_ARN, SUBJECT

DENIED = (403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity")
LONG = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
POLICY = "A session policy of AssumeRoleWithWebIdentity is not supported by the sandbox"
NO_ARN = (400, "ValidationError", "Request ARN is invalid")
TO_ROLE_B = {"RoleArn": ROLE_B_ARN, "RoleSessionName": "xactarget"}
CALL = {"Action": "AssumeRoleWithWebIdentity", "Version": "2011-06-15"}
CALL |= {"RoleArn": ROLE_ARN, "RoleSessionName": "app"}
FORGED = {**CALL, "WebIdentityToken": token(STRANGER)}
FORM = str(httpx2.QueryParams(FORGED))
JSON_HEADERS = {
    "content-type": "application/x-amz-json-1.1",
    "x-amz-target": "AWSSecurityTokenServiceV20110615.AssumeRoleWithWebIdentity",
}


def test_the_token_of_the_pod_becomes_a_session_of_the_role(aws: Aws):
    answer = aws.assume()
    told = ("SubjectFromWebIdentityToken", "Audience", "Provider")
    assert [answer[name] for name in told] == [SUBJECT, "sts.amazonaws.com", PROVIDER_ARN]
    assert aws.session()("s3").list_objects_v2(Bucket=BUCKET)["KeyCount"] == 0


@pytest.mark.cases(("claims", "request_", "expected"), {
    "another subject": ({"sub": f"{SUBJECT}-2"}, {}, DENIED),
    "ARN of a user": ({}, {"RoleArn": f"arn:aws:iam::{ACCOUNT_A}:user/a"}, NO_ARN),
    "role without its path": ({}, {"RoleArn": f"arn:aws:iam::{ACCOUNT_A}:role/s3-app"}, DENIED),
    "too long a session": ({}, {"DurationSeconds": 7201}, (400, "ValidationError", LONG)),
    "session policy": ({}, {"Policy": "{}"}, (400, "ValidationError", POLICY)),
})  # fmt: skip
def test_another_token_or_request_is_refused_as_by_sts(aws: Aws, claims, request_, expected):
    assert refusal(aws.assume, web_identity_token=token(**claims), **request_) == expected


def test_the_keys_of_an_issuer_are_fetched_when_a_token_first_names_them(aws: Aws, restored):
    """The keys of the cluster count for no other issuer."""
    refused = [refusal(aws.assume, web_identity_token=token(STRANGER))]
    aws.issuer.keys["second"] = NEXT_KEY
    assert aws.assume(token(NEXT_KEY, "second"))["Audience"] == "sts.amazonaws.com"
    aws.emulator.client("iam", ACCOUNT_A).create_open_id_connect_provider(
        Url="https://elsewhere.example", ClientIDList=["sts.amazonaws.com"]
    )
    refused.append(refusal(aws.assume, web_identity_token=token(iss="https://elsewhere.example")))
    aws.issuer.reachable = False
    try:
        refused.append(refusal(aws.assume, web_identity_token=token(kid="not-fetched-yet")))
    finally:
        aws.issuer.reachable = True
    codes = ["InvalidIdentityToken", *["IDPCommunicationError"] * 2]
    assert [answer[:2] for answer in refused] == [(400, code) for code in codes]


def test_an_untrusted_caller_and_root_are_denied(aws: Aws):
    root = aws.emulator.client("sts", ACCOUNT_A)
    denied = "Roles may not be assumed by root accounts."
    assert refusal(root.assume_role, **TO_ROLE_B) == (403, "AccessDenied", denied)
    who = f"User: {aws.emulator.administrator_arn} is not authorized to perform: sts:AssumeRole"
    refused = refusal(aws.administrator()("sts").assume_role, **TO_ROLE_B)
    assert refused == (403, "AccessDenied", f"{who} on resource: {ROLE_B_ARN}")


def test_a_chained_session_lasts_an_hour_and_passes_on_tags_that_it_has(aws: Aws):
    sts = aws.session(DurationSeconds=7200)("sts")
    arn = sts.assume_role(**TO_ROLE_B)["AssumedRoleUser"]["Arn"]
    assert arn == f"arn:aws:sts::{ACCOUNT_B}:assumed-role/s3-app-B/xactarget"
    limit = "exceeds the 1 hour session limit for roles assumed by role chaining."
    message = f"The requested DurationSeconds {limit}"
    refused = refusal(sts.assume_role, **TO_ROLE_B, DurationSeconds=3601)
    assert refused == (400, "ValidationError", message)
    message = "The specified transitive tag key must be included in the requested tags."
    tags = {"Tags": [{"Key": "Team", "Value": "blue"}], "TransitiveTagKeys": ["team", "other"]}
    refused = refusal(sts.assume_role, **TO_ROLE_B, **tags)
    assert refused == (400, "InvalidParameterValue", message)


@pytest.mark.cases(("content", "headers"), {
    "JSON protocol": (json.dumps(FORGED), JSON_HEADERS),
    "another content type": (FORM, {"content-type": "text/plain"}),
    "said to be compressed": (FORM, {"content-encoding": "gzip"}),
    "compressed": (gzip.compress(FORM.encode()), {"content-encoding": "gzip"}),
})  # fmt: skip
def test_no_other_spelling_of_the_call_bypasses_the_check(aws: Aws, content, headers):
    query = aws.http("GET", params={**CALL, "WebIdentityToken": token()})
    assert (query.status_code, "SecretAccessKey" in query.text) == (200, True), query.text
    assert "ValidationError" in aws.http("GET", params=CALL).text, "without a token"
    for answer in (aws.post(content, **headers), aws.http("GET", params=FORGED)):
        assert answer.status_code >= 400
        assert "SecretAccessKey" not in answer.text
