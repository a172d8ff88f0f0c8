"""Calls of other services, and the fields that a call takes."""

import pytest

from command.tests.decide.scenarios import (
    ACCOUNT_A,
    ACCOUNT_B,
    ROLE_A,
    SESSION_A,
    USER,
    WEB_IDENTITY_STATEMENT,
    allow,
    decision,
    deny,
    document,
    error,
    scenario,
    token,
    trusts,
    web_identity_step,
)
from irsa.decide.json_input import InputError
from irsa.decide.scenario import scenario_from

ALL = [document(allow("*", "*"))]
KEY = f"arn:aws:kms:us-east-1:{ACCOUNT_A}:key/1"


def call(action, resource="*", **changed):
    return {"action": action, "resource": resource, "principal": USER, "identity_policies": ALL} | (
        changed
    )


@pytest.mark.parametrize(
    ("step", "verdict"),
    [
        (call("kms:ListKeys"), "allow"),
        (call("kms:CreateKey", resource_policy=None), "allow"),
        (call("kms:Decrypt", KEY), "unknown"),
        (call("kms:Decrypt", KEY, resource_policy=None), "deny"),
        (call("ec2:DescribeInstances"), "allow"),
        (call("ec2:DescribeInstances", identity_policies=[]), "deny"),
        (call("sts:GetCallerIdentity", principal=None, identity_policies=[]), "allow"),
        (call("sqs:SendMessage", "arn:aws:sqs:us-east-1:someone-else:q"), "unknown"),
        (call("sqs:SendMessage", f"arn:aws:sqs:us-east-1:{ACCOUNT_A}:q"), "allow"),
    ],
)
def test_services_are_asked_as_aws_documents_them(step, verdict):
    assert decision(step) == verdict


@pytest.mark.parametrize(
    ("resource", "verdict"),
    [
        ("arn", "unknown"),
        ("arn:*:s3:::bucket", "unknown"),
        ("arn:aws:s3:::bucket", "unknown"),
        ("arn:aws-cn:s3:::bucket", "deny"),
    ],
)
def test_a_resource_is_in_the_callers_partition_or_in_any(resource, verdict):
    assert decision(call("s3:GetObject", resource)) == verdict


@pytest.mark.parametrize("action", ["sts:GetSessionToken", "STS:AssumeRoleWithSAML"])
def test_a_call_that_is_not_modelled_is_refused(action):
    with pytest.raises(InputError, match="is not modelled here"):
        scenario_from(scenario(call(action)))


def test_an_operation_that_is_no_action_is_refused_with_the_action():
    with pytest.raises(InputError, match=r"s3:ListObjectsV2 is an operation .* s3:ListBucket$"):
        scenario_from(scenario(call("s3:ListObjectsV2")))


def test_every_action_has_two_spellings():
    assert (
        decision(call("iam:GetRole", ROLE_A, identity_policies=[document(allow("*:*", "*"))]))
        == "allow"
    )


def test_iam_is_called_in_us_east_1():
    elsewhere = {"StringNotEquals": {"aws:RequestedRegion": "eu-central-1"}}
    guard = {**deny("*", "*"), "Condition": elsewhere}
    policies = [document(allow("*", "*"), guard)]
    assert decision(call("iam:GetRole", ROLE_A, identity_policies=policies)) == "deny"
    assert decision(call("ec2:DescribeInstances", identity_policies=policies)) == "unknown"


def test_whether_control_policies_reach_a_web_identity_is_not_guessed():
    denying = [document(deny("*", "*"))]

    assert decision(web_identity_step(service_control_policies=denying)) == "unknown"
    assert (
        decision(web_identity_step(service_control_policies=denying, trust_policy=document()))
        == "deny"
    )


@pytest.mark.parametrize("issuer", ["accounts.google.com", "www.amazon.com"])
def test_issuers_that_sts_knows_need_no_provider_in_iam(issuer):
    statement = WEB_IDENTITY_STATEMENT | {
        "Principal": {"Federated": issuer},
        "Condition": {"StringEquals": {f"{issuer}:aud": "sts.amazonaws.com"}},
    }
    step = web_identity_step(token=token(iss=f"https://{issuer}"), trust_policy=document(statement))

    assert decision(step, oidc_providers=[]) == "allow"
    assert error(step | trusts(), oidc_providers=[])[0] == "AccessDenied"


def test_a_token_without_iat_is_taken_or_not_known():
    """`iat` is not needed in claims that a person writes down; of a whole token it is not known."""
    assert decision(web_identity_step(token=token(iat=None))) == "allow"


ROOT_USER = f"arn:aws:iam::{ACCOUNT_B}:root"
TAGS = {"aws:RequestTag/team": "a", "aws:TagKeys": ["team"]}
NO_TAGS = [document(allow("sts:GetWebIdentityToken", "*"))]


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (call("sts:GetFederationToken"), None),
        (
            call("sts:GetFederationToken", principal=SESSION_A),
            "Cannot call GetFederationToken with session credentials",
        ),
        (call("sts:AssumeRoot", ROOT_USER), None),
        (
            call("sts:AssumeRoot", ROOT_USER, identity_policies=[]),
            f"User: {USER} is not authorized to perform: sts:AssumeRoot on resource: {ROOT_USER}",
        ),
        (
            call("sts:AssumeRoot", ROOT_USER, principal=f"arn:aws:iam::{ACCOUNT_A}:root"),
            (
                f"User: arn:aws:iam::{ACCOUNT_A}:root is not authorized to perform: "
                f"sts:AssumeRoot on resource: {ROOT_USER}"
            ),
        ),
        (call("sts:GetWebIdentityToken", identity_policies=NO_TAGS), None),
        (call("sts:GetWebIdentityToken", context=TAGS), None),
        (
            call("sts:GetWebIdentityToken", context=TAGS, identity_policies=NO_TAGS),
            f"User: {USER} is not authorized to perform: sts:TagGetWebIdentityToken on resource: *",
        ),
    ],
)
def test_calls_of_sts_that_give_other_credentials(step, expected):
    found = error(step)

    assert (found and found[2]) == expected
    assert decision(step) == ("deny" if expected else "allow")


def test_a_repositorys_policy_has_no_resource():
    policy = {"Effect": "Allow", "Principal": {"AWS": USER}, "Action": "ecr:BatchGetImage"}
    step = call(
        "ecr:BatchGetImage",
        f"arn:aws:ecr:us-east-1:{ACCOUNT_B}:repository/app",
        resource_policy=document(policy),
    )

    assert decision(step) == "allow"
