"""Configuration of account B's stack, checked before any resource is registered. Pure."""

from dataclasses import dataclass, field
from typing import Literal

from irsa.identity.arns import AccountId, account_of, role_arn
from irsa.identity.eks import STS_AUDIENCE
from irsa.identity.names import check_role_name
from irsa.identity.policies import Trust
from irsa.identity.subjects import ServiceAccountRef, service_account_ref

from .access import BucketSettings
from .account import AccountSettings
from .repeats import refuse_repeats
from .roles import RoleOptions
from .texts import (
    NO_PATH,
    ExternalId,
    IamPath,
    ProviderArnText,
    RoleName,
    StackName,
    WorkloadName,
)


@dataclass(frozen=True, kw_only=True)
class RoleBOptions(RoleOptions):
    """The role that a workload of account A comes to."""

    name: RoleName | None = None
    """Name of the role; the workload's name and '-B' if left out."""


@dataclass(frozen=True, kw_only=True)
class RoleASettings:
    """The workload role, where account B must know it before it exists."""

    account_id: AccountId
    """The trusted account (account A)."""

    name: RoleName | None = None
    """Name of the role; the workload's name and '-A' if left out."""

    path: IamPath = NO_PATH
    """IAM path of the role."""


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

    name: WorkloadName
    """Name of the workload in account A, or of its entry in irsa:roles."""

    bucket: BucketSettings
    """Bucket that role B gets access to."""

    role: RoleBOptions = field(default_factory=RoleBOptions)
    """Role B."""

    via: Literal["role-chaining", "oidc-provider"] = "role-chaining"
    """How the workload comes here, as account A's configuration says it."""

    trust: Trust = "role-arn"
    """role-arn: role B names role A, which must exist. principal-arn: role B names account A and
    the role's ARN in a condition; role A may come later and may be recreated."""

    role_a: RoleASettings | None = None
    """Role A, for trust: principal-arn."""

    external_id: ExternalId | None = None
    """External id that the workload must send."""

    service_account: ServiceAccountSettings | None = None
    """The workload's service account, for via: oidc-provider."""

    def __post_init__(self) -> None:
        check_role_name(self.role_name)
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
class AccountBSettings(AccountSettings):
    """Configuration of project `irsa-account-b`."""

    account_a_stack: StackName | None = None
    """Full name of account A's stack; <organization>/irsa/<this stack's name> if left out."""

    workloads: tuple[TargetSettings, ...]
    """Workloads of account A that have their data here. none if there should be none; an empty
    list is refused, because it would remove every role and bucket."""

    provider_arn: ProviderArnText | None = None
    """ARN of account B's IAM OIDC provider for account A's cluster, if it exists; left out, it is
    created where a workload needs it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_provider()
        refuse_repeats("workload", (w.name for w in self.workloads), "remove one")
        refuse_repeats("role", (w.role_name.lower() for w in self.workloads), "set role.name")
        refuse_repeats("bucket", (w.bucket.name for w in self.workloads), "rename one")
        for workload in self.workloads:
            if workload.role_a is not None and workload.role_a.account_id == self.account_id:
                raise ValueError(
                    f"workload {workload.name!r}: {self.account_id} is this account; "
                    "roleA.accountId is the other one"
                )
            try:
                workload.role.check_in(self.account_id)
            except ValueError as error:
                raise ValueError(f"workload {workload.name!r}: {error}") from error

    def _check_provider(self) -> None:
        if self.provider_arn is None:
            return
        if account_of(self.provider_arn) != self.account_id:
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
    def audiences(self) -> tuple[str, ...]:
        """Audiences of service accounts that are trusted themselves; empty if none are."""
        accounts = (w.service_account for w in self.workloads)
        return tuple(sorted({account.audience for account in accounts if account is not None}))

    def role_b_arn(self, workload: TargetSettings) -> str:
        """ARN that role B will have."""
        path = workload.role.path
        return role_arn(self.account_id, workload.role_name, path=path, partition=self.partition)

    def role_a_arn(self, workload: TargetSettings, role_a: RoleASettings) -> str:
        """ARN that role A will have, for a trust that does not wait for it."""
        name = role_a.name or f"{workload.name}-A"
        return role_arn(role_a.account_id, name, path=role_a.path, partition=self.partition)
