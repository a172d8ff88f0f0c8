"""Projected service-account tokens: minted for a Pod and kept fresh, as the kubelet does.

https://kubernetes.io/docs/concepts/storage/projected-volumes/#serviceaccounttoken
"""

import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import httpx2
import lightkube
from lightkube.core.exceptions import ApiError
from lightkube.models.authentication_v1 import BoundObjectReference, TokenRequestSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ServiceAccountToken

from irsa_core.identity.policy_json import Json

from ..serving.files import write_private
from .spec import PodNotReady, ProjectedToken

REFRESH_AT = 0.8  # of a token's life
OLDEST = timedelta(hours=24).total_seconds()  # the kubelet replaces a token at this age in any case
RETRY_SECONDS = 10.0


def mint(client: lightkube.Client, pod: Json, token: ProjectedToken) -> tuple[str, float]:
    """Ask TokenRequest for a token bound to the Pod; return it with its lifetime in seconds.

    Raises `httpx2.HTTPError`, for instance when the Pod is gone.
    """
    namespace, name, uid = (pod["metadata"][key] for key in ("namespace", "name", "uid"))
    bound = BoundObjectReference(apiVersion="v1", kind="Pod", name=name, uid=uid)
    account = pod["spec"]["serviceAccountName"]
    status = request_token(client, namespace, account, token, boundObjectRef=bound)
    lifetime = datetime.fromisoformat(status["expirationTimestamp"]) - datetime.now(UTC)
    return status["token"], lifetime.total_seconds()


def request_token(
    client: lightkube.Client, namespace: str, account: str, token: ProjectedToken, **bound: Any
) -> Json:
    """Ask TokenRequest for a token of a service account; return the status of the answer."""
    audiences = [token.audience] if token.audience else None
    spec = TokenRequestSpec(audiences=audiences, expirationSeconds=token.seconds, **bound)
    request = ServiceAccountToken(metadata=ObjectMeta(), spec=spec)
    return client.create(request, account, namespace=namespace).to_dict()["status"]


class TokenKeeper:
    """Writes tokens to files, mode 0600, and replaces them in time while the context lasts."""

    def __init__(
        self,
        client: lightkube.Client,
        pod: Json,
        files: Mapping[Path, ProjectedToken],
        on_note: Callable[[str], None],
    ) -> None:
        self._client = client
        self._pod = pod
        self._files = files
        self._on_note = on_note
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="token-keeper", daemon=True)

    def __enter__(self) -> Self:
        """Raises `PodNotReady` when the API server issues no token."""
        try:
            self._write()
        except ApiError as error:
            account = self._pod["spec"]["serviceAccountName"]
            raise PodNotReady(
                "FailedMount", f"no token for service account {account!r}: {error}"
            ) from error
        if self._files:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        if self._files:
            self._thread.join()

    def _write(self) -> None:
        """Replace all of them; the next time is when the first is due."""
        self._pause = OLDEST
        for path, wanted in self._files.items():
            token, lifetime = mint(self._client, self._pod, wanted)
            write_private(path, token.encode())
            self._pause = max(0.0, min(self._pause, lifetime * REFRESH_AT))

    def _run(self) -> None:
        while not self._stopping.wait(self._pause):
            try:
                self._write()
            except httpx2.HTTPError as error:
                self._on_note(f"tokens could not be refreshed: {error}")
                self._pause = RETRY_SECONDS
