"""A Pod to act as: made in the API server, changed by the webhook, run by the kubelet."""

import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import boto3.session
import lightkube
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap, Namespace, ServiceAccount

from irsa.identity.eks import ROLE_ARN_ANNOTATION
from irsa.identity.policy_json import Json
from irsa.identity.subjects import ServiceAccountRef, parse_account

from ..aws.clients import session_in
from ..errors import SandboxError
from ..pods.exec import find_pod
from ..pods.process import PodProcess, find_object, pod_process
from ..session import create_pod
from ..state import SandboxState

FIELD_MANAGER = "irsa-sandbox-pytest"
ROOT_CA = "kube-root-ca.crt"
"""In every namespace, a moment after it is made; a Pod's own token volume needs it."""

PATIENCE = 120.0  # seconds
POLL = 0.01  # seconds


class Pod:
    """A container of a running Pod, as a place to be in: its environment, files and tokens."""

    def __init__(self, name: str, process: PodProcess, state: SandboxState) -> None:
        self.name = name
        """NAMESPACE/NAME."""

        self._process = process
        self._state = state

    @property
    def environment(self) -> dict[str, str]:
        """The container's variables as the webhook left them, and the way to the emulator. Nothing
        of this process's environment but PATH and LANG."""
        return dict(self._process.env)

    def boto3(self) -> boto3.session.Session:
        """A session with what boto3's own search for credentials finds in the container."""
        state = self._state
        return session_in(self._process.env, state.aws_proxy, Path(state.aws_ca_bundle))

    def run(
        self,
        command: Sequence[str],
        *,
        input: str | None = None,  # noqa: A002 - subprocess's name
    ) -> subprocess.CompletedProcess[str]:
        """Run a command of this machine in that environment. Paths of the container's volumes are
        mapped to where they are here."""
        return subprocess.run(
            [self._process.local(argument) for argument in command],
            env=self._process.env,
            input=input,
            capture_output=True,
            text=True,
            check=False,
        )

    def __repr__(self) -> str:
        return f"<pod {self.name}>"


@contextmanager
def running_pod(
    client: lightkube.Client,
    state: SandboxState,
    service_account: str,
    role_arn: str | None = None,
) -> Iterator[Pod]:
    """Run a Pod of a service account, ``NAMESPACE/NAME``.

    With ``role_arn`` the namespace and the service account are made where they are missing, and it
    is annotated with the role. Raises `SandboxError`, one line, when there is no such account.
    """
    account = parse(service_account)
    if role_arn is not None:
        _annotate(client, account, role_arn)
    else:
        _check_exists(client, account)
    deadline = time.monotonic() + PATIENCE  # after which the Pod names the missing part
    while not find_object(client, ConfigMap, ROOT_CA, namespace=account.namespace):
        if time.monotonic() > deadline:
            break
        time.sleep(POLL)
    made = create_pod(client, account, generateName=f"{account.name}-")
    pod = _running(client, account.namespace, made["metadata"]["name"])
    with pod_process(client, pod=pod, on_note=lambda _: None, **state.pods()) as process:
        yield Pod(f"{account.namespace}/{pod['metadata']['name']}", process, state)


def parse(text: str) -> ServiceAccountRef:
    """NAMESPACE/NAME as a reference; raises `SandboxError`."""
    try:
        return parse_account(text)
    except ValueError as error:
        raise SandboxError(str(error)) from error


def _annotate(client: lightkube.Client, account: ServiceAccountRef, role_arn: str) -> None:
    annotations = {ROLE_ARN_ANNOTATION: role_arn}
    for manifest in (
        Namespace(metadata=ObjectMeta(name=account.namespace)),
        ServiceAccount(
            metadata=ObjectMeta(
                name=account.name, namespace=account.namespace, annotations=annotations
            )
        ),
    ):
        client.apply(manifest, field_manager=FIELD_MANAGER, force=True)


def _check_exists(client: lightkube.Client, account: ServiceAccountRef) -> None:
    if find_object(client, ServiceAccount, account.name, namespace=account.namespace):
        return
    listed = client.list(ServiceAccount, namespace=account.namespace)
    there = [each.to_dict()["metadata"]["name"] for each in listed]
    raise SandboxError(
        f"namespace {account.namespace} has no service account {account.name}; it has "
        f"{', '.join(there) or 'none'}; make it, or give `pod` the role_arn to make it with"
    )


def _running(client: lightkube.Client, namespace: str, name: str) -> Json:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return find_pod(client, namespace, name)
        except LookupError as error:
            if time.monotonic() > deadline:
                raise SandboxError(str(error)) from error
        time.sleep(POLL)
