"""The `kubernetes` provider: server-side apply on any kind that the API server knows.

Type tokens, autonaming, replacement of ConfigMaps and Secrets, `…Patch` resources and the waiting
rules follow pulumi-kubernetes v4
(https://www.pulumi.com/registry/packages/kubernetes/how-to-guides/managing-resources-with-server-side-apply/).
State leaves out what the cluster changes by itself (status, resourceVersion, generation, managed
fields), so that a refresh shows somebody's changes and not the controllers'.
"""

import base64
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import yaml
from typing_extensions import override

from sandbox.providers import kubeconfigs
from sandbox.providers.kubernetes_api import Kind, KubernetesApi, Object, explain
from sandbox.providers.resource import (
    Created,
    InvalidInput,
    NotReady,
    Package,
    Properties,
    Refused,
    ResourceType,
)
from sandbox.providers.values import UNKNOWN, get_path, has_unknown

VERSION = "4.34.2"
MANAGER = "pulumi-kubernetes"
PATCH_MANAGER = "pulumi-kubernetes-patch"
DEFAULT_TIMEOUT = 120.0  # seconds; pulumi-kubernetes waits 10 minutes, for real nodes
POLL = 0.1
KEPT_CLIENTS = 8
TIMEOUT_ANNOTATION = "pulumi.com/timeoutSeconds"
SKIP_ANNOTATION = "pulumi.com/skipAwait"

_SELECTOR_KINDS = frozenset({"DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"})
_VOLATILE = frozenset({"managedFields", "resourceVersion", "generation"})


@dataclass(frozen=True, kw_only=True)
class Session:
    """One provider instance: its cluster and its options."""

    api: KubernetesApi
    namespace: str
    config_map_mutable: bool
    secret_mutable: bool


class Clusters:
    """The clusters that provider instances reach.

    Clients outlive an engine's run, so that not every preview starts the AWS CLI for a new token;
    of many clusters, those that were used last.
    """

    def __init__(self, credentials: Mapping[str, str]) -> None:
        """``credentials`` is the environment for kubeconfigs that ask the AWS CLI for a token."""
        self._credentials = credentials
        self._api = lru_cache(KEPT_CLIENTS)(self._open)

    def connect(self, config: Properties) -> Session:
        """Read a provider's configuration; the API server is not called yet."""
        text = config.get("kubeconfig")
        if not text:
            raise Refused(
                "provider kubernetes: give `kubeconfig`; the sandbox reads no ~/.kube/config"
            )
        content = yaml.safe_load(text) if isinstance(text, str) else text
        if not isinstance(content, dict):
            raise Refused(
                "provider kubernetes: give `kubeconfig` as its content, in YAML or JSON; the "
                "sandbox reads no file"
            )
        api = self._api(json.dumps(content, sort_keys=True), config.get("context"))
        return Session(
            api=api,
            namespace=config.get("namespace") or api.namespace,
            config_map_mutable=_flag(config.get("enableConfigMapMutable")),
            secret_mutable=_flag(config.get("enableSecretMutable")),
        )

    def _open(self, content: str, context: str | None) -> KubernetesApi:
        try:
            taken = kubeconfigs.checked(json.loads(content), self._credentials)
            return KubernetesApi(taken, context)
        except ValueError as error:
            raise Refused(f"provider kubernetes: {error}") from error


