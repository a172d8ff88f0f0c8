"""AssumeRoleWithWebIdentity: STS's checks in their order, then the trust policy."""

import pytest

from command.tests.decide.messages import A_MAY_NOT, MAXIMUM, outside
from command.tests.decide.policies import document
from command.tests.decide.principals import ROOT
from command.tests.decide.scenarios import answer, decision, error, provider
from command.tests.decide.steps import assume_step
from command.tests.decide.web import WEB_IDENTITY_STATEMENT, issuer_trust, token, web_identity_step
from command.tests.identity.test_token import JWKS, NO_KEY, signed, tampered_payload
from tests.support.world import ACCOUNT_A, ACCOUNT_B, ISSUER, NOW, PROVIDER_ARN, SUBJECT

DENIED, INVALID, VALIDATION = "AccessDenied", "InvalidIdentityToken", "ValidationError"
REFUSED = "Not authorized to perform sts:AssumeRoleWithWebIdentity"
NOT_REGISTERED = "No OpenIDConnect provider found in your account for https://other"
NOT_AN_ARN = "Request ARN is invalid"
# STS does not show a token.
TOO_SHORT = outside("", "webIdentityToken", "have length greater than or equal to 4")
TOO_LONG = {"duration_seconds": 7200, "max_session_duration": 3600}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"iss": "https://other"}, NOT_REGISTERED),
        ({"aud": ["other"]}, "Incorrect token audience"),
        ({"sub": None}, "Missing a required claim: sub"),
        *(({"signature": each}, NO_KEY)
          for each in ("unknown_key", "tampered", "alg_none", "hs256_with_public_key")),
    ],
)  # fmt: skip
def test_sts_refuses_a_wrong_token_with_400(changed, message):
    assert error(web_identity_step(token=token(**changed))) == (INVALID, 400, message)


def named(name, constraint):
    return {"role_session_name": name}, outside(name, "roleSessionName", constraint)


def lasting(seconds, constraint):
    return {"duration_seconds": seconds}, outside(str(seconds), "durationSeconds", constraint)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"resource": "arn:aws:iam::111122223333:user/bob"}, NOT_AN_ARN),
        ({"resource": "arn:aws:iam::11112222333:role/a"}, NOT_AN_ARN),
        ({"resource": f"arn:aws:iam::{ACCOUNT_A}:role/{'a' * 65}"}, NOT_AN_ARN),
        named("a", "have length greater than or equal to 2"),
        named("a" * 65, "have length less than or equal to 64"),
        named(SUBJECT, r"satisfy regular expression pattern: [\w+=,.@-]*"),
        lasting(899, "have value greater than or equal to 900"),
        lasting(43201, "have value less than or equal to 43200"),
        ({"token": "abc"}, TOO_SHORT.replace(" ''", "")),
        ({"duration_seconds": 7201, "max_session_duration": 7200}, MAXIMUM),
    ],
)
def test_sts_refuses_with_400_before_or_beside_the_policy(changed, message):
    assert error(web_identity_step(**changed)) == (VALIDATION, 400, message)


@pytest.mark.parametrize(
    ("providers", "code"),
    [
        ([], INVALID),
        (provider(account=ACCOUNT_B), INVALID),
        (provider(url=f"https://{ISSUER}/"), INVALID),
        (provider(client_ids=["other"]), INVALID),
        (provider(client_ids=[]), INVALID),
        (provider(reachable=False), "IDPCommunicationError"),
    ],
)
def test_the_provider_is_looked_up_in_the_roles_account(providers, code):
    assert error(web_identity_step(), oidc_providers=providers)[0] == code
    assert decision(web_identity_step(), oidc_providers=provider(url=ISSUER)) == "allow"


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"trust_policy": {}, "resource": "bad"}, "MalformedPolicyDocument"),
        ({"resource": "bad", "token": token(iss="https://other")}, VALIDATION),
        ({"duration_seconds": 1, "token": token(exp=1)}, VALIDATION),
        ({"token": token(iss="https://other", exp=1)}, INVALID),
        ({"token": token(signature="tampered", exp=1)}, INVALID),
        ({"token": token(exp=1, aud=["other"])}, "ExpiredTokenException"),
        ({"token": token(aud=["other"]), "role_exists": False}, INVALID),
        (TOO_LONG | {"role_exists": False}, DENIED),
        (TOO_LONG | {"trust_policy": document()}, DENIED),
    ],
)
def test_the_first_thing_that_sts_checks_gives_the_error(changed, code):
    assert error(web_identity_step(**changed))[0] == code


