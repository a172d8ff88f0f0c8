"""Each server of the sandbox says that it has ended. A whole sandbox, and the processes of the
control plane: tests/sandbox/test_lifecycle.py."""

from types import SimpleNamespace

import httpx2
import pytest

from irsa_sandbox.kubernetes.authenticator import Authenticator
from irsa_sandbox.kubernetes.kubelet import Kubelet
from irsa_sandbox.kubernetes.kubelet_exec import ExecServer
from irsa_sandbox.providers.eks.server import EksServer
from irsa_sandbox.providers.server import ProviderServer
from irsa_sandbox.serving.certificates import Authority
from irsa_sandbox.serving.https import JsonServer
from irsa_sandbox.webhook.server import WebhookServer
from tests.sandbox.support.cluster import eventually
from tests.support.fake_kubernetes import client_of, status


def authenticator(tmp_path):
    made = Authenticator(folder=tmp_path, authority=Authority.create(tmp_path), account="1")
    return made, lambda: made.start(
        proxy="http://127.0.0.1:1", administrators=frozenset(), clusters=list
    )


def webhook(tmp_path):
    client = client_of(lambda request: status(403, "no"))
    made = WebhookServer(authority=Authority.create(tmp_path), client=client, region="us-east-1")
    return made, lambda: JsonServer.start(made)


def provider(tmp_path):
    made = ProviderServer(SimpleNamespace(name="aws"))
    return made, made.start


def eks_provider(tmp_path):
    made = EksServer()
    return made, made.start


def kubelet(tmp_path):
    def api(request: httpx2.Request) -> httpx2.Response:
        return status(403, "no") if request.method == "GET" else httpx2.Response(201, json={})

    authority, folder = Authority.create(tmp_path), tmp_path / "pods"
    server = ExecServer(authority=authority, client=client_of(api), folder=folder, extra_env={})
    made = Kubelet(client_of(api), server)
    return made, made.start


@pytest.mark.parametrize(
    ("part", "ended"),
    [
        (authenticator, "the authenticator ended"),
        (webhook, "the pod-identity-webhook ended"),
        (provider, "the aws provider ended"),
        (eks_provider, "the eks provider ended"),
        (kubelet, "the kubelet ended (thread kubelet-"),
    ],
)
def test_a_server_says_that_it_has_ended(tmp_path, part, ended):
    made, start = part(tmp_path)
    start()
    try:
        assert made.ended() is None
    finally:
        made.stop()

    assert eventually(made.ended).startswith(ended)
