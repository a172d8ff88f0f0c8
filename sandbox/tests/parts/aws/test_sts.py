"""The sandbox's STS over HTTPS, asked by a real SDK.

What STS decides is tested in command/tests: here are its wire format, its keys and its guard.
"""

import gzip
import json

import httpx2
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials

from irsa_sandbox.aws.accounts import ACCOUNT_A, ACCOUNT_B, REGION
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


def test_the_call_may_be_a_query_string(aws: Aws):
    query = httpx2.QueryParams(
        Action="AssumeRoleWithWebIdentity",
        Version="2011-06-15",
        RoleArn=ROLE_ARN,
        RoleSessionName="app",
        WebIdentityToken=token(),
    )
    answer = aws.http("GET", params=query)
    forged = aws.http("GET", params=query.set("WebIdentityToken", token(STRANGER)))
    assert (answer.status_code, forged.status_code) == (200, 400)


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


def test_an_issuer_that_does_not_answer_is_an_error_of_its_own(aws: Aws):
    aws.issuer.reachable = False
    try:
        refused = refusal(lambda: aws.assume(token(kid="not-fetched-yet")))
    finally:
        aws.issuer.reachable = True
    assert refused[:2] == (400, "IDPCommunicationError")


@pytest.mark.usefixtures("restored")
def test_the_keys_of_the_cluster_count_for_no_other_issuer(aws: Aws):
    aws.emulator.client("iam", ACCOUNT_A).create_open_id_connect_provider(
        Url="https://elsewhere.example", ClientIDList=["sts.amazonaws.com"]
    )
    refused = refusal(lambda: aws.assume(token(iss="https://elsewhere.example")))
    assert refused[1] == "IDPCommunicationError"


@pytest.mark.parametrize(
    "role_arn", ["s3-app-with-a-long-name", f"arn:aws:iam::{ACCOUNT_A}:user/a"]
)
def test_an_arn_that_is_no_roles_is_refused(aws: Aws, role_arn):
    refused = refusal(aws.assume, RoleArn=role_arn)
    assert refused == (400, "ValidationError", "Request ARN is invalid")


@pytest.mark.parametrize("role", [f"{ACCOUNT_A}:role/none", f"{ACCOUNT_A}:role/s3-app"])
def test_a_role_that_does_not_exist_looks_like_one_that_refuses(aws: Aws, role):
    refused = refusal(aws.assume, RoleArn=f"arn:aws:iam::{role}")
    assert refused == (403, "AccessDenied", DENIED)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"DurationSeconds": 899, "RoleSessionName": "a"},
            (
                "2 validation errors detected: Value 'a' at 'roleSessionName' failed to satisfy "
                "constraint: Member must have length greater than or equal to 2; "
                "Value '899' at 'durationSeconds' failed to satisfy constraint: "
                "Member must have value greater than or equal to 900"
            ),
        ),
        (
            {"DurationSeconds": 7201},
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ),
        (
            {"Policy": allow("s3:*", "*")},
            "A session policy of AssumeRoleWithWebIdentity is not supported by the sandbox",
        ),
    ],
    ids=["two at once", "above the role's maximum", "session policy"],
)
def test_a_parameter_out_of_range_is_refused_by_name(aws: Aws, changed, message):
    assert refusal(lambda: aws.assume(**changed)) == (400, "ValidationError", message)


def test_the_roles_maximum_is_for_trusted_callers_only(aws: Aws):
    stranger = token(sub="system:serviceaccount:dev:default")
    refused = refusal(lambda: aws.assume(stranger, DurationSeconds=7201))
    assert refused == (403, "AccessDenied", DENIED)


def test_root_assumes_no_role(aws: Aws):
    root = aws.emulator.client("sts", ACCOUNT_A)
    assert refusal(root.assume_role, **TO_ROLE_B) == (
        403,
        "AccessDenied",
        "Roles may not be assumed by root accounts.",
    )


def test_a_chained_session_lasts_an_hour_at_most(aws: Aws):
    sts = aws.session(DurationSeconds=7200)("sts")
    arn = sts.assume_role(**TO_ROLE_B)["AssumedRoleUser"]["Arn"]
    assert arn == f"arn:aws:sts::{ACCOUNT_B}:assumed-role/s3-app-B/xactarget"
    assert refusal(sts.assume_role, **TO_ROLE_B, DurationSeconds=3601) == (
        400,
        "ValidationError",
        (
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by "
            "role chaining."
        ),
    )


def test_a_refused_assume_role_names_the_caller_and_the_role(aws: Aws):
    assert refusal(aws.administrator()("sts").assume_role, **TO_ROLE_B) == (
        403,
        "AccessDenied",
        (
            f"User: {aws.emulator.administrator_arn} is not authorized to perform: sts:AssumeRole "
            f"on resource: {ROLE_B_ARN}"
        ),
    )


CALL = {"Action": "AssumeRoleWithWebIdentity", "Version": "2011-06-15", "RoleArn": ROLE_ARN}
FORGED = {**CALL, "RoleSessionName": "app", "WebIdentityToken": token(STRANGER)}
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
    answer = aws.post(content, **headers)
    assert answer.status_code >= 400
    assert "SecretAccessKey" not in answer.text


def test_an_action_in_the_query_string_does_not_hide_the_one_in_the_body(aws: Aws):
    path = "/?Action=GetCallerIdentity"
    request = AWSRequest(
        "POST",
        f"https://{STS_HOST}{path}",
        headers={"content-type": "application/x-www-form-urlencoded"},
        data=f"Action=AssumeRole&Version=2011-06-15&RoleSessionName=x1&RoleArn={ROLE_B_ARN}",
    )
    SigV4Auth(BotoCredentials(*aws.session().credentials), "sts", REGION).add_auth(request)
    sent = request.prepare()
    answer = aws.http("POST", path, content=sent.body, headers=dict(sent.headers))
    assert (answer.status_code, "MalformedQueryString" in answer.text) == (400, True)


def test_a_transitive_tag_is_one_of_the_tags(aws: Aws):
    sts = aws.session()("sts")
    message = "The specified transitive tag key must be included in the requested tags."
    tags = {"Tags": [{"Key": "Team", "Value": "blue"}], "TransitiveTagKeys": ["team", "other"]}

    assert refusal(sts.assume_role, **TO_ROLE_B, **tags) == (400, "InvalidParameterValue", message)
