"""Configuration of one workload, checked. Pure.

There are three kinds: `crossAccount` makes a workload cross-account, `accessKey` gives it a static
key, and without both it uses IRSA in its own account.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from irsa.identity.eks import STS_AUDIENCE
from irsa.identity.names import check_role_name
from irsa.identity.subjects import Subject

from ..specs import ContainerSpec, TokenSpec, check_replicas
from .access import AccessKeySettings, BucketSettings, CrossAccountSettings
from .roles import RoleSettings, subjects_of
from .texts import WorkloadName


@dataclass(frozen=True, kw_only=True)
class Pods:
    """What every workload has: pods, and the service account that they run as."""

    WAYS_OUT: ClassVar[Mapping[str, str]] = {
        "access": "remove it: crossAccount makes a workload cross-account, accessKey gives it a "
        "static key, and without both it uses IRSA",
        "container": "add one with an image, or move the entry to irsa:roles if somebody else "
        "runs the pods",
        "createNamespace": "list the namespace in irsa:namespaces instead",
    }

    name: WorkloadName
    """Name of the Deployment, its role or user, and its policy."""

    namespace: str
    """Namespace of the service account; it is in irsa:namespaces, or in every cluster."""

    service_account: str | None = None
    """Exact name of the service account; the workload's name if left out."""

    existing_service_account: bool = False
    """Annotate a service account that somebody else created."""

    container: ContainerSpec
    """What the pods run."""

    replicas: int = 1
    """Number of pods."""

    def __post_init__(self) -> None:
        check_replicas(self.replicas)
        _ = self.subjects  # building them checks the names

    @property
    def service_account_name(self) -> str:
        """Exact name of the workload's own service account."""
        return self.service_account or self.name

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """The service accounts that get access."""
        return subjects_of(
            self.namespace, self.service_account_name, None, allow_whole_namespace=False
        )


@dataclass(frozen=True, kw_only=True)
class RoleWorkload(Pods):
    """What a workload with a role has."""

    service_account_pattern: str | None = None
    """Service accounts that may assume the role beside the workload's own, by pattern; '*' is any
    run of characters, '?' is one."""

    allow_whole_namespace: bool = False
    """Accept a pattern that every service account of the namespace matches."""

    token: TokenSpec = field(default_factory=TokenSpec)
    """What the pod identity webhook is asked for, beside the role."""

    role: RoleSettings = field(default_factory=RoleSettings)
    """Options of the role."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._leave_alone("serviceAccountPattern", self.service_account_pattern)

    def _leave_alone(self, key: str, value: object) -> None:
        if self.role.existing and value is not None:
            raise ValueError(
                f"the role is used as it is (role.existing: true), so {key} means nothing; "
                "remove it, or let the stack make a role of its own"
            )

    @property
    def audience(self) -> str:
        """The ``aud`` claim of the pods' tokens."""
        return self.token.audience or STS_AUDIENCE

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """Everybody whom the role trusts."""
        own = subjects_of(
            self.namespace,
            self.service_account_name,
            self.service_account_pattern,
            allow_whole_namespace=self.allow_whole_namespace,
        )
        return (*own, *self.role.trusted)


@dataclass(frozen=True, kw_only=True)
class IrsaWorkload(RoleWorkload):
    """A workload whose role is all that it needs, in the account of the cluster."""

    bucket: BucketSettings | None = None
    """Bucket of this account that the role gets access to."""

    cross_account: ClassVar[None] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self._leave_alone("bucket", self.bucket)
        if not (self.role.existing or self.bucket or self.role.policy_arns):
            raise ValueError(
                f"role {self.role_name!r} may do nothing; "
                "add bucket, role.policyArns, or crossAccount for the data of another account"
            )

    @property
    def role_name(self) -> str:
        """Physical name of the role."""
        return self.role.name or self.name


@dataclass(frozen=True, kw_only=True)
class CrossAccountWorkload(RoleWorkload):
    """A workload whose data is in another account."""

    SECTION: ClassVar[str] = "crossAccount"
    WAYS_OUT: ClassVar[Mapping[str, str]] = {
        **Pods.WAYS_OUT,
        "bucket": "the data is the other account's (crossAccount): configure the bucket in "
        "account_b",
    }

    bucket: ClassVar[None] = None

    cross_account: CrossAccountSettings
    """The other account. The workload's role goes on to role B there."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.federated:
            check_role_name(self.role_name)
            return
        given = {
            "role": self.role != RoleSettings(),
            "serviceAccountPattern": self.service_account_pattern is not None,
        }
        for key in (key for key, is_given in given.items() if is_given):
            raise ValueError(
                "the pods use role B without a role of this account (via: oidc-provider), so "
                f"{key} means nothing; remove it, or use via: role-chaining"
            )

    @property
    def federated(self) -> bool:
        """Whether the pods assume role B themselves."""
        return self.cross_account.via == "oidc-provider"

    @property
    def role_name(self) -> str:
        """Physical name of role A."""
        return self.role.name or f"{self.name}-A"


_KEY_WINS = "static keys silently win over a role in every SDK; remove it, or accessKey to use IRSA"


@dataclass(frozen=True, kw_only=True)
class AccessKeyWorkload(Pods):
    """A workload with the static key of an IAM user, for comparison and debugging."""

    SECTION: ClassVar[str] = "accessKey"
    WAYS_OUT: ClassVar[Mapping[str, str]] = {
        **Pods.WAYS_OUT,
        "bucket": "the key opens nothing without it; add it",
        "crossAccount": "a workload has crossAccount or accessKey; remove one of them",
        "role": _KEY_WINS,
        "serviceAccountPattern": _KEY_WINS,
        "token": _KEY_WINS,
    }

    access_key: AccessKeySettings
    """The user that gets the key; {} for one named as the workload."""

    bucket: BucketSettings
    """Bucket of this account that the user gets access to."""

    cross_account: ClassVar[None] = None

    @property
    def user_name(self) -> str:
        """Physical name of the IAM user."""
        return self.access_key.user_name or self.name


WorkloadSettings = AccessKeyWorkload | CrossAccountWorkload | IrsaWorkload
"""One workload; its section says which kind it is."""
