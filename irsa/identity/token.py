"""The checks STS makes on a web identity token before it looks at a role's trust policy.

Pure but for PyJWT: the key set, the clock and the registered providers are values that the caller
gives. Whether the role trusts the token is `irsa.decide.evaluate`'s business.
https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
"""

import binascii
import json
from base64 import b64decode
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

from irsa.identity.errors import AwsError, invalid_token

# What IAM's documentation lets an OIDC provider sign with; `none` and HMAC are not among them.
ALGORITHMS = ("RS256", "RS384", "RS512", "ES256", "ES384", "ES512")

EXPIRY_LEEWAY = 300
"""Seconds for which STS still takes an expired token, for clocks that differ.
https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_oidc.html"""
NOT_A_JWT = (
    "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"
)
NO_KEY = (
    # AWS writes two spaces before "please".
    "Couldn't retrieve verification key from your identity provider,  "
    "please reference AssumeRoleWithWebIdentity documentation for requirements"
)

Claims = dict[str, Any]


class OidcProvider(NamedTuple):
    """An OIDC provider registered in the account of the role."""

    url: str
    """Issuer URL; ``https://`` may be left out, as IAM does when it shows one."""

    client_ids: tuple[str, ...]
    """Audiences that the provider accepts."""

    @property
    def issuer_url(self) -> str:
        """The ``iss`` of the tokens that this provider stands for."""
        return self.url if self.url.startswith("https://") else f"https://{self.url}"


def verify_token(
    token: str, *, jwks: Mapping[str, Any], now: float, providers: Sequence[OidcProvider]
) -> Claims:
    """Return the token's claims, or raise `AwsError` for the first thing STS would refuse.

    ``jwks`` is the issuer's key set (RFC 7517), ``now`` is in seconds since the epoch.
    """
    header, claims = decode_unverified(token)
    provider = registered_provider(claims, providers)
    check_signature(token, header, jwks)
    check_claims(claims, now, required=("aud", "sub", "iat"))
    if not isinstance(claims["sub"], str):
        raise invalid_token(NOT_A_JWT)
    if matched_audience(claims, provider) is None:
        raise invalid_token("Incorrect token audience")
    return claims


def decode_unverified(token: str) -> tuple[dict[str, Any], Claims]:
    """Header and claims, believed without any check; raises `AwsError` for what is no JWT."""
    segments = token.split(".")
    if len(segments) != 3:
        raise invalid_token(NOT_A_JWT)
    return _json_object(segments[0]), _json_object(segments[1])


def registered_provider(claims: Claims, providers: Sequence[OidcProvider]) -> OidcProvider:
    """The provider whose issuer the token names; raises `AwsError` when there is none."""
    issuer_url = claims.get("iss")
    if not issuer_url:
        raise invalid_token("Missing a required claim: iss")
    for provider in providers:
        if provider.issuer_url == issuer_url:
            return provider
    raise invalid_token(f"No OpenIDConnect provider found in your account for {issuer_url}")


def matched_audience(claims: Claims, provider: OidcProvider) -> str | None:
    """The audience that the trust policy's ``<issuer>:aud`` is compared with.

    Kubernetes issues a list; one of its entries must be a client id of the provider.
    """
    audience = claims.get("aud")
    candidates = cast("list[Any]", audience) if isinstance(audience, list) else [audience]
    return next((a for a in candidates if isinstance(a, str) and a in provider.client_ids), None)


def _json_object(segment: str) -> dict[str, Any]:
    try:
        raw = b64decode(segment + "=" * (-len(segment) % 4), altchars=b"-_", validate=True)
        value: object = json.loads(raw)
    except (binascii.Error, ValueError, RecursionError) as error:
        raise invalid_token(NOT_A_JWT) from error
    if not isinstance(value, dict):
        raise invalid_token(NOT_A_JWT)
    return cast("dict[str, Any]", value)


def check_signature(token: str, header: Mapping[str, Any], jwks: Mapping[str, Any]) -> None:
    """Raise `AwsError` when no key of the issuer's key set (RFC 7517) has signed the token."""
    # Imported here: PyJWT loads cryptography, and most callers of this package never verify.
    import jwt
    from jwt.api_jws import PyJWS

    algorithm, key_id = header.get("alg"), header.get("kid")
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
    try:
        key = jwt.PyJWK(keys[0], algorithm)
        PyJWS().decode(token, key, algorithms=[algorithm])
    except jwt.PyJWTError as error:
        raise invalid_token(NO_KEY) from error


def check_claims(claims: Claims, now: float | None, *, required: Sequence[str]) -> None:
    """Raise `AwsError` for a token out of its time (seconds since the epoch, or not known), and
    for one without a claim that STS needs."""
    expires = _seconds(claims, "exp")
    if expires is None:
        raise invalid_token("Missing a required claim: exp")
    if now is not None and now >= expires + EXPIRY_LEEWAY:
        raise AwsError(
            "ExpiredTokenException",
            400,
            f"Token expired: current date/time {now:.0f} "
            f"must be before the expiration date/time {expires:.0f}",
        )
    for name in ("nbf", "iat"):
        begins = _seconds(claims, name)
        if now is not None and begins is not None and now < begins:
            # AWS's own words for this are not known.
            raise invalid_token(
                f"Token is not valid yet: current date/time {now:.0f} "
                f"must be after the {name} date/time {begins:.0f}"
            )
    for name in required:
        if claims.get(name) in (None, "", []):
            raise invalid_token(f"Missing a required claim: {name}")


def _seconds(claims: Claims, name: str) -> float | None:
    """A NumericDate claim (RFC 7519), None when absent."""
    value = claims.get(name)
    if value is None:
        return None
    # A bool is an int in Python; json reads NaN, which compares false, and numbers without limit.
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e12:
        raise invalid_token(NOT_A_JWT)
    return value
