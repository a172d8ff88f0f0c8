"""Condition keys that calls carry, and the answer without a fact.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
"""

import pytest

from core.tests.decide.policies import allow, deny, document, grants, trust, trusts
from core.tests.decide.principals import ROLE_A, ROLE_B, SESSION_A, USER
from core.tests.decide.scenarios import answer, decision, provider
from core.tests.decide.steps import assume_step, list_step
from core.tests.decide.web import WEB_IDENTITY_STATEMENT, issuer_trust, token, web_identity_step
from irsa_core.decide.condition_keys import OF_ISSUERS, OF_SERVICES, TABLE, Request
from irsa_core.decide.patterns import Key
from irsa_core.decide.principals import Caller, caller_from_arn, session_of
from tests.support.world import ACCOUNT_A, ACCOUNT_B, ISSUER, NOW, PROVIDER_ARN, SUBJECT

SUB, AUD = f"{ISSUER}:sub", f"{ISSUER}:aud"
GITHUB = "token.actions.githubusercontent.com"
WEB = Caller("web-identity", PROVIDER_ARN, ACCOUNT_A)
LOGS, BOB = caller_from_arn("logs.amazonaws.com"), caller_from_arn(USER)
SESSION = session_of(ROLE_A, "app")
WITH_TAGS = ("assumerole", "assumerolewithwebidentity", "tagsession", "setsourceidentity")
ABSENT, PRESENT, UNKNOWN = Key.ABSENT, Key.PRESENT, Key.UNKNOWN
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
B_SESSION = {"principal": f"arn:aws:sts::{ACCOUNT_B}:assumed-role/s3-app-B/x"}
HOME = {"StringLike": {"s3:prefix": "home/*"}}
TLS = {"Bool": {"aws:SecureTransport": True}}
NAMED = issuer_trust(StringLike={"sts:RoleSessionName": "a*"})
FROM_TEN = issuer_trust(IpAddress={"aws:SourceIp": "10.0.0.0/8"})
FOO = trust({"AWS": ROLE_A}, Condition={"Foo": {"a": "b"}})


def listing(condition, *, effect="Allow", **changed):
    """A step after the web identity call, whose policies ask for a condition."""
    statements = [allow("s3:*", "*", Condition=condition)]
    if effect == "Deny":
        statements = [allow("s3:*", "*"), deny("s3:*", "*", Condition=condition)]
    return list_step(resource_account=ACCOUNT_A, **grants(*statements), **changed)


@pytest.mark.cases(("caller", "keys"), {
    "token": (WEB, {"aws:FederatedProvider": PROVIDER_ARN, "aws:PrincipalAccount": PRESENT,
        "aws:PrincipalArn": ABSENT, "aws:PrincipalTag/team": ABSENT,
        "aws:ResourceTag/locked": UNKNOWN, "iam:ResourceTag/locked": UNKNOWN,
        "sts:ExternalId": ABSENT, "sts:RoleSessionName": PRESENT}),
    "service": (LOGS, {"aws:PrincipalIsAWSService": "true", "aws:PrincipalTag/team": ABSENT,
        "aws:PrincipalServiceNamesList": PRESENT, "aws:PrincipalServiceName": "logs.amazonaws.com",
        "aws:SourceArn": UNKNOWN, SUB: ABSENT}),
    "user": (BOB, {"aws:MultiFactorAuthPresent": UNKNOWN, "aws:PrincipalType": "User",
        "aws:SourceIdentity": ABSENT, "aws:username": "bob"}),
    "session": (SESSION, {"aws:PrincipalArn": ROLE_A, "aws:PrincipalTag/team": UNKNOWN,
        "aws:SecureTransport": "true", "aws:SourceIdentity": UNKNOWN, "aws:username": ABSENT,
        SUB: UNKNOWN}),
    "session of a role whose path is unknown": (caller_from_arn(SESSION_A),
        {"aws:PrincipalArn": PRESENT}),
    "no caller": (None, {"aws:CalledVia": ABSENT, "aws:PrincipalArn": UNKNOWN,
        "aws:UserAgent": PRESENT}),
})  # fmt: skip
def test_a_call_carries_the_keys_of_its_caller(caller, keys):
    request = Request("sts:assumerole", "*", caller, {})
    assert {key: request.value(key.lower()) for key in keys} == keys


