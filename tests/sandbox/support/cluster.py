"""Helpers for tests with a running control plane."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightkube
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources import core_v1
from lightkube.resources.apps_v1 import Deployment
from lightkube.types import PatchType

from irsa_core.identity.eks import ROLE_ARN_ANNOTATION
from irsa_core.identity.policy_json import Json
from irsa_sandbox.kubernetes.control_plane import ControlPlane
from irsa_sandbox.serving.certificates import Authority
from tests.support.world import ROLE_ARN

ROLE_ANNOTATION = {ROLE_ARN_ANNOTATION: ROLE_ARN}
PATIENCE = 600.0  # seconds until a test gives up; no test asserts how long anything takes


def eventually(check: Callable[[], Any]) -> Any:
    """The first true value of `check`."""
    deadline = time.monotonic() + PATIENCE
    while not (value := check()):
        assert time.monotonic() < deadline, f"still {value!r} after {PATIENCE:.0f} s"
        time.sleep(0.02)
    return value


def apply(client: Any, kind: type, namespace: str, name: str, **content: Any) -> None:
    """Create or change an object; an empty namespace is for one that is in none."""
    info = kind._api_info.resource
    metadata = {"name": name, "annotations": content.pop("annotations", {})}
    body = {"apiVersion": info.api_version, "kind": info.kind, "metadata": metadata, **content}
    where = {"namespace": namespace} if namespace else {}
    options = {"patch_type": PatchType.APPLY, "field_manager": "tests", "force": True}
    client.patch(kind, name, body, **where, **options)


def available(client: Any, namespace: str, name: str) -> int:
    """Return the number of available Pods of a Deployment's newest template; 0 in a roll-out."""
    found = client.get(Deployment, name, namespace=namespace).to_dict()
    status, generation = found.get("status", {}), found["metadata"]["generation"]
    is_newest = status.get("replicas") == status.get("updatedReplicas")
    is_seen = status.get("observedGeneration") == generation
    return status.get("availableReplicas", 0) if is_seen and is_newest else 0


@dataclass
class Cluster:
    """A running control plane, with short names for what tests do to it."""

    control_plane: ControlPlane
    authority: Authority
    client: lightkube.Client
    folder: Path

    def new_namespace(self) -> str:
        """Create a namespace and wait until Pods may be made in it."""
        metadata = ObjectMeta(generateName="test-")
        name = self.client.create(core_v1.Namespace(metadata=metadata)).metadata.name
        eventually(lambda: [*self.client.list(core_v1.ServiceAccount, namespace=name)])
        return name

    def apply(self, kind: type, namespace: str, name: str, **content: Any) -> None:
        """Create or change an object."""
        apply(self.client, kind, namespace, name, **content)

    def service_account(self, namespace: str, name: str, annotations: Json) -> None:
        self.apply(core_v1.ServiceAccount, namespace, name, annotations=annotations)

    def deployment(
        self, namespace: str, name: str, container: Json, replicas: int = 1, **spec: Any
    ) -> None:
        """A Deployment with one container."""
        labels, containers = {"app": name}, [{"name": "app", "image": "app", **container}]
        template = {"metadata": {"labels": labels}, "spec": {"containers": containers, **spec}}
        content = {"selector": {"matchLabels": labels}, "template": template, "replicas": replicas}
        self.apply(Deployment, namespace, name, spec=content)

    def pods(self, namespace: str) -> list[Json]:
        return [pod.to_dict() for pod in self.client.list(core_v1.Pod, namespace=namespace)]
