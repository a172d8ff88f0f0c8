"""AssumeRoleWithWebIdentity: STS's checks in their order, then the trust policy."""

import pytest

from core.tests.decide.messages import A_MAY_NOT, MAXIMUM, outside
from core.tests.decide.policies import document
from core.tests.decide.principals import ROOT
from core.tests.decide.scenarios import answer, decision, error, provider
from core.tests.decide.steps import assume_step
from core.tests.decide.web import JWKS, issuer_trust, signed, token, web_identity_step
from core.tests.decide.web import WEB_IDENTITY_STATEMENT as WEB
from irsa_core.identity.token import NO_KEY
from tests.support.world import ACCOUNT_A, ACCOUNT_B, ISSUER, NOW, PROVIDER_ARN, SUBJECT

DENIED, INVALID, VALIDATION = "AccessDenied", "InvalidIdentityToken", "ValidationError"
NOT_AUTHORIZED = (DENIED, 403, "Not authorized to perform sts:AssumeRoleWithWebIdentity")
NOT_REGISTERED = "No OpenIDConnect provider found in your account for https://other"
OF_ANY = "ForAnyValue:StringEquals"
NOT_AN_ARN, EXPIRED = "Request ARN is invalid", "ExpiredTokenException"
# STS does not show a token.
TOO_SHORT = outside("", "webIdentityToken", "have length greater than or equal to 4")
TOO_LONG = {"duration_seconds": 7200, "max_session_duration": 3600}


def named(name, constraint):
    return {"role_session_name": name}, outside(name, "roleSessionName", constraint)


def lasting(seconds, constraint):
    return {"duration_seconds": seconds}, outside(str(seconds), "durationSeconds", constraint)


def wrong(message, **claims):
    return INVALID, {"token": token(**claims)}, message


@pytest.mark.cases(("code", "changed", "message"), {
    "issuer not registered": wrong(NOT_REGISTERED, iss="https://other"),
    "another audience": wrong("Incorrect token audience", aud=["other"]),
    "no sub": wrong("Missing a required claim: sub", sub=None),
    **{f"signature {each}": wrong(NO_KEY, signature=each) for each in ("unknown_key", "tampered",
        "alg_none")},
    "signature keyed with the public key": wrong(NO_KEY, signature="hs256_with_public_key"),
    "ARN of a user": (VALIDATION, {"resource": "arn:aws:iam::111122223333:user/bob"}, NOT_AN_ARN),
    "account of 11 digits": (VALIDATION, {"resource": "arn:aws:iam::11112222333:role/a"},
        NOT_AN_ARN),
    "role name of 65 characters": (VALIDATION,
        {"resource": f"arn:aws:iam::{ACCOUNT_A}:role/{'a' * 65}"}, NOT_AN_ARN),
    "session name of 1 character": (VALIDATION,
        *named("a", "have length greater than or equal to 2")),
    "session name of 65 characters": (VALIDATION,
        *named("a" * 65, "have length less than or equal to 64")),
    "session name with a colon": (VALIDATION,
        *named(SUBJECT, r"satisfy regular expression pattern: [\w+=,.@-]*")),
    "899 seconds": (VALIDATION, *lasting(899, "have value greater than or equal to 900")),
    "43201 seconds": (VALIDATION, *lasting(43201, "have value less than or equal to 43200")),
    "token of 3 characters": (VALIDATION, {"token": "abc"}, TOO_SHORT.replace(" ''", "")),
    "longer than the role's maximum": (VALIDATION,
        {"duration_seconds": 7201, "max_session_duration": 7200}, MAXIMUM),
})  # fmt: skip
def test_sts_refuses_with_400_before_or_beside_the_policy(code, changed, message):
    assert error(web_identity_step(**changed)) == (code, 400, message)


@pytest.mark.cases(("providers", "code"), {
    "no provider": ([], INVALID),
    "provider of another account": (provider(account=ACCOUNT_B), INVALID),
    "slash at the end of the URL": (provider(url=f"https://{ISSUER}/"), INVALID),
    "another client id": (provider(client_ids=["other"]), INVALID),
    "no client id": (provider(client_ids=[]), INVALID),
    "unreachable issuer": (provider(reachable=False), "IDPCommunicationError"),
})  # fmt: skip
def test_the_provider_is_looked_up_in_the_roles_account(providers, code):
    assert error(web_identity_step(), oidc_providers=providers)[0] == code
    assert decision(web_identity_step(), oidc_providers=provider(url=ISSUER)) == "allow"


