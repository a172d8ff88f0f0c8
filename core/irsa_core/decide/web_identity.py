"""STS's checks of a web identity token in a scenario, and its bearer's condition keys.

Pure. The checks are `irsa_core.identity.token`'s; a token given as claims says itself how it is
signed.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html#condition-keys-wif
"""

from collections.abc import Iterable
from typing import NamedTuple

from irsa_core.decide.condition_keys import claim_keys
from irsa_core.decide.document import scalar_text
from irsa_core.decide.json_input import InputError, json_list, json_object, text
from irsa_core.decide.patterns import Key, Value
from irsa_core.decide.principals import Caller
from irsa_core.decide.scenario import check_claims
from irsa_core.decide.steps import Scenario, TokenClaims
from irsa_core.identity import token as tokens
from irsa_core.identity.arns import ProviderArn, RoleArn
from irsa_core.identity.errors import invalid_token
from irsa_core.identity.policy_json import Json, as_list
from irsa_core.identity.token import OidcProvider, Token

TAGS = "https://aws.amazon.com/tags"
SOURCE_IDENTITY = "https://aws.amazon.com/source_identity"
ROLES = "https://aws.amazon.com/roles"
_REQUIRED = ("aud", "sub")
BUILT_IN = ("accounts.google.com", "cognito-identity.amazonaws.com", "www.amazon.com")
"""Issuers that STS knows without an OIDC provider in IAM."""


class Bearer(NamedTuple):
    """The token's bearer, after the checks."""

    caller: Caller
    keys: dict[str, Value]
    """Condition keys of this call, in lower case."""
    missing: list[str]
    """Facts without which it is not known whether STS takes the token."""


def check_token(
    scenario: Scenario, step_token: TokenClaims | str, role: RoleArn, *, valid: bool
) -> Bearer:
    """Check a token for a role in STS's order; raises `AwsError` for one that STS refuses.

    A token that is taken to be ``valid`` only needs the claims that STS requires.
    """
    token = _decoded(step_token) if isinstance(step_token, str) else step_token
    claims = token.claims
    issuer_url = tokens.issuer_url_of(claims)
    issuer = issuer_url.removeprefix("https://")
    missing: list[str] = []
    provider = None
    if valid:
        tokens.check_claims(claims, None, required=_REQUIRED)
    else:
        if issuer not in BUILT_IN:
            if scenario.providers is None:
                missing.append("oidc_providers")
            else:
                registered = scenario.providers.get(role.account, ())
                provider = tokens.registered_provider(issuer_url, registered)
        _check(token, scenario, missing)
    audiences, authorized = tokens.claim_texts(claims, "aud"), claims.get("azp")
    accepted = _accepted(audiences, authorized, provider, missing)
    # With "azp", which is the client that the token is for, "aud" is "oaud".
    audience = [authorized] if isinstance(authorized, str) and authorized else accepted
    prefix = f"{issuer}:".lower()
    kept: dict[str, Value] = {f"{prefix}sub": str(claims["sub"]), f"{prefix}aud": _one(audience)}
    if claims.get("amr") is not None:
        kept[f"{prefix}amr"] = _one(tokens.claim_texts(claims, "amr"))
    keys = kept | {f"{prefix}oaud": _one(audiences)}
    if claims.get("email") is not None:
        keys[f"{prefix}email"] = str(claims["email"])
    if SOURCE_IDENTITY in claims:
        source = claims[SOURCE_IDENTITY]
        keys["sts:sourceidentity"] = source if isinstance(source, str) else Key.UNKNOWN
    if ROLES in claims:
        named = str(role) in as_list(claims[ROLES])
        keys["sts:roleauthorizedbyidp"] = "true" if named else Key.UNKNOWN
        missing += [] if named else [f"whether STS takes a token whose {ROLES} lack the role"]
    keys |= {f"{prefix}{name}": claim for name, claim in _further_keys(issuer, claims)}
    passed = _tag_keys(claims)
    if passed is None:
        missing.append(f"what the token's {TAGS} change")
    # As a trust policy names it under ``Federated``.
    name = issuer if issuer in BUILT_IN else str(ProviderArn(role.partition, role.account, issuer))
    kept["aws:federatedprovider"] = name
    caller = Caller("web-identity", name, role.account, role.partition, federation=kept)
    return Bearer(caller, keys | (passed or {}), missing)


def _further_keys(issuer: str, claims: Json) -> Iterable[tuple[str, Value]]:
    """The issuer's own claims that are keys; one that is no text is perhaps none."""
    for name in claim_keys(issuer):
        if name in claims:
            texts = [scalar_text(each) for each in as_list(claims[name])]
            known = [each for each in texts if each is not None]
            yield name, _one(known) if len(known) == len(texts) else Key.UNKNOWN


def _tag_keys(claims: Json) -> dict[str, Value] | None:
    """Return the condition keys of a token's session tags; None for an undocumented form of them.

    The tags stand in one claim, or each in its own; a tag has one value.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html
    """
    start = f"{TAGS}/principal_tags/"
    tags = {name.removeprefix(start): claims[name] for name in claims if name.startswith(start)}
    try:
        one = json_object(claims.get(TAGS, {}), TAGS)
        tags |= json_object(one.get("principal_tags", {}), TAGS)
        listed = one.get("transitive_tag_keys", claims.get(f"{TAGS}/transitive_tag_keys", []))
        transitive = tuple(text(key, TAGS) for key in json_list(listed, TAGS))
        values = {name: text(_alone(value), TAGS) for name, value in tags.items()}
    except InputError:
        return None
    keys: dict[str, Value] = {f"aws:requesttag/{name.lower()}": values[name] for name in values}
    keys |= {"aws:tagkeys": tuple(values)} if values else {}
    return keys | ({"sts:transitivetagkeys": transitive} if transitive else {})


def _alone(value: object) -> object:
    values = as_list(value)
    return values[0] if len(values) == 1 else values


def _decoded(raw: str) -> Token:
    token = tokens.decode_unverified(raw)
    try:
        check_claims(token.claims, "token")
    except InputError:
        raise invalid_token(tokens.NOT_A_JWT) from None
    return token


def _check(token: TokenClaims | Token, scenario: Scenario, missing: list[str]) -> None:
    """Signature, times and required claims."""
    if isinstance(token, TokenClaims):
        if not token.valid:
            raise invalid_token(tokens.NO_KEY)
    elif scenario.check_signature is not None:
        scenario.check_signature(token)
    else:
        missing.append("jwks")
    tokens.check_claims(token.claims, scenario.now, required=_REQUIRED)
    if isinstance(token, Token) and "iat" not in token.claims:
        missing.append("whether STS takes a token without iat")
    if scenario.now is None:
        missing.append("now")


def _accepted(
    audiences: list[str], authorized: object, provider: OidcProvider | None, missing: list[str]
) -> list[str]:
    """The audiences that are client ids of the provider; all, when those are not known."""
    if provider is None:
        return audiences
    accepted = tokens.matched_audiences(audiences, provider)
    if provider.client_ids is None:
        missing.append(f"client_ids of the OIDC provider {provider.issuer_url}")
    elif authorized and bool(accepted) != (authorized in provider.client_ids):
        missing.append("whether STS compares the provider's client ids with aud or azp")
    elif not accepted:
        raise invalid_token(tokens.WRONG_AUDIENCE)
    return accepted


def _one(values: list[str]) -> Value:
    """The value of a condition key: a list of one counts as its only text."""
    return values[0] if len(values) == 1 else tuple(values)
