"""Fixtures of sandbox tests: parts of a sandbox alone, and stacks in a whole one."""

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from irsa_sandbox import lifecycle
from irsa_sandbox.aws.accounts import REGION
from irsa_sandbox.engine.stack import SandboxStack
from irsa_sandbox.kubernetes.control_plane import ControlPlane
from irsa_sandbox.kubernetes.kubelet import Kubelet
from irsa_sandbox.kubernetes.kubelet_exec import ExecServer
from irsa_sandbox.providers.aws.provider import package
from irsa_sandbox.pytest_plugin import _irsa_reset, pod  # noqa: F401 - fixtures
from irsa_sandbox.serving.certificates import Authority
from irsa_sandbox.session import Session
from irsa_sandbox.testing.sandbox import Accounts, Sandbox, held
from irsa_sandbox.toolchain import obtain_control_plane
from irsa_sandbox.webhook.server import WebhookServer
from tests.sandbox.support.aws_harness import Aws, running_aws
from tests.sandbox.support.cached_builds import needed
from tests.sandbox.support.cluster import Cluster
from tests.sandbox.support.provider_harness import Engine, Serving, serving
from tests.support.foreign_project import ForeignProject
from tests.support.paths import ROOT
from tests.support.world import ISSUER_URL

PARTS, WHOLE = ROOT / "sandbox/tests/parts", ROOT / "tests/sandbox"


@pytest.fixture(scope="session")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """A whole sandbox, one for each process."""
    state = lifecycle.up(tmp_path_factory.mktemp("sandbox"), print)
    with closing(Session(state)) as running:
        yield running
    lifecycle.down(state.path)


@pytest.fixture(scope="module")
def sandbox(session: Session) -> Iterator[Sandbox]:
    """That sandbox with its cluster registered in account A; it is put back after the module."""
    if "dev" in session.aws("eks").list_clusters()["clusters"]:
        SandboxStack(session.state).destroy()  # an earlier module has left account A's stack
    with held(session.state, ends=False) as running:
        yield running


@pytest.fixture(scope="module")
def irsa_sandbox(sandbox: Sandbox) -> Sandbox:
    """The plugin's fixture: it is put back after each test."""
    return sandbox


@pytest.fixture(scope="module")
def accounts(irsa_sandbox: Sandbox) -> Accounts:
    return irsa_sandbox.accounts


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    """The AWS emulator alone, with one workload's roles in it; a process can run only one."""
    with running_aws(tmp_path_factory.mktemp("aws")) as running:
        yield running


@pytest.fixture(scope="module")
def aws(emulator: Aws) -> Iterator[Aws]:
    """The emulator, whose accounts are put back after the module."""
    restore = emulator.emulator.snapshot()
    yield emulator
    restore()


@pytest.fixture
def restored(aws: Aws) -> Iterator[None]:
    """Put the emulator's accounts back as they were before the test."""
    restore = aws.emulator.snapshot()
    yield
    restore()


@pytest.fixture(scope="module")
def provider(aws: Aws) -> Iterator[Serving]:
    """The `aws` provider on that emulator, without an engine."""
    with serving(
        package(aws.emulator.proxy, aws.authority.ca_file, aws.emulator.administrator)
    ) as running:
        yield running


@pytest.fixture(scope="module")
def engine(provider: Serving) -> Engine:
    """An instance of that provider without configuration of its own."""
    return provider.configured(region="us-east-1")


@pytest.fixture(
    scope="module", params=["sandbox", pytest.param("plugin", marks=pytest.mark.published)]
)
def either(
    request: pytest.FixtureRequest,
    aws: Aws,
    provider: Serving,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Engine]:
    """The sandbox's provider, and terraform-provider-aws where its plugin is on PATH."""
    if request.param == "sandbox":
        yield provider.configured(region=REGION)
        return
    program, credentials = needed("pulumi-resource-aws"), aws.emulator.administrator
    env = {"AWS_ACCESS_KEY_ID": credentials.access_key_id, "HTTPS_PROXY": aws.emulator.proxy}
    env |= {"AWS_SECRET_ACCESS_KEY": credentials.secret_access_key}
    home, bundle = tmp_path_factory.mktemp("home"), aws.authority.ca_file
    env |= {"HOME": str(home), "AWS_CA_BUNDLE": str(bundle)}
    plugin = subprocess.Popen([program, "127.0.0.1:1"], env=env, stdout=subprocess.PIPE, text=True)
    with plugin, closing(Serving(int(plugin.stdout.readline()))) as connections:
        yield connections.configured(region=REGION)
        plugin.kill()


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("cluster")
    authority = Authority.create(folder / "authority")
    options = {"binaries": obtain_control_plane(print), "issuer_url": ISSUER_URL}
    control_plane = ControlPlane(folder=folder / "kubernetes", authority=authority, **options)
    with ExitStack() as running:
        running.callback(control_plane.stop)
        control_plane.start()
        client = running.enter_context(control_plane.client())
        webhook = WebhookServer(authority=authority, client=client, region="us-east-1")
        running.callback(webhook.stop)
        webhook.start()
        kubelet_client = running.enter_context(control_plane.client())
        options = {"client": kubelet_client, "folder": folder / "pods", "extra_env": {}}
        exec_server = ExecServer(authority=authority, **options)
        kubelet = Kubelet(kubelet_client, exec_server)
        running.callback(kubelet.stop)
        kubelet.start()
        yield Cluster(control_plane, authority, client, folder)


@pytest.fixture
def namespace(cluster: Cluster) -> str:
    """A namespace of the test's own."""
    return cluster.new_namespace()


@pytest.fixture
def project(tmp_path: Path) -> ForeignProject:
    return ForeignProject(tmp_path)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of a sandbox, or of parts of one, by their folders."""
    for item in items:
        if item.path.is_relative_to(PARTS) or item.path.is_relative_to(WHOLE):
            item.add_marker(pytest.mark.sandbox)
