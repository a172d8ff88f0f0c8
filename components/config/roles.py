"""Configuration of roles: a workload's, and those for service accounts of others. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from irsa.identity.arns import account_of
from irsa.identity.eks import STS_AUDIENCE
from irsa.identity.names import check_session_duration
from irsa.identity.quotas import ATTACHED_POLICIES_MAX, DEFAULT_ROLE_SESSION_DURATION
from irsa.identity.subjects import Subject, service_account_pattern, service_account_ref

from .access import BucketSettings, RoleBSettings
from .texts import (
    NO_PATH,
    IamPath,
    PolicyArnText,
    ProviderArnText,
    RoleName,
    WorkloadName,
)

_OWN_POLICIES = {"assume-role-b", "bucket"}


def subjects_of(
    namespace: str, name: str | None, pattern: str | None, *, allow_whole_namespace: bool
) -> tuple[Subject, ...]:
    """Service accounts by exact name, by pattern, or both; ValueError if they are nobody."""
    if allow_whole_namespace and pattern is None:
        raise ValueError(
            "allowWholeNamespace means nothing without serviceAccountPattern; remove it"
        )
    subjects: list[Subject] = []
    if name is not None:
        subjects.append(service_account_ref(namespace, name))
    if pattern is not None:
        subjects.append(
            service_account_pattern(namespace, pattern, allow_whole_namespace=allow_whole_namespace)
        )
    if not subjects:
        raise ValueError(
            f"namespace {namespace!r} is trusted for no service account; "
            "add serviceAccount or serviceAccountPattern"
        )
    return tuple(subjects)


@dataclass(frozen=True, kw_only=True)
class TrustedSettings:
    """Service accounts that a role trusts."""

    namespace: str
    """Their namespace."""

    service_account: str | None = None
    """One service account, by its exact name."""

    service_account_pattern: str | None = None
    """Service accounts whose names match; '*' is any run of characters, '?' is one."""

    allow_whole_namespace: bool = False
    """Accept a pattern that every service account of the namespace matches."""

    def __post_init__(self) -> None:
        _ = self.subjects  # building them checks the names

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """Exact subject, pattern, or both."""
        return subjects_of(
            self.namespace,
            self.service_account,
            self.service_account_pattern,
            allow_whole_namespace=self.allow_whole_namespace,
        )


@dataclass(frozen=True, kw_only=True)
class RoleOptions:
    """Options of a role in either account."""

    name: RoleName | None = None
    """Name of the role."""

    path: IamPath = NO_PATH
    """IAM path of the role."""

    permissions_boundary: PolicyArnText | None = None
    """ARN of the managed policy that the role's permissions cannot exceed."""

    max_session_duration: int = DEFAULT_ROLE_SESSION_DURATION
    """Longest session that STS will issue, in seconds (3600 to 43200); a chained one still ends
    after an hour."""

    def __post_init__(self) -> None:
        check_session_duration(self.max_session_duration)

    def check_in(self, account_id: str) -> None:
        """Raise ValueError for a boundary that IAM would not find in the role's account."""
        boundary = self.permissions_boundary
        if boundary is not None and account_of(boundary) not in (account_id, "aws"):
            raise ValueError(
                f"permissionsBoundary {boundary} is not in account {account_id}, where the role "
                "is; name a policy of that account, or one of AWS's own"
            )


@dataclass(frozen=True, kw_only=True)
class RoleSettings(RoleOptions):
    """Options of a role of account A."""

    name: RoleName | None = None
    """Name of the role; if left out, the workload's name, with '-A' behind it if the pods go on to
    role B."""

    existing: bool = False
    """Use the role as it is; its trust policy and its permissions are never changed."""

    policy_arns: Mapping[str, PolicyArnText] = field(default_factory=dict)
    """Managed policies to attach beside the bucket's, each under a name of its own."""

    provider_arns: tuple[ProviderArnText, ...] = ()
    """OIDC providers of further clusters that run the same workload."""

    also_trusted: tuple[TrustedSettings, ...] = ()
    """Service accounts that may assume the role beside the workload's own."""

    description: str | None = None
    """Description of the role in IAM; 'IRSA for' and its namespaces if left out."""

    tags: Mapping[str, str] = field(default_factory=dict)
    """Tags of the role, beside those of every AWS resource (irsa:tags)."""

    imported: bool = False
    """Take over the role of that name, which exists with its policyArns: the first up imports
    them, and they are the stack's from then on. For that up only; remove it afterwards."""

    def __post_init__(self) -> None:
        super().__post_init__()
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

    @property
    def trusted(self) -> tuple[Subject, ...]:
        """Whom the role trusts beside the workload's own service accounts."""
        return tuple(subject for each in self.also_trusted for subject in each.subjects)


@dataclass(frozen=True, kw_only=True)
class _Named:
    name: WorkloadName


@dataclass(frozen=True, kw_only=True)
class RoleOnlySettings(TrustedSettings, _Named):
    """A role for service accounts that somebody else makes: Helm, GitOps, an operator."""

    name: WorkloadName
    """Name of the entry and of its policy, and of the role unless role.name is given."""

    namespace: str
    """Namespace of the service accounts; it need not be in irsa:namespaces."""

    audience: str = STS_AUDIENCE
    """The ``aud`` claim of their tokens."""

    role: RoleSettings = field(default_factory=RoleSettings)
    """Options of the role."""

    bucket: BucketSettings | None = None
    """Bucket of this account that the role gets access to."""

    cross_account: RoleBSettings | None = None
    """Role B of another account, which the role may assume. How the pods do so is up to whoever
    runs them."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.role.existing:
            raise ValueError(
                "role.existing means nothing where a role is all there is to make; remove the entry"
            )
        if self.bucket is not None and self.cross_account is not None:
            raise ValueError(
                "with crossAccount the bucket is the other account's; "
                "remove bucket, and configure it in account_b"
            )

    @property
    def role_name(self) -> str:
        """Physical name of the role."""
        return self.role.name or self.name

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """Everybody whom the role trusts."""
        return (*super().subjects, *self.role.trusted)