@pytest.mark.parametrize(
    ("operator", "tests", "holds"),
    [
        ("StringLike", {f"{ISSUER}:sub": "system:serviceaccount:dev:*"}, True),
        ("StringEquals", {f"{ISSUER.upper()}:SUB": SUBJECT}, True),
        ("StringEquals", {"sts:RoleSessionName": "app"}, True),
        ("StringEquals", {f"{ISSUER}:sub": f"{SUBJECT}x"}, False),
        ("StringEquals", {f"{ISSUER}:sub": "system:serviceaccount:dev:*"}, False),
        ("StringEquals", {f"{ISSUER}x:sub": SUBJECT}, False),
        ("StringEquals", {f"https://{ISSUER}:sub": SUBJECT}, False),
        ("StringEquals", {f"{ISSUER}:aud": "sts.amazonaws.com.cn"}, False),
        ("StringLike", {f"{ISSUER}:sub": "system:serviceaccount:Dev:*"}, False),
        ("StringEquals", {"sts:RoleSessionName": "other"}, False),
        # Fails open: a typo in the issuer under an operator that an absent key fulfils.
        ("StringNotEquals", {f"{ISSUER}x:sub": "other"}, True),
        ("StringEqualsIfExists", {f"{ISSUER}x:sub": "other"}, True),
        ("ForAllValues:StringEquals", {f"{ISSUER}x:sub": "other"}, True),
    ],
)
def test_the_conditions_of_a_trust_policy_decide(operator, tests, holds):
    step = web_identity_step(trust_policy=issuer_trust(**{operator: tests}))

    assert error(step) == (None if holds else (DENIED, 403, REFUSED))


@pytest.mark.parametrize(
    ("statements", "fits"),
    [
        ([WEB_IDENTITY_STATEMENT | {"Principal": "*"}], True),
        ([WEB_IDENTITY_STATEMENT | {"Action": ["sts:TagSession", "STS:assumerole*"]}], True),
        ([], False),
        ([WEB_IDENTITY_STATEMENT | {"Action": "sts:AssumeRole"}], False),
        ([WEB_IDENTITY_STATEMENT | {"Principal": {"Federated": f"{PROVIDER_ARN}X"}}], False),
        ([WEB_IDENTITY_STATEMENT | {"Principal": {"AWS": ROOT}}], False),
        ([WEB_IDENTITY_STATEMENT, WEB_IDENTITY_STATEMENT | {"Effect": "Deny"}], False),
    ],
)
def test_the_statements_of_a_trust_policy_decide(statements, fits):
    found = error(web_identity_step(trust_policy=document(*statements)))

    assert found == (None if fits else (DENIED, 403, REFUSED))


def test_a_role_that_is_not_there_is_refused_like_a_trust_policy():
    gone = {"role_exists": False, "trust_policy": None}

    assert error(web_identity_step(**gone)) == (DENIED, 403, REFUSED)
    assert error(assume_step(**gone)) == (DENIED, 403, A_MAY_NOT)
    assert error(assume_step(**gone, principal=None))[0] == DENIED


@pytest.mark.parametrize(
    ("amr", "operator", "verdict"),
    [
        ("authenticated", "StringEquals", "allow"),
        (["authenticated"], "StringEquals", "allow"),
        (["a", "authenticated"], "ForAnyValue:StringEquals", "allow"),
        (["a", "b"], "ForAnyValue:StringEquals", "deny"),
        (None, "StringEquals", "deny"),
    ],
)
def test_the_methods_of_a_token_are_a_key_of_its_issuer(amr, operator, verdict):
    policy = issuer_trust(**{operator: {f"{ISSUER}:amr": "authenticated"}})

    assert decision(web_identity_step(token=token(amr=amr), trust_policy=policy)) == verdict


@pytest.mark.parametrize(
    ("operator", "value", "verdict"),
    [
        ("ForAnyValue:StringEquals", "second", "allow"),
        ("ForAnyValue:StringEquals", "third", "deny"),
        ("StringEquals", "second", "unknown"),
    ],
)
def test_the_audiences_are_those_that_the_provider_accepts(operator, value, verdict):
    step = web_identity_step(
        token=token(aud=["sts.amazonaws.com", "second", "third"]),
        trust_policy=issuer_trust(**{operator: {f"{ISSUER}:aud": value}}),
    )

    assert decision(step, oidc_providers=provider(client_ids=["second", "sts.amazonaws.com"])) == (
        verdict
    )


@pytest.mark.parametrize(
    ("claims", "changed", "missing"),
    [
        ({}, {"jwks": JWKS}, None),
        ({}, {"jwks": None}, ["jwks"]),
        ({}, {"jwks": JWKS, "now": None}, ["now"]),
        ({}, {"jwks": None, "now": None}, ["jwks", "now"]),
        ({}, {"jwks": JWKS, "oidc_providers": None}, ["oidc_providers"]),
        ({"iat": None}, {"jwks": JWKS}, ["whether STS takes a token without iat"]),
    ],
)
def test_a_raw_token_is_taken_or_the_answer_names_what_is_missing(claims, changed, missing):
    found = answer(web_identity_step(token=signed(**claims)), **changed)

    assert found["decision"] == ("unknown" if missing else "allow")
    assert found["steps"][0].get("missing") == missing


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"exp": NOW - 300}, "ExpiredTokenException"),
        ({"aud": ["other"]}, INVALID),
        ({"sub": "system:serviceaccount:dev:other"}, DENIED),
    ],
)
def test_without_jwks_the_rest_of_the_token_is_still_checked(wrong, code):
    assert error(web_identity_step(token=signed(**wrong)))[0] == code


def test_without_a_clock_the_signature_is_still_checked():
    step = web_identity_step(token=tampered_payload())

    assert decision(step, jwks=JWKS, now=None) == "deny"
