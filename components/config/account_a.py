"""Configuration of account A's stack, checked before any resource is registered. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from irsa.identity.arns import account_of, provider_arn_for
from irsa.identity.eks import STS_AUDIENCE
from irsa.identity.policies import irsa_trust_policy
from irsa.identity.quotas import TRUST_POLICY_QUOTA, TRUST_POLICY_QUOTA_MAX

from .access import BucketSettings, RoleBSettings
from .account import AccountSettings
from .cluster import ClusterSettings, PlatformClusterSettings
from .keys import camel_case
from .namespaces import NamespaceSettings, check_is_listed
from .repeats import refuse_repeats
from .roles import RoleOnlySettings
from .workloads import (
    AccessKeyWorkload,
    CrossAccountWorkload,
    IrsaWorkload,
    WorkloadSettings,
)

Entry = WorkloadSettings | RoleOnlySettings
"""Something that gets access to AWS."""

Trusting = CrossAccountWorkload | IrsaWorkload | RoleOnlySettings
"""What has a role of this account, which service accounts assume."""


@dataclass(frozen=True, kw_only=True)
class AccountASettings(AccountSettings):
    """Configuration of project `irsa`."""

    FOLDERS: ClassVar[tuple[str, ...]] = ("workloads", "roles")

    cluster: PlatformClusterSettings | ClusterSettings
    """The cluster: a new one, an adopted one (existing: true), or another stack's (stack)."""

    namespaces: tuple[NamespaceSettings, ...] = ()
    """Namespaces that workloads run in."""

    workloads: tuple[WorkloadSettings, ...]
    """What runs in the cluster, and what it accesses. none if there should be nothing; an empty
    list is refused, because it would remove every workload."""

    roles: tuple[RoleOnlySettings, ...] = ()
    """Roles for service accounts that somebody else makes: Helm, GitOps, an operator. Nothing of
    theirs is made in the cluster."""

    trust_policy_quota: int = TRUST_POLICY_QUOTA
    """Characters that IAM accepts in a role trust policy; more than 2048 only if AWS raised it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.cluster.check_in(self.region, self.assume_role_arn)
        if not TRUST_POLICY_QUOTA <= self.trust_policy_quota <= TRUST_POLICY_QUOTA_MAX:
            raise ValueError(
                f"trustPolicyQuota {self.trust_policy_quota} is outside of "
                f"{TRUST_POLICY_QUOTA} to {TRUST_POLICY_QUOTA_MAX}"
            )
        self._check_names()
        for workload in self.workloads:
            check_is_listed(workload.name, workload.namespace, self.namespaces)
        _ = self.buckets  # building them checks that they agree
        for each in self.trusting:
            if not each.role.existing:
                self._check_role(each)
        for each in self.entries:
            if each.cross_account is not None:
                self._check_role_b(each.name, each.cross_account)

    def _check_names(self) -> None:
        """Refuse two of one name; IAM does not tell upper from lower case."""
        users = [w.user_name for w in self.workloads if isinstance(w, AccessKeyWorkload)]
        accounts = [f"{w.namespace}/{w.service_account_name}" for w in self.workloads]
        names = [each.name for each in self.entries]
        refuse_repeats("workload", names, "rename one")
        refuse_repeats("role", (t.role_name.lower() for t in self.trusting), "set role.name")
        refuse_repeats("user", (name.lower() for name in users), "set accessKey.userName")
        refuse_repeats("service account", accounts, "give each workload its own serviceAccount")
        refuse_repeats("namespace", (n.name for n in self.namespaces), "keep one")

    def _check_role(self, trusting: Trusting) -> None:
        """Refuse now what the component would refuse after the cluster is up."""
        # An issuer as long as EKS's are: 32 hexadecimal digits.
        issuer = f"oidc.eks.{self.region}.amazonaws.com/id/{'0' * 32}"
        own = provider_arn_for(issuer, self.account_id, partition=self.partition)
        providers = (self.cluster.provider_arn or own, *trusting.role.provider_arns)
        for provider_arn in providers:
            if account_of(provider_arn) != self.account_id:
                raise ValueError(
                    f"workload {trusting.name!r}: OIDC provider {provider_arn} is not in account "
                    f"{self.account_id}; a role trusts providers of its own account only"
                )
        try:
            trusting.role.check_in(self.account_id)
            irsa_trust_policy(
                providers,
                trusting.subjects,
                audience=trusting.audience,
                quota=self.trust_policy_quota,
            )
        except ValueError as error:
            raise ValueError(f"workload {trusting.name!r}: {error}") from error

    def _check_role_b(self, name: str, role_b: RoleBSettings) -> None:
        if role_b.account_id == self.account_id:
            raise ValueError(
                f"workload {name!r}: {role_b.account_id} is this account; remove crossAccount"
            )
        role_b.arn(name, self.partition)  # building it checks the name

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Workloads and roles; account B knows each by its name."""
        return (*self.workloads, *self.roles)

    @property
    def trusting(self) -> tuple[Trusting, ...]:
        """Everything that has a role of this account."""
        workloads = [
            workload
            for workload in self.workloads
            if isinstance(workload, IrsaWorkload)
            or (isinstance(workload, CrossAccountWorkload) and not workload.federated)
        ]
        return (*workloads, *self.roles)

    @property
    def audiences(self) -> tuple[str, ...]:
        """What the cluster's OIDC provider must accept as ``aud``."""
        pods = (w for w in self.workloads if not isinstance(w, AccessKeyWorkload))
        asked = {each.audience for each in (*pods, *self.roles)}
        return tuple(sorted({STS_AUDIENCE, *self.cluster.audiences, *asked}))

    @cached_property
    def buckets(self) -> Mapping[str, BucketSettings]:
        """Buckets by name, each once."""
        buckets: dict[str, BucketSettings] = {}
        for each in self.entries:
            if each.bucket is None:
                continue
            bucket = each.bucket
            first = buckets.setdefault(bucket.name, bucket)
            for key in ("force_destroy", "existing"):
                if getattr(bucket, key) != getattr(first, key):
                    raise ValueError(
                        f"bucket {bucket.name!r} is given with and without {camel_case(key)}; "
                        "make its workloads agree"
                    )
        return buckets
