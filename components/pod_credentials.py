"""How pods get AWS credentials: by the webhook's annotations, by profiles, or by an access key."""

import base64
from dataclasses import dataclass, field

import pulumi_kubernetes as k8s
from pulumi import Input, Output, ResourceOptions

from irsa.identity import eks

from .aws_profiles import ProfilesSpec, aws_config
from .pod_template import PodAdditions
from .specs import TokenSpec

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

    @property
    def profile_only(self) -> bool:
        """Whether the pods find their role by profile, so that nothing is to be injected."""
        return self.profiles.layout == "profile-only"

    @property
    def token_file(self) -> str:
        """Where the container finds its web identity token."""
        return f"{TOKEN_FOLDER}/token" if self.profile_only else eks.TOKEN_FILE


@dataclass(frozen=True, kw_only=True)
class StaticCredentialsArgs:
    """An access key, for pods that have no role."""

    access_key_id: Input[str]
    """Id of the key."""

    secret_access_key: Input[str]
    """The key itself. It stands in the Secret only, whose data Pulumi always encrypts."""

    region: str
    """Region that SDKs use: nobody injects one into these pods."""


def role_annotations(role_arn: Input[str], token: TokenSpec) -> dict[str, Input[str]]:
    """The service account's annotations, which make the webhook inject the role."""
    annotations: dict[str, Input[str]] = {eks.ROLE_ARN_ANNOTATION: role_arn}
    if token.audience is not None:
        annotations[eks.AUDIENCE_ANNOTATION] = token.audience
    if token.expiration is not None:
        annotations[eks.TOKEN_EXPIRATION_ANNOTATION] = str(token.expiration)
    if token.sts_regional_endpoints is not None:
        regional = str(token.sts_regional_endpoints).lower()
        annotations[eks.REGIONAL_STS_ANNOTATION] = regional
    return annotations


def add_profiles(
    additions: PodAdditions,
    role_arn: Input[str],
    chain: ChainArgs,
    token: TokenSpec,
    *,
    name: str,
    namespace: str,
    opts: ResourceOptions,
) -> None:
    """Mount the AWS config file and, unless the webhook does, a web identity token."""
    text = Output.all(role_arn, chain.role_b_arn).apply(
        lambda arns: aws_config(
            chain.profiles,
            role_a_arn=arns[0],
            role_b_arn=arns[1],
            token_file=chain.token_file,
            region=chain.region,
        )
    )
    additions.identity["aws-config"] = text
    config = k8s.core.v1.ConfigMap(
        name,
        metadata=k8s.meta.v1.ObjectMetaArgs(name=name, namespace=namespace),
        data={"config": text},
        opts=opts,
    )
    additions.mount(
        k8s.core.v1.VolumeArgs(
            name="aws-config",
            config_map=k8s.core.v1.ConfigMapVolumeSourceArgs(name=config.metadata.name),
        ),
        CONFIG_FOLDER,
    )
    additions.set("AWS_CONFIG_FILE", f"{CONFIG_FOLDER}/config")
    if chain.profile_only:
        additions.mount(_token_volume(token), TOKEN_FOLDER)
        additions.set("AWS_PROFILE", chain.profiles.target)


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


def add_key(
    additions: PodAdditions,
    credentials: StaticCredentialsArgs,
    *,
    name: str,
    namespace: str,
    opts: ResourceOptions,
) -> None:
    """Give the key to the container by reference, so that it stands in the Secret alone."""
    additions.identity["access-key-id"] = credentials.access_key_id
    values = {
        "aws_access_key_id": Output.from_input(credentials.access_key_id),
        "aws_secret_access_key": Output.from_input(credentials.secret_access_key),
    }
    secret = k8s.core.v1.Secret(
        name,
        metadata=k8s.meta.v1.ObjectMetaArgs(name=name, namespace=namespace),
        data={key: value.apply(_base64) for key, value in values.items()},
        opts=opts,
    )
    for key in values:
        selector = k8s.core.v1.SecretKeySelectorArgs(name=secret.metadata.name, key=key)
        source = k8s.core.v1.EnvVarSourceArgs(secret_key_ref=selector)
        additions.env.append(k8s.core.v1.EnvVarArgs(name=key.upper(), value_from=source))
    # Some SDKs read one of them only.
    additions.set("AWS_DEFAULT_REGION", credentials.region)
    additions.set("AWS_REGION", credentials.region)


def _base64(value: str) -> str:
    return base64.b64encode(value.encode()).decode()
