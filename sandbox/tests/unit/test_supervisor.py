"""Each server of the sandbox says that it has ended. A whole sandbox, and the processes of the
control plane: tests/sandbox/test_lifecycle.py."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2

from irsa_sandbox.kubernetes.authenticator import Authenticator
from irsa_sandbox.kubernetes.kubelet import Kubelet
from irsa_sandbox.kubernetes.kubelet_exec import ExecServer
from irsa_sandbox.providers.eks.server import EksServer
from irsa_sandbox.providers.server import ProviderServer
from irsa_sandbox.serving.certificates import Authority
from irsa_sandbox.webhook.server import WebhookServer
from tests.sandbox.support.cluster import eventually
from tests.support.fake_kubernetes import client_of, status


def refuse(request: httpx2.Request) -> httpx2.Response:
    return status(403, "no") if request.method == "GET" else httpx2.Response(201, json={})


def parts(authority: Authority, folder: Path) -> Iterator[tuple[Any, Callable[[], None], str]]:
    """Every server, what starts it, and what it says at its end."""
    client = client_of(refuse)
    one = Authenticator(folder=folder.parent, authority=authority, account="1")
    reach = {"proxy": "http://127.0.0.1:1", "administrators": frozenset(), "clusters": list}
    yield one, partial(one.start, **reach), "the authenticator ended"
    webhook = WebhookServer(authority=authority, client=client, region="us-east-1")
    yield webhook, webhook._server.start, "the pod-identity-webhook ended"
    for provider in (ProviderServer(SimpleNamespace(name="aws")), EksServer()):
        name = "eks" if isinstance(provider, EksServer) else "aws"
        yield provider, provider.start, f"the {name} provider ended"
    commands = ExecServer(authority=authority, client=client, folder=folder, extra_env={})
    kubelet = Kubelet(client, commands)
    yield kubelet, kubelet.start, "the kubelet ended (thread kubelet-"


def test_a_server_says_that_it_has_ended(tmp_path):
    for part, start, ended in parts(Authority.create(tmp_path), tmp_path / "pods"):
        start()
        try:
            assert part.ended() is None
        finally:
            part.stop()
        assert eventually(part.ended).startswith(ended)
