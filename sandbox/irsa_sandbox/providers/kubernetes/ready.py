"""Wait until an object is ready or gone, for the `kubernetes` provider.

The published provider waits 10 minutes, for real nodes; here `DEFAULT_TIMEOUT` is enough.
"""

from collections.abc import Iterator
from threading import Event

from irsa_core.identity.policy_json import Json

from ...waiting import wait_until
from ..resource import Refused
from ..values import get_path
from .api import KubernetesApi
from .rules import SKIP_ANNOTATION, TIMEOUT_ANNOTATION, annotation

DEFAULT_TIMEOUT = 120.0  # seconds
DELETION_UNDER_WAY = 15.0  # seconds; a Namespace takes five to ten


def await_ready(api: KubernetesApi, path: str, resource_id: str, canceled: Event) -> list[str]:
    """Wait for a Deployment's rollout; return what its Pods say if it is not available.

    Other kinds are ready at once.
    """
    deployment = api.get(path) or {}
    if deployment.get("kind") != "Deployment" or annotation(deployment, SKIP_ANNOTATION) == "true":
        return []
    timeout = _timeout(deployment)
    wait_until(lambda: canceled.is_set() or _available(api.get(path) or {}), timeout)
    if _available(api.get(path) or {}):
        return []
    reasons = list(_pod_reasons(api, deployment)) or ["no Pod was created"]
    when = "yet" if canceled.is_set() else f"after {timeout:g} s"
    return [f"Deployment {resource_id} is not available {when}: {reason}" for reason in reasons]


def await_gone(api: KubernetesApi, path: str, deleted: Json, canceled: Event) -> None:
    """Wait until a deleted object is gone; raise `Refused` with what holds it."""
    wait_until(lambda: canceled.is_set() or api.get(path) is None, _timeout(deleted))
    if api.get(path) is not None:
        metadata = deleted["metadata"]
        name = "/".join(filter(None, [metadata.get("namespace"), metadata["name"]]))
        held = ", ".join(_held_by(api.get(path) or deleted)) or "something that it does not name"
        raise Refused(f"{deleted['kind']} {name} is still being deleted; it is held by {held}")


def get_lasting(api: KubernetesApi, path: str) -> Json | None:
    """The object, unless it is about to go: what a killed run deleted would be gone in the middle
    of the next one. What is held up is still there."""
    live = api.get(path)
    is_leaving = live is not None and "deletionTimestamp" in live["metadata"]
    gone = is_leaving and wait_until(lambda: api.get(path) is None, DELETION_UNDER_WAY)
    return None if gone else live


def _held_by(content: Json) -> Iterator[str]:
    for finalizer in content["metadata"].get("finalizers", ()):
        yield f"finalizer {finalizer}"
    for condition in get_path(content, "status.conditions") or ():  # a Namespace's say what remains
        if condition["status"] == "True":
            yield f"{condition['reason']} ({condition['message']})"


def _timeout(content: Json) -> float:
    return float(annotation(content, TIMEOUT_ANNOTATION) or DEFAULT_TIMEOUT)


def _available(deployment: Json) -> bool:
    """Return True if the rollout of the newest generation is complete.

    https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#complete-deployment
    """
    replicas, status = get_path(deployment, "spec.replicas") or 0, deployment.get("status", {})
    counts = {status.get(name, 0) for name in ("replicas", "updatedReplicas", "availableReplicas")}
    is_observed = status.get("observedGeneration", 0) >= deployment["metadata"]["generation"]
    return is_observed and counts == {replicas}


def _pod_reasons(api: KubernetesApi, deployment: Json) -> Iterator[str]:
    """Yield the problems in the status of a Deployment's Pods."""
    namespace = deployment["metadata"]["namespace"]
    labels = get_path(deployment, "spec.selector.matchLabels") or {}
    selector = ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
    base = f"/apis/apps/v1/namespaces/{namespace}/replicasets"
    for replica_set in (api.get(base, labelSelector=selector) or {})["items"]:
        for condition in get_path(replica_set, "status.conditions") or []:
            if condition["type"] == "ReplicaFailure":
                yield condition["message"]
    pods = api.get(f"/api/v1/namespaces/{namespace}/pods", labelSelector=selector) or {}
    for pod in pods["items"]:
        for container in get_path(pod, "status.containerStatuses") or []:
            waiting = get_path(container, "state.waiting")
            if waiting:
                words = ": ".join(filter(None, [waiting.get("reason"), waiting.get("message")]))
                yield f"Pod {pod['metadata']['name']}, container {container['name']}: {words}"
        for condition in get_path(pod, "status.conditions") or []:
            if condition["type"] == "PodScheduled" and condition["status"] != "True":
                yield f"Pod {pod['metadata']['name']}: {condition.get('message', 'not scheduled')}"
