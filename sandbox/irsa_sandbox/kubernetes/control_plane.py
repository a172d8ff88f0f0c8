"""The control plane: etcd, kube-apiserver and kube-controller-manager as child processes.

Flags: https://kubernetes.io/docs/reference/command-line-tools-reference/kube-apiserver/
"""

import os
import secrets
import socket
import ssl
import subprocess
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import lightkube
import yaml
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from lightkube.config.kubeconfig import KubeConfig

from irsa_core.identity.quotas import TOKEN_EXPIRATION

from ..serving.certificates import Authority
from ..serving.files import write_private
from ..waiting import wait_until
from .log_lines import telling

# etcd wants host:port in every URL; for the scheme `unix` it takes the whole as a path, here
# relative to the folder that etcd and the API server run in. A socket in a private folder keeps
# other local users out, and a relative path is never too long for a socket (104 bytes on macOS).
ETCD_SOCKET = "etcd:1"
ETCD_CLIENTS = f"unix://{ETCD_SOCKET}"
ETCD_PEERS = "unix://etcd:2"
ETCD_FLAGS = (
    "--data-dir=etcd-data",
    "--unsafe-no-fsync",  # a crashed sandbox is not restarted from its data
    f"--listen-client-urls={ETCD_CLIENTS}",
    f"--advertise-client-urls={ETCD_CLIENTS}",
    f"--listen-peer-urls={ETCD_PEERS}",
    f"--initial-advertise-peer-urls={ETCD_PEERS}",
    f"--initial-cluster=default={ETCD_PEERS}",
)

CONTROLLERS = (
    "namespace-controller",
    "serviceaccount-controller",
    "deployment-controller",
    "replicaset-controller",
    "statefulset-controller",
    "daemonset-controller",
    "job-controller",
    "cronjob-controller",
    "endpoints-controller",
    "endpointslice-controller",
    "persistentvolumeclaim-protection-controller",
    "garbage-collector-controller",
    "root-ca-certificate-publisher-controller",
)
API_AUDIENCE = "https://kubernetes.default.svc"  # EKS's; the API refuses a token for STS
SERVICE_RANGE = "10.100.0.0/16"  # what EKS gives a VPC that is not 10/8
DEFAULT_ACCOUNT = "/api/v1/namespaces/default/serviceaccounts/default"
START_TIMEOUT = 300.0


class NotStarted(Exception):
    """A process of the control plane died or did not become ready."""


def _answers(http: httpx2.Client, path: str) -> bool:
    try:
        return http.get(path).is_success
    except httpx2.TransportError:
        return False


