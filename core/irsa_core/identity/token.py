"""The checks STS makes on a web identity token before it looks at a role's trust policy.

Pure: the clock and the registered providers are values that the caller gives. `irsa.signatures` has
the check of the signature; whether the role trusts the token is `irsa_core.decide.evaluate`'s.
https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
"""

import binascii
import json
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

from irsa_core.identity.errors import AwsError, invalid_token, issuer_unreachable
from irsa_core.identity.policy_json import Json, as_list

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
WRONG_AUDIENCE = "Incorrect token audience"


@dataclass(frozen=True, slots=True)
class Token:
    """A web identity token, decoded and believed without any check."""

    raw: str = field(repr=False)
    header: Json
    claims: Json

    @property
    def audiences(self) -> list[str]:
        """Its ``aud``, which may be a string or a list."""
        return claim_texts(self.claims, "aud")

    @property
    def issuer(self) -> str:
        """Its ``iss`` as condition keys spell it; empty without one."""
        return str(self.claims.get("iss", "")).removeprefix("https://")


class OidcProvider(NamedTuple):
    """An OIDC provider that is registered in the account of the role, as far as STS reads it."""

    url: str
    """Issuer URL; ``https://`` may be left out, as IAM does when it shows one."""

    client_ids: tuple[str, ...] | None
    """Audiences that the provider accepts; None when they are not known, and any may be one."""

    reachable: bool = True
    """True if STS can fetch the issuer's keys."""

    @property
    def issuer_url(self) -> str:
        """The ``iss`` of the tokens that this provider stands for."""
        return self.url if self.url.startswith("https://") else f"https://{self.url}"


def decode_unverified(raw: str) -> Token:
    """The parts of a token, without any check; raises `AwsError` if it is not a JWT."""
    segments = raw.split(".")
    if len(segments) != 3:
        raise invalid_token(NOT_A_JWT)
    return Token(raw, _json_object(segments[0]), _json_object(segments[1]))


def issuer_url_of(claims: Json) -> str:
    """The token's ``iss``; raises `AwsError` when it has none."""
    issuer_url = claims.get("iss")
    if not isinstance(issuer_url, str) or not issuer_url:
        raise _missing("iss")
    return issuer_url


def registered_provider(issuer_url: str, providers: Sequence[OidcProvider]) -> OidcProvider:
    """The provider of a token's issuer; raises `AwsError` when none is registered, or its keys are
    out of reach."""
    for provider in providers:
        if provider.issuer_url == issuer_url:
            if not provider.reachable:
                raise issuer_unreachable()
            return provider
    raise invalid_token(f"No OpenIDConnect provider found in your account for {issuer_url}")


def matched_audiences(audiences: list[str], provider: OidcProvider) -> list[str]:
    """A token's audiences that are client ids of the provider; Kubernetes issues a list."""
    known = provider.client_ids
    return audiences if known is None else [each for each in audiences if each in known]


def claim_texts(claims: Json, name: str) -> list[str]:
    """A claim that is one text or a list of them, such as ``aud``."""
    return [each for each in as_list(claims.get(name)) if isinstance(each, str)]


def decoded(segment: str) -> bytes:
    """Return the bytes of a part of a token."""
    return b64decode(segment + "=" * (-len(segment) % 4), altchars=b"-_", validate=True)


def _json_object(segment: str) -> Json:
    try:
        value: object = json.loads(decoded(segment))
    except (binascii.Error, ValueError, RecursionError) as error:
        raise invalid_token(NOT_A_JWT) from error
    if not isinstance(value, dict):
        raise invalid_token(NOT_A_JWT)
    return cast("Json", value)


def check_claims(claims: Json, now: float | None, *, required: Sequence[str]) -> None:
    """Raise `AwsError` for a token out of its time (seconds since the epoch, or not known), and
    for one without a claim that STS needs."""
    expires = _seconds(claims, "exp")
    if expires is None:
        raise _missing("exp")
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
            raise _missing(name)


def _missing(name: str) -> AwsError:
    return invalid_token(f"Missing a required claim: {name}")


def _seconds(claims: Json, name: str) -> float | None:
    """A claim that is a moment, None when absent."""
    value = claims.get(name)
    if value is not None and not is_moment(value):
        raise invalid_token(NOT_A_JWT)
    return value


def is_moment(value: Any) -> bool:
    """Return True if a JSON value is a NumericDate (RFC 7519): seconds since the epoch."""
    # Not `isinstance`: a bool is an int. json reads NaN, which compares false, and any number.
    return type(value) in (int, float) and abs(value) < 1e12
