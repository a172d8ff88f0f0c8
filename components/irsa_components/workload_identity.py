"""AWS credentials for the pods of one service account, whatever controller runs them."""

from collections.abc import Sequence
from dataclasses import field
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import pulumi
import pulumi_kubernetes as k8s
from pulumi import (
    UNKNOWN,
    Input,
    Output,
    ResourceOptions,
    ResourceTransformArgs,
    ResourceTransformResult,
)

from irsa.identity.eks import STS_AUDIENCE

from . import values
from ._component import Component, ComponentArgs
from .credentials import (
    AccessKeyArgs,
    PodIdentityArgs,
    RoleChainArgs,
    TokenArgs,
    add_key,
    add_profiles,
    role_annotations,
)
from .pod_template import PodAdditions, add_identity, map_template, namespace_of
from .service_account import ServiceAccount
from .service_account_role import ServiceAccountRole
from .start_gate import start_gate

if TYPE_CHECKING:
    PodTemplate = Input[k8s.core.v1.PodTemplateSpecArgs | k8s.core.v1.PodTemplateSpecArgsDict]


@values.arguments
class WorkloadIdentityArgs(ComponentArgs):
    """Arguments of `WorkloadIdentity`."""

    service_account: ServiceAccount
    """Service account that the pods run as. If the program creates its namespace, list that in the
    component's ``depends_on``."""

    existing_service_account: bool = False
    """Annotate an existing service account instead of creating one."""

    role: Annotated[ServiceAccountRole | None, values.gives("role_arn")] = None
    """IRSA: role of this program that the pods assume, which must admit the service account."""

    role_arn: Input[values.RoleArn] | None = None
    """IRSA: ARN of the role that the pods assume."""

    chain: RoleChainArgs | None = None
    """Further roles, which the pods assume from that role or the association's. A Kubernetes
    provider of your own needs ``enable_config_map_mutable``, or a change replaces what runs the
    pods."""

    pod_identity: PodIdentityArgs | None = None
    """EKS Pod Identity, instead of ``role_arn`` or beside it: new pods then get these credentials
    and not the role's."""

    token: TokenArgs = field(default_factory=TokenArgs)
    """Settings of the pod identity webhook, in addition to the role."""

    access_key: AccessKeyArgs | None = None
    """An access key instead of a role. A Kubernetes provider of your own needs
    ``enable_secret_mutable``, or a rotation replaces what runs the pods."""

    containers: Sequence[str] | None = None
    """Names of the containers that get the identity; all containers and init containers by
    default."""

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
        if self.role is not None:
            self.role.check_irsa(self.service_account, self.token.audience or STS_AUDIENCE)
        if self.pod_identity is not None and self.pod_identity.association is not None:
            self.pod_identity.association.check_pods(self.service_account)


