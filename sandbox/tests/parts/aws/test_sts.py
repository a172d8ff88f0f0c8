"""The sandbox's STS over HTTPS, asked by a real SDK.

What STS decides is tested in command/tests: here are its wire format, its keys and its guard.
"""

import gzip
import json

import httpx2
import pytest

from irsa_sandbox.aws.accounts import ACCOUNT_A, ACCOUNT_B
from tests.sandbox.support.aws_harness import (
    BUCKET,
    ISSUER,
    NEXT_KEY,
    ROLE_ARN,
    ROLE_B_ARN,
    STRANGER,
    STS_HOST,
    SUBJECT,
    Aws,
    allow,
    refusal,
    token,
)

pytestmark = pytest.mark.sandbox

DENIED = "Not authorized to perform sts:AssumeRoleWithWebIdentity"
NO_KEY = (
    "Couldn't retrieve verification key from your identity provider,  "
    "please reference AssumeRoleWithWebIdentity documentation for requirements"
)
NO_PROVIDER = "No OpenIDConnect provider found in your account for https://elsewhere.example"
TO_ROLE_B = {"RoleArn": ROLE_B_ARN, "RoleSessionName": "xactarget"}


def test_the_token_of_the_pod_becomes_a_session_of_the_role(aws: Aws):
    answer = aws.assume()
    told = ("SubjectFromWebIdentityToken", "Audience", "Provider")
    assert [answer[name] for name in told] == [
        SUBJECT, "sts.amazonaws.com", f"arn:aws:iam::{ACCOUNT_A}:oidc-provider/{ISSUER}",
    ]  # fmt: skip
    session = aws.session()
    caller = session("sts").get_caller_identity()["Arn"]
    assert caller == f"arn:aws:sts::{ACCOUNT_A}:assumed-role/s3-app/app"
    assert session("s3").list_objects_v2(Bucket=BUCKET)["KeyCount"] == 0


def test_a_rotated_key_is_fetched_when_a_token_first_names_it(aws: Aws):
    aws.assume()
    aws.issuer.keys["second"] = NEXT_KEY
    assert aws.assume(token(NEXT_KEY, "second"))["Audience"] == "sts.amazonaws.com"


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"sub": f"{SUBJECT}-2"}, (403, "AccessDenied", DENIED)),
        ({"aud": ["vault"]}, (403, "AccessDenied", DENIED)),
        ({"aud": ["unknown"]}, (400, "InvalidIdentityToken", "Incorrect token audience")),
        ({"key": STRANGER}, (400, "InvalidIdentityToken", NO_KEY)),
        ({"iss": "https://elsewhere.example"}, (400, "InvalidIdentityToken", NO_PROVIDER)),
    ],
    ids=["subject", "audience the role does not trust", "unknown audience", "signature", "issuer"],
)
def test_a_token_of_another_subject_or_key_is_refused(aws: Aws, changed, expected):
    assert refusal(lambda: aws.assume(token(**changed))) == expected


def test_an_issuer_whose_keys_cannot_be_had_is_an_error_of_its_own(aws: Aws, restored):
    """The keys of the cluster count for no other issuer."""
    aws.emulator.client("iam", ACCOUNT_A).create_open_id_connect_provider(
        Url="https://elsewhere.example", ClientIDList=["sts.amazonaws.com"]
    )
    refused = [refusal(aws.assume, web_identity_token=token(iss="https://elsewhere.example"))]
    aws.issuer.reachable = False
    try:
        refused.append(refusal(aws.assume, web_identity_token=token(kid="not-fetched-yet")))
    finally:
        aws.issuer.reachable = True
    assert [each[:2] for each in refused] == [(400, "IDPCommunicationError")] * 2


def test_an_arn_of_no_role_is_refused(aws: Aws):
    for arn in ("s3-app-with-a-long-name", f"arn:aws:iam::{ACCOUNT_A}:user/a"):
        invalid = (400, "ValidationError", "Request ARN is invalid")
        assert refusal(aws.assume, RoleArn=arn) == invalid
    for name in ("none", "s3-app"):  # a role that does not exist looks like one that refuses
        arn = f"arn:aws:iam::{ACCOUNT_A}:role/{name}"
        assert refusal(aws.assume, RoleArn=arn) == (403, "AccessDenied", DENIED)


