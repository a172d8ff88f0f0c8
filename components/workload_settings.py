"""Configuration of one workload, checked. Pure: imports neither Pulumi nor an AWS client."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from components.naming import (
    ATTACHED_POLICIES_MAX,
    Subject,
    check_bucket_name,
    check_namespace,
    check_path,
    check_policy_arn,
    check_role_name,
    check_session_duration,
    check_workload_name,
    issuer_from_provider_arn,
    service_account_pattern,
    service_account_ref,
)
from components.policies import STS_AUDIENCE, Permissions
from components.specs import ContainerSpec, TokenSpec

_ALWAYS_THERE = ("default", "kube-node-lease", "kube-public", "kube-system")


@dataclass(frozen=True, kw_only=True)
class BucketSettings:
    """A workload's bucket; workloads that name the same bucket share it."""

    name: str
    """Name of the bucket, unique in the world."""

    permissions: Permissions = "read"
    """What the workload may do: read, read-write or full (every S3 action on the bucket)."""

    force_destroy: bool = False
    """Whether deleting the bucket deletes what is in it; by default S3 refuses."""

    def __post_init__(self) -> None:
        check_bucket_name(self.name)


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
        for arn in self.policy_arns.values():
            check_policy_arn(arn)
        if self.permissions_boundary is not None:
            check_policy_arn(self.permissions_boundary)
        for arn in self.provider_arns:
            issuer_from_provider_arn(arn)
        if len(self.policy_arns) >= ATTACHED_POLICIES_MAX:
            raise ValueError(
                f"policyArns has {len(self.policy_arns)} entries; IAM attaches at most "
                f"{ATTACHED_POLICIES_MAX} policies to a role, the bucket's among them"
            )
        if "bucket" in self.policy_arns:
            raise ValueError(
                "policyArns: 'bucket' is the name of the bucket's own policy; rename it"
            )


@dataclass(frozen=True, kw_only=True)
class WorkloadSettings:
    """One workload: a role, and what runs with it."""

    name: str
    """Name of the Deployment, its role and its policy."""

    namespace: str
    """Namespace of the service account."""

    access: Literal["irsa"] = "irsa"
    """How the pods get AWS credentials."""

    create_namespace: bool = False
    """Create the namespace; one workload of a namespace does."""

    service_account: str | None = None
    """Exact name of the service account; the workload's name if there is no pattern either."""

    service_account_pattern: str | None = None
    """Service accounts that may assume the role by pattern. Alone, only the role is made."""

    allow_whole_namespace: bool = False
    """Accept a pattern that every service account of the namespace matches."""

    existing_service_account: bool = False
    """Annotate a service account that somebody else created."""

    token: TokenSpec = field(default_factory=TokenSpec)
    """What the pod identity webhook is asked for, beside the role."""

    bucket: BucketSettings | None = None
    """Bucket that the role gets access to."""

    role: RoleSettings = field(default_factory=RoleSettings)
    """Options of the role."""

    container: ContainerSpec | None = None
    """What the pods run; required unless only the role is made."""

    replicas: int = 1
    """Number of pods."""

    def __post_init__(self) -> None:
        check_workload_name(self.name)
        _ = self.subjects  # building them checks the names
        if self.allow_whole_namespace and self.service_account_pattern is None:
            raise ValueError(
                f"workload {self.name!r} has no serviceAccountPattern, so allowWholeNamespace "
                "means nothing; remove it"
            )
        if self.role_only:
            self._check_role_only()
        else:
            self._check_deployed()

    def _check_role_only(self) -> None:
        unused = {
            "container": self.container is not None,
            "createNamespace": self.create_namespace,
            "existingServiceAccount": self.existing_service_account,
            "replicas": self.replicas != 1,
        }
        for key, given in unused.items():
            if given:
                raise ValueError(
                    f"workload {self.name!r} has a pattern and no serviceAccount, so only the role "
                    f"is made and {key} means nothing; remove it, or add serviceAccount"
                )

    def _check_deployed(self) -> None:
        if self.container is None:
            raise ValueError(f"workload {self.name!r} has no container; add one with an image")
        if self.bucket is None and not self.role.policy_arns:
            raise ValueError(
                f"workload {self.name!r} would get a role that may do nothing; "
                "add bucket or role.policyArns"
            )
        if self.create_namespace and self.namespace in _ALWAYS_THERE:
            raise ValueError(
                f"namespace {self.namespace!r} is in every cluster; remove createNamespace"
            )
        if self.create_namespace and self.existing_service_account:
            raise ValueError(
                f"namespace {self.namespace!r} is created, so it has no service account "
                "to annotate; remove createNamespace or existingServiceAccount"
            )
        if self.replicas < 0:
            raise ValueError(f"replicas is {self.replicas}; it must be 0 or more")

    @property
    def role_only(self) -> bool:
        """Whether the service accounts come and go by themselves, so that only the role is made."""
        return self.service_account_pattern is not None and self.service_account is None

    @property
    def service_account_name(self) -> str:
        """Exact name of the workload's own service account."""
        return self.service_account or self.name

    @property
    def role_name(self) -> str:
        """Physical name of the role."""
        return self.role.name or self.name

    @property
    def audience(self) -> str:
        """The ``aud`` claim of the pods' tokens."""
        return self.token.audience or STS_AUDIENCE

    @cached_property
    def subjects(self) -> tuple[Subject, ...]:
        """Everybody whom the role trusts."""
        own = TrustedSettings(
            namespace=check_namespace(self.namespace) if not self.role_only else self.namespace,
            service_account=None if self.role_only else self.service_account_name,
            service_account_pattern=self.service_account_pattern,
            allow_whole_namespace=self.allow_whole_namespace,
        )
        further = (subject for trusted in self.role.also_trusted for subject in trusted.subjects)
        return (*own.subjects, *further)