@pytest.mark.cases(("changed", "code"), {
    "trust policy before ARN": ({"trust_policy": {}, "resource": "bad"}, "MalformedPolicyDocument"),
    "ARN before issuer": ({"resource": "bad", "token": token(iss="https://other")}, VALIDATION),
    "duration before expiry": ({"duration_seconds": 1, "token": token(exp=1)}, VALIDATION),
    "issuer before expiry": ({"token": token(iss="https://other", exp=1)}, INVALID),
    "signature before expiry": ({"token": token(signature="tampered", exp=1)}, INVALID),
    "expiry before audience": ({"token": token(exp=1, aud=["other"])}, EXPIRED),
    "audience before role": ({"token": token(aud=["other"]), "role_exists": False}, INVALID),
    "missing role before its maximum": (TOO_LONG | {"role_exists": False}, DENIED),
    "trust before the role's maximum": (TOO_LONG | {"trust_policy": document()}, DENIED),
})  # fmt: skip
def test_the_first_thing_that_sts_checks_gives_the_error(changed, code):
    assert error(web_identity_step(**changed))[0] == code


@pytest.mark.cases(("policy", "fits"), {
    "key in another case": (issuer_trust(StringEquals={f"{ISSUER.upper()}:SUB": SUBJECT}), True),
    "session name": (issuer_trust(StringEquals={"sts:RoleSessionName": "app"}), True),
    "key of another issuer": (issuer_trust(StringEquals={f"{ISSUER}x:sub": SUBJECT}), False),
    "key with https": (issuer_trust(StringEquals={f"https://{ISSUER}:sub": SUBJECT}), False),
    "another session name": (issuer_trust(StringEquals={"sts:RoleSessionName": "other"}), False),
    # A typo in the issuer: an absent key fulfils some operators (test_conditions.py).
    "fails open: typo": (issuer_trust(StringNotEquals={f"{ISSUER}x:sub": "other"}), True),
    "everyone": (document(WEB | {"Principal": "*"}), True),
    "AssumeRole alone": (document(WEB | {"Action": "sts:AssumeRole"}), False),
    "another provider": (document(WEB | {"Principal": {"Federated": f"{PROVIDER_ARN}X"}}), False),
    "root of the account": (document(WEB | {"Principal": {"AWS": ROOT}}), False),
})  # fmt: skip
def test_the_statements_of_a_trust_policy_and_their_conditions_decide(policy, fits):
    assert error(web_identity_step(trust_policy=policy)) == (None if fits else NOT_AUTHORIZED)


def test_a_role_that_is_not_there_is_refused_like_a_trust_policy():
    gone = {"role_exists": False, "trust_policy": None}
    assert error(web_identity_step(**gone)) == NOT_AUTHORIZED
    assert error(assume_step(**gone)) == (DENIED, 403, A_MAY_NOT)
    assert error(assume_step(**gone, principal=None))[0] == DENIED


@pytest.mark.parametrize(
    ("amr", "operator", "verdict"),
    [
        ("authenticated", "StringEquals", "allow"),
        pytest.param(["authenticated"], "StringEquals", "allow", id="a list of one"),
        (["a", "authenticated"], OF_ANY, "allow"),
        (None, "StringEquals", "deny"),
    ],
)
def test_the_methods_of_a_token_are_a_key_of_its_issuer(amr, operator, verdict):
    policy = issuer_trust(**{operator: {f"{ISSUER}:amr": "authenticated"}})
    assert decision(web_identity_step(token=token(amr=amr), trust_policy=policy)) == verdict


@pytest.mark.parametrize(
    ("operator", "value", "verdict"),
    [(OF_ANY, "second", "allow"), (OF_ANY, "third", "deny"), ("StringEquals", "second", "unknown")],
)
def test_the_audiences_are_those_that_the_provider_accepts(operator, value, verdict):
    claims = token(aud=["sts.amazonaws.com", "second", "third"])
    policy = issuer_trust(**{operator: {f"{ISSUER}:aud": value}})
    known = provider(client_ids=["second", "sts.amazonaws.com"])
    step = web_identity_step(token=claims, trust_policy=policy)
    assert decision(step, oidc_providers=known) == verdict


@pytest.mark.cases(("claims", "changed", "missing"), {
    "keys and time known": ({}, {"jwks": JWKS}, None),
    "no keys": ({}, {"jwks": None}, ["jwks"]),
    "no time": ({}, {"jwks": JWKS, "now": None}, ["now"]),
    "neither keys nor time": ({}, {"jwks": None, "now": None}, ["jwks", "now"]),
    "no providers": ({}, {"jwks": JWKS, "oidc_providers": None}, ["oidc_providers"]),
    "token without iat": ({"iat": None}, {"jwks": JWKS}, ["whether STS takes a token without iat"]),
})  # fmt: skip
def test_a_raw_token_is_taken_or_the_answer_names_what_is_missing(claims, changed, missing):
    found = answer(web_identity_step(token=signed(**claims)), **changed)
    assert found["decision"] == ("unknown" if missing else "allow")
    assert found["steps"][0].get("missing") == missing


def test_without_jwks_or_a_clock_the_rest_of_the_token_is_still_checked():
    wrong = {EXPIRED: {"exp": NOW - 300}, INVALID: {"aud": ["other"]}, DENIED: {"sub": "other"}}
    for code, claims in wrong.items():
        assert error(web_identity_step(token=signed(**claims)))[0] == code
    assert decision(web_identity_step(token=f"{signed()}x"), jwks=JWKS, now=None) == "deny"
