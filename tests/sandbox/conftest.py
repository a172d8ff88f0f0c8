"""What the tests here share: a whole sandbox, and a control plane without AWS and Pulumi."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from sandbox import lifecycle
from sandbox.certificates import Authority
from sandbox.demo.session import Session
from sandbox.kubelet import Kubelet
from sandbox.kubernetes import ControlPlane
from sandbox.stack import SandboxStack
from sandbox.toolchain import obtain_control_plane
from sandbox.webhook import WebhookServer
from tests.sandbox.cluster import ISSUER_URL, Cluster


@pytest.fixture(scope="session")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """A whole sandbox."""
    state = lifecycle.up(tmp_path_factory.mktemp("sandbox"), print)
    with closing(Session(state)) as running:
        yield running
    lifecycle.down(state.path)


@pytest.fixture(scope="session")
def binaries() -> Path:
    return obtain_control_plane(print)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory, binaries: Path) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("cluster")
    authority = Authority.create(folder / "authority")
    control_plane = ControlPlane(
        folder=folder / "kubernetes", binaries=binaries, authority=authority, issuer_url=ISSUER_URL
    )
    with ExitStack() as running:
        running.callback(control_plane.stop)
        control_plane.start()
        client = running.enter_context(control_plane.client())
        webhook = WebhookServer(authority=authority, client=client, region="us-east-1")
        running.callback(webhook.stop)
        webhook.start()
        kubelet = Kubelet(running.enter_context(control_plane.client()))
        running.callback(kubelet.stop)
        kubelet.start()
        yield Cluster(control_plane, authority, client, folder)


@pytest.fixture
def namespace(cluster: Cluster) -> str:
    """A namespace of the test's own."""
    return cluster.new_namespace()


OpenStack = Callable[..., SandboxStack]


@pytest.fixture
def open_stack(session: Session) -> OpenStack:
    """Open account A's stack, with other configuration if wanted.

    It may hold what an earlier test left: `up` takes it from there, and a test that must begin with
    nothing destroys it first. Everything goes with the sandbox.
    """

    def open_one(config: dict[str, Any] | None = None, **options: Any) -> SandboxStack:
        return SandboxStack(session.state, config=config, **options)

    return open_one
