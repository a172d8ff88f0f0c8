"""The sandbox's one background process: it holds every server and watches over all of them.

`irsa_sandbox.lifecycle` starts it as `python -m irsa_sandbox.supervisor FOLDER PULUMI CONTROL_PLANE
PLUGINS LOCK STARTER`. PLUGINS are the providers that are not attached, with commas between. The
last two are file descriptors: the folder's lock, which it holds until it ends, and a pipe whose
other end its starter has. It tells its progress on standard output, a line a step, closes it when
everything answers, and ends on SIGTERM, when a part of it dies, and when its starter goes before
everything answers.
"""

import base64
import logging
import os
import queue
import secrets
import signal
import sys
import threading
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING

from .aws.accounts import ACCOUNT_A, REGION
from .reaper import reaper
from .serving.files import write_private
from .state import ENDED_FILE, FAILED, FORMAT, LOG_FILE, PULUMI_BACKEND, SandboxState, save

if TYPE_CHECKING:
    from .aws.server import Emulator
    from .kubernetes.pod_identity_agent import Agent
    from .kubernetes.storage import Storage

WATCH_EVERY = 0.5  # seconds

Ended = Callable[[], str | None]
"""The end of a part of the sandbox, or None while it runs."""

log = logging.getLogger("sandbox")


class Cancelled(BaseException):
    """The sandbox is to end before it has started; nothing but `main` may catch this."""


class Ending:
    """Request to end the sandbox. A signal during the start interrupts it."""

    def __init__(self) -> None:
        self.starting = True
        self.wanted = False
        # Not an event, whose lock the interrupted thread may hold; this one may be put to any time.
        self._signals: queue.SimpleQueue[None] = queue.SimpleQueue()

    def __call__(self, *_: object) -> None:
        """Handle a signal."""
        first, self.wanted = not self.wanted, True
        self._signals.put(None)
        if self.starting and first:
            raise Cancelled

    def wait(self, seconds: float) -> bool:
        """Wait for the request, at most this time; return True if it was made."""
        with suppress(queue.Empty):
            self._signals.get(timeout=seconds)
        return self.wanted


