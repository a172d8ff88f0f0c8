"""A Deployment whose pods run as one service account and get AWS credentials through it."""

from dataclasses import dataclass, field

import pulumi
import pulumi_kubernetes as k8s
from pulumi import Input, Output, ResourceOptions

from irsa.identity.subjects import check_workload_name, service_account_ref

from .existing import refuse_existing_in_cluster
from .pod_credentials import (
    ChainArgs,
    StaticCredentialsArgs,
    add_key,
    add_profiles,
    role_annotations,
)
from .pod_template import PodAdditions, pod_template
from .specs import ContainerSpec, TokenSpec, check_replicas


@dataclass(frozen=True, kw_only=True)
class WorkloadArgs:
    """Arguments of `Workload`."""

    namespace: str
    """Namespace to run in. One that the program makes goes into the component's ``depends_on``."""

    service_account_name: str
    """Exact name of the service account, as the role's trust policy spells it."""

    existing_service_account: bool = False
    """Annotate a service account that somebody else created, instead of creating one."""

    token: TokenSpec = field(default_factory=TokenSpec)
    """What the pod identity webhook is asked for, beside the role."""

    role_arn: Input[str] | None = None
    """Role that the pods assume."""

    chain: ChainArgs | None = None
    """Role B, which the pods assume from that role."""

    static_credentials: StaticCredentialsArgs | None = None
    """An access key instead of a role."""

    container: ContainerSpec
    """What the pods run."""

    replicas: int = 1
    """Number of pods."""

    kubeconfig: Input[str] | None = None
    """Kubeconfig of the cluster, so that a preview says which of the objects exists already. Left
    out, only the `up` does."""

    def __post_init__(self) -> None:
        service_account_ref(self.namespace, self.service_account_name)
        check_replicas(self.replicas)
        if self.static_credentials is not None and self.role_arn is not None:
            raise ValueError(
                "a pod with static credentials silently never uses its role; "
                "give role_arn or static_credentials"
            )
        if self.static_credentials is None and self.role_arn is None:
            raise ValueError("the pods have no AWS identity; give role_arn or static_credentials")
        if self.chain is not None and self.role_arn is None:
            raise ValueError("a chain begins with a role; give role_arn")

    @property
    def annotations(self) -> dict[str, Input[str]]:
        """Annotations of the service account; empty unless the webhook is to inject a role."""
        if self.role_arn is None or (self.chain is not None and self.chain.profile_only):
            return {}
        return role_annotations(self.role_arn, self.token)


class Workload(pulumi.ComponentResource):
    """A service account, what its pods need to reach AWS, and a Deployment that runs as it.

    The component's name is the name of everything but the service account, and the pods' label.
    """

    service_account_name: Output[str]
    """Name of the service account, once it is annotated."""

    deployment_name: Output[str]
    """Name of the Deployment, once its pods are ready."""

    def __init__(self, name: str, args: WorkloadArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("irsa:index:Workload", check_workload_name(name), {}, opts)
        child_opts = ResourceOptions(
            parent=self,
            depends_on=opts.depends_on if opts else None,  # which children do not inherit
            hooks=refuse_existing_in_cluster(f"workload {name}", args.kubeconfig),
        )
        self.service_account_name = self._service_account(args, child_opts)
        additions = PodAdditions(identity=args.annotations)
        if args.chain is not None and args.role_arn is not None:
            add_profiles(
                additions,
                args.role_arn,
                args.chain,
                args.token,
                name=name,
                namespace=args.namespace,
                opts=child_opts,
            )
        if args.static_credentials is not None:
            add_key(
                additions,
                args.static_credentials,
                name=name,
                namespace=args.namespace,
                opts=child_opts,
            )
        self.deployment_name = self._deployment(name, args, additions, child_opts)
        self.register_outputs(
            {
                "service_account_name": self.service_account_name,
                "deployment_name": self.deployment_name,
            }
        )

    def _service_account(self, args: WorkloadArgs, child_opts: ResourceOptions) -> Output[str]:
        logical_name = f"{args.namespace}/{args.service_account_name}"
        if not args.existing_service_account:
            return k8s.core.v1.ServiceAccount(
                logical_name,
                metadata=k8s.meta.v1.ObjectMetaArgs(
                    name=args.service_account_name,
                    namespace=args.namespace,
                    annotations=args.annotations or None,
                ),
                opts=child_opts,
            ).metadata.name
        # Read first, since a patch of what does not exist creates it.
        existing = k8s.core.v1.ServiceAccount.get(
            f"{logical_name} as it is", logical_name, opts=ResourceOptions(parent=self)
        )
        if not args.annotations:
            return existing.metadata.name
        # Server-side apply owns these annotations only, and a destroy takes back only them.
        return k8s.core.v1.ServiceAccountPatch(
            logical_name,
            metadata=k8s.meta.v1.ObjectMetaPatchArgs(
                name=existing.metadata.name,
                namespace=args.namespace,
                annotations=args.annotations,
            ),
            opts=child_opts,
        ).metadata.name

    def _deployment(
        self,
        name: str,
        args: WorkloadArgs,
        additions: PodAdditions,
        child_opts: ResourceOptions,
    ) -> Output[str]:
        labels = {"app.kubernetes.io/name": name}
        return k8s.apps.v1.Deployment(
            name,
            metadata=k8s.meta.v1.ObjectMetaArgs(name=name, namespace=args.namespace, labels=labels),
            spec=k8s.apps.v1.DeploymentSpecArgs(
                replicas=args.replicas,
                selector=k8s.meta.v1.LabelSelectorArgs(match_labels=labels),
                template=pod_template(
                    args.container,
                    additions,
                    # Read back from the resource: the webhook looks at the annotations when a pod
                    # is created, and never again.
                    service_account_name=self.service_account_name,
                    labels=labels,
                ),
            ),
            opts=child_opts,
        ).metadata.name