SHORT = (
    "2 validation errors detected: Value 'a' at 'roleSessionName' failed to satisfy constraint: "
    "Member must have length greater than or equal to 2; Value '899' at 'durationSeconds' failed "
    "to satisfy constraint: Member must have value greater than or equal to 900"
)
LONG = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
POLICY = "A session policy of AssumeRoleWithWebIdentity is not supported by the sandbox"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"DurationSeconds": 899, "RoleSessionName": "a"}, SHORT),
        ({"DurationSeconds": 7201}, LONG),
        ({"Policy": allow("s3:*", "*")}, POLICY),
    ],
    ids=["two at once", "above the role's maximum", "session policy"],
)
def test_a_parameter_out_of_range_is_refused_by_name(aws: Aws, changed, message):
    assert refusal(lambda: aws.assume(**changed)) == (400, "ValidationError", message)


def test_an_untrusted_caller_and_root_are_denied(aws: Aws):
    stranger = token(sub="system:serviceaccount:dev:default")
    refused = refusal(lambda: aws.assume(stranger, DurationSeconds=7201))  # too long as well
    assert refused == (403, "AccessDenied", DENIED)
    root = aws.emulator.client("sts", ACCOUNT_A)
    denied = "Roles may not be assumed by root accounts."
    assert refusal(root.assume_role, **TO_ROLE_B) == (403, "AccessDenied", denied)
    who = f"User: {aws.emulator.administrator_arn} is not authorized to perform: sts:AssumeRole"
    denied = f"{who} on resource: {ROLE_B_ARN}"
    administrator = aws.administrator()("sts")
    assert refusal(administrator.assume_role, **TO_ROLE_B) == (403, "AccessDenied", denied)


def test_a_chained_session_lasts_an_hour_and_passes_on_tags_that_it_has(aws: Aws):
    sts = aws.session(DurationSeconds=7200)("sts")
    arn = sts.assume_role(**TO_ROLE_B)["AssumedRoleUser"]["Arn"]
    assert arn == f"arn:aws:sts::{ACCOUNT_B}:assumed-role/s3-app-B/xactarget"
    limit = "exceeds the 1 hour session limit for roles assumed by role chaining."
    assert refusal(sts.assume_role, **TO_ROLE_B, DurationSeconds=3601) == (
        400,
        "ValidationError",
        f"The requested DurationSeconds {limit}",
    )
    message = "The specified transitive tag key must be included in the requested tags."
    tags = {"Tags": [{"Key": "Team", "Value": "blue"}], "TransitiveTagKeys": ["team", "other"]}
    refused = refusal(sts.assume_role, **TO_ROLE_B, **tags)
    assert refused == (400, "InvalidParameterValue", message)


CALL = {
    "Action": "AssumeRoleWithWebIdentity",
    "Version": "2011-06-15",
    "RoleArn": ROLE_ARN,
    "RoleSessionName": "app",
}
FORGED = {**CALL, "WebIdentityToken": token(STRANGER)}
FORM = str(httpx2.QueryParams(FORGED))
JSON_HEADERS = {
    "content-type": "application/x-amz-json-1.1",
    "x-amz-target": "AWSSecurityTokenServiceV20110615.AssumeRoleWithWebIdentity",
}


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        (json.dumps(FORGED), JSON_HEADERS),
        (FORM, {"content-type": "text/plain"}),
        (FORM, {"content-encoding": "gzip"}),
        (gzip.compress(FORM.encode()), {"content-encoding": "gzip"}),
    ],
    ids=["JSON protocol", "another content type", "said to be compressed", "compressed"],
)
def test_no_other_spelling_of_the_call_bypasses_the_check(aws: Aws, content, headers):
    query = aws.http("GET", params={**CALL, "WebIdentityToken": token()})
    assert (query.status_code, "SecretAccessKey" in query.text) == (200, True)
    assert "ValidationError" in aws.http("GET", params=CALL).text, "without a token"
    for answer in (aws.post(content, **headers), aws.http("GET", params=FORGED)):
        assert answer.status_code >= 400
        assert "SecretAccessKey" not in answer.text


def test_an_action_in_the_query_string_does_not_hide_the_one_in_the_body(aws: Aws):
    answer = aws.signed(
        "POST",
        STS_HOST,
        "/?Action=GetCallerIdentity",
        service="sts",
        credentials=aws.session().credentials,
        headers={"content-type": "application/x-www-form-urlencoded"},
        content=f"Action=AssumeRole&Version=2011-06-15&RoleSessionName=x1&RoleArn={ROLE_B_ARN}",
    )
    assert (answer.status_code, "MalformedQueryString" in answer.text) == (400, True)
