"""Reader of Pods, their controllers, ConfigMaps and Secrets, and the webhook.

Part of `irsa.observe.kubernetes`, whose `Cluster` makes the calls and turns refusals into `Unread`.
"""

import base64
from collections.abc import Iterable, Mapping
from typing import Any

from irsa.identity.eks import (
    CONTAINER_CREDENTIALS_VARIABLES,
    ROLE_ARN_ANNOTATION,
    WEB_IDENTITY_VARIABLES,
)
from irsa.identity.policy_json import Json
from irsa.observe.aws_config import without_secrets
from irsa.observe.facts import Owner, Pod, Values, Webhook, Workloads
from irsa.observe.pod_spec import Reference

REVISION = "deployment.kubernetes.io/revision"
ROLLED_OUT = "NewReplicaSetAvailable"
"""Reason of a Deployment's condition Progressing since its last rollout was complete.
https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#complete-deployment"""
STATEFUL_REVISION = "controller-revision-hash"
DAEMON_REVISION = "pod-template-generation"
DAEMON_GENERATION = "deprecated.daemonset.template.generation"
"""A DaemonSet's own count of its templates, which its Pods bear as a label."""
PUBLIC = frozenset(
    {
        *("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"),
        *("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"),
        *WEB_IDENTITY_VARIABLES,
        *CONTAINER_CREDENTIALS_VARIABLES,
    }
)
"""Variables that are not secret, although a Secret may hold them."""
WEBHOOK_NAMES = ("iam-for-pods.amazonaws.com", "pod-identity-webhook")
"""The webhook's name on EKS, and what its name contains where one runs it oneself:
https://github.com/aws/amazon-eks-pod-identity-webhook/tree/v0.6.17/deploy"""


def read_workloads(client: Any, namespace: str) -> Workloads:
    """Pods, newest first, each with its owner, and the Deployments."""
    from lightkube.resources.apps_v1 import Deployment, ReplicaSet
    from lightkube.resources.core_v1 import Pod as Kind

    deployments = [each.to_dict() for each in client.list(Deployment, namespace=namespace)]
    sets = [each.to_dict() for each in client.list(ReplicaSet, namespace=namespace)]
    pods = [each.to_dict() for each in client.list(Kind, namespace=namespace)]
    pods.sort(key=lambda pod: pod["metadata"]["creationTimestamp"], reverse=True)
    owners = {each["metadata"]["uid"]: _owner("deployment", each) for each in deployments}
    replica_sets = {each["metadata"]["uid"]: each for each in sets}
    newest = _newest(sets)
    others = _Others(client, namespace)
    owned: list[Pod] = []
    for pod in pods:
        reference = _controller(pod)
        replica_set = replica_sets.get(reference.get("uid", ""))
        deployment = owners.get(_controller(replica_set or {}).get("uid", ""))
        if replica_set is not None and deployment is not None:
            uid = replica_set["metadata"]["uid"]
            owned.append(_pod(pod, deployment, outdated=uid not in newest))
        else:
            owned.append(others.pod(pod, reference))
    return Workloads(tuple(owned), tuple(owners.values()))


def read_controllers(client: Any, namespace: str) -> tuple[Owner, ...]:
    """The StatefulSets, DaemonSets and CronJobs, with and without Pods."""
    from lightkube.resources.apps_v1 import DaemonSet, StatefulSet
    from lightkube.resources.batch_v1 import CronJob

    return tuple(
        _owner(kind.__name__.lower(), each.to_dict())
        for kind in (StatefulSet, DaemonSet, CronJob)
        for each in client.list(kind, namespace=namespace)
    )


class _Others:
    """The owners that are no Deployments, each read once, and only if a Pod names it."""

    def __init__(self, client: Any, namespace: str) -> None:
        self._client = client
        self._namespace = namespace
        self._known: dict[tuple[str, str], tuple[Owner, str, str]] = {}

    def pod(self, pod: Json, reference: Json) -> Pod:
        """The Pod with its owner, if it has one."""
        if not reference:
            return _pod(pod, None)
        at = (reference["kind"], reference["name"])
        if at not in self._known:
            self._known[at] = self._read(*at)
        owner, label, update = self._known[at]
        revision = _part(pod["metadata"], "labels").get(label, "")
        return _pod(pod, owner, outdated=bool(update and revision and revision != update))

    def _read(self, kind: str, name: str) -> tuple[Owner, str, str]:
        """The owner, and the label and value that Pods of its newest template have."""
        import httpx2
        from lightkube.core.exceptions import LoadResourceError
        from lightkube.resources.apps_v1 import DaemonSet, ReplicaSet, StatefulSet
        from lightkube.resources.batch_v1 import Job

        kinds = {each.__name__: each for each in (StatefulSet, DaemonSet, ReplicaSet, Job)}
        try:
            document = self._client.get(kinds[kind], name, namespace=self._namespace).to_dict()
        # Without its template the Pods can still be judged; only some remedies are missing then.
        except (KeyError, httpx2.HTTPError, LoadResourceError):
            return Owner(kind.lower(), name), "", ""
        owner = _owner(kind.lower(), document)
        if kind == "DaemonSet":
            generation = _part(document["metadata"], "annotations").get(DAEMON_GENERATION, "")
            return owner, DAEMON_REVISION, generation
        return owner, STATEFUL_REVISION, _part(document, "status").get("updateRevision", "")


def _newest(sets: Iterable[Json]) -> set[str]:
    """The uids of the ReplicaSets that are their Deployments' newest."""
    newest: dict[str, tuple[int, str]] = {}
    for each in sets:
        metadata: Json = each["metadata"]
        revision = int(_part(metadata, "annotations").get(REVISION, 0))
        deployment = _controller(each).get("uid", "")
        newest[deployment] = max(newest.get(deployment, (-1, "")), (revision, metadata["uid"]))
    return {uid for _, uid in newest.values()}


