import json
from base64 import urlsafe_b64encode
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from irsa.signatures import Verified, verify_token
from irsa_core.identity.errors import AwsError
from irsa_core.identity.token import OidcProvider, decode_unverified
from tests.support.world import ISSUER, ISSUER_URL, NOW, SUBJECT

CLAIMS: dict[str, Any] = {"iss": ISSUER_URL, "aud": ["sts.amazonaws.com"], "sub": SUBJECT}
CLAIMS |= {"exp": NOW + 3600, "nbf": NOW, "iat": NOW}
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
P256, P384 = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP384R1())
PROVIDERS = [
    OidcProvider("https://oidc.eks.eu-west-1.amazonaws.com/id/OTHER", ("sts.amazonaws.com",)),
    OidcProvider(ISSUER, ("sts.amazonaws.com", "vault")),
]
NO_KEY = (
    "Couldn't retrieve verification key from your identity provider,  "
    "please reference AssumeRoleWithWebIdentity documentation for requirements"
)
NOT_A_JWT = (
    "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"
)
UNKNOWN = "No OpenIDConnect provider found in your account for"
EARLY = f"Token is not valid yet: current date/time {NOW} must be after the"
CRITICAL = {"kid": "cluster", "crit": ["exp"], "exp": NOW}
SECRET = b"x" * 32
SHARED = {"kty": "oct", "k": urlsafe_b64encode(SECRET).decode().rstrip("="), "kid": "shared"}


def jwk(key: Any, **members: str) -> dict[str, Any]:
    form = jwt.algorithms.RSAAlgorithm if key is RSA else jwt.algorithms.ECAlgorithm
    return {**form.to_jwk(key.public_key(), as_dict=True), **members}


SIGNING = [jwk(RSA, kid="cluster", alg="RS256", use="sig"), jwk(P256, kid="p256", use="sig")]
BESIDE = [jwk(P384, kid="p384"), jwk(RSA, kid="encryption", use="enc"), jwk(RSA, kid="any")]
JWKS = {"keys": [*SIGNING, *BESIDE]}


def signed(key: Any = RSA, algorithm: str = "RS256", kid: Any = "cluster", **changed: Any) -> str:
    claims = {name: value for name, value in {**CLAIMS, **changed}.items() if value is not None}
    return jwt.encode(claims, key, algorithm, headers={"kid": kid} if kid else {})


def segment(value: Any) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def verified(raw: str, now: float = NOW, jwks: Any = JWKS, providers: Any = PROVIDERS) -> Verified:
    return verify_token(decode_unverified(raw), jwks=jwks, now=now, providers=providers)


def refusal(raw: str, **given: Any) -> tuple[str, int, str]:
    with pytest.raises(AwsError) as error:
        verified(raw, **given)
    return error.value.code, error.value.http, error.value.message


def test_a_token_signed_by_the_cluster_is_accepted():
    assert verified(signed()) == Verified(CLAIMS, PROVIDERS[1], "sts.amazonaws.com")
    assert verified(signed(P256, "ES256", "p256")).claims == CLAIMS
    assert verified(signed(P384, "ES384", "p384")).claims == CLAIMS


@pytest.mark.parametrize("audience", ["vault", ["unknown", "vault"]])
def test_one_registered_audience_is_enough_and_any_if_none_is_known(audience):
    assert verified(signed(aud=audience)).audience == "vault"
    assert verified(signed(), providers=[OidcProvider(ISSUER, None)]).audience == CLAIMS["aud"][0]


def test_an_issuer_out_of_reach_has_no_keys():
    providers = [OidcProvider(ISSUER, None, reachable=False)]
    assert refusal(signed(), providers=providers)[0] == "IDPCommunicationError"


def test_a_token_expires_five_minutes_after_its_exp():
    verified(signed(), now=NOW + 3600 + 299)
    code, http, message = refusal(signed(), now=NOW + 3600 + 300)
    assert (code, http) == ("ExpiredTokenException", 400)
    assert message == (
        f"Token expired: current date/time {NOW + 3900} "
        f"must be before the expiration date/time {NOW + 3600}"
    )


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        *(({name: None}, f"Missing a required claim: {name}") for name in CLAIMS if name != "nbf"),
        *(({"aud": empty}, "Missing a required claim: aud") for empty in ("", [])),
        *(({name: NOW + 1}, f"{EARLY} {name} date/time {NOW + 1}") for name in ("nbf", "iat")),
        *(
            ({"aud": audience}, "Incorrect token audience")
            for audience in (
                *("sts.amazonaws.com.cn", ["a", "b"], "STS.amazonaws.com"),
                *({"sts.amazonaws.com": 1}, [["vault"]]),
            )
        ),
        *(
            ({"iss": issuer}, f"{UNKNOWN} {issuer}")
            for issuer in (f"https://{ISSUER}X", f"https://{ISSUER}/", f"http://{ISSUER}", ISSUER)
        ),
    ],
)
def test_a_claim_that_is_wrong_is_named(changed, message):
    assert refusal(signed(**changed)) == ("InvalidIdentityToken", 400, message)


