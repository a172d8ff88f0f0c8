"""Tokens that a scenario gives as text, checked against its key set, and what a token sets."""

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.unit.irsa.decide.scenarios import (
    ACCOUNT_A,
    NOW,
    ROLE_A,
    WEB_IDENTITY_STATEMENT,
    allow,
    answer,
    assume_step,
    decision,
    error,
    grants,
    list_step,
    token,
    trust,
    trusts,
    web_identity_step,
)

KEY, STRANGER = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
PUBLIC = jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key(), as_dict=True)
JWKS = {"keys": [PUBLIC | {"kid": "first", "alg": "RS256", "use": "sig"}]}


def signed(key=KEY, algorithm="RS256", **claims):
    return jwt.encode(token(**claims), key, algorithm, headers={"kid": "first"})


def tampered():
    header, claims, signature = signed().split(".")
    other = signed(sub="system:serviceaccount:dev:other").split(".")[1]
    assert other != claims
    return f"{header}.{other}.{signature}"


def test_a_token_that_the_key_set_signed_is_taken():
    assert decision(web_identity_step(token=signed()), jwks=JWKS) == "allow"


@pytest.mark.parametrize(
    ("changed", "missing"),
    [
        ({"jwks": None}, ["jwks"]),
        ({"jwks": JWKS, "now": None}, ["now"]),
        ({"jwks": None, "now": None}, ["jwks", "now"]),
        ({"jwks": JWKS, "oidc_providers": None}, ["oidc_providers"]),
    ],
)
def test_what_is_missing_for_the_check_is_named(changed, missing):
    found = answer(web_identity_step(token=signed()), **changed)

    assert (found["decision"], found["steps"][0]["missing"]) == ("unknown", missing)


def test_without_a_clock_the_rest_of_the_token_is_still_checked():
    assert decision(web_identity_step(token=tampered()), jwks=JWKS, now=None) == "deny"


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"exp": NOW - 300}, "ExpiredTokenException"),
        ({"aud": ["other"]}, "InvalidIdentityToken"),
        ({"sub": "system:serviceaccount:dev:other"}, "AccessDenied"),
    ],
)
def test_without_jwks_the_rest_of_the_token_is_still_checked(wrong, code):
    assert error(web_identity_step(token=signed(**wrong)))[0] == code


TAGS = "https://aws.amazon.com/tags"
SOURCE = "https://aws.amazon.com/source_identity"


@pytest.mark.parametrize(
    "tags",
    [
        {"principal_tags": {"team": ["red", "blue"]}},
        {"principal_tags": {"team": 1}},
        {"principal_tags": ["team"]},
        {"principal_tags": {}, "transitive_tag_keys": "team"},
        "team",
    ],
)
def test_session_tags_of_another_form_than_aws_documents_are_not_guessed_at(tags):
    assert answer(web_identity_step(token=token(**{TAGS: tags})))["steps"][0]["missing"] == [
        "what the token's https://aws.amazon.com/tags change"
    ]


NESTED = {TAGS: {"principal_tags": {"Team": ["red"]}, "transitive_tag_keys": ["Team"]}}
FLAT = {f"{TAGS}/principal_tags/Team": "red", f"{TAGS}/transitive_tag_keys": ["Team"]}


def trusting(*actions, **condition):
    """A change of a step: a trust policy for the call and for further actions that it needs."""
    actions = {"Action": ["sts:AssumeRoleWithWebIdentity", *actions], "Condition": condition}
    return trusts(WEB_IDENTITY_STATEMENT | actions)


@pytest.mark.parametrize(
    ("claims", "action", "operator", "key", "value"),
    [
        (NESTED, "sts:TagSession", "StringEquals", "aws:RequestTag/team", "red"),
        (FLAT, "sts:TagSession", "ForAllValues:StringEquals", "aws:TagKeys", "Team"),
        (FLAT, "sts:TagSession", "ForAnyValue:StringEquals", "sts:TransitiveTagKeys", "Team"),
        ({SOURCE: "ann"}, "sts:SetSourceIdentity", "StringEquals", "sts:SourceIdentity", "ann"),
    ],
)
def test_what_a_token_sets_is_in_the_call_and_needs_an_action(claims, action, operator, key, value):
    step, condition = web_identity_step(token=token(**claims)), {operator: {key: value}}

    assert decision(step | trusting(action, **condition)) == "allow"
    assert error(step | trusting(**condition))[0] == "AccessDenied"
    assert decision(step | trusting(action, **{operator: {key: "other"}})) == "deny"


@pytest.mark.parametrize(
    ("claims", "key", "value"),
    [
        (NESTED, "aws:PrincipalTag/team", "red"),
        (FLAT, "aws:PrincipalTag/team", "red"),
        ({SOURCE: "ann"}, "aws:SourceIdentity", "ann"),
    ],
)
def test_what_a_token_sets_stays_with_the_session_and_the_next_one(claims, key, value):
    first = web_identity_step(token=token(**claims), **trusting("sts:*"))
    by_role = trust({"AWS": ROLE_A}, Action="sts:*")
    second = assume_step(principal=None, **trusts(by_role), **grants(allow("sts:*", "*")))
    own = grants(allow("s3:*", "*", Condition={"StringEquals": {key: value}}))

    assert decision(first, list_step(resource_account=ACCOUNT_A, **own)) == "allow"
    assert decision(first, second, list_step(**own)) == "allow"
    assert decision(first | {"token": token()}, second, list_step(**own)) == "deny"


def test_a_raw_token_without_iat_is_not_refused_for_certain():
    found = answer(web_identity_step(token=signed(iat=None)), jwks=JWKS)

    assert found["steps"][0]["missing"] == ["whether STS takes a token without iat"]
