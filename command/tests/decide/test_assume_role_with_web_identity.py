"""AssumeRoleWithWebIdentity: STS's checks in their order, then the trust policy."""

import pytest

from command.tests.decide.scenarios import (
    A_MAY_NOT,
    ACCOUNT_A,
    ACCOUNT_B,
    ISSUER,
    MAXIMUM,
    PROVIDER_ARN,
    ROOT,
    SUBJECT,
    WEB_IDENTITY_STATEMENT,
    assume_step,
    decision,
    document,
    error,
    issuer_trust,
    outside,
    provider,
    token,
    web_identity_step,
)

INVALID = "InvalidIdentityToken"
VALIDATION = "ValidationError"
DENIED = "AccessDenied"

NO_KEY = (
    "Couldn't retrieve verification key from your identity provider,  "
    "please reference AssumeRoleWithWebIdentity documentation for requirements"
)
REFUSED = "Not authorized to perform sts:AssumeRoleWithWebIdentity"
NOT_REGISTERED = "No OpenIDConnect provider found in your account for https://other"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"iss": "https://other"}, NOT_REGISTERED),
        ({"aud": ["other"]}, "Incorrect token audience"),
        ({"sub": None}, "Missing a required claim: sub"),
        ({"signature": "unknown_key"}, NO_KEY),
        ({"signature": "tampered"}, NO_KEY),
        ({"signature": "alg_none"}, NO_KEY),
        ({"signature": "hs256_with_public_key"}, NO_KEY),
    ],
)
def test_sts_refuses_a_wrong_token_with_400(changed, message):
    assert error(web_identity_step(token=token(**changed))) == (INVALID, 400, message)


NOT_AN_ARN = "Request ARN is invalid"
PATTERN = r"satisfy regular expression pattern: [\w+=,.@-]*"


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
        named(SUBJECT, PATTERN),
        lasting(899, "have value greater than or equal to 900"),
        lasting(43201, "have value less than or equal to 43200"),
        (
            {"token": "abc"},
            # STS does not show a token.
            outside("", "webIdentityToken", "have length greater than or equal to 4").replace(
                " ''", ""
            ),
        ),
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


def test_the_providers_url_may_leave_out_its_scheme():
    assert decision(web_identity_step(), oidc_providers=provider(url=ISSUER)) == "allow"


TOO_LONG = {"duration_seconds": 7200, "max_session_duration": 3600}


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
    "trust_policy",
    [
        document(),
        issuer_trust(StringEquals={f"{ISSUER}:sub": f"{SUBJECT}x"}),
        issuer_trust(StringEquals={f"{ISSUER}:sub": "system:serviceaccount:dev:*"}),
        issuer_trust(StringEquals={f"{ISSUER}x:sub": SUBJECT}),
        issuer_trust(StringEquals={f"https://{ISSUER}:sub": SUBJECT}),
        issuer_trust(StringEquals={f"{PROVIDER_ARN}:sub": SUBJECT}),
        issuer_trust(StringEquals={f"{ISSUER}:aud": "sts.amazonaws.com.cn"}),
        issuer_trust(StringEquals={f"{ISSUER}:email": "a@b"}),
        issuer_trust(StringEquals={f"{ISSUER}:sub": SUBJECT}, StringLike={f"{ISSUER}:sub": "x-*"}),
        issuer_trust(StringLike={f"{ISSUER}:sub": "system:serviceaccount:Dev:*"}),
        issuer_trust(StringEquals={"sts:RoleSessionName": "other"}),
        issuer_trust(StringEquals={"aws:PrincipalArn": PROVIDER_ARN}),
        document(WEB_IDENTITY_STATEMENT | {"Action": "sts:AssumeRole"}),
        document(WEB_IDENTITY_STATEMENT | {"Principal": {"Federated": f"{PROVIDER_ARN}X"}}),
        document(WEB_IDENTITY_STATEMENT | {"Principal": {"AWS": ROOT}}),
        document(WEB_IDENTITY_STATEMENT, WEB_IDENTITY_STATEMENT | {"Effect": "Deny"}),
    ],
)
def test_a_trust_policy_that_does_not_fit_refuses_with_403(trust_policy):
    assert error(web_identity_step(trust_policy=trust_policy)) == (DENIED, 403, REFUSED)


@pytest.mark.parametrize(
    "trust_policy",
    [
        issuer_trust(StringLike={f"{ISSUER}:sub": "system:serviceaccount:dev:*"}),
        issuer_trust(StringEquals={f"{ISSUER.upper()}:SUB": SUBJECT}),
        issuer_trust(StringEquals={"sts:RoleSessionName": "app"}),
        # Fails open: a typo in the issuer under an operator that an absent key fulfils.
        issuer_trust(StringNotEquals={f"{ISSUER}x:sub": "other"}),
        issuer_trust(StringEqualsIfExists={f"{ISSUER}x:sub": "other"}),
        issuer_trust(**{"ForAllValues:StringEquals": {f"{ISSUER}x:sub": "other"}}),
        document(WEB_IDENTITY_STATEMENT | {"Principal": "*"}),
        document(WEB_IDENTITY_STATEMENT | {"Action": ["sts:TagSession", "STS:assumerole*"]}),
        document(WEB_IDENTITY_STATEMENT) | {"Statement": WEB_IDENTITY_STATEMENT},
    ],
)
def test_a_trust_policy_that_fits_allows(trust_policy):
    assert error(web_identity_step(trust_policy=trust_policy)) is None


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
