"""Calls of other services, and the fields that a call takes."""

import pytest

from core.tests.decide.policies import allow, deny, document, trust, trusts
from core.tests.decide.principals import ROLE_A, ROLE_B, ROOT, SESSION_A, USER
from core.tests.decide.scenarios import answer, decision, error, scenario
from core.tests.decide.steps import assume_step, list_step
from core.tests.decide.test_pod_identity import TAGGED, by_eks
from core.tests.decide.web import WEB_IDENTITY_STATEMENT, token, web_identity_step
from irsa_core.decide.json_input import InputError
from irsa_core.decide.scenario import FIELDS, scenario_from
from tests.support.world import ACCOUNT_A, ACCOUNT_B

ALL = [document(allow("*", "*"))]
KEY = f"arn:aws:kms:us-east-1:{ACCOUNT_A}:key/1"
ROOT_B = f"arn:aws:iam::{ACCOUNT_B}:root"
TAGS = {"aws:RequestTag/team": "a", "aws:TagKeys": ["team"]}
NO_TAGS = [document(allow("sts:GetWebIdentityToken", "*"))]
NO_ARN = [document(allow("s3:*", "bucket"))]
ANY = {"context": {}, "token": token(), "chained": True, "role_exists": True, "trust_policy": {}}


def call(action, resource="*", **changed):
    caller = {"principal": USER, "identity_policies": ALL}
    return {"action": action, "resource": resource, **caller, **changed}


IN_US = {"StringNotEquals": {"aws:RequestedRegion": "eu-central-1"}}
OUTSIDE = {"identity_policies": [document(allow("*:*", "*"), deny("*", "*", Condition=IN_US))]}
NO_CALLS = {"service_control_policies": [document(deny("*", "*"))]}
REPOSITORY, PULL = f"arn:aws:ecr:us-east-1:{ACCOUNT_B}:repository/app", "ecr:BatchGetImage"
HYPHENS = ["vpc-lattice:AssociateViaAWSService-EventsAndStates", "s3.x:Y", "s3:*"]
BY_USER = {"Effect": "Allow", "Principal": {"AWS": USER}, "Action": PULL}
DECIDED = {
    "list of keys": (call("kms:ListKeys"), "allow"),
    "new key": (call("kms:CreateKey", resource_policy=None), "allow"),
    "key, its policy unread": (call("kms:Decrypt", KEY), "unknown"),
    "key without a policy": (call("kms:Decrypt", KEY, resource_policy=None), "deny"),
    "instances, no policy": (call("ec2:DescribeInstances", identity_policies=[]), "deny"),
    "own identity": (call("sts:GetCallerIdentity", principal=None, identity_policies=[]), "allow"),
    "queue": (call("sqs:SendMessage", f"arn:aws:sqs:us-east-1:{ACCOUNT_A}:q"), "allow"),
    "queue of no account": (call("sqs:SendMessage", "arn:aws:sqs:us-east-1:x:q"), "unknown"),
    "resource without an ARN": (call("s3:GetObject", "arn"), "unknown"),
    "bucket of any partition": (call("s3:GetObject", "arn:*:s3:::bucket"), "unknown"),
    "bucket of this partition": (call("s3:GetObject", "arn:aws:s3:::bucket"), "unknown"),
    "bucket of another partition": (call("s3:GetObject", "arn:aws-cn:s3:::bucket"), "deny"),
    "IAM is called in us-east-1": (call("iam:GetRole", ROLE_A, **OUTSIDE), "deny"),
    "EC2 is called anywhere": (call("ec2:DescribeInstances", **OUTSIDE), "unknown"),
    "policy of a repository": (call(PULL, REPOSITORY, resource_policy=document(BY_USER)), "allow"),
    # Whether control policies reach a web identity is not guessed.
    "web identity, control policy": (web_identity_step(**NO_CALLS), "unknown"),
    "web identity, not trusted": (web_identity_step(**NO_CALLS, **trusts()), "deny"),
    "actions with hyphens": (
        list_step(identity_policies=[document(allow(HYPHENS, "*"))], principal=None),
        "unknown",
    ),
    "claims without iat": (web_identity_step(token=token(iat=None)), "allow"),
}


@pytest.mark.cases(("step", "verdict"), DECIDED)
def test_calls_are_decided_as_aws_documents_their_services(step, verdict):
    assert decision(step) == verdict


@pytest.mark.parametrize("issuer", ["accounts.google.com", "www.amazon.com"])
def test_issuers_that_sts_knows_need_no_provider_in_iam(issuer):
    audience = {"StringEquals": {f"{issuer}:aud": "sts.amazonaws.com"}}
    statement = {"Principal": {"Federated": issuer}, "Condition": audience}
    step = web_identity_step(token=token(iss=f"https://{issuer}"))
    assert decision(step | trusts(WEB_IDENTITY_STATEMENT | statement), oidc_providers=[]) == "allow"
    assert error(step | trusts(), oidc_providers=[])[0] == "AccessDenied"


