"""IRSA: an IAM role that service accounts of EKS clusters may assume, and nobody else."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws
from pulumi import Input, Output, ResourceOptions

from irsa.identity.eks import STS_AUDIENCE
from irsa.identity.names import check_path, check_role_name, check_session_duration
from irsa.identity.policies import irsa_trust_policy
from irsa.identity.quotas import (
    ATTACHED_POLICIES_MAX,
    DEFAULT_ROLE_SESSION_DURATION,
    DESCRIPTION_MAX,
    TRUST_POLICY_QUOTA,
)
from irsa.identity.subjects import ServiceAccountPattern, Subject

from .after import after
from .existing import refuse_existing_in_aws
from .logical_names import iam_name


@dataclass(frozen=True, kw_only=True)
class ServiceAccountRoleArgs:
    """Arguments of `ServiceAccountRole`."""

    role_name: str
    """Physical name of the role, so that its ARN is known before it exists."""

    provider_arns: Sequence[Input[str]]
    """ARNs of the OIDC providers of the clusters that the subjects live in."""

    subjects: Sequence[Subject]
    """Service accounts that may assume the role: exact ones, patterns, or both."""

    audience: str = STS_AUDIENCE
    """The ``aud`` claim that their tokens must carry."""

    policy_arns: Mapping[str, Input[str]] = field(default_factory=dict)
    """Managed policies to attach, keyed by the name that goes into the child's URN."""

    path: str = "/"
    """IAM path of the role."""

    permissions_boundary: Input[str] | None = None
    """ARN of the managed policy that the role's permissions cannot exceed."""

    max_session_duration: int = DEFAULT_ROLE_SESSION_DURATION
    """Longest session that STS will issue, in seconds (3600 to 43200)."""

    trust_policy_quota: int = TRUST_POLICY_QUOTA
    """Characters that the account's IAM accepts in a trust policy."""

    description: str | None = None
    """Description of the role; left out, it says which namespaces the role is for."""

    tags: Mapping[str, str] = field(default_factory=dict)
    """Tags of the role, beside the provider's default tags."""

    imported: bool = False
    """Take over the role of that name, which exists, instead of making it; with it those of
    ``policy_arns`` that are plain text, which must be attached to it. Whatever differs from these
    arguments is then updated in place."""

    def __post_init__(self) -> None:
        check_role_name(self.role_name)
        check_path(self.path)
        check_session_duration(self.max_session_duration)
        if not self.subjects or not self.provider_arns:
            raise ValueError(
                f"role {self.role_name!r} would trust nobody; "
                "give at least one subject and one provider ARN"
            )
        if not self.audience:
            raise ValueError(
                f"role {self.role_name!r}: the audience is empty; STS expects {STS_AUDIENCE!r}"
            )
        if len(self.policy_arns) > ATTACHED_POLICIES_MAX:
            raise ValueError(
                f"role {self.role_name!r} has {len(self.policy_arns)} policies; "
                f"IAM attaches at most {ATTACHED_POLICIES_MAX}"
            )


class ServiceAccountRole(pulumi.ComponentResource):
    """An IAM role whose trust policy always names subject and audience."""

    role_arn: Output[str]
    """ARN for the ``eks.amazonaws.com/role-arn`` annotation, once the policies are attached."""

    role_name: Output[str]
    """Name of the role, for attaching further policies."""

    role_unique_id: Output[str]
    """The ``AROA…`` id, which changes when the role is recreated under the same ARN."""

    def __init__(
        self, name: str, args: ServiceAccountRoleArgs, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("irsa:index:ServiceAccountRole", name, {}, opts)
        for subject in args.subjects:
            if isinstance(subject, ServiceAccountPattern) and subject.whole_namespace:
                pulumi.log.warn(
                    f"role {args.role_name!r} trusts every service account of namespace "
                    f"{subject.namespace!r}: whoever may create a pod there gets its permissions",
                    self,
                )

        logical_name = iam_name(args.path, args.role_name)
        role = aws.iam.Role(
            logical_name,
            name=args.role_name,
            path=args.path,
            description=args.description or _description(args.subjects),
            assume_role_policy=Output.all(*args.provider_arns).apply(
                lambda provider_arns: _trust_policy(provider_arns, args)
            ),
            permissions_boundary=args.permissions_boundary,
            max_session_duration=args.max_session_duration,
            tags=dict(args.tags) or None,
            opts=ResourceOptions(
                parent=self,
                import_=args.role_name if args.imported else None,
                hooks=refuse_existing_in_aws(
                    f"role {logical_name}", self.get_provider("aws:iam/role:Role")
                ),
            ),
        )
        attachments = [
            aws.iam.RolePolicyAttachment(
                f"{logical_name}-{key}",
                role=role.name,
                policy_arn=policy_arn,
                opts=ResourceOptions(
                    parent=self,
                    # One that the stack makes itself is an output, and is not attached yet.
                    import_=f"{args.role_name}/{policy_arn}"
                    if args.imported and isinstance(policy_arn, str)
                    else None,
                ),
            )
            for key, policy_arn in args.policy_arns.items()
        ]

        self.role_arn = after(role.arn, *attachments)
        self.role_name = role.name
        self.role_unique_id = role.unique_id
        self.register_outputs(
            {
                "role_arn": self.role_arn,
                "role_name": self.role_name,
                "role_unique_id": self.role_unique_id,
            }
        )


def _description(subjects: Sequence[Subject]) -> str:
    return f"IRSA for {', '.join(sorted({s.namespace for s in subjects}))}"[:DESCRIPTION_MAX]


def _trust_policy(provider_arns: Sequence[str], args: ServiceAccountRoleArgs) -> str:
    try:
        policy = irsa_trust_policy(
            provider_arns, args.subjects, audience=args.audience, quota=args.trust_policy_quota
        )
    except ValueError as error:  # in `apply` it ends in pages of Pulumi's own
        raise pulumi.RunError(f"role {args.role_name!r}: {error}") from error
    return json.dumps(policy)
