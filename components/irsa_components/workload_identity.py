"""AWS credentials for the pods of one service account, whatever controller runs them."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import field
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import pulumi
import pulumi_kubernetes as k8s
from pulumi import Input, Output, ResourceOptions, RunError

from irsa_core.identity.eks import STS_AUDIENCE

from . import values
from ._component import Component, ComponentArgs
from .credentials import TOKEN_FOLDER, AccessKeyArgs, PodIdentityArgs, RoleChainArgs, TokenArgs
from .pod_template import PodAdditions, PodTemplate, add_identity, map_template
from .values import ServiceAccount

if TYPE_CHECKING:
    from .service_account_role import ServiceAccountRole

CONFIG_FOLDER = "/etc/aws"


@values.arguments
class WorkloadIdentityArgs(ComponentArgs):
    """Arguments of `WorkloadIdentity`."""

    service_account: ServiceAccount
    """Service account that the pods run as. If the program creates its namespace, list that in the
    component's ``depends_on``."""

    existing_service_account: bool = False
    """Annotate an existing service account instead of creating one."""

    role: Annotated["ServiceAccountRole | None", values.gives("role_arn")] = None
    """IRSA: role of this program that the pods assume, which must admit the service account."""

    role_arn: Input[values.RoleArn] | None = None
    """IRSA: ARN of the role that the pods assume."""

    chain: RoleChainArgs | None = None
    """Further roles, which the pods assume from that role or the association's. Set
    ``enable_config_map_mutable`` in a Kubernetes provider of your own. Otherwise a change replaces
    the controller of the pods."""

    pod_identity: PodIdentityArgs | None = None
    """EKS Pod Identity, instead of ``role_arn`` or beside it: new pods then get these credentials
    and not the role's."""

    token: TokenArgs = field(default_factory=TokenArgs)
    """Audience and lifetime of the web identity token, for IRSA."""

    access_key: AccessKeyArgs | None = None
    """An access key instead of a role. Set ``enable_secret_mutable`` in a Kubernetes provider of
    your own. Otherwise a rotation replaces the controller of the pods."""

    containers: Sequence[str] | None = None
    """Names of the containers that get the identity; all containers and init containers by
    default."""

    def __post_init__(self) -> values.Problems:
        names = [name for name in ("role_arn", "pod_identity") if getattr(self, name) is not None]
        by_key = self.access_key is not None
        if self.role is not None:
            self.role.check_irsa(self.service_account, self.token.audience or STS_AUDIENCE)
        if self.pod_identity is not None and self.pod_identity.association is not None:
            self.pod_identity.association.check_pods(self.service_account)
        return {
            f"{''.join(names[:1])} and access_key are both given, and every SDK uses the key and "
            "never the role; remove one": names and by_key,
            "the pods have no AWS identity; give role_arn, pod_identity or access_key": (
                not names and not by_key
            ),
            "chain starts from a role, not from access_key; remove one": self.chain and by_key,
            "containers is empty: no container would have the identity; name one, or leave it "
            "out": self.containers is not None and not self.containers,
        }


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
        depends_on = opts.depends_on if opts else None
        self._child_opts = partial(self.child_options, depends_on=depends_on)
        chain, pods = args.chain, args.pod_identity
        role_arn = None if args.role_arn is None else Output.from_input(args.role_arn)
        injected = role_arn is not None and (chain is None or not chain.profile_only)
        annotations = args.token.annotations(role_arn) if role_arn and injected else {}
        self.service_account_name = self._service_account(args, annotations)
        self._additions = PodAdditions(
            account=account,
            account_name=self.service_account_name,
            containers=args.containers,
            injected=bool(annotations or pods),
            warn=partial(pulumi.log.warn, resource=self),
            identity={**annotations},
        )
        self._waits = ResourceOptions()
        outputs: dict[str, Any] = {
            "namespace": account.namespace,
            "service_account_name": self.service_account_name,
            "role_arn": role_arn,
        }
        if chain is not None:
            self._add_profiles(name, chain, args.token, role_arn if pods is None else None)
            keys = ("role_arn", "profile", "external_id")
            outputs["targets"] = [{key: getattr(e, key) for key in keys} for e in chain.targets]
        if args.access_key is not None:
            self._add_key(name, args.access_key)
        if pods is not None:
            association_id = outputs["association_id"] = Output.from_input(pods.association_id)
            self._additions.identity["association-id"] = _without_dependency(association_id)
            # None of its own: the Output brings the association.
            association: Any = association_id.apply(lambda _: None)
            self._waits.depends_on = [association]
            if pods.kubeconfig is not None:
                from .start_gate import start_gate  # with what it needs, on first use

                self._waits.hooks = start_gate(account, Output.from_input(pods.kubeconfig))
        self.register_outputs({**outputs, **self._create(name, args)})

    def pod_template(self, template: PodTemplate) -> Any:
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

    def transform(
        self, args: pulumi.ResourceTransformArgs
    ) -> pulumi.ResourceTransformResult | None:
        """Add the identity to the pod template of a resource, if it has one: for
        ``ResourceOptions(transforms=[identity.transform])`` on what others make."""
        try:
            props = map_template(args.props, self.pod_template)
        except ValueError as error:
            # With less of a traceback, which Pulumi prints thrice.
            raise RunError(f"{args.name}: {error}") from None
        if props is None:
            return None
        metadata = props.get("metadata")
        namespace = metadata.get("namespace") if isinstance(metadata, Mapping) else None
        if isinstance(namespace, str) and namespace != self._additions.account.namespace:
            raise ValueError(
                f"{args.name} is in namespace {namespace!r}, and the identity is that of service "
                f"account {self._additions.account}; give the transform to resources of its "
                "namespace"
            )
        return pulumi.ResourceTransformResult(props, self.options(args.opts))

    def _create(self, name: str, args: Any) -> dict[str, Any]:
        """Create what runs the pods; returns further outputs."""
        del name, args
        return {}

    def _service_account(
        self, args: WorkloadIdentityArgs, annotations: dict[str, Input[str]]
    ) -> Output[str]:
        account = args.service_account
        # Named after itself: renaming the workload must not replace the service account.
        label = str(account)
        metadata: Any = {"namespace": account.namespace, "name": account.name}
        if annotations:
            metadata["annotations"] = annotations
        kind, opts = k8s.core.v1.ServiceAccount, None
        if args.existing_service_account:
            # Read first, since a patch of what does not exist creates it.
            existing = kind.get(f"{label} (existing)", label, opts=self.child_options())
            metadata["name"] = existing.metadata.name
            if not annotations:
                return existing.metadata.name
            # Server-side apply owns these annotations only, and a destroy takes back only them.
            kind, opts = k8s.core.v1.ServiceAccountPatch, self._child_opts()
        opts = opts or self._child_opts("service-account", kind)
        return kind(label, metadata=metadata, opts=opts).metadata.name

    def _add_profiles(
        self, name: str, chain: RoleChainArgs, token: TokenArgs, role_arn: Output[str] | None
    ) -> None:
        """Mount the AWS config file and, unless the webhook does, a web identity token."""
        additions, text = self._additions, chain.config(role_arn)
        additions.identity["aws-config"] = text
        config = k8s.core.v1.ConfigMap(
            name,
            metadata={"name": name, "namespace": additions.account.namespace},
            data={"config": text},
            opts=self._child_opts("config", k8s.core.v1.ConfigMap),
        )
        volume = {"name": "irsa-aws-config", "configMap": {"name": config.metadata.name}}
        additions.mount(volume, CONFIG_FOLDER)
        additions.set("AWS_CONFIG_FILE", f"{CONFIG_FOLDER}/config")
        if chain.profile_only:
            additions.set("AWS_PROFILE", chain.targets[0].profile)
        if chain.profile_only and role_arn is not None:
            additions.mount(token.volume(), TOKEN_FOLDER)

    def _add_key(self, name: str, key: AccessKeyArgs) -> None:
        """Give the key to the containers by reference, so that only the Secret holds it."""
        additions = self._additions
        additions.identity["access-key-id"] = key.access_key_id
        entries = ("access_key_id", "secret_access_key")
        secret = k8s.core.v1.Secret(
            name,
            metadata={"name": name, "namespace": additions.account.namespace},
            data={
                f"aws_{setting}": Output.from_input(getattr(key, setting)).apply(
                    lambda text: base64.b64encode(text.encode()).decode()
                )
                for setting in entries
            },
            opts=self._child_opts("secret", k8s.core.v1.Secret),
        )
        for setting in entries:
            reference = {"secretKeyRef": {"name": secret.metadata.name, "key": f"aws_{setting}"}}
            additions.env.append({"name": f"AWS_{setting.upper()}", "valueFrom": reference})
        # Some SDKs read one of them only.
        additions.set("AWS_DEFAULT_REGION", key.region)
        additions.set("AWS_REGION", key.region)


def _without_dependency(value: Output[str]) -> Output[Any]:
    """Return the value as none of a resource.

    An association that is replaced is deleted first, and the engine then takes each property that
    depends on it for unknown: it would delete the Deployment before, for its ``spec``.
    """

    async def alone() -> Any:
        return await value.future() if await value.is_known() else pulumi.UNKNOWN

    return Output.from_input(alone())
