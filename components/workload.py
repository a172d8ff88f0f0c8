"""A Deployment whose pods get AWS credentials through one service account, or an access key."""

from dataclasses import field
from typing import Annotated, Any

import pulumi
import pulumi_kubernetes as k8s
from pulumi import UNKNOWN, Input, Output, ResourceOptions

from irsa.identity.subjects import check_workload_name

from . import values
from .container import NUMBER_MAX, ContainerArgs, PodAdditions, pod_template
from .credentials import (
    AccessKeyArgs,
    PodIdentityArgs,
    RoleChainArgs,
    TokenArgs,
    add_key,
    add_profiles,
    role_annotations,
)
from .start_gate import start_gate


@values.arguments
class WorkloadArgs:
    """Arguments of `Workload`."""

    namespace: values.NamespaceName
    """Namespace to run in; if the program creates it, list it in the component's ``depends_on``."""

    service_account_name: values.ServiceAccountName | None = None
    """Name of the service account, as the role's trust policy spells it; the component's name by
    default."""

    existing_service_account: bool = False
    """Annotate an existing service account instead of creating one."""

    role_arn: Input[values.RoleArn] | None = None
    """IRSA: role that the pods assume."""

    chain: RoleChainArgs | None = None
    """Further roles, which the pods assume from that role or the association's. A Kubernetes
    provider of your own needs ``enable_config_map_mutable``, or a change replaces the
    Deployment."""

    pod_identity: PodIdentityArgs | None = None
    """EKS Pod Identity, instead of ``role_arn`` or beside it: new pods then get these credentials
    and not the role's."""

    token: TokenArgs = field(default_factory=TokenArgs)
    """Settings of the pod identity webhook, in addition to the role."""

    access_key: AccessKeyArgs | None = None
    """An access key instead of a role. A Kubernetes provider of your own needs
    ``enable_secret_mutable``, or a rotation replaces the Deployment."""

    container: ContainerArgs
    """The pods' container."""

    replicas: Annotated[int, values.within(range(NUMBER_MAX + 1))] | None = None
    """Number of pods. Without it there is one, until an autoscaler or `kubectl scale` sets another
    number, which then stays."""

    def __post_init__(self) -> None:
        for name in ("role_arn", "pod_identity"):
            if self.access_key is not None and getattr(self, name) is not None:
                raise ValueError(
                    f"{name} and access_key are both given, and every SDK uses the key and never "
                    "the role; remove one"
                )
        if self.access_key is None and self.role_arn is None and self.pod_identity is None:
            raise ValueError(
                "the pods have no AWS identity; give role_arn, pod_identity or access_key"
            )
        if self.chain is not None and self.access_key is not None:
            raise ValueError("chain starts from a role, not from access_key; remove one")

    @property
    def annotations(self) -> dict[str, Input[str]]:
        """Annotations of the service account; empty if the webhook must not inject a role."""
        if self.role_arn is None or (self.chain is not None and self.chain.profile_only):
            return {}
        return role_annotations(self.role_arn, self.token)


class Workload(pulumi.ComponentResource):
    """A service account, the objects that its pods need to reach AWS, and a Deployment.

    The component's name is the Deployment's name and the pods' label.
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
        )
        account = args.service_account_name or name
        self.service_account_name = self._service_account(account, args, child_opts)
        additions = PodAdditions(identity=args.annotations)
        if args.chain is not None:
            add_profiles(
                additions,
                args.role_arn if args.pod_identity is None else None,
                args.chain,
                args.token,
                name=name,
                namespace=args.namespace,
                opts=child_opts,
            )
        if args.pod_identity is not None:
            id_ = Output.from_input(args.pod_identity.association_id)
            additions.identity["association-id"] = _without_dependency(id_)
        if args.access_key is not None:
            add_key(
                additions,
                args.access_key,
                name=name,
                namespace=args.namespace,
                opts=child_opts,
            )
        self.deployment_name = self._deployment(name, args, additions, child_opts)
        outputs: dict[str, Any] = {
            "namespace": args.namespace,
            "service_account_name": self.service_account_name,
            "deployment_name": self.deployment_name,
            "role_arn": args.role_arn,
        }
        if args.pod_identity is not None:
            outputs["association_id"] = args.pod_identity.association_id
        if args.chain is not None:
            outputs["targets"] = [
                {"role_arn": e.role_arn, "profile": e.profile, "external_id": e.external_id}
                for e in args.chain.targets
            ]
        self.register_outputs(outputs)

    def _service_account(
        self, account: str, args: WorkloadArgs, child_opts: ResourceOptions
    ) -> Output[str]:
        # Named after itself: renaming the workload must not replace the service account.
        logical_name = f"{args.namespace}/{account}"
        if not args.existing_service_account:
            return k8s.core.v1.ServiceAccount(
                logical_name,
                metadata=k8s.meta.v1.ObjectMetaArgs(
                    name=account,
                    namespace=args.namespace,
                    annotations=args.annotations or None,
                ),
                opts=child_opts,
            ).metadata.name
        # Read first, since a patch of what does not exist creates it.
        existing = k8s.core.v1.ServiceAccount.get(
            f"{logical_name} (existing)", logical_name, opts=ResourceOptions(parent=self)
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
        opts = child_opts
        if args.pod_identity is not None:
            # None of its own: the Output brings the association.
            association: Any = Output.from_input(args.pod_identity.association_id).apply(_nothing)
            opts = ResourceOptions.merge(opts, ResourceOptions(depends_on=[association]))
        if args.pod_identity is not None and args.pod_identity.kubeconfig is not None:
            kubeconfig = Output.from_input(args.pod_identity.kubeconfig)
            gate = start_gate(args.namespace, name, kubeconfig)
            opts = ResourceOptions.merge(opts, ResourceOptions(hooks=gate))
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
            opts=opts,
        ).metadata.name


def _without_dependency(value: Output[str]) -> Output[Any]:
    """Return the value as none of a resource.

    An association that is replaced is deleted first, and the engine then takes each property that
    depends on it for unknown: it would delete the Deployment before, for its ``spec``.
    """

    async def alone() -> Any:
        return await value.future() if await value.is_known() else UNKNOWN

    return Output.from_input(alone())


def _nothing(_: str) -> None: ...
