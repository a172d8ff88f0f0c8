"""Role B: a role that workload roles of another account may assume."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any

from pulumi import Input, Output, ResourceOptions

from irsa_core.identity import policies
from irsa_core.identity.pod_identity import TargetedBy, check_role, target_role_trust_policy
from irsa_core.identity.quotas import TRUST_POLICY_QUOTA
from irsa_core.identity.subjects import ServiceAccountRef

from . import values
from ._roles import RoleArgs, RoleComponent
from .service_account_role import ServiceAccountRole
from .values import ServiceAccount


@values.arguments
class TrustedRoleArgs:
    """A role of the trusted account."""

    role: Annotated[
        ServiceAccountRole | None, values.gives("role_arn", unique_id="role_unique_id")
    ] = None
    """The role, if this program has it."""

    role_arn: Input[values.RoleArn] = values.FROM_OBJECT
    """Its ARN."""

    unique_id: Input[values.UniqueId] | None = None
    """Its ``AROA…`` id, which trust by ``role-arn`` needs to notice that it was recreated."""


@values.arguments
class TargetingAssociationArgs:
    """An EKS Pod Identity association of the trusted account whose target role this is. Neither it
    nor its role need exist yet."""

    cluster_arn: Input[values.PodIdentityClusterArn]
    """ARN of its cluster."""

    service_account: ServiceAccount
    """Its service account."""

    role_arn: Input[values.RoleArn]
    """ARN of its role, which may assume this one: see ``role_b_arns`` of `ServiceAccountRole`."""

    disable_session_tags: bool = False
    """The association disables session tags, so its external id alone names it."""

    def __post_init__(self) -> None:
        if isinstance(self.cluster_arn, str) and isinstance(self.role_arn, str):
            check_role(self.role_arn, self.cluster_arn)


@values.arguments
class CrossAccountRoleArgs(RoleArgs):
    """Arguments of `CrossAccountRole`."""

    trusted_roles: Sequence[TrustedRoleArgs] = ()
    """Roles that may assume this one."""

    associations: Sequence[TargetingAssociationArgs] = ()
    """EKS Pod Identity associations that have this role as target role. Each is trusted by its
    external id, which is computed: this role can be created first."""

    trust: Annotated[str, values.one_of("role-arn", "principal-arn")] = "role-arn"
    """``role-arn``: the roles are principals, and must exist. ``principal-arn``: their account is
    the principal, with a condition on ``aws:PrincipalArn``; the roles may be created later, and may
    be recreated."""

    external_id: Input[values.ExternalId | None] = None
    """``sts:ExternalId`` that the caller must send."""

    def __post_init__(self) -> values.Problems:
        trusted = [principal.role_arn for principal in (*self.trusted_roles, *self.associations)]
        owner = self.owner()
        self.check_policies(trusted)
        by_id = self.trust == "role-arn"
        return {
            f"{owner} trusts no principal; give at least one of trusted_roles or associations": (
                not trusted
            ),
            f"{owner} trusts a role without its unique id, so an `up` would not repair the trust "
            "when that role was recreated; give unique_id, or use trust 'principal-arn'": (
                by_id and any(role.unique_id is None for role in self.trusted_roles)
            ),
        }


class CrossAccountRole(RoleComponent):
    """A role that workloads of another account assume from their own role."""

    role_arn: Output[str]
    """ARN of the role, once its policies are attached."""

    role_name: Output[str]
    """Name of the role, for attaching further policies."""

    def __init__(
        self, name: str, args: CrossAccountRoleArgs, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("CrossAccountRole", name, args, opts)
        trusted = Output.all(
            args.external_id,
            [[role.role_arn, role.unique_id] for role in args.trusted_roles],
            [[association.role_arn, association.cluster_arn] for association in args.associations],
        )
        self._create(
            name,
            args,
            args.policy_arns,
            partial(_trust_policy, args),
            trusted,
            description="Assumed from another account by role chaining",
        )
        outputs = {"role_arn": self.role_arn, "role_name": self.role_name}
        self.register_outputs({**outputs, "external_id": args.external_id})


def _trust_policy(args: CrossAccountRoleArgs, trusted: Sequence[Any]) -> policies.Document:
    external_id, roles, associations = trusted
    targeted = [
        TargetedBy(
            role_arn,
            cluster_arn,
            ServiceAccountRef(source.service_account.namespace, source.service_account.name),
            source.disable_session_tags,
        )
        for (role_arn, cluster_arn), source in zip(associations, args.associations, strict=True)
    ]
    if args.trust == "principal-arn":
        arns = (arn for arn, _ in roles)
        trust = policies.principal_arn_trust_policy(arns, external_id=external_id)
    else:
        pairs = (policies.TrustedRole(*pair) for pair in roles)
        trust = policies.role_trust_policy(pairs, external_id=external_id)
    trust["Statement"] += target_role_trust_policy(targeted)["Statement"]
    if (size := policies.size(trust)) > TRUST_POLICY_QUOTA:
        raise ValueError(
            f"the trust policy has {size} characters; IAM accepts {TRUST_POLICY_QUOTA}, give some "
            "of the trusted roles or associations a role of their own"
        )
    return trust
