"""The providers' ports serve the sandbox's own user."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from irsa_sandbox.providers.eks.server import EksServer
from irsa_sandbox.providers.kubernetes import provider as kubernetes
from irsa_sandbox.providers.server import ProviderServer
from irsa_sandbox.serving import servers
from tests.sandbox.support.provider_harness import refused, serving
from tests.support.trial_pods import kubeconfig


@pytest.fixture(
    params=[EksServer, lambda: ProviderServer(kubernetes.package({}))], ids=["eks", "kubernetes"]
)
def port(request: pytest.FixtureRequest) -> Iterator[int]:
    server = request.param()
    server.start()
    yield server.port
    server.stop()


@pytest.mark.cases("uid", {"another user": 65534, "unknown user": None})
def test_a_connection_of_another_user_ends_before_any_call(port: int, monkeypatch, uid):
    """The user of a connection is found as sandbox/tests/unit/test_serving.py says."""

    def first_byte() -> bytes:
        with socket.create_connection(("127.0.0.1", port), 60) as connection:
            return connection.recv(1)

    assert first_byte(), "a gRPC server begins with its settings"
    monkeypatch.setattr(servers, "uid_of_peer", lambda _: uid)
    assert first_byte() == b""


def test_a_kubeconfig_is_not_read_by_its_path(tmp_path: Path):
    file = tmp_path / "kubeconfig"
    file.write_text(kubeconfig(token="secret"))
    with serving(kubernetes.package({})) as provider:
        line = refused(provider.configured, kubeconfig=str(file))
    assert line.endswith("the sandbox reads no other file")