class KubernetesObject(ResourceType[Session]):
    """Any object. One instance per type token."""

    name_property = "metadata.name"
    autoname = True

    def __init__(self, token: str) -> None:
        self.token = token
        _, module, name = token.split(":")
        self.is_patch = name.endswith("Patch")
        self.kind = name.removesuffix("Patch")
        self.api_version = module.removeprefix("core/")
        self.manager = PATCH_MANAGER if self.is_patch else MANAGER
        self.secret = frozenset({"data", "stringData"}) if self.kind == "Secret" else frozenset()
        self.computed = frozenset({"status"})

    @override
    def check(self, news: Properties) -> Properties:
        if self.is_patch and "__defaults" in news:
            raise InvalidInput("metadata.name", "a patch must name the object that it changes")
        news = {**news, "apiVersion": self.api_version, "kind": self.kind}
        plain = news.get("stringData")
        if self.kind == "Secret" and plain and not has_unknown(news):
            encoded = {key: base64.b64encode(text.encode()).decode() for key, text in plain.items()}
            news = {**news, "data": {**news.get("data", {}), **encoded}}
            del news["stringData"]
        return news

    @override
    def replacing(self, session: Session) -> frozenset[str]:
        paths = {"apiVersion", "kind", "metadata.name", "metadata.namespace"}
        if self.is_patch:
            return frozenset(paths)
        if self.kind in _SELECTOR_KINDS:
            paths.add("spec.selector")
        if self.kind == "ConfigMap" and not session.config_map_mutable:
            paths |= {"data", "binaryData"}
        if self.kind == "Secret":
            paths.add("type")
            if not session.secret_mutable:
                paths |= {"data", "stringData"}
        return frozenset(paths)

    @override
    def create(self, session: Session, inputs: Properties) -> Created:
        path, resource_id = self._locate(session, inputs)
        if self.is_patch and session.api.get(path) is None:
            raise Refused(f"{self.kind} {resource_id} does not exist, so it cannot be patched")
        self._apply(session, path, inputs)
        self._await(session, path, resource_id)
        return Created(resource_id)

    @override
    def read(self, session: Session, resource_id: str, state: Properties) -> Properties | None:
        found = session.api.get(self._path(session, resource_id))
        return None if found is None else _stable(found)

    @override
    def update(
        self, session: Session, resource_id: str, olds: Properties, news: Properties
    ) -> None:
        path = self._path(session, resource_id)
        self._apply(session, path, news)
        self._await(session, path, resource_id)

    @override
    def delete(self, session: Session, resource_id: str, state: Properties) -> None:
        path = self._path(session, resource_id)
        found = session.api.get(path)
        if found is None:
            return
        if self.is_patch:  # giving up the fields that we own restores the object
            names = {key: found["metadata"].get(key) for key in ("name", "namespace")}
            nothing = {"apiVersion": self.api_version, "kind": self.kind, "metadata": names}
            session.api.apply(path, nothing, manager=self.manager, force=False)
            return
        session.api.delete(path)
        if not _until(lambda: session.api.get(path) is None, _timeout(found)):
            blockers = found["metadata"].get("finalizers", [])
            raise Refused(
                f"{self.kind} {resource_id} is still being deleted; finalizers {blockers}"
            )

    @override
    def refreshed(self, inputs: Properties, state: Properties) -> Properties:
        return _project(state, inputs)

    @override
    def preview(self, session: Session, inputs: Properties, state: Properties | None) -> Properties:
        """Ask the API server, without storing anything, so that admission speaks in the preview."""
        if not has_unknown(inputs):
            path, _ = self._locate(session, inputs)
            if self._namespace_exists(session, inputs):
                answer = session.api.apply(
                    path, inputs, manager=self.manager, force=self._force(inputs), dry_run=True
                )
                if state is not None:
                    return _stable(answer)
        return {**inputs, "status": UNKNOWN}

    def _apply(self, session: Session, path: str, inputs: Properties) -> None:
        session.api.apply(path, inputs, manager=self.manager, force=self._force(inputs))

    def _force(self, inputs: Properties) -> bool:
        annotations = get_path(inputs, "metadata.annotations") or {}
        return annotations.get("pulumi.com/patchForce") == "true"

    def _kind(self, session: Session) -> Kind:
        kind = session.api.kind(self.api_version, self.kind)
        if kind is None:
            raise Refused(f"the API server knows no kind {self.kind} in {self.api_version}")
        return kind

    def _locate(self, session: Session, inputs: Properties) -> tuple[str, str]:
        kind = self._kind(session)
        name = get_path(inputs, "metadata.name")
        if not kind.namespaced:
            return kind.path(None, name), name
        namespace = get_path(inputs, "metadata.namespace") or session.namespace
        return kind.path(namespace, name), f"{namespace}/{name}"

    def _path(self, session: Session, resource_id: str) -> str:
        namespace, _, name = resource_id.rpartition("/")
        kind = self._kind(session)
        return kind.path(namespace or session.namespace, name)

    def _namespace_exists(self, session: Session, inputs: Properties) -> bool:
        if not self._kind(session).namespaced:
            return True
        namespace = get_path(inputs, "metadata.namespace") or session.namespace
        return session.api.get(f"/api/v1/namespaces/{namespace}") is not None

    def _await(self, session: Session, path: str, resource_id: str) -> None:
        found = session.api.get(path) or {}
        if self.kind != "Deployment" or self.is_patch or _annotation(found, SKIP_ANNOTATION):
            return
        timeout = _timeout(found)
        if not _until(lambda: _available(session.api.get(path) or {}), timeout):
            reasons = list(_pod_reasons(session, found)) or ["no Pod was created"]
            what = f"Deployment {resource_id} is not available after {timeout:g} s"
            raise NotReady(resource_id, [f"{what}: {reason}" for reason in reasons])


