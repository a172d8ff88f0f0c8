"""How a workload's pods get AWS credentials: a role, a role and role B behind it, or a key.

Functions and no components, so that a workload's resources stand where they always did.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Literal

import pulumi_aws as aws
from pulumi import Input, Output, ProviderResource, ResourceOptions

from irsa.identity.policies import assume_role_permissions_policy

from .access_key_user import AccessKeyUser, AccessKeyUserArgs
from .managed_policy import managed_policy
from .pod_credentials import ChainArgs, StaticCredentialsArgs
from .service_account_role import ServiceAccountRole, ServiceAccountRoleArgs


@dataclass(frozen=True, kw_only=True)
class WorkloadOutputs:
    """What the stack exports of a workload; account B's stack and `irsa verify` read it."""

    access: Literal["irsa", "cross-account", "access-key"]
    namespace: str = ""
    subjects: Sequence[str] = ()
    service_account: Input[str] | None = None
    deployment: Input[str] | None = None
    bucket: Input[str] | None = None
    user_name: Input[str] | None = None
    role_arn: Input[str] | None = None
    role_name: Input[str] | None = None
    role_unique_id: Input[str] | None = None
    role_b_arn: Input[str] | None = None
    via: Literal["role-chaining", "oidc-provider"] | None = None
    profile: str | None = None
    external_id: str | None = None

    def given(self) -> dict[str, object]:
        """What there is, by name."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class WorkloadAccess:
    """What pods need, in the words of `WorkloadArgs`, and what the stack says about it."""

    role_arn: Input[str] | None = None
    """Role that the pods assume."""

    chain: ChainArgs | None = None
    """Role B, which they assume from that role."""

    static_credentials: StaticCredentialsArgs | None = None
    """An access key instead of a role."""

    outputs: WorkloadOutputs
    """What the stack exports about it."""


def by_role(name: str, args: ServiceAccountRoleArgs, opts: ResourceOptions) -> WorkloadAccess:
    """A role of this account, which the workload's service accounts assume."""
    role = ServiceAccountRole(name, args, opts)
    return _by_role(role.role_arn, role.role_name, role.role_unique_id)


def by_existing_role(role_name: str, provider: ProviderResource) -> WorkloadAccess:
    """A role of this account, as it is."""
    role = aws.iam.Role.get(role_name, role_name, opts=ResourceOptions(provider=provider))
    return _by_role(role.arn, role.name, role.unique_id)


def _by_role(arn: Output[str], name: Output[str], unique_id: Output[str]) -> WorkloadAccess:
    outputs = WorkloadOutputs(access="irsa", role_arn=arn, role_name=name, role_unique_id=unique_id)
    return WorkloadAccess(role_arn=arn, outputs=outputs)


def role_b_policy(name: str, role_b_arn: str, provider: ProviderResource) -> aws.iam.Policy:
    """The permission to go on to role B, for the role that does."""
    return managed_policy(
        name,
        assume_role_permissions_policy(role_b_arn),
        description="Assume one role of another account",
        provider=provider,
    )


def towards_role_b(access: WorkloadAccess, role_b_arn: Input[str]) -> WorkloadAccess:
    """The role, which may go on to role B; that the pods do so is up to whoever runs them."""
    outputs = replace(
        access.outputs, access="cross-account", via="role-chaining", role_b_arn=role_b_arn
    )
    return replace(access, outputs=outputs)


def by_chaining(access: WorkloadAccess, chain: ChainArgs) -> WorkloadAccess:
    """The role, and pods that go on to role B by its profile."""
    access = towards_role_b(access, chain.role_b_arn)
    outputs = replace(
        access.outputs, profile=chain.profiles.target, external_id=chain.profiles.external_id
    )
    return replace(access, chain=chain, outputs=outputs)


def by_federation(role_b_arn: str) -> WorkloadAccess:
    """Role B itself, which trusts the service account through an OIDC provider of its account."""
    outputs = WorkloadOutputs(access="cross-account", via="oidc-provider", role_b_arn=role_b_arn)
    return WorkloadAccess(role_arn=role_b_arn, outputs=outputs)


def by_key(
    name: str, args: AccessKeyUserArgs, region: str, opts: ResourceOptions
) -> WorkloadAccess:
    """A user of this account, and the key that the pods carry."""
    user = AccessKeyUser(name, args, opts)
    credentials = StaticCredentialsArgs(
        access_key_id=user.access_key_id, secret_access_key=user.secret_access_key, region=region
    )
    outputs = WorkloadOutputs(access="access-key", user_name=user.user_name)
    return WorkloadAccess(static_credentials=credentials, outputs=outputs)