def main(folder: Path, pulumi: Path, control_plane: Path, plugins: list[str], starter: int) -> int:
    """Run a sandbox in ``folder``, which is empty and locked, until a signal or a part's death."""
    ending = Ending()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, ending)
    logging.basicConfig(
        filename=folder / LOG_FILE,
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    for client_or_server in ("httpx2", "websockets"):  # a line a request otherwise
        logging.getLogger(client_or_server).setLevel(logging.WARNING)
    # The control plane is in this group. A regular stop has none of it left by then.
    _reaper = reaper(os.getpgrp())
    parts: list[Ended] = []
    with ExitStack() as running:
        try:
            threading.Thread(target=_end_with, args=(starter, ending), daemon=True).start()
            save(_start(folder, pulumi, control_plane, plugins, running, parts, _tell))
            ending.starting = False
        except (Cancelled, Exception) as error:
            # A class that was being made when the signal came turns `Cancelled` into another error.
            if isinstance(error, Cancelled) or ending.wanted:
                log.info("the start was cancelled")
            else:
                log.exception("the sandbox did not start")
                with suppress(Cancelled):
                    _tell(f"{FAILED}{error}")
            return 1
        _close_output()
        return _watch(folder, parts, ending)


def _end_with(starter: int, ending: Ending) -> None:
    """Cancel the start when its starter is gone: Ctrl-C, a closed terminal, `kill -9`."""
    os.read(starter, 1)  # nothing is ever written: this is the pipe's end
    if ending.starting:
        _end()


def _watch(folder: Path, parts: Iterable[Ended], ending: Ending) -> int:
    """Return when the sandbox is to end. A part that died takes the rest with it: without etcd
    nothing of the cluster is left, and half a sandbox gives answers that mislead."""
    while not ending.wait(WATCH_EVERY):
        for ended in parts:
            if (how := ended()) is not None:
                log.error("%s", how)
                write_private(folder / ENDED_FILE, how.encode())
                return 1
    return 0


def _start(
    folder: Path,
    pulumi: Path,
    binaries: Path,
    plugins: list[str],
    running: ExitStack,
    parts: list[Ended],
    tell: Callable[[str], None],
) -> SandboxState:
    # Imported here, so that a start that is cancelled ends at once.
    from .aws.server import ClusterFacts, Emulator
    from .kubernetes.authenticator import Authenticator
    from .kubernetes.cluster_access import administrators
    from .kubernetes.control_plane import ETCD_SOCKET, ControlPlane
    from .kubernetes.kubelet import Kubelet
    from .kubernetes.kubelet_exec import ExecServer
    from .kubernetes.models import prepare_models
    from .kubernetes.pod_identity_agent import Agent, AgentServer
    from .kubernetes.storage import Storage
    from .providers.aws import provider as aws
    from .providers.eks import server as eks
    from .providers.kubernetes import provider as kubernetes
    from .providers.server import ProviderServer
    from .serving.certificates import Authority
    from .serving.socket_folder import SocketFolder
    from .snapshots import SnapshotServer
    from .webhook.identities import associated
    from .webhook.server import WebhookServer

    prepare_models()
    authority = Authority.create(folder)
    # The region's part and 32 hexadecimal digits, as EKS names its issuers.
    issuer_url = f"https://oidc.eks.{REGION}.amazonaws.com/id/{secrets.token_hex(16).upper()}"

    tell("Kubernetes: etcd, API server, controller manager")
    authenticator = Authenticator(folder=folder, authority=authority, account=ACCOUNT_A)
    running.callback(authenticator.stop)
    cluster = ControlPlane(
        folder=folder / "kubernetes",
        binaries=binaries,
        authority=authority,
        issuer_url=issuer_url,
        token_webhook_config=authenticator.config_file,
    )
    running.callback(cluster.stop)
    cluster.start()
    parts.append(cluster.ended)

    tell("AWS: MiniStack, with the sandbox's checks in front of it")
    facts = ClusterFacts(
        endpoint=cluster.server_url,
        ca_data=base64.b64encode(authority.ca_pem).decode(),
        issuer_url=issuer_url,
    )
    emulator = Emulator(
        folder=folder / "aws", authority=authority, jwks=cluster.jwks, cluster=facts
    )
    running.callback(emulator.stop)
    emulator.start()
    parts.append(emulator.ended)
    eks_client = emulator.client("eks", ACCOUNT_A)
    authenticator.start(
        proxy=emulator.proxy,
        administrators=partial(administrators, eks_client),
        clusters=lambda: eks_client.list_clusters()["clusters"],
    )
    parts.append(authenticator.ended)

    tell("pod identity webhook and agent, kubelet, resource providers")
    webhook = WebhookServer(
        authority=authority,
        client=cluster.client(),
        region=REGION,
        associated=partial(associated, eks_client, folder),
    )
    running.callback(webhook.stop)
    webhook.start()
    parts.append(webhook.ended)
    agent = Agent(instance=emulator.instance, jwks=cluster.jwks, issuer_url=issuer_url)
    agent_server = AgentServer(agent, emulator.node_with_agent)
    running.callback(agent_server.stop)
    agent_server.start()
    parts.append(agent_server.ended)

    sockets = SocketFolder()
    running.callback(sockets.remove)
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
        pod_identity_agent=agent_server.url,
        pulumi=str(pulumi),
        providers={},
        plugins=plugins,
        snapshots=str(sockets.path / "snapshots"),
    )
    exec_server = ExecServer(
        authority=authority,
        client=cluster.client(),
        folder=state.path / "pods",
        extra_env=state.pod_environment(),
        agent=agent_server.url,
    )
    kubelet = Kubelet(cluster.client(), exec_server, emulator.node_with_agent)
    running.callback(kubelet.stop)
    kubelet.start()
    parts.append(kubelet.ended)

    attachable = {
        "aws": lambda: ProviderServer(
            aws.package(emulator.proxy, authority.ca_file, emulator.administrator)
        ),
        "eks": eks.EksServer,
        "kubernetes": lambda: ProviderServer(kubernetes.package(_aws_cli(state))),
    }
    servers = {name: serve() for name, serve in attachable.items() if name not in plugins}
    for server in servers.values():
        running.callback(server.stop)
        server.start()
        parts.append(server.ended)

    (sockets.path / "kubernetes").symlink_to(cluster.folder)  # whose own path may be too long
    storage = Storage(sockets.path / "kubernetes" / ETCD_SOCKET)
    running.callback(storage.close)
    snapshots = SnapshotServer(
        Path(state.snapshots),
        partial(_snapshot, emulator, storage, agent, folder / PULUMI_BACKEND),
        _end,
    )
    running.callback(snapshots.stop)
    snapshots.start()
    parts.append(snapshots.ended)

    (folder / PULUMI_BACKEND).mkdir(mode=0o700)
    return replace(state, providers={name: server.port for name, server in servers.items()})


def _snapshot(
    emulator: "Emulator", storage: "Storage", agent: "Agent", backend: Path
) -> Callable[[], None]:
    """Take a snapshot of accounts, cluster and stacks; the returned function restores it."""
    objects, accounts = storage.read_quiet(), emulator.snapshot()
    stacks = {each: each.read_bytes() for each in backend.rglob("*") if each.is_file()}

    def restore() -> None:
        accounts()  # first: what a controller makes of the cluster's return shall stand
        storage.restore(objects)
        agent.forget()  # its sessions are gone
        # A stack that was brought up since would say "unchanged" of resources that are gone.
        for each in backend.iterdir():
            rmtree(each) if each.is_dir() else each.unlink()
        for file, data in stacks.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)

    return restore


def _end() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def _aws_cli(state: SandboxState) -> dict[str, str]:
    """The environment in which kubeconfigs find the AWS CLI and the emulator, and providers the
    cluster."""
    return {**state.search_path(), **state.aws_environment(), "KUBECONFIG": state.kubeconfig}


def _tell(text: str) -> None:
    log.info("%s", text)
    try:
        os.write(1, f"{text}\n".encode())
    except BrokenPipeError:  # the starter has ended; `_end_with` is about to notice, too
        raise Cancelled from None


def _close_output() -> None:
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, 1)
    os.dup2(devnull, 2)
    os.close(devnull)


if __name__ == "__main__":
    # The lock stays open, and so the folder taken, until this process has ended.
    folder, pulumi, control_plane, names, _lock, starter = sys.argv[1:]
    plugins = [name for name in names.split(",") if name]
    sys.exit(main(Path(folder), Path(pulumi), Path(control_plane), plugins, int(starter)))
