"""A Kubernetes client whose API server is a function."""

from collections.abc import Callable

import httpx2
import lightkube
from lightkube.config.kubeconfig import KubeConfig
from lightkube.config.models import Cluster, User


def client_of(api: Callable[[httpx2.Request], httpx2.Response]) -> lightkube.Client:
    """A real client; `api` answers its requests."""
    config = KubeConfig.from_one(cluster=Cluster(server="http://api"), user=User(token="t"))
    return lightkube.Client(config, transport=httpx2.MockTransport(api))


def status(code: int, message: str) -> httpx2.Response:
    """Return a refusal of the API server."""
    return httpx2.Response(code, json={"kind": "Status", "code": code, "message": message})
