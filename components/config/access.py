"""Parts of a workload's configuration: what it accesses, and as whom. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

from components.aws_profiles import ProfilesSpec
from components.config.reader import about
from irsa.identity.arns import (
    AccountId,
    check_account_id,
    check_policy_arn,
    issuer_from_provider_arn,
)
from irsa.identity.names import (
    check_bucket_name,
    check_path,
    check_role_name,
    check_session_duration,
    check_user_name,
)
from irsa.identity.policies import Permissions
from irsa.identity.quotas import ATTACHED_POLICIES_MAX
from irsa.identity.subjects import Subject, service_account_pattern, service_account_ref

_OWN_POLICIES = {"assume-role-b", "bucket"}


@dataclass(frozen=True, kw_only=True)
class BucketSettings:
    """A workload's bucket; workloads that name the same bucket share it."""

    name: str
    """Name of the bucket, unique in the world."""

    permissions: Permissions = "read"
    """What the workload may do: read, read-write or full (every S3 action on the bucket)."""

    force_destroy: bool = False
    """Whether the bucket goes with the stack, and what is in it with the bucket. By default it
    stays, with its protection, when it leaves the stack."""

    existing: bool = False
    """Use the bucket as it is; it is never changed or deleted."""

    def __post_init__(self) -> None:
        check_bucket_name(self.name)
        if self.existing and self.force_destroy:
            raise ValueError(
                f"bucket {self.name!r} exists (existing: true), so it is never deleted; "
                "remove forceDestroy"
            )


@dataclass(frozen=True, kw_only=True)
class TrustedSettings:
    """Service accounts that a role trusts beside its workload's own."""

    namespace: str
    """Their namespace."""

    service_account: str | None = None
    """One service account, by its exact name."""

    service_account_pattern: str | None = None
    """Service accounts whose names match; '*' is any run of characters, '?' is one."""

    allow_whole_namespace: bool = False
    """Accept a pattern that every service account of the namespace matches."""

    def __post_init__(self) -> None:
        if not self.subjects:
            raise ValueError(
                f"namespace {self.namespace!r} is trusted for no service account; "
                "add serviceAccount or serviceAccountPattern"
            )

    @cached_property
    def subjects(self) -> tuple[Subject, ...]:
        """Exact subject, pattern, or both."""
        found: list[Subject] = []
        if self.service_account is not None:
            found.append(service_account_ref(self.namespace, self.service_account))
        if self.service_account_pattern is not None:
            found.append(
                service_account_pattern(
                    self.namespace,
                    self.service_account_pattern,
                    allow_whole_namespace=self.allow_whole_namespace,
                )
            )
        return tuple(found)


@dataclass(frozen=True, kw_only=True)
class RoleSettings:
    """Options of a workload's role."""

    name: str | None = None
    """Name of the role; the workload's name if left out."""

    existing: bool = False
    """Use the role as it is; its trust policy and its permissions are never changed."""

    path: str = "/"
    """IAM path of the role."""

    permissions_boundary: str | None = None
    """ARN of the managed policy that the role's permissions cannot exceed."""

    max_session_duration: int = 3600
    """Longest session that STS will issue, in seconds (3600 to 43200)."""

    policy_arns: Mapping[str, str] = field(default_factory=dict)
    """Managed policies to attach beside the bucket's, each under a name of its own."""

    provider_arns: tuple[str, ...] = ()
    """OIDC providers of further clusters that run the same workload."""

    also_trusted: tuple[TrustedSettings, ...] = ()
    """Service accounts that may assume the role beside the workload's own."""

    def __post_init__(self) -> None:
        if self.name is not None:
            check_role_name(self.name)
        check_path(self.path)
        check_session_duration(self.max_session_duration)
        for key, arn in self.policy_arns.items():
            with about(f"policyArns.{key}"):
                check_policy_arn(arn)
        if self.permissions_boundary is not None:
            with about("permissionsBoundary"):
                check_policy_arn(self.permissions_boundary)
        for arn in self.provider_arns:
            with about("providerArns"):
                issuer_from_provider_arn(arn)
        if len(self.policy_arns) >= ATTACHED_POLICIES_MAX:
            raise ValueError(
                f"policyArns has {len(self.policy_arns)} entries; IAM attaches at most "
                f"{ATTACHED_POLICIES_MAX} policies to a role, the bucket's among them"
            )
        if self.existing and replace(self, existing=False) != RoleSettings(
            name=self.name, path=self.path
        ):
            raise ValueError(
                "the role exists (existing: true), so only its name and path are given here; "
                "remove the other keys"
            )
        for key in _OWN_POLICIES & self.policy_arns.keys():
            raise ValueError(f"policyArns: {key!r} is the name of a policy of our own; rename it")


@dataclass(frozen=True, kw_only=True)
class CrossAccountSettings:
    """Where a workload's data is, when it is in another account."""

    account_id: AccountId
    """The trusting account (account B)."""

    via: Literal["role-chaining", "oidc-provider"] = "role-chaining"
    """role-chaining: the pod's role assumes role B. oidc-provider: account B has an OIDC provider
    for this cluster and role B trusts the service account itself, so there is no role A."""

    role_name: str | None = None
    """Name of role B; the workload's name and '-B' if left out."""

    role_path: str = "/"
    """IAM path of role B."""

    profiles: ProfilesSpec = field(default_factory=ProfilesSpec)
    """The AWS config file that chains the roles."""

    def __post_init__(self) -> None:
        with about("accountId"):
            check_account_id(self.account_id)
        check_path(self.role_path)
        if self.role_name is not None:
            check_role_name(self.role_name)
        if self.via == "oidc-provider" and self.profiles != ProfilesSpec():
            raise ValueError(
                "via: oidc-provider chains no roles, so profiles means nothing; remove it"
            )


@dataclass(frozen=True, kw_only=True)
class AccessKeySettings:
    """The IAM user of a workload that has a static access key."""

    user_name: str | None = None
    """Name of the user; the workload's name if left out."""

    key_version: int = 1
    """One more makes a new key, moves the pods to it and deletes the one before."""

    def __post_init__(self) -> None:
        if self.user_name is not None:
            check_user_name(self.user_name)
        if self.key_version < 1:
            raise ValueError(f"keyVersion {self.key_version} is not 1 or more")
