"""The pods of a workload: one container without privileges, and the volumes of its identity."""

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Annotated

import pulumi_kubernetes as k8s
from pulumi import Input, Output

from irsa.identity.eks import check_env_name
from irsa.identity.names import check_session_name
from irsa.identity.regions import partition_of_region

from . import values

NON_ROOT_USER = 65532
NUMBER_MAX = 2**31 - 1
"""Greatest number that Kubernetes accepts for users and replicas."""
HASH_ANNOTATION = "irsa/identity-hash"
# https://pkg.go.dev/github.com/distribution/reference
_IMAGE = (
    r"(?:[A-Za-z0-9.-]+(?::[0-9]+)?/)?"
    r"[a-z0-9]+(?:(?:[._/]|__|-+)[a-z0-9]+)*"
    r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?"
    r"(?:@[A-Za-z][A-Za-z0-9+._-]*:[0-9a-fA-F]{32,})?"
)
# https://kubernetes.io/docs/concepts/workloads/pods/downward-api/#downwardapi-fieldRef
FIELDS = (
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
)
_FIELD = "|".join((*map(re.escape, FIELDS), r"metadata\.(labels|annotations)\['[^']+'\]"))
_A_FIELD = f"a field that variables can have: {', '.join(FIELDS)}, or metadata.labels['…']"
EnvName = Annotated[str, check_env_name]
_VALUES: Mapping[str, Callable[[str], str]] = {
    "AWS_DEFAULT_REGION": partition_of_region,
    "AWS_REGION": partition_of_region,
    "AWS_ROLE_SESSION_NAME": check_session_name,
}
SCRATCH = "/tmp"  # noqa: S108 - a path in the container, on a volume of the pod's own


# https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/ has the grammar,
# https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/ the units.
_CPU = re.compile(r"(?P<milli>[0-9]+)m|(?P<whole>[0-9]+(\.[0-9]{1,3})?)")
_MEMORY = re.compile(r"(?P<number>[0-9]+(\.[0-9]+)?)(?P<unit>[kMGTPE]|[KMGTPE]i|)")
_POWERS = {"K": 1, "M": 2, "G": 3, "T": 4, "P": 5, "E": 6}
_LEAST = 1024**2
"""Bytes; no container starts with less, and a number without a unit means bytes."""


def check_cpu(quantity: str) -> str:
    """Return the amount of CPU (``500m``, ``0.5``, ``2``), or raise ValueError.

    Less than a thousandth and nothing at all are refused, which Kubernetes rounds or takes as none.
    """
    match = _CPU.fullmatch(quantity)
    if match is None or not Fraction(match["milli"] or match["whole"]):
        raise ValueError(
            f"cpu {quantity!r} is not an amount of CPU for Kubernetes; "
            "write thousandths, such as '500m', or cores, such as '0.5' or '2'"
        )
    return quantity


def check_memory(quantity: str) -> str:
    """Return the amount of memory (``128Mi``, ``1.5Gi``, ``128M``), or raise ValueError.

    Less than a mebibyte is refused: it is a unit that was left out, or ``m``, a thousandth.
    """
    match = _MEMORY.fullmatch(quantity)
    if match is None or Fraction(match["number"]) * _factor(match["unit"]) < _LEAST:
        number = re.match("[1-9][0-9]*", quantity)
        meant = f"{number[0]}Mi" if number else "128Mi"
        raise ValueError(
            f"memory {quantity!r} is not an amount of memory for Kubernetes; "
            f"write a number and a unit, such as {meant!r} or '1Gi'"
        )
    return quantity


def _factor(unit: str) -> int:
    power = _POWERS[unit[0].upper()] if unit else 0
    return (1024 if unit.endswith("i") else 1000) ** power


@values.arguments
class ContainerArgs:
    """The one container of a workload's pods."""

    image: Annotated[str, values.matching(_IMAGE, "the name of an image, such as 'nginx:1.29'")]
    """Container image; pin it by digest, so that every pod runs the same one."""

    command: Sequence[str] | None = None
    """Replaces the image's entry point."""

    args: Sequence[str] | None = None
    """Arguments of the entry point."""

    env: Mapping[EnvName, str] = field(default_factory=dict)
    """Environment variables. Names that decide about AWS credentials are refused."""

    env_from_fields: Mapping[EnvName, Annotated[str, values.matching(_FIELD, _A_FIELD)]] = field(
        default_factory=dict
    )
    """Environment variables with a field of the pod: ``{"AWS_ROLE_SESSION_NAME": "metadata.name"}``
    names each session after its pod, as CloudTrail shows it."""

    user: Annotated[int, values.within(range(1, NUMBER_MAX + 1))] = NON_ROOT_USER
    """User and group that the container runs as, and that owns its volumes; not root."""

    cpu: Annotated[str, check_cpu] = "50m"
    """CPU request: thousandths (``50m``) or cores (``0.5``)."""

    memory: Annotated[str, check_memory] = "128Mi"
    """Memory request: a number and a unit (``128Mi``, ``1Gi``)."""

    def __post_init__(self) -> None:
        for name in self.env.keys() & self.env_from_fields.keys():
            raise ValueError(f"env and env_from_fields both have {name!r}; remove one")
        for name, check in _VALUES.items():
            if name in self.env:
                try:
                    check(self.env[name])
                except ValueError as error:
                    raise ValueError(f"env[{name!r}]: {error}") from None


