"""The run's cluster: commands in its Pods, and tokens of its service accounts, through the API.

https://kubernetes.io/docs/reference/kubernetes-api/ ; no kubectl is needed.
"""

import asyncio
import time
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import lightkube
from httpx2.websockets import HTTPXWSException
from lightkube.config.kubeconfig import KubeConfig
from lightkube.core.exceptions import ApiError
from lightkube.models.authentication_v1 import TokenRequestSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Namespace, Pod, ServiceAccount, ServiceAccountToken

from irsa.identity.eks import STS_AUDIENCE
from irsa.identity.quotas import TOKEN_EXPIRATION
from tests.live.run import TAG

PATIENCE = 300.0  # seconds until a Pod must run; its image is pulled then
PAUSE = 2.0
COMMAND_SECONDS = 120.0


class Done(NamedTuple):
    """A command that ended."""

    code: int
    output: str
    errors: str


class Cluster:
    """A client as whoever the kubeconfig's tokens are of."""

    def __init__(self, kubeconfig: Path, run_id: str) -> None:
        self._run_id = run_id
        config = KubeConfig.from_file(kubeconfig).get()
        self._client = lightkube.Client(config)
        # The other one reads and writes a WebSocket's one TLS connection on two threads, which
        # before Python 3.14 loses some of it now and then.
        self._async = lightkube.AsyncClient(config)
        self._runner = asyncio.Runner()

    def close(self) -> None:
        """Close every connection."""
        self._client.close()
        self._runner.run(self._async.close())
        self._runner.close()

    def version(self) -> str:
        """The API server's."""
        answer = self._client._client._client.get("/version")  # lightkube has no call for it
        return answer.raise_for_status().json()["gitVersion"]

    def in_pod(self, namespace: str, workload: str, command: list[str]) -> Done:
        """Run a command in a workload's Pod, once it runs; raises `TimeoutError` when none does."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                pod = self._running(namespace, workload)
                done = self._runner.run(
                    self._async.exec(
                        pod,
                        namespace=namespace,
                        command=command,
                        stdout=True,
                        stderr=True,
                        timeout=COMMAND_SECONDS,
                    )
                )
                return Done(done.exit_code, str(done.stdout), str(done.stderr))
            # A Pod that is not there yet, or a node's kubelet that does not answer yet.
            except (LookupError, ApiError, httpx2.HTTPError, HTTPXWSException) as error:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{namespace}/{workload}: {error}") from error
                time.sleep(PAUSE)

    def service_account(self, namespace: str, name: str) -> None:
        """Make a service account, and its namespace if it is not there."""
        own = {"labels": {TAG: self._run_id}}
        for made in (
            Namespace(metadata=ObjectMeta(name=namespace, **own)),
            ServiceAccount(metadata=ObjectMeta(name=name, namespace=namespace, **own)),
        ):
            try:
                self._client.create(made)
            except ApiError as error:
                if error.status.code != HTTPStatus.CONFLICT:
                    raise

    def token(self, namespace: str, name: str, audience: str = STS_AUDIENCE) -> str:
        """A service account's token, from the API server's TokenRequest."""
        spec = TokenRequestSpec(audiences=[audience], expirationSeconds=TOKEN_EXPIRATION.start)
        request = ServiceAccountToken(metadata=ObjectMeta(), spec=spec)
        answer: dict[str, Any] = self._client.create(request, name, namespace=namespace).to_dict()
        return answer["status"]["token"]

    def remove_namespaces(self) -> None:
        """Remove the namespaces that `service_account` has made."""
        for each in self._client.list(Namespace, labels={TAG: self._run_id}):
            self._client.delete(Namespace, each.to_dict()["metadata"]["name"])

    def _running(self, namespace: str, workload: str) -> str:
        labels = {"app.kubernetes.io/name": workload}
        waits = "no Pod is there"
        for pod in self._client.list(Pod, namespace=namespace, labels=labels):
            document = pod.to_dict()
            phase = document.get("status", {}).get("phase")
            if phase == "Running" and "deletionTimestamp" not in document["metadata"]:
                return document["metadata"]["name"]
            waits = f"its Pod {document['metadata']['name']} is {phase}"
        raise LookupError(waits)
