"""The pods of a workload: one container without privileges, and whatever its identity needs."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi_kubernetes as k8s
from pulumi import Input, Output

from .specs import ContainerSpec

HASH_ANNOTATION = "irsa/identity-hash"
SCRATCH = "/tmp"  # noqa: S108 - a path in the container, on a volume of the pod's own


@dataclass(frozen=True, kw_only=True)
class PodAdditions:
    """What a pod gets beside its container's own settings."""

    identity: dict[str, Input[str]]
    """All that the pods' AWS identity consists of; they are restarted when it changes."""

    env: list[k8s.core.v1.EnvVarArgs] = field(default_factory=list)
    """Environment variables of the container."""

    volumes: list[k8s.core.v1.VolumeArgs] = field(default_factory=list)
    """Volumes of the pod."""

    mounts: list[k8s.core.v1.VolumeMountArgs] = field(default_factory=list)
    """Where the container finds the volumes."""

    def set(self, name: str, value: str) -> None:
        """Add an environment variable."""
        self.env.append(k8s.core.v1.EnvVarArgs(name=name, value=value))

    def mount(self, volume: k8s.core.v1.VolumeArgs, folder: str) -> None:
        """Add a volume, which the container finds in that folder and cannot write to."""
        self.volumes.append(volume)
        self.mounts.append(
            k8s.core.v1.VolumeMountArgs(name=volume.name, mount_path=folder, read_only=True)
        )


def pod_template(
    container: ContainerSpec,
    additions: PodAdditions,
    *,
    service_account_name: Input[str],
    labels: dict[str, str],
) -> k8s.core.v1.PodTemplateSpecArgs:
    """The template of a Deployment's pods.

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


def _container(spec: ContainerSpec, additions: PodAdditions) -> k8s.core.v1.ContainerArgs:
    # The root file system is read-only, and the AWS CLI caches sessions in the home folder.
    env = {"HOME": SCRATCH, **spec.env}
    return k8s.core.v1.ContainerArgs(
        name="app",
        image=spec.image,
        command=list(spec.command) if spec.command is not None else None,
        args=list(spec.args) if spec.args is not None else None,
        env=[
            *(k8s.core.v1.EnvVarArgs(name=name, value=value) for name, value in env.items()),
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
