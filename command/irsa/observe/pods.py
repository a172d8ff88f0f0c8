"""Reader of Pods, their controllers, ConfigMaps and Secrets, and the webhook.

Of the Pods of a whole cluster their AWS identity is kept, as their specs show it; the variables
that take values of Secrets tell the kind of credentials.

Part of `irsa.observe.kubernetes`, whose `Cluster` makes the calls and turns refusals into `Unread`.
"""

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from importlib import import_module
from typing import Any

from irsa.observe.aws_config import without_secrets
from irsa.observe.facts import ENDED, Owner, Pod, Values, Workloads
from irsa.observe.pod_spec import (
    CREDENTIALS,
    Reference,
    access_key,
    aws_file,
    containers,
    environment,
    parts,
    token_mounts,
    whole_objects,
    with_fields,
)
from irsa_core.identity.eks import (
    CONTAINER_CREDENTIALS_VARIABLES,
    CREDENTIALS_URI_VARIABLE,
    ROLE_ARN_ANNOTATION,
    ROLE_ARN_VARIABLE,
    STS_AUDIENCE,
    WEB_IDENTITY_VARIABLES,
)
from irsa_core.identity.injection import without_agent
from irsa_core.identity.policy_json import Json, mapping

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


_KINDS = {
    "admissionregistration_v1": ("MutatingWebhookConfiguration",),
    "apps_v1": ("DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"),
    "authorization_v1": ("SelfSubjectAccessReview",),
    "batch_v1": ("CronJob", "Job"),
    "core_v1": (
        "ConfigMap",
        "Namespace",
        "Node",
        "Pod",
        "Secret",
        "ServiceAccount",
        "ServiceAccountToken",
    ),
    "discovery_v1": ("EndpointSlice",),
    "networking_v1": ("NetworkPolicy",),
}


def kind_of(name: str) -> Any:
    """Return lightkube's class of a kind, which is imported when it is first needed; KeyError for a
    kind that is not read."""
    group = {each: group for group, kinds in _KINDS.items() for each in kinds}[name]
    return getattr(import_module(f"lightkube.resources.{group}"), name)


def listed(client: Any, kind: str, **where: Any) -> list[Json]:
    """The objects of a kind, as JSON."""
    return [each.to_dict() for each in client.list(kind_of(kind), **where)]


def read_workloads(client: Any, namespace: str) -> Workloads:
    """Pods, newest first, each with its owner, and the Deployments."""
    deployments = listed(client, "Deployment", namespace=namespace)
    sets = listed(client, "ReplicaSet", namespace=namespace)
    pods = listed(client, "Pod", namespace=namespace)
    pods.sort(key=lambda pod: pod["metadata"]["creationTimestamp"], reverse=True)
    owners = {owner["metadata"]["uid"]: owner_of("deployment", owner) for owner in deployments}
    replica_sets = {replica_set["metadata"]["uid"]: replica_set for replica_set in sets}
    newest = _newest(sets)
    others = cache(partial(_other_owner, client, namespace))  # read only if a Pod names them
    owned: list[Pod] = []
    for pod in pods:
        reference = _controller(pod)
        replica_set = replica_sets.get(reference.get("uid", ""), {})
        owner = owners.get(_controller(replica_set).get("uid", ""))
        outdated = owner is not None and reference["uid"] not in newest
        if owner is None and reference:
            owner, label, update = others(reference["kind"], reference["name"])
            revision = _part(pod["metadata"], "labels").get(label, "")
            outdated = bool(update and revision and revision != update)
        owned.append(_pod(pod, owner, outdated=outdated))
    return Workloads(tuple(owned), tuple(owners.values()))


def _other_owner(client: Any, namespace: str, kind: str, name: str) -> tuple[Owner, str, str]:
    """An owner that is no Deployment, and the label and value that its newest Pods have."""
    import httpx2
    from lightkube.core.exceptions import LoadResourceError

    try:
        document = client.get(kind_of(kind), name, namespace=namespace).to_dict()
    # Without its template the Pods can still be judged; only some remedies are missing then.
    except (KeyError, httpx2.HTTPError, LoadResourceError):
        return Owner(kind.lower(), name), "", ""
    owner = owner_of(kind.lower(), document)
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
    owners = parts(_part(document, "metadata"), "ownerReferences")
    return next((each for each in owners if each.get("controller")), dict[str, Any]())


def owner_of(kind: str, document: Json) -> Owner:
    """A controller, from the API server's JSON."""
    spec: Json = document.get("spec") or {}
    conditions = parts(_part(document, "status"), "conditions")
    failures = [e for e in conditions if e["type"] == "ReplicaFailure" and e["status"] == "True"]
    trouble: str = failures[0].get("message", "") if failures else ""
    name = document["metadata"]["name"]
    paused = bool(spec.get("paused"))
    on_delete = _part(spec, "updateStrategy").get("type") == "OnDelete"
    complete = (e for e in conditions if e.get("reason") == ROLLED_OUT)
    rolled_out: str = next((e.get("lastUpdateTime") or "" for e in complete), "")
    template = (_part(_part(spec, "jobTemplate"), "spec") or spec).get("template")
    return Owner(kind, name, template, " ".join(trouble.split()), paused, on_delete, rolled_out)