def package(credentials: Mapping[str, str]) -> Package[Session]:
    """The provider, ready to be served. ``credentials``: see `Clusters`."""
    return Package(
        name="kubernetes",
        version=VERSION,
        connect=Clusters(credentials).connect,
        fallback=lambda token: KubernetesObject(token) if token.count(":") == 2 else None,
        explain=explain,
    )


def _flag(value: Any) -> bool:
    return value is True or value == "true"


def _annotation(content: Object, name: str) -> str | None:
    return (get_path(content, "metadata.annotations") or {}).get(name)


def _timeout(content: Object) -> float:
    return float(_annotation(content, TIMEOUT_ANNOTATION) or DEFAULT_TIMEOUT)


def _until(is_done: Any, timeout: float) -> bool:
    deadline = time.monotonic() + timeout
    while not is_done():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL)
    return True


def _available(deployment: Object) -> bool:
    """Whether the rollout of the newest generation is complete.

    https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#complete-deployment
    """
    wanted = get_path(deployment, "spec.replicas") or 0
    status = deployment.get("status", {})
    return (
        status.get("observedGeneration", 0) >= deployment["metadata"]["generation"]
        and status.get("updatedReplicas", 0) == wanted
        and status.get("replicas", 0) == wanted
        and status.get("availableReplicas", 0) == wanted
    )


def _pod_reasons(session: Session, deployment: Object) -> Any:
    """Why a Deployment's Pods do not run, in the words of their own status."""
    namespace = deployment["metadata"]["namespace"]
    labels = get_path(deployment, "spec.selector.matchLabels") or {}
    selector = ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
    base = f"/apis/apps/v1/namespaces/{namespace}/replicasets"
    for replica_set in (session.api.get(base, labelSelector=selector) or {})["items"]:
        for condition in get_path(replica_set, "status.conditions") or []:
            if condition["type"] == "ReplicaFailure":
                yield condition["message"]
    pods = session.api.get(f"/api/v1/namespaces/{namespace}/pods", labelSelector=selector) or {}
    for pod in pods["items"]:
        for container in get_path(pod, "status.containerStatuses") or []:
            waiting = get_path(container, "state.waiting")
            if waiting:
                words = ": ".join(filter(None, [waiting.get("reason"), waiting.get("message")]))
                yield f"Pod {pod['metadata']['name']}, container {container['name']}: {words}"
        for condition in get_path(pod, "status.conditions") or []:
            if condition["type"] == "PodScheduled" and condition["status"] != "True":
                yield f"Pod {pod['metadata']['name']}: {condition.get('message', 'not scheduled')}"


def _stable(content: Object) -> Properties:
    metadata = {key: item for key, item in content["metadata"].items() if key not in _VOLATILE}
    return {**{k: v for k, v in content.items() if k != "status"}, "metadata": metadata}


def _project(live: Any, inputs: Any) -> Any:
    """The live values of what ``inputs`` names; the server's defaults are left out."""
    if isinstance(live, dict) and isinstance(inputs, dict):
        return {key: _project(live[key], item) for key, item in inputs.items() if key in live}
    if isinstance(live, list) and isinstance(inputs, list) and len(live) == len(inputs):
        return [_project(left, right) for left, right in zip(live, inputs, strict=True)]
    return live
