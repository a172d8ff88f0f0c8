"""The parts of a sandbox: started in this order, watched, and stopped in reverse."""

import os
import secrets
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from .aws.accounts import ACCOUNT_A, REGION
from .aws.server import ControlPlaneFacts, Emulator
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
from .snapshots import SnapshotServer
from .state import FORMAT, PULUMI_BACKEND, STAND_INS, SandboxState
from .webhook.identities import associated
from .webhook.server import WebhookServer

Ended = Callable[[], str | None]
"""The end of a part of the sandbox, or None while it runs."""


class _Part(Protocol):
    """A server or a process of the sandbox; ``stop`` is safe before its start."""

    def start(self) -> None: ...
    def ended(self) -> str | None: ...
    def stop(self) -> None: ...


P = TypeVar("P", bound=_Part)


class Parts:
    """The parts of one sandbox."""

    def __init__(self, folder: Path, running: ExitStack, tell: Callable[[str], None]) -> None:
        """``running`` stops them; ``tell`` takes the progress, a line a step."""
        self.ended: list[Ended] = []
        self._folder = folder
        self._running = running
        self._tell = tell
        self._authority = Authority.create(folder)
        # The region's part and 32 hexadecimal digits, as EKS names its issuers.
        issuer = f"oidc.eks.{REGION}.amazonaws.com/id/{secrets.token_hex(16).upper()}"
        self._issuer_url = f"https://{issuer}"

    def start(
        self, pulumi: Path, binaries: Path, plugins: list[str], end: Callable[[], None]
    ) -> SandboxState:
        """Return when all of them answer. ``end`` ends the sandbox without one of its users."""
        self._tell("Kubernetes: etcd, API server, controller manager")
        cluster, authenticator = self._control_plane(binaries)
        self._tell("AWS: MiniStack, with the sandbox's checks in front of it")
        emulator = self._aws(cluster, authenticator)
        self._tell("pod identity webhook and agent, kubelet, resource providers")
        webhook = WebhookServer(
            authority=self._authority,
            client=cluster.client(),
            region=REGION,
            associated=partial(associated, emulator.client("eks", ACCOUNT_A), self._folder),
        )
        self._started(webhook)
        agent = Agent(instance=emulator.instance, jwks=cluster.jwks, issuer_url=self._issuer_url)
        agent_url = self._started(AgentServer(agent, emulator.node_with_agent)).url
        sockets = SocketFolder()
        self._running.callback(sockets.remove)
        state = SandboxState(
            format=FORMAT,
            pid=os.getpid(),
            folder=str(self._folder),
            aws_proxy=emulator.proxy,
            aws_ca_bundle=str(self._authority.ca_file),
            access_key_id=emulator.administrator.access_key_id,
            secret_access_key=emulator.administrator.secret_access_key,
            root_secret=emulator.root_secret,
            kubernetes_server=cluster.server_url,
            kubeconfig=str(cluster.kubeconfig_file),
            issuer_url=self._issuer_url,
            pod_identity_agent=agent_url,
            pulumi=str(pulumi),
            providers={},
            plugins=plugins,
            snapshots=str(sockets.path / "snapshots"),
        )
        server = ExecServer(authority=self._authority, client=cluster.client(), **state.pods())
        self._started(Kubelet(cluster.client(), server, emulator.node_with_agent))
        state = replace(state, providers=self._providers(emulator, state))
        (sockets.path / "kubernetes").symlink_to(cluster.folder)  # whose own path may be too long
        storage = Storage(sockets.path / "kubernetes" / ETCD_SOCKET)
        self._running.callback(storage.close)
        backend = self._folder / PULUMI_BACKEND
        backend.mkdir(mode=0o700)
        take = partial(_snapshot, emulator, storage, agent, backend)
        self._started(SnapshotServer(Path(state.snapshots), take, end))
        return state

    def _started(self, part: P) -> P:
        """Start a part. It ends with the sandbox, and the sandbox with it."""
        self._running.callback(part.stop)
        part.start()
        self.ended.append(part.ended)
        return part

    def _control_plane(self, binaries: Path) -> tuple[ControlPlane, Authenticator]:
        """The API server knows the authenticator's address; it starts once AWS answers."""
        authenticator = Authenticator(
            folder=self._folder, authority=self._authority, account=ACCOUNT_A
        )
        cluster = ControlPlane(
            folder=self._folder / "kubernetes",
            binaries=binaries,
            authority=self._authority,
            issuer_url=self._issuer_url,
            token_webhook_config=authenticator.config_file,
        )
        return self._started(cluster), authenticator

    def _aws(self, cluster: ControlPlane, authenticator: Authenticator) -> Emulator:
        facts = ControlPlaneFacts(
            endpoint=cluster.server_url,
            ca_data=self._authority.ca_data,
            issuer_url=self._issuer_url,
        )
        folder, authority = self._folder / "aws", self._authority
        emulator = self._started(
            Emulator(folder=folder, authority=authority, jwks=cluster.jwks, cluster=facts)
        )
        authenticator.connect(proxy=emulator.proxy, eks=emulator.client("eks", ACCOUNT_A))
        self._started(authenticator)
        return emulator

    def _providers(self, emulator: Emulator, state: SandboxState) -> dict[str, int]:
        """The port of each provider that is not left to a plugin."""
        packages = {
            "aws": lambda: ProviderServer(
                aws.package(emulator.proxy, self._authority.ca_file, emulator.administrator)
            ),
            "eks": eks.EksServer,
            "kubernetes": lambda: ProviderServer(kubernetes.package(state.environment())),
            STAND_INS: lambda: ProviderServer(Package(name=STAND_INS, version="0", connect=dict)),
        }
        attached = packages.keys() - state.plugins
        return {name: self._started(packages[name]()).port for name in sorted(attached)}


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
