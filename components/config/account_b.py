"""Stack configuration of account B, read once and checked before any resource is registered."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Self

import pulumi

from components.config.access import BucketSettings
from components.config.load import load_settings, refuse_repeats
from components.config.reader import about
from components.config.stack_outputs import check_stack_name
from irsa.identity.arns import (
    AccountId,
    check_account_id,
    check_role_arn,
    issuer_from_provider_arn,
    role_arn,
)
from irsa.identity.eks import STS_AUDIENCE
from irsa.identity.names import (
    check_external_id,
    check_path,
    check_role_name,
    check_session_duration,
)
from irsa.identity.policies import Trust
from irsa.identity.regions import partition_of_region
from irsa.identity.subjects import ServiceAccountRef, check_workload_name, service_account_ref


@dataclass(frozen=True, kw_only=True)
class RoleBSettings:
    """The role that a workload of account A comes to."""

    name: str | None = None
    """Name of the role; the workload's name and '-B' if left out."""

    path: str = "/"
    """IAM path of the role."""

    max_session_duration: int = 3600
    """Longest session in seconds (3600 to 43200); a chained one still ends after an hour."""

    def __post_init__(self) -> None:
        if self.name is not None:
            check_role_name(self.name)
        check_path(self.path)
        check_session_duration(self.max_session_duration)


@dataclass(frozen=True, kw_only=True)
class RoleASettings:
    """The workload role, where account B must know it before it exists."""

    account_id: AccountId
    """The trusted account (account A)."""

    name: str | None = None
    """Name of the role; the workload's name and '-A' if left out."""

    path: str = "/"
    """IAM path of the role."""

    def __post_init__(self) -> None:
        with about("accountId"):
            check_account_id(self.account_id)
        if self.name is not None:
            check_role_name(self.name)
        check_path(self.path)


@dataclass(frozen=True, kw_only=True)
class ServiceAccountSettings:
    """A service account of account A's cluster that is trusted itself."""

    namespace: str
    """Its namespace."""

    name: str
    """Its exact name."""

    audience: str = STS_AUDIENCE
    """The ``aud`` claim of its tokens."""

    def __post_init__(self) -> None:
        service_account_ref(self.namespace, self.name)

    @property
    def ref(self) -> ServiceAccountRef:
        """The service account."""
        return service_account_ref(self.namespace, self.name)


@dataclass(frozen=True, kw_only=True)
class TargetSettings:
    """What one workload of account A finds here: its bucket, and the role that opens it."""

    name: str
    """Name of the workload in account A."""

    bucket: BucketSettings
    """Bucket that role B gets access to."""

    role: RoleBSettings = field(default_factory=RoleBSettings)
    """Role B."""

    via: Literal["role-chaining", "oidc-provider"] = "role-chaining"
    """How the workload comes here, as account A's configuration says it."""

    trust: Trust = "role-arn"
    """role-arn: role B names role A, which must exist. principal-arn: role B names account A and
    the role's ARN in a condition; role A may come later and may be recreated."""

    role_a: RoleASettings | None = None
    """Role A, for trust: principal-arn."""

    external_id: str | None = None
    """External id that the workload must send."""

    service_account: ServiceAccountSettings | None = None
    """The workload's service account, for via: oidc-provider."""

    def __post_init__(self) -> None:
        check_workload_name(self.name)
        check_role_name(self.role_name)
        if self.external_id is not None:
            check_external_id(self.external_id)
        by_condition = self.via == "role-chaining" and self.trust == "principal-arn"
        self._only("roleA", self.role_a is not None, by_condition, "trust: principal-arn")
        federated = self.via == "oidc-provider"
        self._only(
            "serviceAccount", self.service_account is not None, federated, f"via: {self.via}"
        )
        if federated and self.external_id is not None:
            raise ValueError(
                f"workload {self.name!r} comes with a token (via: oidc-provider), which carries no "
                "external id; remove externalId"
            )
        if federated and self.trust != "role-arn":
            raise ValueError(
                f"workload {self.name!r} has no role A (via: oidc-provider); remove trust"
            )

    def _only(self, key: str, given: bool, needed: bool, option: str) -> None:
        if needed and not given:
            raise ValueError(f"workload {self.name!r} needs {key} for {option}; add it")
        if given and not needed:
            raise ValueError(f"workload {self.name!r} has {key}, which means nothing; remove it")

    @property
    def role_name(self) -> str:
        """Physical name of role B."""
        return self.role.name or f"{self.name}-B"


