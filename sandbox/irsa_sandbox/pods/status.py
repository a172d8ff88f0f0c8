"""The status that a kubelet reports for a Pod. Pure.

https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/
"""

import hashlib
from datetime import UTC, datetime

from irsa_core.identity.policy_json import Json

from .spec import PodNotReady

HOST_IP = "127.0.0.1"


def running_status(pod: Json) -> Json:
    """The status of a Pod whose init containers are done and whose containers are ready."""
    now = _now()
    running = {"running": {"startedAt": now}}
    ended = {"exitCode": 0, "reason": "Completed", "startedAt": now, "finishedAt": now}
    return _status(pod, running, {"terminated": ended}, ready=True)


def waiting_status(pod: Json, problem: PodNotReady) -> Json:
    """The status of a Pod that cannot start yet, with the reason at each container."""
    state = {"waiting": {"reason": problem.reason, "message": problem.message}}
    return _status(pod, state, state, ready=False, message=problem.message)


def _status(
    pod: Json, state: Json, initial: Json, *, ready: bool, message: str | None = None
) -> Json:
    """``initial`` is the state of init containers that end; a sidecar is one that runs on."""
    spec, pod_ip = pod["spec"], _pod_ip(pod["metadata"]["uid"])
    reason = None if ready else "ContainersNotReady"
    return {
        "phase": "Running" if ready else "Pending",
        "startTime": pod.get("status", {}).get("startTime") or _now(),
        "hostIP": HOST_IP,
        "hostIPs": [{"ip": HOST_IP}],
        "podIP": pod_ip,
        "podIPs": [{"ip": pod_ip}],
        "conditions": [
            condition("PodScheduled"),
            condition("Initialized", reason, message, true=ready),
            condition("ContainersReady", reason, message, true=ready),
            condition("Ready", reason, message, true=ready),
        ],
        "initContainerStatuses": [
            _container_status(
                c, state if c.get("restartPolicy") == "Always" else initial, ready=ready
            )
            for c in spec.get("initContainers", ())
        ],
        "containerStatuses": [_container_status(c, state, ready=ready) for c in spec["containers"]],
    }


def condition(
    type_: str, reason: str | None = None, message: str | None = None, *, true: bool = True
) -> Json:
    """A condition of a Pod or a Node that has just changed."""
    condition = {"type": type_, "status": str(true), "lastTransitionTime": _now()}
    texts = {"reason": reason, "message": message}
    return condition | {key: text for key, text in texts.items() if text}


def _container_status(container: Json, state: Json, *, ready: bool) -> Json:
    return {
        "name": container["name"],
        "image": container["image"],
        "imageID": "",
        "ready": ready,
        "started": ready,
        "restartCount": 0,
        "state": state,
    }


def waiting_reason(pod: Json) -> tuple[str, str] | None:
    """Reason and message of the first container that waits."""
    for status in pod.get("status", {}).get("containerStatuses", ()):
        if waiting := status.get("state", {}).get("waiting"):
            return waiting.get("reason", ""), waiting.get("message", "")
    return None


def _pod_ip(uid: str) -> str:
    """An address that no Pod shares by more than bad luck; nothing answers there."""
    first, second, third = hashlib.sha256(uid.encode()).digest()[:3]
    return f"10.{first}.{second}.{third}"


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
