"""Arguments for AWS credentials of pods: a token, profiles that chain roles, or a key."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

from pulumi import Input, Output

from irsa_core.identity import eks
from irsa_core.identity.profiles import aws_config, check_chained_duration, check_profile_name
from irsa_core.identity.quotas import TOKEN_EXPIRATION

from . import values

if TYPE_CHECKING:
    from .access_key_user import AccessKeyUser
    from .pod_identity_association import PodIdentityAssociation

TOKEN_FOLDER = "/var/run/secrets/irsa"  # noqa: S105 - not the webhook's, which would be added to it

ProfileName = Annotated[str, check_profile_name]


@values.arguments
class TokenArgs:
    """Audience and lifetime of the web identity token, for IRSA.

    https://github.com/aws/amazon-eks-pod-identity-webhook
    """

    audience: values.Audience | None = None
    """The token's ``aud`` claim; ``sts.amazonaws.com`` by default."""

    expiration: Annotated[int, values.within(TOKEN_EXPIRATION, "seconds")] | None = None
    """Lifetime of the token in seconds (600 to 86400); a day by default."""

    def annotations(self, role_arn: Input[str]) -> dict[str, Input[str]]:
        """Return a service account's annotations that make the webhook inject the role."""
        lifetime = self.expiration and str(self.expiration)
        optional = {
            eks.AUDIENCE_ANNOTATION: self.audience,
            eks.TOKEN_EXPIRATION_ANNOTATION: lifetime,
        }
        given = {key: value for key, value in optional.items() if value is not None}
        return {eks.ROLE_ARN_ANNOTATION: role_arn, **given}

    def volume(self) -> dict[str, Any]:
        """Return a volume with such a token, for pods that the webhook gives none."""
        projection = {
            "audience": self.audience or eks.STS_AUDIENCE,
            "expirationSeconds": self.expiration or eks.DEFAULT_TOKEN_EXPIRATION,
            "path": "token",
        }
        sources = [{"serviceAccountToken": projection}]
        return {"name": "irsa-token", "projected": {"sources": sources}}


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

    def config(self, role_arn: Input[str] | None) -> Output[str]:
        """Return the AWS config file. ``role_arn`` is None for EKS Pod Identity, whose agent gives
        the pods the first session."""
        token_file = f"{TOKEN_FOLDER}/token" if self.profile_only else eks.TOKEN_FILE
        profile = role_arn and {"role_arn": role_arn, "web_identity_token_file": token_file}
        keys = ("role_arn", "external_id", "duration_seconds")
        targets = {e.profile: {key: getattr(e, key) for key in keys} for e in self.targets}
        settings = {
            "own_profile": self.own_profile,
            "region": self.region,
            "session_name": self.session_name,
        }
        return Output.all(profile, targets).apply(
            values.in_apply(lambda both: aws_config(*both, **settings), "chain: ")
        )


@values.arguments
class PodIdentityArgs:
    """EKS Pod Identity: the pods get the role of an association of their service account."""

    association: Annotated["PodIdentityAssociation | None", values.gives("association_id")] = None
    """The association, which must be the pods' service account's."""

    association_id: Input[str] = values.FROM_OBJECT
    """Id of the association: `association_id` of `PodIdentityAssociation`."""

    kubeconfig: Input[str] | None = None
    """Kubeconfig of the cluster. With it the deployment waits, at most a minute, until new pods get
    the credentials. It tries pods by a server-side dry run, which needs `create` on pods, and the
    kubeconfig's command, such as `aws`, on PATH. Without it, pods that start some seconds after a
    new association may lack credentials."""


@values.arguments
class AccessKeyArgs:
    """An access key, for pods without a role."""

    user: Annotated["AccessKeyUser | None", values.gives("access_key_id", "secret_access_key")] = (
        None
    )
    """The user whose key it is."""

    access_key_id: Input[str] = values.FROM_OBJECT
    """Id of the key."""

    secret_access_key: Input[str] = values.FROM_OBJECT
    """The secret. It is stored in the Secret only, whose data Pulumi always encrypts."""

    region: values.Region
    """Region for SDKs; the webhook injects none into these pods."""
