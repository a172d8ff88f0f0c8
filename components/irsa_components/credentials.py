"""AWS credentials of pods: annotations for the webhook, profiles that chain roles, or a key."""

import base64
from collections.abc import Sequence
from typing import Annotated, Any

import pulumi_kubernetes as k8s
from pulumi import Input, Output, ResourceOptions

from irsa.identity import eks
from irsa.identity.profiles import aws_config, check_chained_duration, check_profile_name
from irsa.identity.quotas import TOKEN_EXPIRATION

from . import values
from .access_key_user import AccessKeyUser
from .pod_identity_association import PodIdentityAssociation
from .pod_template import PodAdditions

CONFIG_FOLDER = "/etc/aws"
TOKEN_FOLDER = "/var/run/secrets/irsa"  # noqa: S105 - not the webhook's, which would be added to it

ProfileName = Annotated[str, check_profile_name]


@values.arguments
class TokenArgs:
    """Settings of the pod identity webhook, in addition to the role.

    https://github.com/aws/amazon-eks-pod-identity-webhook
    """

    audience: values.Audience | None = None
    """The token's ``aud`` claim; ``sts.amazonaws.com`` by default."""

    expiration: Annotated[int, values.within(TOKEN_EXPIRATION)] | None = None
    """Lifetime of the token in seconds (600 to 86400); a day by default."""


@values.arguments
class TargetRoleArgs:
    """A role B, and the profile that leads to it."""

    role_arn: Input[values.RoleArn]
    """ARN of the role."""

    profile: ProfileName = "B"
    """Name of the profile."""

    external_id: Input[values.ExternalId | None] = None
    """External id that the role's trust policy requires."""

    duration_seconds: Annotated[int, check_chained_duration] | None = None
    """Duration of the role's sessions in seconds (901 to 3600); an hour by default."""


@values.arguments
class RoleChainArgs:
    """Role chaining: the pods assume further roles with the session of their own role.

    The pods get an AWS config file with a profile for each, and with IRSA one for their own role.
    """

    targets: Sequence[TargetRoleArgs]
    """The further roles, of any account; each has a profile of its own."""

    region: values.Region
    """Region of the profiles."""

    own_profile: ProfileName = "A"
    """Name of the profile of the pods' own role, with IRSA."""

    session_name: values.SessionName = "xactarget"
    """Session name in all accounts, as CloudTrail shows it."""

    profile_only: bool = False
    """Inject nothing with IRSA, and make the first target's profile ``AWS_PROFILE``: for SDKs that
    prefer injected variables to a profile (Go v2). By default the webhook injects the pods' own
    role, and the application asks for a target's profile."""

    def __post_init__(self) -> None:
        if not self.targets:
            raise ValueError("chain has no targets; give at least one, or leave chain out")
        profiles = [each.profile for each in self.targets]
        for profile in profiles:
            if profile == self.own_profile:
                raise ValueError(f"own_profile and a target's are both {profile!r}; rename one")
            if profiles.count(profile) > 1:
                raise ValueError(f"profile {profile!r} is given to two targets; rename one")

    @property
    def token_file(self) -> str:
        """Path of the web identity token in the container."""
        return f"{TOKEN_FOLDER}/token" if self.profile_only else eks.TOKEN_FILE


@values.arguments
class PodIdentityArgs:
    """EKS Pod Identity: the pods get the role of an association of their service account."""

    association: Annotated[PodIdentityAssociation | None, values.gives("association_id")] = None
    """The association, which must be the pods' service account's."""

    association_id: Input[str] = values.FROM_OBJECT
    """Id of the association: `association_id` of `PodIdentityAssociation`."""

    kubeconfig: Input[str] | None = None
    """Kubeconfig of the cluster, with which the deployment waits, at most a minute, until new pods
    get the credentials: it tries pods by a server-side dry run, so it needs `create` on pods, and
    the kubeconfig's command, such as `aws`, on PATH. None for no wait: pods that start some seconds
    after a new association may lack credentials."""


