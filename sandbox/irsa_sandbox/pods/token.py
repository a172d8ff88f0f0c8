"""Projected service-account tokens: minted for a Pod and kept fresh, as the kubelet does.

https://kubernetes.io/docs/concepts/storage/projected-volumes/#serviceaccounttoken
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

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


@contextmanager
def kept_fresh(
    client: lightkube.Client,
    pod: Json,
    files: Mapping[Path, ProjectedToken],
    on_note: Callable[[str], None],
) -> Iterator[None]:
    """Write tokens to files, mode 0600, and replace them in time while the context lasts.

    Raises `PodNotReady` when the API server issues no token.
    """

    def write() -> float:
        """Replace all of them; return the seconds until the first is due."""
        pause = OLDEST
        for path, projected in files.items():
            token, lifetime = mint(client, pod, projected)
            write_private(path, token.encode())
            pause = max(0.0, min(pause, lifetime * REFRESH_AT))
        return pause

    def run(pause: float) -> None:
        while not stopping.wait(pause):
            try:
                pause = write()
            except httpx2.HTTPError as error:
                on_note(f"tokens could not be refreshed: {error}")
                pause = RETRY_SECONDS

    try:
        pause = write()
    except ApiError as error:
        account = pod["spec"]["serviceAccountName"]
        raise PodNotReady(
            "FailedMount", f"no token for service account {account!r}: {error}"
        ) from error
    stopping = threading.Event()
    keeper = threading.Thread(target=run, args=(pause,), name="token-keeper", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        stopping.set()
        keeper.join()