@pytest.mark.parametrize(
    ("action", "key", "unlisted", "listed"),
    [
        ("sts:assumerole", "iam:ResourceTag/team", UNKNOWN, ABSENT),
        ("sts:assumerole", "aws:PrincipalTag/team", UNKNOWN, ABSENT),
        ("sts:getwebidentitytoken", "sts:IdentityTokenAudience", UNKNOWN, ABSENT),
        ("iam:passrole", "iam:PassedToService", UNKNOWN, ABSENT),
        ("s3:getobject", "iam:PassedToService", ABSENT, ABSENT),
        ("ec2:runinstances", "aws:RequestTag/team", UNKNOWN, ABSENT),
        *((f"sts:{each}", "aws:RequestTag/team", ABSENT, ABSENT) for each in WITH_TAGS),
        ("kms:decrypt", "kms:CallerAccount", ACCOUNT_A, ACCOUNT_A),
        ("s3:getobject", "kms:CallerAccount", ABSENT, ABSENT),
    ],
)
def test_a_context_lists_the_keys_of_the_actions_own_service(action, key, unlisted, listed):
    assert Request(action, "*", SESSION, {}).value(key.lower()) == unlisted
    assert Request(action, "*", SESSION, {}, context={}).value(key.lower()) == listed


@pytest.mark.cases(("caller", "unique_id", "user_id"), {
    "user": (USER, "AIDAEXAMPLE1", "AIDAEXAMPLE1"),
    "root": (f"arn:aws:iam::{ACCOUNT_A}:root", None, ACCOUNT_A),
    "session, id of its role": (SESSION_A, "AROAEXAMPLE1", "AROAEXAMPLE1:app"),
    "session, whole id": (SESSION_A, "AROAEXAMPLE1:app", "AROAEXAMPLE1:app"),
    "session, id not known": (SESSION_A, None, PRESENT),
    "role": (ROLE_A, "AROAEXAMPLE1", PRESENT),
})  # fmt: skip
def test_the_user_id_has_the_form_of_the_callers_kind(caller, unique_id, user_id):
    who = caller_from_arn(caller, unique_id=unique_id)
    assert Request("s3:getobject", "*", who, {}).value("aws:userid") == user_id


@pytest.mark.parametrize(
    ("epoch", "time"),
    [("1795561309", "2026-11-24T23:01:49Z"), ("-1", "1969-12-31T23:59:59Z"),
     ("253402300799", "9999-12-31T23:59:59Z"), ("253402300800", PRESENT), ("soon", PRESENT),
     (("1",), PRESENT)],
)  # fmt: skip
def test_the_time_of_day_follows_from_the_epoch(epoch, time):
    request = Request("s3:getobject", "*", BOB, {"aws:epochtime": epoch})
    assert request.value("aws:currenttime") == time


@pytest.mark.cases(("operator", "keys", "holds"), {
    "sub and aud": ("StringEquals", {SUB: SUBJECT, AUD: "sts.amazonaws.com"}, True),
    "provider": ("StringEquals", {"aws:FederatedProvider": PROVIDER_ARN}, True),
    "no MFA": ("Null", {"aws:MultiFactorAuthPresent": "true", "aws:SourceIdentity": "true"}, True),
    "role": ("ArnEquals", {"aws:PrincipalArn": ROLE_A}, True),
    "no SAML": ("Null", {"saml:sub": "true", "ec2:RoleDelivery": "true"}, True),
    "another sub": ("StringEquals", {SUB: "system:serviceaccount:dev:other"}, False),
    "email": ("StringEquals", {f"{ISSUER}:email": "a@b.example"}, False),
    "oaud": ("StringEquals", {f"{ISSUER}:oaud": "sts.amazonaws.com"}, False),
    "another issuer's sub": ("StringEquals", {f"{ISSUER}x:sub": SUBJECT}, False),
    "issue time": ("Null", {"aws:TokenIssueTime": "true"}, False),
})  # fmt: skip
def test_a_session_keeps_what_its_token_said(operator, keys, holds):
    first, answers = web_identity_step(token=token(email="a@b.example")), ["deny", "allow"]
    assert decision(first, listing({operator: keys})) == answers[holds]
    assert decision(first, listing({operator: keys}, principal=SESSION_A)) == answers[holds]
    assert decision(first, listing({operator: keys}, effect="Deny")) == answers[not holds]


