"""STS's checks of a web identity token in a scenario: provider, key, times, claims, audience.

Pure. A raw token is verified by `irsa.token`; a token given as claims says itself how it is signed.
"""

from collections.abc import Sequence
from typing import NamedTuple, cast

from irsa.json_input import InputError, Json
from irsa.scenario import Provider, Scenario, Step, Token, check_claims
from irsa.sts import AwsError

NO_KEY = AwsError(
    "InvalidIdentityToken",
    400,
    # AWS writes two spaces before "please".
    "Couldn't retrieve verification key from your identity provider,  "
    "please reference AssumeRoleWithWebIdentity documentation for requirements",
)
_TAGS = "https://aws.amazon.com/tags"
UNREACHABLE = AwsError(
    "IDPCommunicationError",
    400,
    "The identity provider that was asked to verify the identity token could not be reached.",
)


class Identity(NamedTuple):
    """What is known of the token's bearer after the checks."""

    issuer: str
    """The token's issuer without ``https://``, as condition keys spell it."""
    claims: Json
    audiences: tuple[str, ...]
    """Audiences of the token that the provider accepts."""
    missing: list[str]
    """Facts without which it is not known whether STS takes the token."""


def check_token(scenario: Scenario, step: Step, account: str) -> Identity | AwsError:
    """What STS makes of the step's token, in STS's order; ``account`` is the role's."""
    token = step.token
    if token is None:
        raise ValueError(f"{step.path} has no token")
    claims = _unverified(token)
    if isinstance(claims, AwsError):
        return claims
    issuer_url = claims.get("iss")
    if not isinstance(issuer_url, str) or not issuer_url:
        return _invalid("Missing a required claim: iss")
    missing: list[str] = []
    provider = None
    if scenario.providers is None:
        missing.append("oidc_providers")
    else:
        provider = _registered(scenario.providers, account, issuer_url)
        if provider is None:
            return _invalid(f"No OpenIDConnect provider found in your account for {issuer_url}")
        if not provider.reachable:
            return UNREACHABLE
    if token.raw is not None and scenario.jwks is not None:
        error = _raw_error(token.raw, claims, scenario.jwks, scenario.now, provider)
    else:
        if token.raw is not None:
            missing.append("jwks")
        error = _claims_error(token, claims, scenario.now)
    if error is not None:
        return error
    if scenario.now is None:
        missing.append("now")
    if _TAGS in claims:
        # They need sts:TagSession, and become keys of this call and of the session's.
        missing.append(f"what the token's {_TAGS} change")
    audiences = _listed(claims.get("aud"))
    if provider is not None:
        if provider.client_ids is None:
            missing.append(f"client_ids of the OIDC provider {provider.url}")
        else:
            audiences = [each for each in audiences if each in provider.client_ids]
            if not audiences:
                return _invalid("Incorrect token audience")
    return Identity(issuer_url.removeprefix("https://"), claims, tuple(audiences), missing)


def _unverified(token: Token) -> Json | AwsError:
    if token.raw is None:
        return token.claims
    # Imported here: only a raw token needs it.
    from irsa.token import TokenError, decode_unverified

    try:
        claims = decode_unverified(token.raw)[1]
        check_claims(claims, "token")
    except TokenError as error:
        return AwsError(error.code, error.http, error.message)
    except InputError:
        return _invalid(
            "The ID Token provided is not a valid JWT. "
            "(You may see this error if you sent an Access Token)"
        )
    return claims


def _registered(providers: Sequence[Provider], account: str, issuer_url: str) -> Provider | None:
    for provider in providers:
        if provider.account == account and provider.url == issuer_url:
            return provider
    return None


def _claims_error(token: Token, claims: Json, now: float | None) -> AwsError | None:
    if not token.valid:
        return NO_KEY
    expires = claims.get("exp")
    if expires is None:
        return _invalid("Missing a required claim: exp")
    if now is not None and now >= cast("float", expires):
        return AwsError(
            "ExpiredTokenException",
            400,
            f"Token expired: current date/time {now:.0f} "
            f"must be before the expiration date/time {expires:.0f}",
        )
    for name in ("nbf", "iat"):
        begins = cast("float | None", claims.get(name))
        if now is not None and begins is not None and now < begins:
            # AWS's own words for this are not known.
            return _invalid(
                f"Token is not valid yet: current date/time {now:.0f} "
                f"must be after the {name} date/time {begins:.0f}"
            )
    for name in ("aud", "sub"):
        if claims.get(name) in (None, "", []):
            return _invalid(f"Missing a required claim: {name}")
    return None


def _raw_error(
    raw: str, claims: Json, jwks: Json, now: float | None, provider: Provider | None
) -> AwsError | None:
    from irsa.token import OidcProvider, TokenError, verify_token

    if now is None:
        # At any moment of its life the rest of the checks says the same.
        now = cast("float", claims.get("exp") or 1) - 1
    clients = provider.client_ids if provider else None
    if clients is None:
        clients = tuple(_listed(claims.get("aud")))
    try:
        registered = OidcProvider(str(claims["iss"]), clients)
        verify_token(raw, jwks=jwks, now=now, providers=[registered])
    except TokenError as error:
        return AwsError(error.code, error.http, error.message)
    return None


def _listed(audience: object) -> list[str]:
    values = cast("list[object]", audience) if isinstance(audience, list) else [audience]
    return [each for each in values if isinstance(each, str)]


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidIdentityToken", 400, message)
