"""The check of a web identity token's signature, and with it all checks that STS makes of a token.

Pure but for PyJWT: the key set, the clock and the registered providers are values that the caller
gives.
"""

from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from irsa_core.identity.errors import invalid_token
from irsa_core.identity.policy_json import Json
from irsa_core.identity.token import (
    NO_KEY,
    NOT_A_JWT,
    WRONG_AUDIENCE,
    OidcProvider,
    Token,
    check_claims,
    decoded,
    issuer_url_of,
    matched_audiences,
    registered_provider,
)

# What IAM's documentation lets an OIDC provider sign with; `none` and HMAC are not among them.
ALGORITHMS = ("RS256", "RS384", "RS512", "ES256", "ES384", "ES512")


class Verified(NamedTuple):
    """A token that STS takes."""

    claims: Json
    provider: OidcProvider
    audience: str
    """The one that the trust policy's ``<issuer>:aud`` is compared with."""


def verify_token(
    token: Token, *, jwks: Mapping[str, Any], now: float, providers: Sequence[OidcProvider]
) -> Verified:
    """Check a token; raises `AwsError` for the first thing that STS would refuse.

    ``jwks`` is the issuer's key set (RFC 7517), ``now`` is in seconds since the epoch.
    """
    claims = token.claims
    provider = registered_provider(issuer_url_of(claims), providers)
    check_signature(jwks, token)
    check_claims(claims, now, required=("aud", "sub", "iat"))
    if not isinstance(claims["sub"], str):
        raise invalid_token(NOT_A_JWT)
    matched = matched_audiences(token.audiences, provider)
    if not matched:
        raise invalid_token(WRONG_AUDIENCE)
    return Verified(claims, provider, matched[0])


def check_signature(jwks: Mapping[str, Any], token: Token) -> None:
    """Raise `AwsError` when no key of the issuer's key set (RFC 7517) has signed the token."""
    algorithm, key_id = token.header.get("alg"), token.header.get("kid")
    keys = [
        key
        for key in jwks.get("keys", ())
        # A set may hold keys for other uses; the token does not choose how a key is used.
        if key.get("kid") == key_id
        and key.get("use", "sig") == "sig"
        and key.get("alg", algorithm) == algorithm
    ]
    if algorithm not in ALGORITHMS or not isinstance(key_id, str) or not keys:
        raise invalid_token(NO_KEY)
    # What "crit" lists must be understood (RFC 7515, section 4.1.11), and nothing of it is.
    if "crit" in token.header or not _is_signed(token.raw, keys[0], algorithm):
        raise invalid_token(NO_KEY)


def _is_signed(raw: str, jwk: Mapping[str, Any], algorithm: str) -> bool:
    """Return True if the token ends with the key's signature of all before.

    PyJWT's own `decode` would read the parts again, a character at a time: half of all the time
    that STS's checks take.
    """
    signed, _, encoded = raw.rpartition(".")
    try:
        signature = decoded(encoded)
    except ValueError:
        return False
    if urlsafe_b64encode(signature).decode().rstrip("=") != encoded:
        return False  # one signature is written in one way
    members = ((name, value) for name, value in jwk.items() if isinstance(value, str))
    key = _key(algorithm, tuple(members))
    return key is not None and key.Algorithm.verify(signed.encode(), key.key, signature)


@lru_cache(maxsize=64)
def _key(algorithm: str, members: tuple[tuple[str, str], ...]) -> Any:
    """The key of a key set with these members; None for one that the algorithm cannot use."""
    # Imported here: PyJWT loads cryptography, and most callers never verify.
    import jwt

    try:
        return jwt.PyJWK(dict(members), algorithm)
    except jwt.PyJWTError:
        return None