@dataclass(frozen=True, kw_only=True)
class PodAdditions:
    """Environment and volumes that the pods' AWS identity adds to the container's own."""

    identity: dict[str, Input[str]]
    """Values that make up the pods' AWS identity; the pods restart when one changes."""

    env: list[k8s.core.v1.EnvVarArgs] = field(default_factory=list)
    """Environment variables of the container."""

    volumes: list[k8s.core.v1.VolumeArgs] = field(default_factory=list)
    """Volumes of the pod."""

    mounts: list[k8s.core.v1.VolumeMountArgs] = field(default_factory=list)
    """Mounts of those volumes."""

    def set(self, name: str, value: str) -> None:
        """Add an environment variable."""
        self.env.append(k8s.core.v1.EnvVarArgs(name=name, value=value))

    def mount(self, volume: k8s.core.v1.VolumeArgs, folder: str) -> None:
        """Mount a volume read-only in that folder."""
        self.volumes.append(volume)
        self.mounts.append(
            k8s.core.v1.VolumeMountArgs(name=volume.name, mount_path=folder, read_only=True)
        )


def pod_template(
    container: ContainerArgs,
    additions: PodAdditions,
    *,
    service_account_name: Input[str],
    labels: dict[str, str],
) -> k8s.core.v1.PodTemplateSpecArgs:
    """Build the template of a Deployment's pods.

    https://kubernetes.io/docs/concepts/security/pod-security-standards/ (restricted)
    """
    scratch = k8s.core.v1.VolumeArgs(
        name="scratch", empty_dir=k8s.core.v1.EmptyDirVolumeSourceArgs()
    )
    return k8s.core.v1.PodTemplateSpecArgs(
        metadata=k8s.meta.v1.ObjectMetaArgs(
            labels=labels, annotations={HASH_ANNOTATION: _hash(additions.identity)}
        ),
        spec=k8s.core.v1.PodSpecArgs(
            service_account_name=service_account_name,
            # The Kubernetes API token; the web identity token is mounted all the same.
            automount_service_account_token=False,
            security_context=k8s.core.v1.PodSecurityContextArgs(
                run_as_non_root=True,
                run_as_user=container.user,
                run_as_group=container.user,
                fs_group=container.user,
                seccomp_profile=k8s.core.v1.SeccompProfileArgs(type="RuntimeDefault"),
            ),
            containers=[_container(container, additions)],
            volumes=[scratch, *additions.volumes],
        ),
    )


def _hash(identity: Mapping[str, Input[str]]) -> Output[str]:
    return Output.all(**identity).apply(
        lambda values: hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]
    )


def _container(spec: ContainerArgs, additions: PodAdditions) -> k8s.core.v1.ContainerArgs:
    # The root file system is read-only, and the AWS CLI caches sessions in the home folder.
    env = {"HOME": SCRATCH, **spec.env}
    return k8s.core.v1.ContainerArgs(
        name="app",
        image=spec.image,
        command=list(spec.command) if spec.command is not None else None,
        args=list(spec.args) if spec.args is not None else None,
        env=[
            *(k8s.core.v1.EnvVarArgs(name=name, value=value) for name, value in env.items()),
            *(_from_field(name, path) for name, path in spec.env_from_fields.items()),
            *additions.env,
        ],
        security_context=k8s.core.v1.SecurityContextArgs(
            allow_privilege_escalation=False,
            read_only_root_filesystem=True,
            capabilities=k8s.core.v1.CapabilitiesArgs(drop=["ALL"]),
        ),
        resources=k8s.core.v1.ResourceRequirementsArgs(
            requests={"cpu": spec.cpu, "memory": spec.memory}
        ),
        volume_mounts=[
            k8s.core.v1.VolumeMountArgs(name="scratch", mount_path=SCRATCH),
            *additions.mounts,
        ],
    )


def _from_field(name: str, path: str) -> k8s.core.v1.EnvVarArgs:
    source = k8s.core.v1.EnvVarSourceArgs(
        field_ref=k8s.core.v1.ObjectFieldSelectorArgs(field_path=path)
    )
    return k8s.core.v1.EnvVarArgs(name=name, value_from=source)
