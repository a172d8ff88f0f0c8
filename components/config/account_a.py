"""Stack configuration of account A, read once and checked before any resource is registered."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Self

from components.config.access import BucketSettings, CrossAccountSettings
from components.config.cluster import ClusterSettings
from components.config.load import load_settings, refuse_repeats
from components.config.namespaces import NamespaceSettings, check_is_listed
from components.config.reader import about, camel_case
from components.config.workloads import WorkloadSettings
from irsa.identity.arns import AccountId, check_account_id, check_role_arn, provider_arn_for
from irsa.identity.eks import STS_AUDIENCE
from irsa.identity.policies import irsa_trust_policy
from irsa.identity.quotas import TRUST_POLICY_QUOTA, TRUST_POLICY_QUOTA_MAX
from irsa.identity.regions import partition_of_region


@dataclass(frozen=True, kw_only=True)
class AccountASettings:
    """Configuration of project `irsa` (see ``config:`` in Pulumi.yaml)."""

    region: str
    """Region, from ``aws:region``."""

    account_id: AccountId
    """Account that everything is created in."""

    cluster: ClusterSettings
    """The cluster."""

    workloads: tuple[WorkloadSettings, ...]
    """What runs in the cluster."""

    namespaces: tuple[NamespaceSettings, ...] = ()
    """Namespaces of the cluster that workloads run in."""

    assume_role_arn: str | None = None
    """Role of this account that the deployment assumes; left out, its credentials are of it."""

    tags: Mapping[str, str] = field(default_factory=dict)
    """Tags of every AWS resource."""

    trust_policy_quota: int = TRUST_POLICY_QUOTA
    """Characters that the account's IAM accepts in a role trust policy (AWS can raise it)."""

    def __post_init__(self) -> None:
        with about("accountId"):
            check_account_id(self.account_id)
        if self.assume_role_arn is not None:
            with about("assumeRoleArn"):
                check_role_arn(self.assume_role_arn)
        self.cluster.check_in(self.region, self.assume_role_arn)
        if not TRUST_POLICY_QUOTA <= self.trust_policy_quota <= TRUST_POLICY_QUOTA_MAX:
            raise ValueError(
                f"trustPolicyQuota {self.trust_policy_quota} is outside of "
                f"{TRUST_POLICY_QUOTA} to {TRUST_POLICY_QUOTA_MAX}"
            )
        deployed = [w for w in self.workloads if not w.role_only]
        refuse_repeats("workload", (w.name for w in self.workloads), "rename one")
        roles = (w.role_name.lower() for w in self.workloads if w.role_name)
        users = (w.user_name.lower() for w in self.workloads if w.user_name)
        refuse_repeats("role", roles, "set role.name")
        refuse_repeats("user", users, "set accessKey.userName")
        refuse_repeats(
            "service account",
            (f"{w.namespace}/{w.service_account_name}" for w in deployed),
            "give each workload its own serviceAccount",
        )
        refuse_repeats("namespace", (n.name for n in self.namespaces), "keep one")
        for workload in deployed:
            check_is_listed(workload.name, workload.namespace, self.namespaces)
        _ = self.buckets  # building them checks that workloads agree
        for workload in self.workloads:
            if workload.role_name is not None and not workload.role.existing:
                self._check_trust_policy(workload)
            if workload.cross_account is not None:
                self._check_cross_account(workload, workload.cross_account)

    def _check_trust_policy(self, workload: WorkloadSettings) -> None:
        """Refuse now what the component would refuse after the cluster is up."""
        # An issuer as long as EKS's are: 32 hexadecimal digits.
        issuer = f"oidc.eks.{self.region}.amazonaws.com/id/{'0' * 32}"
        own = provider_arn_for(issuer, self.account_id, partition=self.partition)
        providers = (self.cluster.provider_arn or own, *workload.role.provider_arns)
        for provider_arn in providers:
            if f"::{self.account_id}:" not in provider_arn:
                raise ValueError(
                    f"workload {workload.name!r}: OIDC provider {provider_arn} is not in account "
                    f"{self.account_id}; a role trusts providers of its own account only"
                )
        try:
            irsa_trust_policy(
                providers,
                workload.subjects,
                audience=workload.audience,
                quota=self.trust_policy_quota,
            )
        except ValueError as error:
            raise ValueError(f"workload {workload.name!r}: {error}") from error

    def _check_cross_account(self, workload: WorkloadSettings, other: CrossAccountSettings) -> None:
        if other.account_id == self.account_id:
            raise ValueError(
                f"workload {workload.name!r}: {other.account_id} is this account; use access: irsa"
            )
        workload.role_b_arn(self.partition)

    @property
    def assume_role_arns(self) -> tuple[str, ...]:
        """The role that the deployment assumes, if any."""
        return (self.assume_role_arn,) if self.assume_role_arn is not None else ()

    @property
    def partition(self) -> str:
        """Partition of the region."""
        return partition_of_region(self.region)

    @property
    def audiences(self) -> tuple[str, ...]:
        """What the cluster's OIDC provider must accept as ``aud``."""
        return tuple(sorted({STS_AUDIENCE, *(w.audience for w in self.workloads)}))

    @cached_property
    def buckets(self) -> Mapping[str, BucketSettings]:
        """Buckets by name, each once."""
        found: dict[str, BucketSettings] = {}
        for bucket in (w.bucket for w in self.workloads if w.bucket is not None):
            first = found.setdefault(bucket.name, bucket)
            for key in ("force_destroy", "existing"):
                if getattr(bucket, key) != getattr(first, key):
                    raise ValueError(
                        f"bucket {bucket.name!r} is given with and without {camel_case(key)}; "
                        "make its workloads agree"
                    )
        return found

    @classmethod
    def load(cls) -> Self:
        """Read the current stack's configuration.

        Raises `pulumi.RunError`, which the CLI prints as one line without a traceback.
        """
        return load_settings(cls)
