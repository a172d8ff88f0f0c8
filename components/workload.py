"""A Deployment whose pods run as one service account and get AWS credentials through it."""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi
import pulumi_kubernetes as k8s
from pulumi import Input, Output, ResourceOptions

from components.aws_profiles import ProfilesSpec, aws_config
from components.existing import refuse_existing_in_cluster
from components.logical_names import renamed
from components.pod_template import PodAdditions, pod_template
from components.specs import ContainerSpec, TokenSpec
from irsa.identity import eks
from irsa.identity.subjects import check_workload_name, service_account_ref

CONFIG_FOLDER = "/etc/aws"
TOKEN_FOLDER = "/var/run/secrets/irsa"  # noqa: S105 - not the webhook's, which would be added to it


@dataclass(frozen=True, kw_only=True)
class ChainArgs:
    """Role chaining: how the pods go on from the workload role to role B."""

    role_b_arn: Input[str]
    """Role B, in the other account."""

    profiles: ProfilesSpec = field(default_factory=ProfilesSpec)
    """How the AWS config file looks."""

    region: str
    """Region that the profiles use."""


@dataclass(frozen=True, kw_only=True)
class StaticCredentialsArgs:
    """An access key, for pods that have no role."""

    access_key_id: Input[str]
    """Id of the key."""

    secret_access_key: Input[str]
    """The key itself. It stands in the Secret only, whose data Pulumi always encrypts."""

    region: str
    """Region that SDKs use: nobody injects one into these pods."""


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
        if self.replicas < 0:
            raise ValueError(f"replicas is {self.replicas}; it must be 0 or more")
        if self.static_credentials is not None and self.role_arn is not None:
            raise ValueError(
                "a pod with static credentials never uses its role, without a word; "
                "give role_arn or static_credentials"
            )
        if self.static_credentials is None and self.role_arn is None:
            raise ValueError("the pods have no AWS identity; give role_arn or static_credentials")
        if self.chain is not None and self.role_arn is None:
            raise ValueError("a chain begins with a role; give role_arn")

    @property
    def profile_only(self) -> bool:
        """Whether the pods find their role by profile, so that nothing is to be injected."""
        return self.chain is not None and self.chain.profiles.layout == "profile-only"

    @property
    def token_file(self) -> str:
        """Where the container finds its web identity token."""
        return f"{TOKEN_FOLDER}/token" if self.profile_only else eks.TOKEN_FILE


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
        self._identity: dict[str, Input[str]] = dict(_annotations(args))
        """All that the pods' AWS identity consists of; they are restarted when it changes."""

        self._child_opts = ResourceOptions(
            parent=self,
            depends_on=opts.depends_on if opts else None,  # which children do not inherit
            hooks=refuse_existing_in_cluster(f"workload {name}", args.kubeconfig),
        )
        self.service_account_name = self._service_account(name, args)
        additions = PodAdditions()
        if args.chain is not None:
            self._add_profiles(name, args, args.chain, additions)
        if args.static_credentials is not None:
            self._add_credentials(name, args, args.static_credentials, additions)
        self.deployment_name = self._deployment(name, args, additions)
        self.register_outputs(
            {
                "service_account_name": self.service_account_name,
                "deployment_name": self.deployment_name,
            }
        )

    def _service_account(self, name: str, args: WorkloadArgs) -> Output[str]:
        annotations = _annotations(args)
        logical_name = f"{args.namespace}/{args.service_account_name}"
        aliases = ResourceOptions(aliases=renamed(logical_name, was=name))
        if not args.existing_service_account:
            return k8s.core.v1.ServiceAccount(
                logical_name,
                metadata=k8s.meta.v1.ObjectMetaArgs(
                    name=args.service_account_name,
                    namespace=args.namespace,
                    annotations=annotations or None,
                ),
                opts=ResourceOptions.merge(self._child_opts, aliases),
            ).metadata.name
        # Read first, since a patch of what does not exist creates it.
        existing = k8s.core.v1.ServiceAccount.get(
            f"{logical_name} as it is", logical_name, opts=ResourceOptions(parent=self)
        )
        if not annotations:
            return existing.metadata.name
        # Server-side apply owns these annotations only, and a destroy takes back only them.
        return k8s.core.v1.ServiceAccountPatch(
            logical_name,
            metadata=k8s.meta.v1.ObjectMetaPatchArgs(
                name=existing.metadata.name,
                namespace=args.namespace,
                annotations=annotations,
            ),
            opts=ResourceOptions.merge(self._child_opts, aliases),
        ).metadata.name

    def _add_profiles(
        self, name: str, args: WorkloadArgs, chain: ChainArgs, additions: PodAdditions
    ) -> None:
        """Mount the AWS config file and, unless the webhook does, a web identity token."""
        text = Output.all(args.role_arn, chain.role_b_arn).apply(
            lambda arns: aws_config(
                chain.profiles,
                role_a_arn=arns[0],
                role_b_arn=arns[1],
                token_file=args.token_file,
                region=chain.region,
            )
        )
        self._identity["aws-config"] = text
        config = k8s.core.v1.ConfigMap(
            name,
            metadata=k8s.meta.v1.ObjectMetaArgs(name=name, namespace=args.namespace),
            data={"config": text},
            opts=self._child_opts,
        )
        additions.volumes.append(
            k8s.core.v1.VolumeArgs(
                name="aws-config",
                config_map=k8s.core.v1.ConfigMapVolumeSourceArgs(name=config.metadata.name),
            )
        )
        additions.mounts.append(_read_only("aws-config", CONFIG_FOLDER))
        additions.env.append(_variable("AWS_CONFIG_FILE", f"{CONFIG_FOLDER}/config"))
        if args.profile_only:
            additions.volumes.append(_token_volume(args.token))
            additions.mounts.append(_read_only("web-identity-token", TOKEN_FOLDER))
            additions.env.append(_variable("AWS_PROFILE", chain.profiles.target))

    def _add_credentials(
        self,
        name: str,
        args: WorkloadArgs,
        credentials: StaticCredentialsArgs,
        additions: PodAdditions,
    ) -> None:
        """Give the key to the container by reference, so that it stands in the Secret alone."""
        self._identity["access-key-id"] = credentials.access_key_id
        values = {
            "aws_access_key_id": Output.from_input(credentials.access_key_id),
            "aws_secret_access_key": Output.from_input(credentials.secret_access_key),
        }
        secret = k8s.core.v1.Secret(
            name,
            metadata=k8s.meta.v1.ObjectMetaArgs(name=name, namespace=args.namespace),
            data={key: value.apply(_base64) for key, value in values.items()},
            opts=self._child_opts,
        )
        additions.env.extend(
            k8s.core.v1.EnvVarArgs(
                name=key.upper(),
                value_from=k8s.core.v1.EnvVarSourceArgs(
                    secret_key_ref=k8s.core.v1.SecretKeySelectorArgs(
                        name=secret.metadata.name, key=key
                    )
                ),
            )
            for key in values
        )
        # Some SDKs read one of them only.
        additions.env.append(_variable("AWS_DEFAULT_REGION", credentials.region))
        additions.env.append(_variable("AWS_REGION", credentials.region))

    def _deployment(self, name: str, args: WorkloadArgs, additions: PodAdditions) -> Output[str]:
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
                    identity_hash=_identity_hash(self._identity),
                ),
            ),
            opts=self._child_opts,
        ).metadata.name