@values.arguments
class AccessKeyArgs:
    """An access key, for pods without a role."""

    user: Annotated[
        AccessKeyUser | None,
        values.gives("access_key_id", "secret_access_key"),
    ] = None
    """The user whose key it is."""

    access_key_id: Input[str] = values.FROM_OBJECT
    """Id of the key."""

    secret_access_key: Input[str] = values.FROM_OBJECT
    """The secret. It is stored in the Secret only, whose data Pulumi always encrypts."""

    region: values.Region
    """Region for SDKs; the webhook injects none into these pods."""


def role_annotations(role_arn: Input[str], token: TokenArgs) -> dict[str, Input[str]]:
    """Return the service account's annotations that make the webhook inject the role."""
    annotations: dict[str, Input[str]] = {eks.ROLE_ARN_ANNOTATION: role_arn}
    if token.audience is not None:
        annotations[eks.AUDIENCE_ANNOTATION] = token.audience
    if token.expiration is not None:
        annotations[eks.TOKEN_EXPIRATION_ANNOTATION] = str(token.expiration)
    return annotations


def add_profiles(
    additions: PodAdditions,
    role_arn: Input[str] | None,
    chain: RoleChainArgs,
    token: TokenArgs,
    *,
    name: str,
    opts: ResourceOptions,
) -> None:
    """Mount the AWS config file and, unless the webhook does, a web identity token.

    ``role_arn`` is None for EKS Pod Identity, whose agent gives the pods the first session.
    """
    own = {"role_arn": role_arn, "web_identity_token_file": chain.token_file} if role_arn else None
    targets = {
        each.profile: {
            "role_arn": each.role_arn,
            "external_id": each.external_id,
            "duration_seconds": each.duration_seconds,
        }
        for each in chain.targets
    }
    settings = {
        "own_profile": chain.own_profile,
        "region": chain.region,
        "session_name": chain.session_name,
    }
    text = Output.all(own, targets).apply(lambda known: aws_config(*known, **settings))
    additions.identity["aws-config"] = text
    config = k8s.core.v1.ConfigMap(
        name,
        metadata={"name": name, "namespace": additions.account.namespace},
        data={"config": text},
        opts=opts,
    )
    volume = {"name": "irsa-aws-config", "configMap": {"name": config.metadata.name}}
    additions.mount(volume, CONFIG_FOLDER)
    additions.set("AWS_CONFIG_FILE", f"{CONFIG_FOLDER}/config")
    if chain.profile_only:
        additions.set("AWS_PROFILE", chain.targets[0].profile)
    if chain.profile_only and role_arn is not None:
        additions.mount(_token_volume(token), TOKEN_FOLDER)


def _token_volume(token: TokenArgs) -> dict[str, Any]:
    projection = {
        "audience": token.audience or eks.STS_AUDIENCE,
        "expirationSeconds": token.expiration or eks.DEFAULT_TOKEN_EXPIRATION,
        "path": "token",
    }
    sources = [{"serviceAccountToken": projection}]
    return {"name": "irsa-token", "projected": {"sources": sources}}


def add_key(
    additions: PodAdditions, key: AccessKeyArgs, *, name: str, opts: ResourceOptions
) -> None:
    """Give the key to the containers by reference, so that only the Secret holds it."""
    additions.identity["access-key-id"] = key.access_key_id
    values = {
        "aws_access_key_id": Output.from_input(key.access_key_id),
        "aws_secret_access_key": Output.from_input(key.secret_access_key),
    }
    secret = k8s.core.v1.Secret(
        name,
        metadata={"name": name, "namespace": additions.account.namespace},
        data={
            entry: value.apply(lambda text: base64.b64encode(text.encode()).decode())
            for entry, value in values.items()
        },
        opts=opts,
    )
    for entry in values:
        reference = {"secretKeyRef": {"name": secret.metadata.name, "key": entry}}
        additions.env.append({"name": entry.upper(), "valueFrom": reference})
    # Some SDKs read one of them only.
    additions.set("AWS_DEFAULT_REGION", key.region)
    additions.set("AWS_REGION", key.region)
