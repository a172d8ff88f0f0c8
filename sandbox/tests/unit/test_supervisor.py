"""Each server of the sandbox says that it has ended. A whole sandbox, and the processes of the
control plane: tests/sandbox/test_lifecycle.py."""

from functools import partial
from types import SimpleNamespace

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


def test_a_server_says_that_it_has_ended(tmp_path):
    def refuse(request: httpx2.Request) -> httpx2.Response:
        return status(403, "no") if request.method == "GET" else httpx2.Response(201, json={})

    authority, client = Authority.create(tmp_path), client_of(refuse)
    proxy = {"proxy": "http://127.0.0.1:1", "administrators": frozenset(), "clusters": list}
    one = Authenticator(folder=tmp_path, authority=authority, account="1")
    webhook = WebhookServer(authority=authority, client=client, region="us-east-1")
    aws, eks = ProviderServer(SimpleNamespace(name="aws")), EksServer()
    folder = tmp_path / "pods"
    commands = ExecServer(authority=authority, client=client, folder=folder, extra_env={})
    kubelet = Kubelet(client, commands)
    for part, start, ended in (
        (one, partial(one.start, **proxy), "the authenticator ended"),
        (webhook, webhook._server.start, "the pod-identity-webhook ended"),
        (aws, aws.start, "the aws provider ended"),
        (eks, eks.start, "the eks provider ended"),
        (kubelet, kubelet.start, "the kubelet ended (thread kubelet-"),
    ):
        start()
        try:
            assert part.ended() is None
        finally:
            part.stop()
        assert eventually(part.ended).startswith(ended)
