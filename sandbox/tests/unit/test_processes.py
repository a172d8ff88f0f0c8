"""Each server says that it has ended, and one process at a time resets the sandbox."""

import asyncio
import os
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import httpx2
import pulumi
import pytest
from pulumi.provider import ConstructResult
from pulumi.runtime import settings
from pulumi.runtime.proto import provider_pb2 as pb
from pulumi.runtime.proto import provider_pb2_grpc

from irsa_sandbox.errors import SandboxError
from irsa_sandbox.kubernetes.authenticator import Authenticator
from irsa_sandbox.kubernetes.kubelet import Kubelet
from irsa_sandbox.kubernetes.kubelet_exec import ExecServer
from irsa_sandbox.providers.eks.server import EksProvider, EksServer
from irsa_sandbox.serving.certificates import Authority
from irsa_sandbox.serving.servers import JsonServer
from irsa_sandbox.snapshots import Snapshots, SnapshotServer
from irsa_sandbox.webhook.server import WebhookServer
from tests.sandbox.support.cluster import eventually
from tests.support.fake_kubernetes import client_of, status
from tests.support.refusal import refusal


def test_a_server_says_that_it_has_ended(tmp_path):
    def refuse(request: httpx2.Request) -> httpx2.Response:
        return status(403, "no") if request.method == "GET" else httpx2.Response(201, json={})

    authority, client = Authority.create(tmp_path), client_of(refuse)
    one = Authenticator(folder=tmp_path, authority=authority, account="1")
    webhook = WebhookServer(authority=authority, client=client, region="us-east-1")
    eks = EksServer()
    folder = tmp_path / "pods"
    commands = ExecServer(authority=authority, client=client, folder=folder, extra_env={})
    kubelet = Kubelet(client, commands)
    for part, start, ended in (
        (one, one.start, "the authenticator ended"),
        (webhook, partial(JsonServer.start, webhook), "the pod-identity-webhook ended"),
        (eks, eks.start, "the eks provider ended"),
        (kubelet, kubelet.start, "the kubelet ended (thread kubelet-"),
    ):
        start()
        try:
            assert part.ended() is None
        finally:
            part.stop()
        assert eventually(part.ended).startswith(ended)


def test_a_second_holder_is_refused_and_what_goes_wrong_said_in_one_line(tmp_path, caplog):
    sandbox = Path("/sandbox")
    failures: list[Exception] = []

    def take() -> Callable[[], None]:
        if failures:
            raise failures.pop()
        return lambda: None

    with tempfile.TemporaryDirectory(dir="/tmp") as folder:  # a short path
        file = Path(folder) / "snapshots"
        server = SnapshotServer(file, take, lambda: None)
        server.start()
        holder = Snapshots(sandbox, str(file))
        assert refusal(Snapshots, sandbox, str(file), raised=SandboxError) == (
            f"the sandbox in /sandbox: process {os.getpid()} tests in it; wait for its end, or use "
            "another folder"
        )
        failures.append(RuntimeError("etcd is\ngone"))
        assert refusal(holder.take, raised=SandboxError) == "the sandbox in /sandbox: etcd is gone"
        assert "etcd is\ngone" in caplog.text  # the log has all of it
        holder.take()
        holder.close()
        Snapshots(sandbox, str(file)).close()
        server.stop()
    with pytest.raises(SandboxError, match=r"^the sandbox in /sandbox does not answer: .*$"):
        Snapshots(sandbox, str(tmp_path / "missing"))


def test_a_component_without_methods_is_made_while_the_engine_waits(monkeypatch):
    """A killed engine leaves outputs that nothing resolves; the sandbox must still end."""
    loops: list[asyncio.AbstractEventLoop] = []

    async def supports_nothing() -> None:
        pass

    def construct(_self: EksProvider, **_asked: Any) -> ConstructResult:
        loops.append(asyncio.get_running_loop())
        unresolved = pulumi.Output(asyncio.Future(), asyncio.Future(), asyncio.Future())
        return ConstructResult(urn=unresolved, state={})

    monkeypatch.setattr(EksProvider, "construct", construct)
    monkeypatch.setattr(settings, "_load_monitor_feature_support", supports_nothing)
    server = EksServer()
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        stub = provider_pb2_grpc.ResourceProviderStub(channel)
        asked = stub.Construct.future(pb.ConstructRequest(type="eks:index:Cluster", name="dev"))
        eventually(lambda: loops)
        asked.cancel()
        with pytest.raises(grpc.RpcError, match="no method eks:index:Cluster/getKubeconfig; the"):
            stub.Call(pb.CallRequest(tok="eks:index:Cluster/getKubeconfig"))
    server.stop()
    assert eventually(loops[0].is_closed)
