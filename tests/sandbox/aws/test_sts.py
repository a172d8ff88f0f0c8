"""The sandbox's STS, asked over HTTPS by a real SDK. MiniStack behind it is not tested."""

import gzip
import json
import time

import httpx2
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials

from sandbox.aws.accounts import ACCOUNT_A, ACCOUNT_B, REGION
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


def test_the_pod_s_token_becomes_the_role_s_session(aws: Aws):
    answer = aws.assume()
    assert {
        name: answer[name] for name in ("SubjectFromWebIdentityToken", "Audience", "Provider")
    } == {
        "SubjectFromWebIdentityToken": SUBJECT,
        "Audience": "sts.amazonaws.com",
        "Provider": f"arn:aws:iam::{ACCOUNT_A}:oidc-provider/{ISSUER}",
    }
    session = aws.session()
    assert session("sts").get_caller_identity()["Arn"] == (
        f"arn:aws:sts::{ACCOUNT_A}:assumed-role/s3-app/app"
    )
    assert session("s3").list_objects_v2(Bucket=BUCKET)["KeyCount"] == 0


def test_the_call_is_understood_as_a_query_string_too(aws: Aws):
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
        ({"sub": "system:serviceaccount:dev:default"}, (403, "AccessDenied", DENIED)),
        ({"sub": "system:serviceaccount:other:s3-app"}, (403, "AccessDenied", DENIED)),
        ({"sub": f"{SUBJECT}-2"}, (403, "AccessDenied", DENIED)),
        ({"aud": ["vault"]}, (403, "AccessDenied", DENIED)),
        ({"aud": ["unknown"]}, (400, "InvalidIdentityToken", "Incorrect token audience")),
        ({"aud": None}, (400, "InvalidIdentityToken", "Missing a required claim: aud")),
        ({"key": STRANGER}, (400, "InvalidIdentityToken", NO_KEY)),
        ({"kid": "unknown"}, (400, "InvalidIdentityToken", NO_KEY)),
        (
            {"iss": "https://elsewhere.example"},
            (
                400,
                "InvalidIdentityToken",
                "No OpenIDConnect provider found in your account for https://elsewhere.example",
            ),
        ),
    ],
    ids=[
        "another service account",
        "the same name in another namespace",
        "a longer name",
        "an audience that the role does not trust",
        "an audience that the provider does not know",
        "no audience",
        "signed by a stranger",
        "an unknown key",
        "an unknown issuer",
    ],
)
def test_a_token_that_is_not_the_workload_s_is_refused(aws: Aws, changed, expected):
    assert refusal(lambda: aws.assume(token(**changed))) == expected


def test_d4_a_token_is_taken_for_five_minutes_after_its_end(aws: Aws):
    aws.assume(token(exp=int(time.time()) - 240))


def test_an_expired_token_is_refused_with_both_times(aws: Aws):
    expired = int(time.time()) - 360
    status, code, message = refusal(lambda: aws.assume(token(exp=expired)))
    assert (status, code) == (400, "ExpiredTokenException")
    assert message.startswith("Token expired: current date/time ")
    assert message.endswith(f" must be before the expiration date/time {expired}")


def test_a_tampered_token_is_refused(aws: Aws):
    header, _, signature = token(sub="system:serviceaccount:dev:default").split(".")
    payload = token().split(".")[1]
    forged = f"{header}.{payload}.{signature}"
    assert refusal(lambda: aws.assume(forged)) == (400, "InvalidIdentityToken", NO_KEY)


def test_the_provider_is_looked_up_in_the_role_s_account(aws: Aws):
    assert refusal(lambda: aws.assume(RoleArn=ROLE_B_ARN)) == (
        400,
        "InvalidIdentityToken",
        f"No OpenIDConnect provider found in your account for https://{ISSUER}",
    )


def test_an_issuer_out_of_reach_is_said(aws: Aws):
    aws.issuer.reachable = False
    try:
        status, code, _ = refusal(lambda: aws.assume(token(kid="not-fetched-yet")))
    finally:
        aws.issuer.reachable = True
    assert (status, code) == (400, "IDPCommunicationError")


def test_the_cluster_s_keys_speak_for_no_other_issuer(aws: Aws):
    iam = aws.emulator.client("iam", ACCOUNT_A)
    created = iam.create_open_id_connect_provider(
        Url="https://elsewhere.example", ClientIDList=["sts.amazonaws.com"]
    )
    try:
        answer = refusal(lambda: aws.assume(token(iss="https://elsewhere.example")))
    finally:
        iam.delete_open_id_connect_provider(
            OpenIDConnectProviderArn=created["OpenIDConnectProviderArn"]
        )
    assert answer[1] == "IDPCommunicationError"


@pytest.mark.parametrize(
    "role_arn",
    [
        f"arn:aws:iam::{ACCOUNT_A}:role/none",
        f"arn:aws:iam::{ACCOUNT_A}:role/s3-app",
        f"arn:aws-cn:iam::{ACCOUNT_A}:role/team/s3-app",
    ],
    ids=["no such role", "without its path", "another partition"],
)
def test_a_role_that_is_not_there_looks_like_one_that_refuses(aws: Aws, role_arn):
    assert refusal(lambda: aws.assume(RoleArn=role_arn)) == (403, "AccessDenied", DENIED)