def _pod(document: Json, owner: Owner | None, *, outdated: bool) -> Pod:
    metadata: Json = document["metadata"]
    status: Json = document.get("status") or {}
    reason, message = _waits(status)
    return Pod(
        metadata["name"],
        document["spec"].get("serviceAccountName", "default"),
        metadata.get("annotations") or {},
        metadata.get("labels") or {},
        with_fields(document),
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
    for entry in parts(metadata, "managedFields"):
        fields = _part(_part(entry, "fieldsV1"), "f:metadata")
        if f"f:{ROLE_ARN_ANNOTATION}" in _part(fields, "f:annotations"):
            times.append(entry.get("time") or "")
    return max(times, default="")


def kept(kind: str, data: Mapping[str, str], references: Sequence[Reference]) -> Values:
    """The values that the checks need; of a Secret the names of all keys, and no secrets."""
    if kind == "ConfigMap":
        return dict(data)
    values: dict[str, str | None] = dict.fromkeys(data)
    for reference in reversed(references):  # the first one decides
        whole = reference.prefix is not None
        for key in data if whole else data.keys() & {reference.key}:
            text = base64.b64decode(data[key]).decode(errors="replace")
            if (f"{reference.prefix}{key}" if whole else reference.variable) in PUBLIC:
                values[key] = text
            elif not whole and not reference.variable:
                values[key] = without_secrets(text)
    return values


def _part(document: Json, field: str) -> Json:
    return document.get(field) or {}


_LINUX = {"kubernetes.io/os": "linux"}


def can_run(spec: Json, node: Json) -> bool:
    """Return False if a node's labels or taints keep the Pods of a spec away.

    https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/
    """
    labels = {**_LINUX, **_part(node["metadata"], "labels")}
    selector = {**_LINUX, **_part(spec, "nodeSelector")}
    affinity = _part(_part(spec, "affinity"), "nodeAffinity")
    required = _part(affinity, "requiredDuringSchedulingIgnoredDuringExecution")
    terms = parts(required, "nodeSelectorTerms")
    near = not terms or any(selects(term, labels) for term in terms)
    taints = [e for e in parts(_part(node, "spec"), "taints") if e["effect"] != "PreferNoSchedule"]
    keys = {toleration.get("key") for toleration in parts(spec, "tolerations")}
    tolerated = None in keys or all(taint["key"] in keys for taint in taints)
    return near and tolerated and selector.items() <= labels.items()


def selects(selector: Json, labels: Mapping[str, str]) -> bool:
    """Return whether a label selector chooses an object with these labels.

    https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors
    """
    wanted = _part(selector, "matchLabels").items()
    return wanted <= labels.items() and all(
        _matches(each, labels) for each in parts(selector, "matchExpressions")
    )


def _matches(expression: Json, labels: Mapping[str, str]) -> bool:
    value, listed = labels.get(expression["key"]), expression.get("values") or ()
    answers = {"In": value in listed, "NotIn": value not in listed, "DoesNotExist": value is None}
    return answers.get(expression["operator"], value is not None)


_POD_IDENTITY_ADDRESS = re.compile(r"http://(?:169\.254\.170\.23|\[fd00:ec2::23\])/")


@dataclass(frozen=True, slots=True)
class FleetPod:
    """A Pod that runs or is to run."""

    namespace: str
    name: str
    service_account: str
    owner: str = ""
    """Its owner, such as ``Deployment s3-app``; empty for a Pod without one."""
    keys: tuple[str, ...] = ()
    """Sources of static credentials: ``Secret s3-app-key``, or ``its spec``."""
    unread: tuple[str, ...] = ()
    """Secrets that become variables as a whole: one of them may be an access key."""
    role_arn: str = ""
    """The role that the webhook injected, or that the Pod sets itself."""
    own_token: bool = False
    """True if it mounts a token for STS of its own, for a profile."""
    pod_identity: bool = False
    """True if it gets its credentials from the EKS Pod Identity agent."""
    without_agent: str = ""
    """``Fargate`` or ``Windows``, where no such agent runs; empty elsewhere."""


def fleet_pod(document: Json) -> FleetPod | None:
    """A Pod, from the API server's JSON; None for one that has ended or is about to go."""
    metadata, status = mapping(document.get("metadata")), mapping(document.get("status"))
    if "deletionTimestamp" in metadata or status.get("phase") in ENDED:
        return None
    spec = mapping(document.get("spec"))
    keys: list[str] = []
    unread: list[str] = []
    roles: list[str] = []
    own_token = pod_identity = False
    for container in containers(spec):
        env = environment(container.spec, {})
        if key := access_key(env):
            keys.append(f"{key.kind} {key.object}" if key.object else "its spec")
        file = aws_file(spec, container.spec, CREDENTIALS, env)
        if file and file.reference:
            keys.append(f"{file.reference.kind} {file.reference.name}")
        whole = whole_objects(container.spec)
        unread += [f"Secret {reference.name}" for reference in whole if reference.kind == "Secret"]
        if ROLE_ARN_VARIABLE in env:
            roles.append(env[ROLE_ARN_VARIABLE].value or "")
        address = env[CREDENTIALS_URI_VARIABLE].value if CREDENTIALS_URI_VARIABLE in env else ""
        pod_identity |= bool(_POD_IDENTITY_ADDRESS.match(address or ""))
        mounted = token_mounts(spec, container.spec)
        own_token |= any(mount.audience == STS_AUDIENCE for mount in mounted)
    return FleetPod(
        metadata["namespace"],
        metadata["name"],
        str(spec.get("serviceAccountName") or "default"),
        _owner_title(document),
        tuple(dict.fromkeys(keys)),
        tuple(dict.fromkeys(unread)),
        next(iter(roles), ""),
        own_token and not roles,
        pod_identity,
        without_agent(spec, mapping(metadata.get("labels"))),
    )


def _owner_title(pod: Json) -> str:
    owner, labels = _controller(pod), _part(pod["metadata"], "labels")
    kind, name = owner.get("kind", ""), owner.get("name", "")
    suffix = f"-{labels.get('pod-template-hash')}"
    if kind == "ReplicaSet" and name.endswith(suffix):
        return f"Deployment {name.removesuffix(suffix)}"  # which names its ReplicaSets so
    return f"{kind} {name}".strip()
