"""Tokens that a scenario gives as text, checked against its key set."""

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from command.tests.decide.scenarios import (
    NOW,
    answer,
    decision,
    error,
    token,
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


def test_a_raw_token_without_iat_is_not_refused_for_certain():
    found = answer(web_identity_step(token=signed(iat=None)), jwks=JWKS)

    assert found["steps"][0]["missing"] == ["whether STS takes a token without iat"]
