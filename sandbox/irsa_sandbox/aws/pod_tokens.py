"""Tokens of Pods for EKS Pod Identity. Pure: key set and clock are the caller's.

https://docs.aws.amazon.com/eks/latest/APIReference/API_auth_AssumeRoleForPodIdentity.html
"""

import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from irsa.identity.eks import POD_IDENTITY_SERVICE
from irsa.identity.errors import AwsError
from irsa.identity.subjects import ServiceAccountRef
from irsa.identity.token import OidcProvider, Token, verify_token


class BoundPod(NamedTuple):
    """The Pod that a token is bound to."""

    account: ServiceAccountRef
    name: str
    uid: str


def bound_pod(token: Token) -> BoundPod | None:
    """Return the Pod that a token names, unchecked; None if it is bound to no Pod."""
    bound: Any = token.claims.get("kubernetes.io")
    try:
        account, pod = bound["serviceaccount"], bound["pod"]
        texts = (bound["namespace"], account["name"], pod["name"], pod["uid"])
    except (KeyError, TypeError):
        return None
    if not all(isinstance(each, str) and each for each in texts):
        return None
    namespace, name, *of_pod = texts
    return BoundPod(ServiceAccountRef(namespace, name), *of_pod)


def verified_pod(token: Token, *, issuer_url: str, jwks: Mapping[str, Any], now: float) -> BoundPod:
    """Return the Pod of a token; raises `AwsError` as EKS Auth does."""
    try:
        cluster = OidcProvider(issuer_url, (POD_IDENTITY_SERVICE,))
        verify_token(token, jwks=jwks, now=now, providers=[cluster])
    except AwsError as error:
        if error.code == "ExpiredTokenException":
            raise _expired(now, token.claims["exp"]) from error
        raise invalid_token(error.message) from error
    pod = bound_pod(token)
    if pod is None:
        raise invalid_token("The token is not bound to a Pod")
    return pod


def invalid_token(message: str) -> AwsError:
    """A token that EKS Auth does not take. AWS's own words are not known."""
    return AwsError("InvalidTokenException", 400, message)


def _expired(now: float, expires: float) -> AwsError:
    """The words are from public reports."""
    current, end = (
        time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(each)) for each in (now, expires)
    )
    return AwsError(
        "ExpiredTokenException",
        400,
        f"The token included in the request is expired: current date/time {current} "
        f"must be before the expiration date/time {end}.",
    )