@pytest.mark.parametrize(
    "role_arn",
    ["s3-app-with-a-long-name", f"arn:aws:iam::{ACCOUNT_A}:user/s3-app", "arn:aws:iam::1:role/app"],
    ids=["a name", "a user", "a short account id"],
)
def test_a_malformed_role_arn_is_refused(aws: Aws, role_arn):
    expected = (400, "ValidationError", "Request ARN is invalid")
    assert refusal(lambda: aws.assume(RoleArn=role_arn)) == expected


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"RoleSessionName": SUBJECT},
            (
                f"1 validation error detected: Value '{SUBJECT}' at 'roleSessionName' failed to "
                r"satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@-]*"
            ),
        ),
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
    ids=["colons in the session name", "two at once", "above the role's maximum", "session policy"],
)
def test_a_parameter_out_of_range_is_refused_by_name(aws: Aws, changed, message):
    assert refusal(lambda: aws.assume(**changed)) == (400, "ValidationError", message)


def test_who_is_not_trusted_does_not_learn_the_role_s_maximum(aws: Aws):
    stranger = token(sub="system:serviceaccount:dev:default")
    assert refusal(lambda: aws.assume(stranger, DurationSeconds=7201)) == (
        403,
        "AccessDenied",
        DENIED,
    )


def test_a_chained_session_lasts_an_hour_at_most(aws: Aws):
    sts = aws.session(DurationSeconds=7200)("sts")
    request = {"RoleArn": ROLE_B_ARN, "RoleSessionName": "xactarget"}
    assert sts.assume_role(**request)["AssumedRoleUser"]["Arn"] == (
        f"arn:aws:sts::{ACCOUNT_B}:assumed-role/s3-app-B/xactarget"
    )
    assert refusal(lambda: sts.assume_role(**request, DurationSeconds=3601)) == (
        400,
        "ValidationError",
        (
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by "
            "role chaining."
        ),
    )


def test_root_may_not_assume_a_role(aws: Aws):
    sts = aws.emulator.client("sts", ACCOUNT_A)
    call = {"RoleArn": ROLE_B_ARN, "RoleSessionName": "xactarget"}
    assert refusal(lambda: sts.assume_role(**call)) == (
        403,
        "AccessDenied",
        "Roles may not be assumed by root accounts.",
    )


@pytest.mark.parametrize(
    "role_arn", [ROLE_B_ARN, f"arn:aws:iam::{ACCOUNT_B}:role/none"], ids=["untrusting", "absent"]
)
def test_assuming_a_role_that_does_not_trust_the_caller_names_both(aws: Aws, role_arn):
    sts = aws.administrator()("sts")
    call = {"RoleArn": role_arn, "RoleSessionName": "xactarget"}
    assert refusal(lambda: sts.assume_role(**call)) == (
        403,
        "AccessDenied",
        (
            f"User: {aws.emulator.administrator_arn} is not authorized to perform: sts:AssumeRole "
            f"on resource: {role_arn}"
        ),
    )


def test_account_b_lets_account_a_s_administrator_in(aws: Aws):
    sts = aws.administrator()("sts")
    role_arn = f"arn:aws:iam::{ACCOUNT_B}:role/OrganizationAccountAccessRole"
    answer = sts.assume_role(RoleArn=role_arn, RoleSessionName="deploy")
    assert answer["AssumedRoleUser"]["Arn"] == (
        f"arn:aws:sts::{ACCOUNT_B}:assumed-role/OrganizationAccountAccessRole/deploy"
    )


WEB_IDENTITY = httpx2.QueryParams(
    Action="AssumeRoleWithWebIdentity",
    Version="2011-06-15",
    RoleArn=ROLE_ARN,
    RoleSessionName="app",
)


FORGED = {**dict(WEB_IDENTITY), "WebIdentityToken": token(STRANGER)}


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        (
            json.dumps(FORGED),
            {
                "content-type": "application/x-amz-json-1.1",
                "x-amz-target": "AWSSecurityTokenServiceV20110615.AssumeRoleWithWebIdentity",
            },
        ),
        (str(httpx2.QueryParams(FORGED)), {"content-type": "text/plain"}),
        (str(httpx2.QueryParams(FORGED)), {"content-encoding": "gzip"}),
        (gzip.compress(str(httpx2.QueryParams(FORGED)).encode()), {"content-encoding": "gzip"}),
    ],
    ids=["JSON protocol", "another content type", "said to be compressed", "compressed"],
)
def test_no_other_spelling_of_the_call_leads_around_the_gate(aws: Aws, content, headers):
    answer = aws.post(content, **headers)
    assert answer.status_code >= 400
    assert "SecretAccessKey" not in answer.text


def test_an_action_in_the_query_string_does_not_hide_the_one_in_the_body(aws: Aws):
    request = AWSRequest(
        "POST",
        f"https://{STS_HOST}/?Action=GetCallerIdentity",
        headers={"content-type": "application/x-www-form-urlencoded"},
        data=f"Action=AssumeRole&Version=2011-06-15&RoleSessionName=x1&RoleArn={ROLE_B_ARN}",
    )
    SigV4Auth(BotoCredentials(*aws.session().credentials), "sts", REGION).add_auth(request)
    prepared = request.prepare()
    answer = aws.http(
        "POST", "/?Action=GetCallerIdentity", content=prepared.body, headers=dict(prepared.headers)
    )
    assert (answer.status_code, "MalformedQueryString" in answer.text) == (400, True)