def _annotations(args: WorkloadArgs) -> dict[str, Input[str]]:
    if args.role_arn is None or args.profile_only:
        return {}
    found: dict[str, Input[str]] = {eks.ROLE_ARN_ANNOTATION: args.role_arn}
    if args.token.audience is not None:
        found[eks.AUDIENCE_ANNOTATION] = args.token.audience
    if args.token.expiration is not None:
        found[eks.TOKEN_EXPIRATION_ANNOTATION] = str(args.token.expiration)
    if args.token.sts_regional_endpoints is not None:
        regional = str(args.token.sts_regional_endpoints).lower()
        found[eks.REGIONAL_STS_ANNOTATION] = regional
    return found


def _token_volume(token: TokenSpec) -> k8s.core.v1.VolumeArgs:
    projection = k8s.core.v1.ServiceAccountTokenProjectionArgs(
        audience=token.audience or eks.STS_AUDIENCE,
        expiration_seconds=token.expiration or eks.DEFAULT_TOKEN_EXPIRATION,
        path="token",
    )
    return k8s.core.v1.VolumeArgs(
        name="web-identity-token",
        projected=k8s.core.v1.ProjectedVolumeSourceArgs(
            sources=[k8s.core.v1.VolumeProjectionArgs(service_account_token=projection)]
        ),
    )


def _read_only(volume: str, folder: str) -> k8s.core.v1.VolumeMountArgs:
    return k8s.core.v1.VolumeMountArgs(name=volume, mount_path=folder, read_only=True)


def _variable(name: str, value: str) -> k8s.core.v1.EnvVarArgs:
    return k8s.core.v1.EnvVarArgs(name=name, value=value)


def _base64(value: str) -> str:
    return base64.b64encode(value.encode()).decode()


def _identity_hash(identity: Mapping[str, Input[str]]) -> Output[str]:
    return Output.all(**identity).apply(
        lambda values: hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]
    )
