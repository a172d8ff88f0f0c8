"""Condition keys that calls carry.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
"""

import pytest

from command.tests.decide.scenarios import (
    ACCOUNT_A,
    ACCOUNT_B,
    ISSUER,
    PROVIDER_ARN,
    ROLE_A,
    ROLE_B,
    SESSION_A,
    SUBJECT,
    USER,
    WEB_IDENTITY_STATEMENT,
    allow,
    answer,
    assume_step,
    decision,
    document,
    issuer_trust,
    list_step,
    provider,
    token,
    trust,
    web_identity_step,
)
from irsa.decide.condition_keys import OF_ISSUERS, OF_SERVICES, TABLE, Call, value_of
from irsa.decide.patterns import Key
from irsa.decide.principals import Caller, caller_from_arn, session_of

ANY = {"resource_account": ACCOUNT_A, "principal": None}
SUB = f"{ISSUER}:sub"
AUD = f"{ISSUER}:aud"
GITHUB = "token.actions.githubusercontent.com"


def listing(condition, *, effect="Allow", **changed):
    """A step after the web identity call, whose policies ask for a condition."""
    statement = {"Action": "s3:*", "Resource": "*", "Condition": condition}
    statements = [statement | {"Effect": "Allow"}]
    if effect == "Deny":
        statements = [allow("s3:*", "*"), statement | {"Effect": "Deny"}]
    return list_step(**ANY, identity_policies=[document(*statements)], **changed)


WEB = Caller("web-identity", PROVIDER_ARN, ACCOUNT_A)
LOGS, BOB = caller_from_arn("logs.amazonaws.com"), caller_from_arn(USER)
SESSION = session_of(ROLE_A, "app")
ABSENT, PRESENT, UNKNOWN = Key.ABSENT, Key.PRESENT, Key.UNKNOWN


@pytest.mark.parametrize(
    ("caller", "key", "value"),
    [
        (WEB, "aws:FederatedProvider", PROVIDER_ARN),
        (WEB, "aws:PrincipalAccount", PRESENT),
        (WEB, "aws:PrincipalArn", ABSENT),
        (WEB, "aws:PrincipalTag/team", ABSENT),
        (WEB, "aws:ResourceTag/locked", UNKNOWN),
        (WEB, "iam:ResourceTag/locked", UNKNOWN),
        (WEB, "sts:ExternalId", ABSENT),
        (WEB, "sts:RoleSessionName", PRESENT),
        (LOGS, "aws:PrincipalIsAWSService", "true"),
        (LOGS, "aws:PrincipalServiceName", "logs.amazonaws.com"),
        (LOGS, "aws:PrincipalTag/team", ABSENT),
        (LOGS, "aws:PrincipalServiceNamesList", PRESENT),
        (LOGS, "aws:SourceArn", UNKNOWN),
        (LOGS, SUB, ABSENT),
        (BOB, "aws:MultiFactorAuthPresent", UNKNOWN),
        (BOB, "aws:PrincipalType", "User"),
        (BOB, "aws:SourceIdentity", ABSENT),
        (BOB, "aws:username", "bob"),
        (SESSION, "aws:PrincipalArn", ROLE_A),
        (SESSION, "aws:PrincipalTag/team", UNKNOWN),
        (SESSION, "aws:SecureTransport", "true"),
        (SESSION, "aws:SourceIdentity", UNKNOWN),
        (SESSION, "aws:username", ABSENT),
        (SESSION, SUB, UNKNOWN),
        (caller_from_arn(SESSION_A), "aws:PrincipalArn", PRESENT),
        (None, "aws:CalledVia", ABSENT),
        (None, "aws:PrincipalArn", UNKNOWN),
        (None, "aws:UserAgent", PRESENT),
    ],
)
def test_a_call_carries_the_keys_of_its_caller(caller, key, value):
    assert value_of(key.lower(), Call("sts:assumerole", caller, False, {})) == value


@pytest.mark.parametrize(
    ("action", "key", "unlisted", "listed"),
    [
        ("sts:assumerole", "iam:ResourceTag/team", UNKNOWN, ABSENT),
        ("sts:assumerole", "aws:PrincipalTag/team", UNKNOWN, ABSENT),
        ("sts:getwebidentitytoken", "sts:IdentityTokenAudience", UNKNOWN, ABSENT),
        ("iam:passrole", "iam:PassedToService", UNKNOWN, ABSENT),
        ("s3:getobject", "iam:PassedToService", ABSENT, ABSENT),
        ("kms:decrypt", "kms:CallerAccount", ACCOUNT_A, ACCOUNT_A),
        ("s3:getobject", "kms:CallerAccount", ABSENT, ABSENT),
    ],
)
def test_a_context_lists_the_keys_of_the_actions_own_service(action, key, unlisted, listed):
    for is_listed, value in ((False, unlisted), (True, listed)):
        assert value_of(key.lower(), Call(action, SESSION, is_listed, {})) == value