def may_not(action, resource, user=USER):
    return f"User: {user} is not authorized to perform: sts:{action} on resource: {resource}"


def scoped(**changed):
    return call(f"sts:{SCOPED}", **{"principal": SESSION_A} | changed)


UNTAGGED = call("sts:GetWebIdentityToken", identity_policies=NO_TAGS)
SCOPED, LISTING = "GetScopedCredentials", [document(allow("s3:ListBucket", "*"))]
TOO_LONG = (
    "1 validation error detected: Value '129601' at 'durationSeconds' failed to satisfy "
    "constraint: Member must have value less than or equal to 129600"
)


@pytest.mark.cases(("step", "expected"), {
    "federation token": (call("sts:GetFederationToken"), None),
    "federation token, by a session": (call("sts:GetFederationToken", principal=SESSION_A),
        "Cannot call GetFederationToken with session credentials"),
    "AssumeRoot": (call("sts:AssumeRoot", ROOT_B), None),
    "AssumeRoot, no permission": (call("sts:AssumeRoot", ROOT_B, identity_policies=[]),
        may_not("AssumeRoot", ROOT_B)),
    "AssumeRoot, by a root": (call("sts:AssumeRoot", ROOT_B, principal=ROOT),
        may_not("AssumeRoot", ROOT_B, ROOT)),
    "scoped credentials": (scoped(duration_seconds=1), None),
    "scoped, by a root": (scoped(session_policies=LISTING, principal=ROOT),
        may_not(SCOPED, "*", ROOT)),
    "scoped, no permission": (scoped(session_policies=LISTING, principal=USER),
        may_not(SCOPED, "*")),
    "scoped for too long": (scoped(session_policies=LISTING, duration_seconds=129_601), TOO_LONG),
    "scoped without a limit": (scoped(), "at least one of Policy and DurationSeconds is required"),
    "web identity token": (UNTAGGED, None),
    "web identity token with tags": (call("sts:GetWebIdentityToken", context=TAGS), None),
    "web identity, tags not allowed": (UNTAGGED | {"context": TAGS},
        may_not("TagGetWebIdentityToken", "*")),
})  # fmt: skip
def test_calls_of_sts_that_give_other_credentials(step, expected):
    found = error(step)
    assert (found and found[2]) == expected
    assert decision(step) == ("deny" if expected else "allow")


def test_scoped_credentials_scoped_again_have_what_both_allow():
    answers = [([LISTING, LISTING], "deny"), ([ALL, LISTING], "allow"), ([ALL, NO_TAGS], "deny")]
    for policies, verdict in answers:
        steps = [scoped(session_policies=each) for each in policies]
        assert decision(*steps, list_step(resource_account=ACCOUNT_A)) == verdict, policies


@pytest.mark.cases(("step", "line"), {
    "GetSessionToken": (call("sts:GetSessionToken"), "is not modelled here"),
    "AssumeRoleWithSAML": (call("STS:AssumeRoleWithSAML"), "is not modelled here"),
    "ListObjectsV2": (call("s3:ListObjectsV2"),
        "s3:ListObjectsV2 is an operation .* s3:ListBucket$"),
    "unknown field": (web_identity_step(issuer="x"), r"steps\[1\]\.issuer: unknown field"),
    "two policies": (scoped(session_policies=ALL * 2), "GetScopedCredentials takes one policy"),
    "policy that IAM does not store": (call("s3:ListBucket", identity_policies=NO_ARN),
        r"identity_policies\[1\]\.Statement\[1\]\.Resource: "),
})  # fmt: skip
def test_what_does_not_exist_here_or_is_never_stored_is_refused(step, line):
    with pytest.raises(InputError, match=line):
        scenario_from(scenario(step))


CALLS = {
    "sts:AssumeRoleWithWebIdentity": web_identity_step(),
    "sts:AssumeRole": assume_step(),
    "sts:AssumeRole with pod_identity": by_eks(TAGGED),
    "iam:CreateRole": call("iam:CreateRole", ROLE_B, **trusts(trust({"AWS": ROLE_A}))),
    "sts:GetScopedCredentials": scoped(session_policies=LISTING),
    "any other": list_step(principal=USER, resource_account=ACCOUNT_A),
}


@pytest.mark.parametrize(("call", "step"), CALLS.items(), ids=CALLS)
def test_a_field_that_changes_nothing_about_a_call_is_refused_unless_null(call, step):
    fields = frozenset[str]().union(*FIELDS.values()) - FIELDS[call]
    # With pod_identity it is another call.
    for field in fields - {"pod_identity"} if call == "sts:AssumeRole" else fields:
        with pytest.raises(InputError, match=rf"^steps\[1\]\.{field}: changes nothing about "):
            answer(step | {field: ANY.get(field, "x")})
        assert answer(step | {field: None}) == answer(step)