class ControlPlane:
    """A Kubernetes control plane on loopback whose tokens have an EKS-shaped issuer."""

    server_url: str
    """``https://127.0.0.1:PORT``, known once started."""

    admin_token: str
    """Bearer token of a member of ``system:masters``."""

    def __init__(
        self,
        *,
        folder: Path,
        binaries: Path,
        authority: Authority,
        issuer_url: str,
        token_webhook_config: Path | None = None,
    ) -> None:
        """Prepare in a folder that is new; nothing runs yet.

        `binaries` holds etcd, kube-apiserver and kube-controller-manager. `token_webhook_config` is
        a kubeconfig that names an authenticator for further bearer tokens.
        """
        self.folder = folder.resolve()
        self.kubeconfig_file = self.folder / "kubeconfig"
        self._binaries = binaries.resolve()
        self._authority = authority
        self._issuer_url = issuer_url
        self._token_webhook_config = token_webhook_config
        self._processes: dict[Path, subprocess.Popen[bytes]] = {}  # by log, last started last

    def start(self) -> None:
        """Start all three; return when the API is ready and `default` has its service account.

        Raises `NotStarted`, and then nothing is left running.
        """
        self.folder.mkdir(mode=0o700, parents=True)
        (self.folder / "logs").mkdir()
        self.admin_token = secrets.token_urlsafe(32)
        tokens = f'{self.admin_token},admin,admin,"system:masters"\n'
        write_private(self.folder / "tokens.csv", tokens.encode())
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        write_private(self.folder / "service-accounts-key.pem", pem)
        try:
            # Bound without listening: until the API server's own bind no other program gets it.
            with socket.socket() as reserved:
                reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
                reserved.bind(("127.0.0.1", 0))
                self.server_url = f"https://127.0.0.1:{reserved.getsockname()[1]}"
                write_private(self.kubeconfig_file, yaml.safe_dump(self.kubeconfig()).encode())
                self._launch("etcd", ETCD_FLAGS, (self.folder / ETCD_SOCKET).exists)
                with self._http() as http:
                    ready = partial(_answers, http, "/readyz")
                    self._launch("kube-apiserver", self._api_server_flags(), ready)
                    ready = partial(_answers, http, DEFAULT_ACCOUNT)
                    flags = self._controller_manager_flags()
                    self._launch("kube-controller-manager", flags, ready)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End all three, last started first.

        Nothing is kept, so nothing needs to be finished: a graceful end of the API server waits
        for open watches, and hangs without etcd.
        """
        while self._processes:
            _, process = self._processes.popitem()
            process.kill()
            process.wait()

    def ended(self) -> str | None:
        """Return how one of the processes ended, with its log's reason; None while all run."""
        for log, process in list(self._processes.items()):
            code = process.poll()
            if code is None:
                continue
            if code < 0:  # its log says nothing of that
                return f"{log.stem} was killed by signal {-code} (log: {log})"
            why = telling(log.read_text(errors="replace"))
            return f"{log.stem} ended with code {code} (log: {log}): {why}"
        return None

    def kubeconfig(self) -> dict[str, Any]:
        """A kubeconfig with the admin token in it."""
        return self._authority.kubeconfig(self.server_url, {"token": self.admin_token})

    def client(self) -> lightkube.Client:
        """A client with the admin's rights, which ignores the caller's proxies."""
        return lightkube.Client(
            KubeConfig.from_dict(self.kubeconfig()), trust_env=False, field_manager="irsa-sandbox"
        )

    def jwks(self) -> dict[str, Any]:
        """The public keys that verify this cluster's service-account tokens."""
        with self._http() as http:
            return http.get("/openid/v1/jwks").raise_for_status().json()

    def _launch(self, name: str, flags: Sequence[str], ready: Callable[[], bool]) -> None:
        """Start a program in the caller's process group; return when it is ready."""
        program = self._binaries / name
        if not program.exists():
            raise NotStarted(f"{program} does not exist; put {name} there")
        log = self.folder / "logs" / f"{name}.log"
        # A clean environment: ETCD_* and proxy variables of the caller would change behaviour.
        with log.open("wb") as stream:
            self._processes[log] = subprocess.Popen(
                [str(program), *flags],
                cwd=self.folder,
                env={"PATH": os.defpath, "HOME": str(self.folder)},
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
            )

        def is_ready() -> bool:
            if (how := self.ended()) is not None:
                raise NotStarted(how)
            return ready()

        if not wait_until(is_ready, START_TIMEOUT, 0.02):
            raise NotStarted(f"{name} is not ready after {START_TIMEOUT:.0f} s (log: {log})")

    def _http(self) -> httpx2.Client:
        return httpx2.Client(
            base_url=self.server_url,
            verify=ssl.create_default_context(cafile=self._authority.ca_file),
            headers={"Authorization": f"Bearer {self.admin_token}"},
            trust_env=False,
        )

    def _api_server_flags(self) -> list[str]:
        port = self.server_url.rpartition(":")[2]
        hosts = ("127.0.0.1", "localhost", "kubernetes.default.svc", "10.100.0.1")
        certificate = self._authority.issue("kube-apiserver", *hosts)
        to_kubelet = self._authority.issue_client("kube-apiserver-kubelet-client")
        admission = self._write_admission_config()
        key = self.folder / "service-accounts-key.pem"
        flags = [
            f"--etcd-servers={ETCD_CLIENTS}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            f"--secure-port={port}",
            "--permit-port-sharing",  # the port is ours already, see `start`
            f"--tls-cert-file={certificate.cert_file}",
            f"--tls-private-key-file={certificate.key_file}",
            f"--kubelet-client-certificate={to_kubelet.cert_file}",
            f"--kubelet-client-key={to_kubelet.key_file}",
            f"--kubelet-certificate-authority={self._authority.ca_file}",
            f"--token-auth-file={self.folder / 'tokens.csv'}",
            "--anonymous-auth=false",
            "--authorization-mode=RBAC",
            f"--service-account-issuer={self._issuer_url}",
            f"--service-account-jwks-uri={self._issuer_url}/keys",
            f"--service-account-key-file={key}",
            f"--service-account-signing-key-file={key}",
            f"--service-account-max-token-expiration={TOKEN_EXPIRATION[-1]}s",
            f"--api-audiences={API_AUDIENCE}",
            f"--service-cluster-ip-range={SERVICE_RANGE}",
            f"--admission-control-config-file={admission}",
            "--allow-privileged=true",
            "--endpoint-reconciler-type=none",
            "--profiling=false",
        ]
        if self._token_webhook_config is not None:
            flags += [
                f"--authentication-token-webhook-config-file={self._token_webhook_config.resolve()}",
                "--authentication-token-webhook-version=v1",
            ]
        return flags

    def _write_admission_config(self) -> Path:
        """The API server's credentials for admission webhooks: ``*`` stands for any of them.

        https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#authenticate-apiservers
        """
        file, users = self.folder / "admission.yaml", self.folder / "webhooks.yaml"
        user = self._authority.client_user("kube-apiserver-client")
        config = {"apiVersion": "v1", "kind": "Config", "users": [{"name": "*", "user": user}]}
        write_private(users, yaml.safe_dump(config).encode())
        api = {"apiVersion": "apiserver.config.k8s.io/v1"}
        webhooks = {"kind": "WebhookAdmissionConfiguration", "kubeConfigFile": str(users), **api}
        plugin = {"name": "MutatingAdmissionWebhook", "configuration": webhooks}
        config = {"kind": "AdmissionConfiguration", "plugins": [plugin], **api}
        write_private(file, yaml.safe_dump(config).encode())
        return file

    def _controller_manager_flags(self) -> list[str]:
        return [
            f"--kubeconfig={self.kubeconfig_file}",
            f"--service-account-private-key-file={self.folder / 'service-accounts-key.pem'}",
            f"--root-ca-file={self._authority.ca_file}",
            f"--controllers={','.join(CONTROLLERS)}",
            "--leader-elect=false",
            "--kube-api-qps=1000",  # its own limit of 20 calls a second protects nothing here
            "--kube-api-burst=1000",
            "--secure-port=0",
            "--profiling=false",
        ]