def _controller(document: Json) -> Json:
    owners = _parts(_part(document, "metadata"), "ownerReferences")
    return next((each for each in owners if each.get("controller")), dict[str, Any]())


def _owner(kind: str, document: Json) -> Owner:
    spec: Json = document.get("spec") or {}
    conditions = _parts(_part(document, "status"), "conditions")
    failures = [e for e in conditions if e["type"] == "ReplicaFailure" and e["status"] == "True"]
    trouble: str = failures[0].get("message", "") if failures else ""
    name = document["metadata"]["name"]
    paused = bool(spec.get("paused"))
    on_delete = _part(spec, "updateStrategy").get("type") == "OnDelete"
    complete = (e for e in conditions if e.get("reason") == ROLLED_OUT)
    rolled_out: str = next((e.get("lastUpdateTime") or "" for e in complete), "")
    template = (_part(_part(spec, "jobTemplate"), "spec") or spec).get("template")
    return Owner(kind, name, template, " ".join(trouble.split()), paused, on_delete, rolled_out)


def _pod(document: Json, owner: Owner | None, *, outdated: bool = False) -> Pod:
    metadata: Json = document["metadata"]
    status: Json = document.get("status") or {}
    reason, message = _waits(status)
    return Pod(
        metadata["name"],
        document["spec"].get("serviceAccountName", "default"),
        metadata.get("annotations") or {},
        metadata.get("labels") or {},
        document["spec"],
        owner,
        phase=status.get("phase", "Pending"),
        ending="deletionTimestamp" in metadata,
        created=metadata.get("creationTimestamp", ""),
        reason=reason,
        message=" ".join(message.split()),
        outdated=outdated,
        uid=metadata.get("uid", ""),
    )


def _waits(status: Json) -> tuple[str, str]:
    """Return the reason why a Pod does not run: a waiting container, or no node that takes it."""
    for field in ("initContainerStatuses", "containerStatuses"):
        for container in status.get(field) or ():
            waiting: Json = container.get("state", {}).get("waiting") or {}
            if waiting.get("reason", "PodInitializing") != "PodInitializing":
                return waiting["reason"], waiting.get("message") or ""
    for condition in status.get("conditions") or ():
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return condition.get("reason") or "", condition.get("message") or ""
    return "", ""


def annotated_at(metadata: Json) -> str:
    """Return the time of the annotation's last change, if the API server noted it; else empty.

    https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
    """
    times: list[str] = []
    for entry in _parts(metadata, "managedFields"):
        fields = _part(_part(entry, "fieldsV1"), "f:metadata")
        if f"f:{ROLE_ARN_ANNOTATION}" in _part(fields, "f:annotations"):
            times.append(entry.get("time") or "")
    return max(times, default="")


def kept(kind: str, data: Mapping[str, str], references: Iterable[Reference]) -> Values:
    """The values that the checks need; of a Secret the names of all keys, and no secrets."""
    if kind == "ConfigMap":
        return dict(data)
    wanted = list(references)
    return {key: _kept(key, value, wanted) for key, value in data.items()}


def _kept(key: str, value: str, references: Iterable[Reference]) -> str | None:
    text = base64.b64decode(value).decode(errors="replace")
    for each in references:
        variable = each.variable if each.key == key else ""
        if each.prefix is not None:
            variable = f"{each.prefix}{key}"
        if variable in PUBLIC:
            return text
        if each.prefix is None and not each.variable and each.key == key:
            return without_secrets(text)
    return None


def read_webhook(client: Any) -> Webhook | None:
    """The registration of the pod identity webhook; None when there is none."""
    from lightkube.resources.admissionregistration_v1 import MutatingWebhookConfiguration

    for each in client.list(MutatingWebhookConfiguration):
        configuration: Json = each.to_dict()
        for webhook in configuration.get("webhooks") or ():
            name = configuration["metadata"]["name"]
            if any(part in text for text in (webhook["name"], name) for part in WEBHOOK_NAMES):
                return Webhook(name, webhook)
    return None


def read_endpoints(client: Any, namespace: str, service: str) -> int:
    """Return the number of a Service's ready addresses."""
    from lightkube.resources.discovery_v1 import EndpointSlice

    labels = {"kubernetes.io/service-name": service}
    slices = [e.to_dict() for e in client.list(EndpointSlice, namespace=namespace, labels=labels)]
    # No condition means ready.
    # https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/#conditions
    return sum(
        len(endpoint.get("addresses") or ())
        for each in slices
        for endpoint in _parts(each, "endpoints")
        if _part(endpoint, "conditions").get("ready", True) is not False
    )


def _part(document: Json, field: str) -> Json:
    return document.get(field) or {}


def _parts(document: Json, field: str) -> list[Json]:
    return document.get(field) or []


def read_ready_nodes(client: Any, name: str) -> frozenset[str]:
    """Return the nodes where a Pod of this name in ``kube-system`` is ready."""
    from lightkube.resources.core_v1 import Pod as Kind

    labels, ready = {"app.kubernetes.io/name": name}, {"type": "Ready", "status": "True"}.items()
    pods = [e.to_dict() for e in client.list(Kind, namespace="kube-system", labels=labels)]
    states = [(pod, _parts(_part(pod, "status"), "conditions")) for pod in pods]
    is_ready = [pod for pod, state in states if any(ready <= each.items() for each in state)]
    return frozenset(pod["spec"].get("nodeName", "") for pod in is_ready)
