"""Tokens of Pods, and the key sets of the issuers that sign them.

https://docs.aws.amazon.com/eks/latest/APIReference/API_auth_AssumeRoleForPodIdentity.html
"""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from irsa.signatures import verify_token
from irsa_core.identity.eks import POD_IDENTITY_SERVICE
from irsa_core.identity.errors import AwsError, issuer_unreachable
from irsa_core.identity.subjects import ServiceAccountRef
from irsa_core.identity.token import OidcProvider, Token

from .errors import invalid_token

KeySet = Mapping[str, Any]


class ClusterKeys:
    """The key sets, fetched when they are needed."""

    def __init__(self, issuer_url: str, fetch: Callable[[], KeySet], published: Path) -> None:
        """``published`` has a file for each further issuer, which has its URL as name, quoted."""
        self.issuer_url = issuer_url
        self._fetch = fetch
        self._published = published
        self._keys: KeySet = {"keys": []}

    def reaches(self, issuer_url: str) -> bool:
        """Return whether the issuer's key set can be fetched."""
        return issuer_url == self.issuer_url or self._file(issuer_url).is_file()

    async def of_issuer(self, issuer_url: str, key_id: object) -> KeySet:
        """The key set of an issuer that can be reached.

        The cluster's is fetched again when a token names a key that is not in it.
        """
        if issuer_url != self.issuer_url:
            return json.loads(await asyncio.to_thread(self._file(issuer_url).read_text))
        if all(key.get("kid") != key_id for key in self._keys["keys"]):
            try:
                self._keys = await asyncio.to_thread(self._fetch)
            except Exception as error:
                raise issuer_unreachable() from error
        return self._keys

    def _file(self, issuer_url: str) -> Path:
        return self._published / f"{quote(issuer_url, safe='')}.json"


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
    if not all(isinstance(text, str) and text for text in texts):
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
            times = map(time.gmtime, (now, token.claims["exp"]))
            current, end = (time.strftime("%Y-%m-%dT%H:%M:%SZ", moment) for moment in times)
            message = (  # in words of public reports
                f"The token included in the request is expired: current date/time {current} "
                f"must be before the expiration date/time {end}."
            )
            raise AwsError(error.code, 400, message) from error
        raise invalid_token(error.message) from error
    pod = bound_pod(token)
    if pod is None:
        raise invalid_token("The token is not bound to a Pod")
    return pod
