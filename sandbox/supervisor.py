"""The sandbox's one background process: it holds every server and watches over the control plane.

`sandbox.lifecycle` starts it as `python -m sandbox.supervisor FOLDER PULUMI CONTROL_PLANE`. It
tells its progress on standard output, a line a step, closes it when everything answers, and ends
on SIGTERM.
"""

import base64
import logging
import os
import secrets
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from sandbox.accounts import ACCOUNT_A, REGION
from sandbox.state import (
    FAILED,
    FORMAT,
    LOCK_FILE,
    LOG_FILE,
    SandboxState,
    save,
    take_lock,
)

log = logging.getLogger("sandbox")


def main(folder: Path, pulumi: Path, control_plane: Path) -> int:
    """Run a sandbox in ``folder`` until SIGTERM or SIGINT."""
    lock = take_lock(folder)
    if lock is None:
        return 0  # somebody else's start was faster
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    _clear(folder)
    logging.basicConfig(
        filename=folder / LOG_FILE,
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    logging.getLogger("httpx2").setLevel(logging.WARNING)  # a line a request otherwise
    _start_reaper()
    with lock, ExitStack() as running:
        try:
            save(_start(folder, pulumi, control_plane, running, _tell))
        except Exception as error:
            log.exception("the sandbox did not start")
            _tell(f"{FAILED}{error}")
            return 1
        _close_output()
        stopping.wait()
    return 0


def _start(
    folder: Path,
    pulumi: Path,
    binaries: Path,
    running: ExitStack,
    tell: Callable[[str], None],
) -> SandboxState:
    # Imported here, so that a second `up` that finds the lock taken ends at once.
    from sandbox.authenticator import Authenticator
    from sandbox.aws import ClusterFacts, Emulator
    from sandbox.certificates import Authority
    from sandbox.kubelet import Kubelet
    from sandbox.kubernetes import ControlPlane
    from sandbox.providers import aws, eks, kubernetes
    from sandbox.providers.journal import Journal
    from sandbox.providers.server import ProviderServer
    from sandbox.webhook import WebhookServer

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

    tell("AWS: MiniStack, and the token gate in front of STS")
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
    authenticator.start(
        sts_endpoint=emulator.endpoint,
        administrators=frozenset({emulator.administrator_arn}),
        clusters=lambda: emulator.client("eks", ACCOUNT_A).list_clusters()["clusters"],
    )

    tell("pod identity webhook, kubelet, resource providers")
    webhook = WebhookServer(authority=authority, client=cluster.client(), region=REGION)
    running.callback(webhook.stop)
    webhook.start()
    kubelet = Kubelet(cluster.client())
    running.callback(kubelet.stop)
    kubelet.start()

    state = SandboxState(
        format=FORMAT,
        pid=os.getpid(),
        folder=str(folder),
        aws_endpoint=emulator.endpoint,
        aws_ca_bundle=str(authority.ca_file),
        access_key_id=emulator.administrator.access_key_id,
        secret_access_key=emulator.administrator.secret_access_key,
        root_secret=emulator.root_secret,
        kubernetes_server=cluster.server_url,
        kubeconfig=str(cluster.kubeconfig_file),
        issuer_url=issuer_url,
        pulumi=str(pulumi),
        providers={},
    )
    journal = Journal()
    servers = {
        "aws": ProviderServer(
            aws.package(emulator.endpoint, authority.ca_file, emulator.administrator), journal
        ),
        "eks": eks.EksServer(),
        "kubernetes": ProviderServer(kubernetes.package(_aws_cli(state)), journal),
    }
    for server in servers.values():
        running.callback(server.stop)
        server.start()

    (folder / "pulumi").mkdir(mode=0o700)
    return replace(state, providers={name: server.port for name, server in servers.items()})


def _aws_cli(state: SandboxState) -> dict[str, str]:
    """The environment in which kubeconfigs find this installation's AWS CLI and the emulator."""
    programs = Path(sys.executable).parent
    path = os.pathsep.join([str(programs), os.environ.get("PATH", os.defpath)])
    return {**state.aws_environment(), "PATH": path}


def _clear(folder: Path) -> None:
    """Remove what an earlier sandbox left: its processes, and so everything in it, are gone."""
    for entry in folder.iterdir():
        if entry.name == LOCK_FILE:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _start_reaper() -> None:
    """Kill the control plane when this process dies, however it dies.

    The reaper's standard input is a pipe from here, which the kernel closes with the process. A
    regular stop has no children left by then. Works on Linux and macOS alike.
    """
    script = 'cat >/dev/null; kill -s KILL -- "-$0" 2>/dev/null'
    subprocess.Popen(
        ["sh", "-c", script, str(os.getpgrp())],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _tell(text: str) -> None:
    log.info("%s", text)
    print(text, flush=True)


def _close_output() -> None:
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, 1)
    os.dup2(devnull, 2)
    os.close(devnull)


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:4])))