@pytest.mark.parametrize(
    ("caller", "unique_id", "user_id"),
    [
        (USER, "AIDAEXAMPLE1", "AIDAEXAMPLE1"),
        (f"arn:aws:iam::{ACCOUNT_A}:root", None, ACCOUNT_A),
        (SESSION_A, "AROAEXAMPLE1", "AROAEXAMPLE1:app"),
        (SESSION_A, "AROAEXAMPLE1:app", "AROAEXAMPLE1:app"),
        (SESSION_A, None, PRESENT),
        (ROLE_A, "AROAEXAMPLE1", PRESENT),
    ],
)
def test_the_user_id_has_the_form_of_the_callers_kind(caller, unique_id, user_id):
    call = Call("s3:getobject", caller_from_arn(caller, unique_id=unique_id), False, {})

    assert value_of("aws:userid", call) == user_id


@pytest.mark.parametrize(
    ("epoch", "time"),
    [
        ("1795561309", "2026-11-24T23:01:49Z"),
        ("-1", "1969-12-31T23:59:59Z"),
        ("253402300799", "9999-12-31T23:59:59Z"),
        ("253402300800", PRESENT),
        ("soon", PRESENT),
        (("1",), PRESENT),
    ],
)
def test_the_time_of_day_follows_from_the_epoch(epoch, time):
    call = Call("s3:getobject", BOB, False, {"aws:epochtime": epoch})

    assert value_of("aws:currenttime", call) == time


@pytest.mark.parametrize(
    ("condition", "allowed", "denied"),
    [
        ({"StringEquals": {SUB: SUBJECT}}, "allow", "deny"),
        ({"StringEquals": {SUB: "system:serviceaccount:dev:other"}}, "deny", "allow"),
        ({"StringEquals": {AUD: "sts.amazonaws.com"}}, "allow", "deny"),
        ({"StringEquals": {f"{ISSUER}:email": "a@b.example"}}, "deny", "allow"),
        ({"StringEquals": {f"{ISSUER}:oaud": "sts.amazonaws.com"}}, "deny", "allow"),
        ({"StringEquals": {f"{ISSUER}x:sub": SUBJECT}}, "deny", "allow"),
        ({"StringEquals": {"aws:FederatedProvider": PROVIDER_ARN}}, "allow", "deny"),
        ({"StringEquals": {"aws:FederatedProvider": "accounts.google.com"}}, "deny", "allow"),
        ({"Null": {"aws:MultiFactorAuthPresent": "true"}}, "allow", "deny"),
        ({"Bool": {"aws:MultiFactorAuthPresent": "true"}}, "deny", "allow"),
        ({"Null": {"aws:SourceIdentity": "true"}}, "allow", "deny"),
        ({"ArnEquals": {"aws:PrincipalArn": ROLE_A}}, "allow", "deny"),
        ({"Null": {"aws:TokenIssueTime": "true"}}, "deny", "allow"),
        ({"Null": {"saml:sub": "true"}}, "allow", "deny"),
        ({"Null": {"ec2:RoleDelivery": "true"}}, "allow", "deny"),
    ],
)
def test_a_session_keeps_what_its_token_said(condition, allowed, denied):
    first = web_identity_step(token=token(email="a@b.example"))

    assert decision(first, listing(condition)) == allowed
    assert decision(first, listing(condition, effect="Deny")) == denied


def test_variables_of_the_token_are_replaced_in_the_session_too():
    bucket = "arn:aws:s3:::bucket-s3-app"
    policies = [document(allow("s3:*", f"{bucket[:-6]}${{{SUB}}}"))]
    first = web_identity_step(
        token=token(sub="s3-app"), trust_policy=issuer_trust(StringEquals={SUB: "s3-app"})
    )

    assert decision(first, list_step(**ANY, identity_policies=policies)) == "allow"


def test_a_principal_can_be_the_session_of_the_previous_step():
    step = listing({"StringEquals": {SUB: SUBJECT}}) | {"principal": SESSION_A}

    assert decision(web_identity_step(), step) == "allow"
    assert decision(step) == "unknown"


@pytest.mark.parametrize("key", [SUB, AUD, "aws:FederatedProvider"])
def test_of_a_session_that_came_from_elsewhere_nothing_is_guessed(key):
    condition = {"StringEquals": {key: "x"}}
    chained = listing(condition) | {"resource_account": ACCOUNT_B}

    assert decision(listing(condition) | {"principal": SESSION_A}) == "unknown"
    assert decision(web_identity_step(), assume_step(principal=None), chained) == "unknown"
    assert decision(listing(condition) | {"principal": USER}) == "deny"


@pytest.mark.parametrize(
    ("claims", "condition", "verdict"),
    [
        ({"azp": "client-1"}, {AUD: "client-1"}, "allow"),
        ({"azp": "client-1"}, {AUD: "sts.amazonaws.com"}, "deny"),
        ({"azp": "client-1"}, {f"{ISSUER}:oaud": "sts.amazonaws.com"}, "allow"),
        ({"azp": ""}, {AUD: "sts.amazonaws.com"}, "allow"),
        ({"email": "a@b.example"}, {f"{ISSUER}:email": "a@b.example"}, "allow"),
        ({}, {f"{ISSUER}:email": "a@b.example"}, "deny"),
        ({}, {f"{ISSUER}:oaud": "sts.amazonaws.com"}, "allow"),
        ({}, {f"{ISSUER}:repository": "a/b"}, "deny"),
    ],
)
def test_azp_oaud_and_email_are_keys_of_every_oidc_provider(claims, condition, verdict):
    step = web_identity_step(
        token=token(**claims), trust_policy=issuer_trust(StringEquals=condition)
    )
    known = provider(client_ids=["sts.amazonaws.com", "client-1"])

    assert decision(step, oidc_providers=known) == verdict