@pytest.mark.parametrize("key", [SUB, AUD, "aws:FederatedProvider"])
def test_of_a_session_that_came_from_elsewhere_nothing_is_guessed(key):
    step = listing({"StringEquals": {key: "x"}})
    in_b = step | {"resource_account": ACCOUNT_B}
    chained = web_identity_step(), assume_step(principal=None), in_b
    assert decision(step | {"principal": SESSION_A}) == "unknown"
    assert decision(*chained) == "unknown"
    assert decision(step | {"principal": USER}) == "deny"


@pytest.mark.cases(("claims", "condition", "verdict"), {
    "azp is aud": ({"azp": "client-1"}, {AUD: "client-1"}, "allow"),
    "aud is not aud beside azp": ({"azp": "client-1"}, {AUD: "sts.amazonaws.com"}, "deny"),
    "aud is oaud beside azp": ({"azp": "client-1"}, {f"{ISSUER}:oaud": "sts.amazonaws.com"},
        "allow"),
    "empty azp": ({"azp": ""}, {AUD: "sts.amazonaws.com"}, "allow"),
    "email": ({"email": "a@b.example"}, {f"{ISSUER}:email": "a@b.example"}, "allow"),
    "no email": ({}, {f"{ISSUER}:email": "a@b.example"}, "deny"),
    "oaud without azp": ({}, {f"{ISSUER}:oaud": "sts.amazonaws.com"}, "allow"),
    "another claim": ({}, {f"{ISSUER}:repository": "a/b"}, "deny"),
})  # fmt: skip
def test_azp_oaud_and_email_are_keys_of_every_oidc_provider(claims, condition, verdict):
    policy = issuer_trust(StringEquals=condition)
    step = web_identity_step(token=token(**claims), trust_policy=policy)
    known = provider(client_ids=["sts.amazonaws.com", "client-1"])
    assert decision(step, oidc_providers=known) == verdict


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
    statement = WEB_IDENTITY_STATEMENT | {"Condition": {operator: {f"{issuer}:{claim}": wanted}}}
    statement["Principal"] = {"Federated": PROVIDER_ARN.replace(ISSUER, issuer)}
    claims = token(iss=f"https://{issuer}", **({} if value is None else {claim: value}))
    step = web_identity_step(token=claims, trust_policy=document(statement))
    return decision(step, oidc_providers=provider(url=issuer))


def test_a_token_that_lists_roles_is_authorized_for_them():
    trusting = issuer_trust(Bool={"sts:RoleAuthorizedByIdp": "true"})
    listed = {"allow": [ROLE_A, [ROLE_B, ROLE_A]], "unknown": [[ROLE_B]], "deny": [None]}
    for verdict, roles in ((verdict, each) for verdict, found in listed.items() for each in found):
        claims = token(**{"https://aws.amazon.com/roles": roles})
        assert decision(web_identity_step(token=claims, trust_policy=trusting)) == verdict, roles


def test_every_row_has_a_page_and_every_key_stands_once():
    keys = [key.lower() for row in (*TABLE, OF_ISSUERS, OF_SERVICES) for key in row.keys.split()]
    assert len(set(keys)) == len(keys)
    assert [row for row in TABLE if not row.page.startswith("reference_policies_")] == []


@pytest.mark.cases(("condition", "context", "verdict"), {
    "value given": (HOME, {"s3:prefix": "home/x"}, "allow"),
    "list for a value": (HOME, {"s3:prefix": ["home/x"]}, "unknown"),
    "empty context": (HOME, {}, "deny"),
    "no context": (HOME, None, "unknown"),
    "key in another case": ({"StringEquals": {"aws:PrincipalTag/Team": "a"}},
        {"AWS:principaltag/team": "a"}, "allow"),
    "account of the resource": ({"StringEquals": {"aws:ResourceAccount": ACCOUNT_B}}, None,
        "allow"),
    "user id": ({"StringLike": {"aws:userid": "*:x"}}, None, "unknown"),
    "service on behalf": ({"StringEquals": {"kms:ViaService": "s3"}}, None, "deny"),
    "number given": ({"NumericLessThanEquals": {"s3:max-keys": "10"}}, {"s3:max-keys": 10},
        "allow"),
    "time of the step": ({"DateLessThan": {"aws:CurrentTime": "2026-11-25T00:00:00Z"}}, None,
        "allow"),
    "epoch of the step": ({"NumericLessThan": {"aws:EpochTime": NOW}}, None, "deny"),
    "endpoint not given": ({"StringEquals": {"aws:SourceVpce": "vpce-1"}}, {}, "unknown"),
    "no endpoint": ({"StringEquals": {"aws:SourceVpce": "vpce-1"}}, {"aws:SourceVpce": None},
        "deny"),
    # A key that is given as null is absent: then no Deny of a TLS-only bucket applies.
    "TLS not given": (TLS, {}, "unknown"),
    "no TLS: key given as null": (TLS, {"aws:SecureTransport": None}, "deny"),
    "TLS": (TLS, {"aws:SecureTransport": True}, "allow"),
})  # fmt: skip
def test_condition_keys_come_from_the_step_its_caller_and_the_clock(condition, context, verdict):
    own = grants(allow("s3:*", "*", Condition=condition))
    assert decision(list_step(**B_SESSION, **own, context=context)) == verdict


