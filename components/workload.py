"""A Deployment whose pods run as one service account that is bound to an IAM role."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi
import pulumi_kubernetes as k8s
from pulumi import Input, Output, ResourceOptions

from components.naming import check_workload_name, service_account_ref
from components.specs import ContainerSpec, TokenSpec

# https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html and, for all
# annotations, https://github.com/aws/amazon-eks-pod-identity-webhook#eks-walkthrough
ANNOTATION_PREFIX = "eks.amazonaws.com/"
HASH_ANNOTATION = "irsa/identity-hash"

SCRATCH = "/tmp"  # noqa: S108 - a path in the container, on a volume of the pod's own


@dataclass(frozen=True, kw_only=True)
class WorkloadArgs:
    """Arguments of `Workload`."""

    namespace: Input[str]
    """Namespace to run in."""

    create_namespace: bool = False
    """Create the namespace, which must then be a plain string; one workload of it does."""

    service_account_name: str
    """Exact name of the service account, as the role's trust policy spells it."""

    existing_service_account: bool = False
    """Annotate a service account that somebody else created, instead of creating one."""

    token: TokenSpec = field(default_factory=TokenSpec)
    """What the pod identity webhook is asked for, beside the role."""

    role_arn: Input[str]
    """Role that the pods assume."""

    container: ContainerSpec
    """What the pods run."""

    replicas: int = 1
    """Number of pods."""

    def __post_init__(self) -> None:
        if isinstance(self.namespace, str):
            service_account_ref(self.namespace, self.service_account_name)
        elif self.create_namespace:
            raise ValueError("create_namespace needs the namespace as a plain string")
        if self.replicas < 0:
            raise ValueError(f"replicas is {self.replicas}; it must be 0 or more")


class Workload(pulumi.ComponentResource):
    """A service account bound to an IAM role, and a Deployment that runs as it.

    The component's name is the Deployment's name and its pods' label.
    """

    namespace: Output[str]
    """Namespace, once it exists."""

    service_account_name: Output[str]
    """Name of the service account, once it is annotated."""

    deployment_name: Output[str]
    """Name of the Deployment, once its pods are ready."""

    def __init__(self, name: str, args: WorkloadArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("irsa:index:Workload", check_workload_name(name), {}, opts)
        self._annotations = _annotations(args)
        self.namespace = self._namespace(args)
        self.service_account_name = self._service_account(name, args)
        self.deployment_name = self._deployment(name, args)
        self.register_outputs(
            {
                "namespace": self.namespace,
                "service_account_name": self.service_account_name,
                "deployment_name": self.deployment_name,
            }
        )

    def _namespace(self, args: WorkloadArgs) -> Output[str]:
        if not (args.create_namespace and isinstance(args.namespace, str)):
            return Output.from_input(args.namespace)
        # Named after the namespace, not after the workload: its URN then stays the same when
        # another workload takes over creating it, and nothing in it is deleted.
        namespace = k8s.core.v1.Namespace(
            args.namespace,
            metadata=k8s.meta.v1.ObjectMetaArgs(name=args.namespace),
            opts=ResourceOptions(parent=self),
        )
        return namespace.metadata.name

    def _service_account(self, name: str, args: WorkloadArgs) -> Output[str]:
        opts = ResourceOptions(parent=self)
        annotations = self._annotations
        if args.existing_service_account:
            # Server-side apply owns these annotations only, and a destroy takes back only them.
            return k8s.core.v1.ServiceAccountPatch(
                name,
                metadata=k8s.meta.v1.ObjectMetaPatchArgs(
                    name=args.service_account_name,
                    namespace=self.namespace,
                    annotations=annotations,
                ),
                opts=opts,
            ).metadata.name
        return k8s.core.v1.ServiceAccount(
            name,
            metadata=k8s.meta.v1.ObjectMetaArgs(
                name=args.service_account_name,
                namespace=self.namespace,
                annotations=annotations,
            ),
            opts=opts,
        ).metadata.name

    def _deployment(self, name: str, args: WorkloadArgs) -> Output[str]:
        labels = {"app.kubernetes.io/name": name}
        user = args.container.user
        return k8s.apps.v1.Deployment(
            name,
            metadata=k8s.meta.v1.ObjectMetaArgs(name=name, namespace=self.namespace, labels=labels),
            spec=k8s.apps.v1.DeploymentSpecArgs(
                replicas=args.replicas,
                selector=k8s.meta.v1.LabelSelectorArgs(match_labels=labels),
                template=k8s.core.v1.PodTemplateSpecArgs(
                    metadata=k8s.meta.v1.ObjectMetaArgs(
                        labels=labels,
                        annotations={HASH_ANNOTATION: _identity_hash(self._annotations)},
                    ),
                    spec=k8s.core.v1.PodSpecArgs(
                        # Read back from the resource: the webhook looks at the annotations when
                        # a pod is created, and never again.
                        service_account_name=self.service_account_name,
                        # The Kubernetes API token; the web identity token is mounted all the same.
                        automount_service_account_token=False,
                        security_context=k8s.core.v1.PodSecurityContextArgs(
                            run_as_non_root=True,
                            run_as_user=user,
                            run_as_group=user,
                            fs_group=user,
                            seccomp_profile=k8s.core.v1.SeccompProfileArgs(type="RuntimeDefault"),
                        ),
                        containers=[_container(args.container)],
                        volumes=[
                            k8s.core.v1.VolumeArgs(
                                name="scratch", empty_dir=k8s.core.v1.EmptyDirVolumeSourceArgs()
                            )
                        ],
                    ),
                ),
            ),
            opts=ResourceOptions(parent=self),
        ).metadata.name


def _container(args: ContainerSpec) -> k8s.core.v1.ContainerArgs:
    # The root file system is read-only, and the AWS CLI caches sessions in the home folder.
    env = {"HOME": SCRATCH, **args.env}
    return k8s.core.v1.ContainerArgs(
        name="app",
        image=args.image,
        command=list(args.command) if args.command is not None else None,
        args=list(args.args) if args.args is not None else None,
        env=[k8s.core.v1.EnvVarArgs(name=key, value=value) for key, value in env.items()],
        security_context=k8s.core.v1.SecurityContextArgs(
            allow_privilege_escalation=False,
            read_only_root_filesystem=True,
            capabilities=k8s.core.v1.CapabilitiesArgs(drop=["ALL"]),
        ),
        resources=k8s.core.v1.ResourceRequirementsArgs(
            requests={"cpu": args.cpu, "memory": args.memory}
        ),
        volume_mounts=[k8s.core.v1.VolumeMountArgs(name="scratch", mount_path=SCRATCH)],
    )


def _annotations(args: WorkloadArgs) -> dict[str, Input[str]]:
    found: dict[str, Input[str]] = {f"{ANNOTATION_PREFIX}role-arn": args.role_arn}
    if args.token.audience is not None:
        found[f"{ANNOTATION_PREFIX}audience"] = args.token.audience
    if args.token.expiration is not None:
        found[f"{ANNOTATION_PREFIX}token-expiration"] = str(args.token.expiration)
    if args.token.sts_regional_endpoints is not None:
        regional = str(args.token.sts_regional_endpoints).lower()
        found[f"{ANNOTATION_PREFIX}sts-regional-endpoints"] = regional
    return found


def _identity_hash(identity: Mapping[str, Input[str]]) -> Output[str]:
    """Changes when the pods' AWS identity does, so that they are restarted to take it up."""
    return Output.all(**identity).apply(
        lambda values: hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]
    )
