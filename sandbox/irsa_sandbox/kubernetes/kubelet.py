"""The kubelet's part: binds Pods to a node that is not there and reports them as running.

No container runs. `irsa_sandbox.kubernetes.kubelet_exec` runs commands with a Pod's environment and
volumes.
"""

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus

import lightkube
import msgspec
from lightkube.core.exceptions import ApiError
from lightkube.models.core_v1 import Container, ObjectReference, PodSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Node, NodeStatus, Pod, PodBinding, PodStatus
from lightkube.types import PatchType

from irsa_core.identity.policy_json import Json

from ..aws.eks_auth import AGENT_ADDON
from ..aws.eks_auth import Node as EksNode
from ..pods.process import object_lookup
from ..pods.spec import PodNotReady, environment, volume_files
from ..pods.status import HOST_IP, condition, running_status, waiting_reason, waiting_status
from .kubelet_exec import ExecServer

NODE_NAME = "sandbox"
WEB_SOCKETS = "ExtendWebSocketsToKubelet"
"""Declared by a node whose kubelet takes `kubectl exec` as it comes, over a WebSocket. For others
the API server turns it into SPDY (Kubernetes 1.36, KEP 3396)."""
RETRY_SECONDS = 0.25
WATCH_SECONDS = 300

GROUP_LABEL = "eks.amazonaws.com/nodegroup"
AUTO_MODE_LABEL = "eks.amazonaws.com/compute-type"
AGENT_POD = Pod(
    metadata=ObjectMeta(
        name=AGENT_ADDON,
        namespace="kube-system",
        labels={"app.kubernetes.io/name": AGENT_ADDON},
    ),
    spec=PodSpec(hostNetwork=True, containers=[Container(name=AGENT_ADDON, image=AGENT_ADDON)]),
)
"""Of the add-on; `irsa_sandbox.kubernetes.pod_identity_agent` answers in its place."""

log = logging.getLogger(__name__)


class Kubelet:
    """Marks every Pod running and ready once its volumes and environment can be had."""

    def __init__(
        self,
        client: lightkube.Client,
        exec_server: ExecServer,
        eks_node: Callable[[], EksNode | None] = lambda: None,
    ) -> None:
        """``eks_node`` returns what EKS makes of the node while it has the agent's add-on."""
        self._client = client
        self._eks_node = eks_node
        self._joined: EksNode | None = None
        self._exec_server = exec_server
        self._changed = threading.Event()
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=target, name=f"kubelet-{name}", daemon=True)
            for name, target in (("watch", self._watch), ("sync", self._work))
        ]

    def start(self) -> None:
        """Register the node and begin."""
        self._exec_server.start()
        self._register_node()
        for thread in self._threads:
            thread.start()

    def ended(self) -> str | None:
        """Says that Pods are not looked after any more; None while they are."""
        threads = [*self._threads, self._exec_server.thread]
        dead = [thread.name for thread in threads if not thread.is_alive()]
        return f"the kubelet ended (thread {dead[0]})" if dead else None

    def stop(self) -> None:
        """End commands and stop reporting.

        The open watch ends with its next event or with the API server.
        """
        self._stopping.set()
        self._exec_server.stop()

    def _register_node(self) -> None:
        labels = {"kubernetes.io/hostname": NODE_NAME, "kubernetes.io/os": "linux"}
        self._client.create(Node(metadata=ObjectMeta(name=NODE_NAME, labels=labels)))
        status = {
            "conditions": [condition("Ready", "KubeletReady")],
            "addresses": [{"type": "InternalIP", "address": HOST_IP}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": self._exec_server.port}},
            "declaredFeatures": [WEB_SOCKETS],
        }
        change = {"status": status}
        self._client.patch(NodeStatus, NODE_NAME, change, patch_type=PatchType.MERGE)

    def _watch(self) -> None:
        while not self._stopping.is_set():
            try:  # begins with the Pods that are there
                for _ in self._client.watch(Pod, namespace="*", server_timeout=WATCH_SECONDS):
                    self._changed.set()
                    if self._stopping.is_set():
                        return
            except Exception:  # a version too old, an API server gone, half a line: once more
                if not self._stopping.wait(RETRY_SECONDS):
                    log.exception("watching pods again")

    def _work(self) -> None:
        finished = True
        while not self._stopping.is_set():
            try:
                if self._changed.wait(RETRY_SECONDS) or not finished:
                    self._changed.clear()
                    pods = [pod.to_dict() for pod in self._client.list(Pod, namespace="*")]
                    finished = False not in [self._try_sync(pod) for pod in pods]
                self._join(self._eks_node())
            except Exception:  # a request that failed: at the next time
                finished = False
                log.exception("pods and node")

    def _join(self, node: EksNode | None) -> None:
        """Label the node as EKS does, and run the agent's Pod with its add-on."""
        if node == self._joined:
            return
        kind = "auto" if node and not node.group else None
        labels = {AUTO_MODE_LABEL: kind, GROUP_LABEL: (node.group or None) if node else None}
        change = {"metadata": {"labels": labels}}
        self._client.patch(Node, NODE_NAME, change, patch_type=PatchType.MERGE)
        if node and node.group:
            self._client.apply(AGENT_POD, field_manager=NODE_NAME, force=True)
        else:
            with suppress(ApiError):  # there is none
                self._client.delete(Pod, AGENT_ADDON, namespace="kube-system")
        self._joined = node

    def _try_sync(self, pod: Json) -> bool:
        try:
            return self.sync(pod)
        except ApiError as error:
            if error.status.code == HTTPStatus.NOT_FOUND:
                return True
            log.info("pod %s: %s", pod["metadata"]["name"], error)
        except Exception:  # one odd Pod must not stop the others
            log.exception("pod %s", pod["metadata"]["name"])
        return False

    def sync(self, pod: Json) -> bool:
        """Bring one Pod a step forward; say whether it is where it should be.

        Raises `httpx2.HTTPError` when the API refuses or does not answer.
        """
        namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
        if "deletionTimestamp" in pod["metadata"]:
            # A Pod that has a node stays until its kubelet says that it has ended.
            self._client.delete(Pod, name, namespace=namespace, grace_period=0)
            return True
        if pod.get("status", {}).get("phase") != "Pending":
            return True
        if "nodeName" not in pod["spec"]:
            target = ObjectReference(apiVersion="v1", kind="Node", name=NODE_NAME)
            binding = PodBinding(metadata=ObjectMeta(name=name), target=target)
            # The answer is a Status, which lightkube takes for a Binding without its target.
            with suppress(msgspec.ValidationError):
                self._client.create(binding, name, namespace=namespace)
        try:
            self._check(pod)
            status = running_status(pod)
        except PodNotReady as problem:
            if waiting_reason(pod) == (problem.reason, problem.message):
                return False
            status = waiting_status(pod, problem)
        # The uid makes the API server refuse this for a new Pod of the same name.
        change = {"metadata": {"uid": pod["metadata"]["uid"]}, "status": status}
        self._client.patch(PodStatus, name, change, namespace=namespace, patch_type=PatchType.MERGE)
        return status["phase"] == "Running"

    def _check(self, pod: Json) -> None:
        lookup = object_lookup(self._client, pod["metadata"]["namespace"])
        for volume in pod["spec"].get("volumes", ()):
            volume_files(volume, pod, lookup)
        spec = pod["spec"]
        for container in (*spec.get("initContainers", ()), *spec["containers"]):
            environment(container, pod, lookup)
