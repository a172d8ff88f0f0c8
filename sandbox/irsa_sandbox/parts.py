"""The parts of a sandbox: started in this order, watched, and stopped in reverse."""

import os
import secrets
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from .aws.accounts import ACCOUNT_A, REGION
from .aws.server import Emulator
from .folder import clear
from .kubernetes.authenticator import Authenticator
from .kubernetes.control_plane import ETCD_SOCKET, ControlPlane
from .kubernetes.kubelet import Kubelet
from .kubernetes.kubelet_exec import ExecServer
from .kubernetes.pod_identity_agent import Agent, AgentServer
from .kubernetes.storage import Storage
from .providers.aws import provider as aws
from .providers.eks import server as eks
from .providers.kubernetes import provider as kubernetes
from .providers.resource import Package
from .providers.server import ProviderServer
from .serving.certificates import Authority
from .serving.files import SocketFolder
from .serving.servers import BackgroundServer
from .snapshots import SnapshotServer
from .state import FORMAT, PULUMI_BACKEND, STAND_INS, SandboxState
from .webhook.identities import associated
from .webhook.server import WebhookServer

Ended = Callable[[], str | None]
"""The end of a part of the sandbox, or None while it runs."""


Part = BackgroundServer | ControlPlane | Emulator | Kubelet | ProviderServer[Any]
"""A server or a process of the sandbox; ``stop`` is safe before its start."""

P = TypeVar("P", bound=Part)


class Parts(ExitStack):
    """The parts that run. Each ends with the sandbox, and the sandbox with it."""

    def __init__(self) -> None:
        super().__init__()
        self.ended: list[Ended] = []

    def started(self, part: P) -> P:
        """Start a part."""
        self.callback(part.stop)
        part.start()
        self.ended.append(part.ended)
        return part


def start(
    parts: Parts,
    folder: Path,
    pulumi: Path,
    binaries: Path,
    plugins: list[str],
    *,
    tell: Callable[[str], None],
    end: Callable[[], None],
) -> SandboxState:
    """Return when all of them answer. ``tell`` takes the progress, a line a step; ``end`` ends the
    sandbox without one of its users."""
    authority = Authority.create(folder)
    # The region's part and 32 hexadecimal digits, as EKS names its issuers.
    issuer_url = f"https://oidc.eks.{REGION}.amazonaws.com/id/{secrets.token_hex(16).upper()}"
    tell("Kubernetes: etcd, API server, controller manager")
    # The API server knows the authenticator's address; it starts once AWS answers.
    authenticator = Authenticator(folder=folder, authority=authority, account=ACCOUNT_A)
    cluster = ControlPlane(
        folder=folder / "kubernetes",
        binaries=binaries,
        authority=authority,
        issuer_url=issuer_url,
        token_webhook_config=authenticator.config_file,
    )
    parts.started(cluster)
    tell("AWS: MiniStack, with the sandbox's checks in front of it")
    emulator = Emulator(
        folder=folder / "aws",
        authority=authority,
        endpoint=cluster.server_url,
        issuer_url=issuer_url,
        jwks=cluster.jwks,
    )
    parts.started(emulator)
    eks_client = emulator.client("eks", ACCOUNT_A)
    authenticator.connect(proxy=emulator.proxy, eks=eks_client)
    parts.started(authenticator)
    tell("pod identity webhook and agent, kubelet, resource providers")
    webhook = WebhookServer(
        authority=authority,
        client=cluster.client(),
        region=REGION,
        associated=partial(associated, eks_client, folder),
    )
    parts.started(webhook)
    agent = Agent(instance=emulator.instance, jwks=cluster.jwks, issuer_url=issuer_url)
    agent_url = parts.started(AgentServer(agent, emulator.node_with_agent)).url
    sockets = SocketFolder()
    parts.callback(sockets.remove)
    state = SandboxState(
        format=FORMAT,
        pid=os.getpid(),
        folder=str(folder),
        aws_proxy=emulator.proxy,
        aws_ca_bundle=str(authority.ca_file),
        access_key_id=emulator.administrator.access_key_id,
        secret_access_key=emulator.administrator.secret_access_key,
        root_secret=emulator.root_secret,
        kubernetes_server=cluster.server_url,
        kubeconfig=str(cluster.kubeconfig_file),
        issuer_url=issuer_url,
        pod_identity_agent=agent_url,
        pulumi=str(pulumi),
        providers={},
        plugins=plugins,
        snapshots=str(sockets.path / "snapshots"),
    )
    server = ExecServer(authority=authority, client=cluster.client(), **state.pods())
    parts.started(Kubelet(cluster.client(), server, emulator.node_with_agent))
    account = (emulator.proxy, authority.ca_file, emulator.administrator)
    providers = {
        "aws": lambda: ProviderServer(aws.package(*account)),
        "eks": eks.EksServer,
        "kubernetes": lambda: ProviderServer(kubernetes.package(state.environment())),
        STAND_INS: lambda: ProviderServer(Package(name=STAND_INS, version="0", connect=dict)),
    }
    attached = sorted(providers.keys() - plugins)  # the others are left to plugins
    ports = {name: parts.started(providers[name]()).port for name in attached}
    (sockets.path / "kubernetes").symlink_to(cluster.folder)  # whose own path may be too long
    storage = Storage(sockets.path / "kubernetes" / ETCD_SOCKET)
    parts.callback(storage.close)
    backend = folder / PULUMI_BACKEND
    backend.mkdir(mode=0o700)
    take = partial(_snapshot, emulator, storage, agent, backend)
    parts.started(SnapshotServer(Path(state.snapshots), take, end))
    return replace(state, providers=ports)


def _snapshot(
    emulator: Emulator, storage: Storage, agent: Agent, backend: Path
) -> Callable[[], None]:
    """Take a snapshot of accounts, cluster and stacks; the returned function restores it."""
    objects, accounts = storage.read_quiet(), emulator.snapshot()
    stacks = {file: file.read_bytes() for file in backend.rglob("*") if file.is_file()}

    def restore() -> None:
        accounts()  # first: what a controller makes of the cluster's return shall stand
        storage.restore(objects)
        agent.forget()  # its sessions are gone
        # A stack that was brought up since would say "unchanged" of resources that are gone.
        clear(backend)
        for file, data in stacks.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)

    return restore