def test_issuer_key_expiry_and_audience_are_checked_in_this_order():
    elsewhere = refusal(signed(OTHER_RSA, iss="https://elsewhere", exp=NOW - 1))[2]
    assert elsewhere == "No OpenIDConnect provider found in your account for https://elsewhere"
    assert refusal(signed(OTHER_RSA, exp=NOW - 1))[2] == NO_KEY
    assert refusal(signed(exp=NOW - 300, aud="other"))[0] == "ExpiredTokenException"


def by_hand(algorithm: str, key: Any, **changed: Any) -> str:
    """Sign as an attacker would: PyJWT refuses a PEM as a secret, and a subject that is no text."""
    head = f"{segment({'alg': algorithm, 'kid': 'cluster'})}.{segment({**CLAIMS, **changed})}"
    signature = jwt.algorithms.get_default_algorithms()[algorithm].sign(head.encode(), key)
    return f"{head}.{urlsafe_b64encode(signature).decode().rstrip('=')}"


HEAD, _, SIGNATURE = signed().split(".")
ADMIN = segment({**CLAIMS, "sub": "system:serviceaccount:dev:admin"})
PEM = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
UNPROVEN = {
    "another key under a known kid": signed(OTHER_RSA),
    "unknown kid": signed(kid="rotated-away"),
    "no kid": signed(kid=None),
    "key for encryption": signed(kid="encryption"),
    "algorithm that the key is not for": signed(algorithm="RS512"),
    "algorithm IAM does not list": signed(algorithm="PS256", kid="any"),
    "wrong curve": signed(P256, "ES256", "p384"),
    "EC token, RSA key": signed(P256, "ES256", "cluster"),
    "RSA token, EC key": signed(kid="p256"),
    "tampered payload": f"{HEAD}.{ADMIN}.{SIGNATURE}",
    "HS256 keyed with the public key": by_hand("HS256", PEM),
    "alg none": jwt.encode(CLAIMS, None, "none", headers={"kid": "cluster"}),
    "alg none, by hand": f"{segment({'alg': 'none', 'kid': 'cluster'})}.{segment(CLAIMS)}.",
    "unknown critical header": jwt.encode(CLAIMS, RSA, "RS256", CRITICAL),
    "cut signature": signed()[:-4],
    "no signature": signed().rpartition(".")[0] + ".",
    "signature with a padding too short": signed() + "=",
    "signature written in another way": signed()[:-1] + chr(ord(signed()[-1]) + 1),
    "signature with another letter": signed()[:-3] + "é" + signed()[-2:],
}


@pytest.mark.cases(("token", "keys", "message"), {
    **{name: (token, JWKS, NO_KEY) for name, token in UNPROVEN.items()},
    "no key set": (signed(), {}, NO_KEY),
    "no key": (signed(), {"keys": []}, NO_KEY),
    "unreadable key": (signed(), {"keys": [{"kty": "RSA", "kid": "cluster"}]}, NO_KEY),
    "shared secret": (signed(SECRET, "HS256", "shared"), {"keys": [SHARED]}, NO_KEY),
    **{f"segments {text!r}": (text, JWKS, NOT_A_JWT)
        for text in ("", "token", "a.b.c", "a.b", "a.b.c.d")},
    "encrypted form": (signed() + ".x", JWKS, NOT_A_JWT),
    "not ASCII": (f"é.{segment(CLAIMS)}.x", JWKS, NOT_A_JWT),
    "header no object": (f"{segment([1])}.{segment(CLAIMS)}.x", JWKS, NOT_A_JWT),
    "claims no object": (f"{segment({})}.{segment('claims')}.x", JWKS, NOT_A_JWT),
    "subject no text": (by_hand("RS256", RSA, sub=7), JWKS, NOT_A_JWT),
    **{f"expiry {time}": (signed(exp=time), JWKS, NOT_A_JWT)
        for time in ("tomorrow", True, [1], float("nan"), float("inf"))},
    "expiry too large": (signed(exp=10**400), JWKS, NOT_A_JWT),
})  # fmt: skip
def test_what_is_no_jwt_or_not_signed_by_a_key_of_the_set_is_refused(token, keys, message):
    assert refusal(token, jwks=keys) == ("InvalidIdentityToken", 400, message)


def test_decoding_shows_header_and_claims_without_judging_them():
    token = decode_unverified(signed(OTHER_RSA, exp=NOW - 1))
    assert token.header == {"alg": "RS256", "kid": "cluster", "typ": "JWT"}
    assert token.claims == {**CLAIMS, "exp": NOW - 1}
    assert token.audiences == ["sts.amazonaws.com"]


def test_a_token_does_not_show_itself_in_a_traceback():
    raw = signed()
    assert raw.rpartition(".")[2] not in repr(decode_unverified(raw))