class WorkloadIdentity(Component):
    """A service account, and what its pods need to reach AWS.

    The component's name is the name of its ConfigMap or Secret.
    """

    service_account_name: Output[str]
    """Name of the service account, once it is annotated: for a chart's values."""

    def __init__(
        self, name: str, args: WorkloadIdentityArgs, opts: ResourceOptions | None = None
    ) -> None:
        account = args.service_account
        super().__init__(type(self).__name__, name, args, opts, f"identity of {account}")
        # Children do not inherit them.
        child_opts = partial(self.child_options, depends_on=opts.depends_on if opts else None)
        profile_only = args.chain is not None and args.chain.profile_only
        role_arn = None if args.role_arn is None else Output.from_input(args.role_arn)
        pods = args.pod_identity
        association_id = pods and Output.from_input(pods.association_id)
        annotations = (
            role_annotations(role_arn, args.token) if role_arn and not profile_only else {}
        )
        self._child_opts = child_opts
        self.service_account_name = self._service_account(args, annotations)
        self._additions = PodAdditions(
            account=account,
            account_name=self.service_account_name,
            containers=args.containers,
            injected=bool(annotations or association_id),
            warn=partial(pulumi.log.warn, resource=self),
            identity={**annotations},
        )
        if args.chain is not None:
            own = role_arn if association_id is None else None
            add_profiles(
                self._additions,
                own,
                args.chain,
                args.token,
                name=name,
                opts=child_opts("config", k8s.core.v1.ConfigMap),
            )
        if args.access_key is not None:
            add_key(
                self._additions,
                args.access_key,
                name=name,
                opts=child_opts("secret", k8s.core.v1.Secret),
            )
        self._waits = ResourceOptions()
        if pods is not None and association_id is not None:
            self._additions.identity["association-id"] = _without_dependency(association_id)
            # None of its own: the Output brings the association.
            association: Any = association_id.apply(lambda _: None)
            self._waits.depends_on = [association]
            if pods.kubeconfig is not None:
                kubeconfig = Output.from_input(pods.kubeconfig)
                self._waits.hooks = start_gate(account, kubeconfig)
        self.register_outputs(
            {
                "namespace": account.namespace,
                "service_account_name": self.service_account_name,
                "role_arn": role_arn,
                **({} if association_id is None else {"association_id": association_id}),
                **({} if args.chain is None else {"targets": _targets(args.chain)}),
                **self._create(name, args),
            }
        )

    def pod_template(self, template: "PodTemplate") -> Any:
        """Return a pod template with the identity, for a Deployment, StatefulSet, DaemonSet, Job or
        CronJob, which also takes `options`.

        What the template says stays. Where it says nothing, its containers get no capabilities, no
        root user, and a read-only root file system with an empty ``/tmp``. Raises ValueError, and
        `pulumi.RunError` for outputs, for what would hide the identity.
        """
        return add_identity(template, self._additions)

    def options(self, opts: ResourceOptions | None = None) -> ResourceOptions:
        """Return the options of a resource whose pods have the identity: with EKS Pod Identity it
        waits for the association."""
        return ResourceOptions.merge(opts, self._waits)

    def transform(self, args: ResourceTransformArgs) -> ResourceTransformResult | None:
        """Add the identity to the pod template of a resource, if it has one: for
        ``ResourceOptions(transforms=[identity.transform])`` on what others make."""
        props = map_template(args.props, self.pod_template)
        if props is None:
            return None
        namespace = namespace_of(props)
        if isinstance(namespace, str) and namespace != self._additions.account.namespace:
            raise ValueError(
                f"{args.name} is in namespace {namespace!r}, and the identity is that of service "
                f"account {self._additions.account}; give the transform to resources of its "
                "namespace"
            )
        return ResourceTransformResult(props, self.options(args.opts))

    def _create(self, name: str, args: Any) -> dict[str, Any]:
        """Create what runs the pods; returns further outputs."""
        del name, args
        return {}

    def _service_account(
        self, args: WorkloadIdentityArgs, annotations: dict[str, Input[str]]
    ) -> Output[str]:
        account = args.service_account
        # Named after itself: renaming the workload must not replace the service account.
        logical_name = str(account)
        metadata: Any = {"namespace": account.namespace}
        if annotations:
            metadata["annotations"] = annotations
        if not args.existing_service_account:
            metadata["name"] = account.name
            own = self._child_opts("service-account", k8s.core.v1.ServiceAccount)
            made = k8s.core.v1.ServiceAccount(logical_name, metadata=metadata, opts=own)
            return made.metadata.name
        # Read first, since a patch of what does not exist creates it.
        existing = k8s.core.v1.ServiceAccount.get(
            f"{logical_name} (existing)", logical_name, opts=self.child_options()
        )
        if not annotations:
            return existing.metadata.name
        # Server-side apply owns these annotations only, and a destroy takes back only them.
        metadata["name"] = existing.metadata.name
        return k8s.core.v1.ServiceAccountPatch(
            logical_name, metadata=metadata, opts=self._child_opts()
        ).metadata.name


def _targets(chain: RoleChainArgs) -> list[dict[str, Any]]:
    return [
        {"role_arn": e.role_arn, "profile": e.profile, "external_id": e.external_id}
        for e in chain.targets
    ]


def _without_dependency(value: Output[str]) -> Output[Any]:
    """Return the value as none of a resource.

    An association that is replaced is deleted first, and the engine then takes each property that
    depends on it for unknown: it would delete the Deployment before, for its ``spec``.
    """

    async def alone() -> Any:
        return await value.future() if await value.is_known() else UNKNOWN

    return Output.from_input(alone())
