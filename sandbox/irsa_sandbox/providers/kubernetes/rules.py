"""Settings, annotations and replacement rules of the `kubernetes` provider. Pure.

Names are those of pulumi-kubernetes; what is not here is refused by name.
"""

from collections.abc import Mapping
from typing import Any

from ..resource import InvalidInput, Properties
from ..values import get_path

CONFIGURATION = (
    "clusterIdentifier",
    "context",
    "enableConfigMapMutable",
    "enableSecretMutable",
    "kubeconfig",
    "namespace",
    "upsertExistingObjects",
)

FORCE_ANNOTATION = "pulumi.com/patchForce"
SKIP_ANNOTATION = "pulumi.com/skipAwait"
TIMEOUT_ANNOTATION = "pulumi.com/timeoutSeconds"
_PREFIX = "pulumi.com/"
_ANNOTATIONS = (FORCE_ANNOTATION, SKIP_ANNOTATION, TIMEOUT_ANNOTATION)

PATH_SEGMENT_NAMES = frozenset({"IPAddress", "certificates.k8s.io", "rbac.authorization.k8s.io"})
"""API groups and kinds whose names are no DNS names.
https://kubernetes.io/docs/concepts/overview/working-with-objects/names/"""

REPLACED_BY: Mapping[str, tuple[str, ...]] = {
    "ClusterRoleBinding": ("roleRef",),
    "DaemonSet": ("spec.selector",),
    "Deployment": ("spec.selector",),
    "Job": ("spec.completions", "spec.parallelism", "spec.selector", "spec.template"),
    "PersistentVolumeClaim": (
        "spec.accessModes",
        "spec.selector",
        "spec.storageClassName",
        "spec.volumeName",
    ),
    "ResourceQuota": ("spec.scopes",),
    "RoleBinding": ("roleRef",),
    "Secret": ("type",),
    "Service": ("spec.clusterIP",),
    "StatefulSet": (
        "spec.podManagementPolicy",
        "spec.revisionHistoryLimit",
        "spec.selector",
        "spec.serviceName",
        "spec.volumeClaimTemplates",
    ),
    "StorageClass": ("parameters", "provisioner"),
}
"""By kind: a change of these makes a new object, as one of its name and namespace does."""

IMMUTABLE = {"ConfigMap": ("data", "binaryData"), "Secret": ("data", "stringData")}
"""More of them, unless the provider has ``enableConfigMapMutable``, ``enableSecretMutable``."""


def annotation(content: Mapping[str, Any], name: str) -> str | None:
    """The value of one of the object's annotations."""
    return (get_path(content, "metadata.annotations") or {}).get(name)


def refuse_unknown_annotations(inputs: Properties) -> None:
    """Raise `InvalidInput` for an annotation that steers the published provider and not this."""
    annotations = get_path(inputs, "metadata.annotations")
    for name in annotations if isinstance(annotations, Mapping) else ():
        if name.startswith(_PREFIX) and name not in _ANNOTATIONS:
            raise InvalidInput(
                "metadata.annotations",
                f"the sandbox does not know {name}; it knows {', '.join(_ANNOTATIONS)}",
            )