@pytest.mark.cases(("step", "changed", "missing"), {
    "time": (web_identity_step(), {"now": None}, "now"),
    "providers": (web_identity_step(), {"oidc_providers": None}, "oidc_providers"),
    "client ids of the provider": (web_identity_step(),
        {"oidc_providers": provider(client_ids=None)},
        f"client_ids of the OIDC provider https://{ISSUER}"),
    "token": (web_identity_step(token=None), {}, "steps[1].token"),
    "trust policy": (web_identity_step(trust_policy=None), {}, "steps[1].trust_policy"),
    "role's maximum duration": (web_identity_step(duration_seconds=3601), {},
        "steps[1].max_session_duration"),
    "session name": (web_identity_step(role_session_name=None, trust_policy=NAMED), {},
        "condition key sts:RoleSessionName"),
    "source address": (web_identity_step(trust_policy=FROM_TEN), {}, "condition key aws:SourceIp"),
    "principal": (assume_step(principal=None), {}, "steps[1].principal"),
    "identity policies": (assume_step(identity_policies=None), {}, "steps[1].identity_policies"),
    "unique id of a principal": (assume_step(**trusts(trust({"AWS": "AROAEXAMPLE1"}))), {},
        f"principal_id of {ROLE_A}"),
    "maximum duration, AssumeRole": (assume_step(chained=False, duration_seconds=7200), {},
        "steps[1].max_session_duration"),
    "unknown operator": (assume_step(**trusts(FOO)), {}, "condition operator Foo"),
    "account of the bucket": (list_step(principal=SESSION_A, resource_account=None), {},
        "steps[1].resource_account"),
    "principal of a listing": (list_step(principal=None), {}, "steps[1].principal"),
    "which claim is a client id": (web_identity_step(token=token(azp="client-1"),
        trust_policy=issuer_trust(StringEquals={AUD: "client-1"})), {},
        "whether STS compares the provider's client ids with aud or azp"),
    "trust policy of a new role": ({"action": "iam:CreateRole", "trust_policy": None}, {},
        "steps[1].trust_policy"),
})  # fmt: skip
def test_a_missing_fact_is_named_and_never_allows(step, changed, missing):
    found = answer(step, **changed)
    [last] = found["steps"]
    assert (found["decision"], found["failing_step"], found["error"]) == ("unknown", 1, None)
    assert last["missing"] == [missing]
    said = [each for each in last["reasons"] if each.startswith("missing fact")]
    assert said == [f"missing fact: {missing}"]


def test_a_certain_denial_or_else_the_first_missing_fact_decides_a_chain():
    open_, denied = web_identity_step(trust_policy=None), assume_step(identity_policies=[])
    second = answer(web_identity_step(), assume_step(trust_policy=None))
    found = answer(open_, denied)

    assert (second["decision"], second["failing_step"], second["error"]) == ("unknown", 2, None)
    assert second["steps"][-1]["missing"] == ["steps[2].trust_policy"]
    assert (found["decision"], found["failing_step"]) == ("deny", 2)
    assert [step["decision"] for step in found["steps"]] == ["unknown", "deny"]


@pytest.mark.cases("changed", {
    "expired token": {"token": token(exp=1)},
    "token without sub": {"token": token(sub=None)},
    "tampered token": {"token": token(signature="tampered")},
    "too short a session": {"duration_seconds": 899},
    "too long a session": {"duration_seconds": 7200, "max_session_duration": 3600},
    "no role": {"role_exists": False},
    "neither role nor token": {"role_exists": False, "token": None},
    "trust policy without statements": {"trust_policy": document(), "duration_seconds": 7200},
})  # fmt: skip
def test_a_missing_fact_that_could_change_nothing_leaves_a_denial(changed):
    step = web_identity_step(**{"trust_policy": None} | changed)
    assert (decision(step), decision(step, oidc_providers=None)) == ("deny", "deny")