def test_which_claim_is_a_client_id_is_not_guessed():
    step = web_identity_step(
        token=token(azp="client-1"), trust_policy=issuer_trust(StringEquals={AUD: "client-1"})
    )

    assert answer(step)["steps"][0]["missing"] == [
        "whether STS compares the provider's client ids with aud or azp"
    ]


ISSUERS = {
    GITHUB: "repository_id",
    f"{GITHUB}/acme": "job_workflow_ref",
    "token.actions.acme.ghe.com": "environment",
    "gitlab.com": "project_id",
    "agent.buildkite.com": "pipeline_id",
    "agent.acme.buildkite.dev": "build_branch",
    "oidc.circleci.com/org/1": "oidc.circleci.com/project-id",
    "idcs-1.identity.oraclecloud.com": "rpst_id",
}


@pytest.mark.parametrize(("issuer", "claim"), ISSUERS.items())
@pytest.mark.parametrize(
    ("operator", "value", "verdict"),
    [
        ("StringEquals", "42", "allow"),
        ("StringEquals", "43", "deny"),
        ("StringEquals", None, "deny"),
        ("StringNotEquals", "42", "deny"),
        ("ForAllValues:StringEquals", ["42"], "allow"),
        ("ForAllValues:StringEquals", None, "allow"),
        ("StringEquals", {"a": 1}, "unknown"),
    ],
)
def test_the_claims_that_aws_lists_are_keys(issuer, claim, operator, value, verdict):
    assert by_claim(issuer, claim, operator, value) == verdict


@pytest.mark.parametrize("issuer", [*ISSUERS, "oidc.example.com"])
def test_no_other_claim_is_a_key(issuer):
    assert by_claim(issuer, "repository_owner", "StringEquals", "42") == "deny"
    assert by_claim(issuer, "repository_owner", "StringNotEquals", "42") == "allow"


def test_whether_a_claim_that_is_no_text_is_a_key_is_not_known():
    assert by_claim(GITHUB, "actor", "Null", {"a": 1}, wanted="false") == "unknown"


def by_claim(issuer, claim, operator, value, wanted="42"):
    statement = WEB_IDENTITY_STATEMENT | {
        "Principal": {"Federated": f"arn:aws:iam::{ACCOUNT_A}:oidc-provider/{issuer}"},
        "Condition": {operator: {f"{issuer}:{claim}": wanted}},
    }
    claims = token(iss=f"https://{issuer}", **({} if value is None else {claim: value}))
    step = web_identity_step(token=claims, trust_policy=document(statement))
    return decision(step, oidc_providers=provider(url=issuer))


@pytest.mark.parametrize(
    ("roles", "verdict"),
    [(ROLE_A, "allow"), ([ROLE_B, ROLE_A], "allow"), ([ROLE_B], "unknown"), (None, "deny")],
)
def test_a_token_that_lists_roles_is_authorized_for_them(roles, verdict):
    claims = token() | ({} if roles is None else {"https://aws.amazon.com/roles": roles})
    trusting = issuer_trust(Bool={"sts:RoleAuthorizedByIdp": "true"})

    assert decision(web_identity_step(token=claims, trust_policy=trusting)) == verdict


def test_every_row_has_a_page_and_every_key_stands_once():
    keys = [key.lower() for row in (*TABLE, OF_ISSUERS, OF_SERVICES) for key in row.keys.split()]

    assert len(set(keys)) == len(keys)
    assert all(row.page.startswith("reference_policies_") for row in TABLE)


def test_above_an_hour_it_matters_if_an_unknown_caller_is_a_session():
    step = assume_step(
        principal=None,
        trust_policy=document(trust("*")),
        identity_policies=[document(allow("*", "*"))],
        duration_seconds=7200,
        max_session_duration=7200,
    )

    assert answer(step)["steps"][0]["missing"] == ["steps[1].chained"]
    assert decision(step | {"chained": False}) == "allow"
    assert decision(step | {"chained": True}) == "deny"


def test_a_role_that_does_not_exist_needs_no_token():
    gone = web_identity_step(token=None, role_exists=False)

    assert (decision(gone), decision(gone | {"role_exists": True})) == ("deny", "unknown")


def test_what_a_caller_who_is_not_known_passes_on_is_not_known():
    first = assume_step(
        principal=None,
        trust_policy=document(trust("*")),
        identity_policies=[document(allow("*", "*"))],
    )
    second = listing({"Null": {"aws:SourceIdentity": "true"}}) | {"resource_account": ACCOUNT_B}

    assert [each["decision"] for each in answer(first, second)["steps"]] == ["allow", "unknown"]