@dataclass(frozen=True, kw_only=True)
class AccountBSettings:
    """Configuration of project `irsa-account-b` (see ``config:`` in its Pulumi.yaml)."""

    region: str
    """Region, from ``aws:region``."""

    account_id: AccountId
    """Account that everything is created in."""

    account_a_stack: str = ""
    """Full name of account A's stack, ``<organization>/irsa/<stack>``; `load` has a default."""

    workloads: tuple[TargetSettings, ...]
    """Workloads of account A that have their data here."""

    provider_arn: str | None = None
    """ARN of this account's IAM OIDC provider for account A's cluster, if it exists; left out, the
    provider is created where a workload needs it."""

    assume_role_arn: str | None = None
    """Role of this account that the deployment assumes; left out, its credentials are of it."""

    tags: Mapping[str, str] = field(default_factory=dict)
    """Tags of every AWS resource."""

    def __post_init__(self) -> None:
        with about("accountId"):
            check_account_id(self.account_id)
        with about("accountAStack"):
            check_stack_name(self.account_a_stack)
        if self.assume_role_arn is not None:
            with about("assumeRoleArn"):
                check_role_arn(self.assume_role_arn)
        self._check_provider()
        _ = self.partition
        refuse_repeats("workload", (w.name for w in self.workloads), "remove one")
        refuse_repeats("role", (w.role_name.lower() for w in self.workloads), "set role.name")
        refuse_repeats("bucket", (w.bucket.name for w in self.workloads), "rename one")
        for workload in self.workloads:
            if workload.role_a is not None and workload.role_a.account_id == self.account_id:
                raise ValueError(
                    f"workload {workload.name!r}: {self.account_id} is this account; "
                    "roleA.accountId is the other one"
                )

    def _check_provider(self) -> None:
        if self.provider_arn is None:
            return
        issuer_from_provider_arn(self.provider_arn)
        if f"::{self.account_id}:" not in self.provider_arn:
            raise ValueError(
                f"OIDC provider {self.provider_arn} is not in account {self.account_id}; a role "
                "trusts providers of its own account only"
            )
        if not self.audiences:
            raise ValueError(
                "providerArn is given and no workload comes with a token (via: oidc-provider); "
                "remove it"
            )

    @property
    def assume_role_arns(self) -> tuple[str, ...]:
        """The role that the deployment assumes, if any."""
        return (self.assume_role_arn,) if self.assume_role_arn is not None else ()

    @property
    def audiences(self) -> tuple[str, ...]:
        """Audiences of service accounts that are trusted themselves; empty if none are."""
        accounts = (w.service_account for w in self.workloads)
        return tuple(sorted({account.audience for account in accounts if account is not None}))

    @property
    def partition(self) -> str:
        """Partition of the region."""
        return partition_of_region(self.region)

    def role_b_arn(self, workload: TargetSettings) -> str:
        """ARN that role B will have."""
        path = workload.role.path
        return role_arn(self.account_id, workload.role_name, path=path, partition=self.partition)

    def role_a_arn(self, workload: TargetSettings, role_a: RoleASettings) -> str:
        """ARN that role A will have, for a trust that does not wait for it."""
        name = role_a.name or f"{workload.name}-A"
        return role_arn(role_a.account_id, name, path=role_a.path, partition=self.partition)

    @classmethod
    def load(cls) -> Self:
        """Read the current stack's configuration.

        Raises `pulumi.RunError`, which the CLI prints as one line without a traceback.
        """
        default = f"{pulumi.get_organization()}/irsa/{pulumi.get_stack()}"
        return load_settings(cls, defaults={"accountAStack": default})
