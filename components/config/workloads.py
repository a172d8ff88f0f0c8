"""Configuration of one workload, checked. Pure: imports neither Pulumi nor an AWS client."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar, Literal

from components.config.access import (
    AccessKeySettings,
    BucketSettings,
    CrossAccountSettings,
    RoleSettings,
    TrustedSettings,
)
from components.specs import ContainerSpec, TokenSpec
from irsa.identity.arns import role_arn
from irsa.identity.eks import STS_AUDIENCE
from irsa.identity.names import check_role_name
from irsa.identity.subjects import Subject, check_namespace, check_workload_name


@dataclass(frozen=True, kw_only=True)
class WorkloadSettings:
    """One workload: how it gets AWS credentials, for what, and what runs with them."""

    # Keys of earlier versions, and what to write instead.
    MOVED: ClassVar[Mapping[str, str]] = {
        "createNamespace": "list the namespace in irsa:namespaces instead"
    }

    name: str
    """Name of the Deployment, its role and its policy."""

    namespace: str
    """Namespace of the service account."""

    access: Literal["irsa", "cross-account", "access-key"] = "irsa"
    """irsa: a role that the service account assumes. cross-account: from there on to a role of
    another account. access-key: the static key of an IAM user; for comparison and debugging."""

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
    """Bucket of this account that the workload gets access to."""

    role: RoleSettings = field(default_factory=RoleSettings)
    """Options of the role."""

    cross_account: CrossAccountSettings | None = None
    """The other account, for access: cross-account."""

    access_key: AccessKeySettings | None = None
    """The user, for access: access-key."""

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
        match self.access:
            case "irsa":
                self._check_irsa()
            case "cross-account":
                self._check_cross_account()
            case "access-key":
                self._check_access_key()

    def _check_role_only(self) -> None:
        because = "has a pattern and no serviceAccount, so only the role is made"
        self._refuse("access", self.access != "irsa", because, "add serviceAccount")
        self._refuse("container", self.container is not None, because, "add serviceAccount")
        self._refuse("replicas", self.replicas != 1, because, "add serviceAccount")
        self._refuse(
            "existingServiceAccount", self.existing_service_account, because, "add serviceAccount"
        )

    def _check_deployed(self) -> None:
        if self.container is None:
            raise ValueError(f"workload {self.name!r} has no container; add one with an image")
        if self.replicas < 0:
            raise ValueError(f"replicas is {self.replicas}; it must be 0 or more")

    def _check_irsa(self) -> None:
        self._refuse_sections("cross-account", "access-key")
        self._check_existing_role()
        if not (self.role_only or self.role.existing or self.bucket or self.role.policy_arns):
            raise ValueError(
                f"workload {self.name!r} would get a role that may do nothing; "
                "add bucket or role.policyArns"
            )

    def _check_existing_role(self) -> None:
        because = "uses a role as it is (role.existing: true)"
        ours = {
            "bucket": self.bucket is not None,
            "serviceAccountPattern": self.service_account_pattern is not None,
        }
        for key, given in ours.items():
            self._refuse(
                key, given and self.role.existing, because, "let the stack make a role of its own"
            )

    def _check_cross_account(self) -> None:
        self._refuse_sections("access-key")
        if self.cross_account is None:
            raise ValueError(
                f"workload {self.name!r} has access: cross-account and no crossAccount; "
                "add it with the accountId of the trusting account"
            )
        check_role_name(self.role_name or self.name)
        check_role_name(self.cross_account.role_name or f"{self.name}-B")
        self._refuse(
            "bucket",
            self.bucket is not None,
            "has its data in another account",
            "configure the bucket in account_b",
        )
        if self.cross_account.via == "oidc-provider":
            because = "uses role B without a role of this account (via: oidc-provider)"
            self._refuse("role", self.role != RoleSettings(), because, "use via: role-chaining")
            self._refuse(
                "serviceAccountPattern",
                self.service_account_pattern is not None,
                because,
                "use via: role-chaining",
            )

    def _check_access_key(self) -> None:
        self._refuse_sections("cross-account")
        because = "has static keys, which win over a role in every SDK without a word"
        unused = {
            "role": self.role != RoleSettings(),
            "token": self.token != TokenSpec(),
            "serviceAccountPattern": self.service_account_pattern is not None,
        }
        for key, given in unused.items():
            self._refuse(key, given, because, "use access: irsa")
        if self.bucket is None:
            raise ValueError(f"workload {self.name!r} has a key that opens nothing; add bucket")

    def _refuse_sections(self, *accesses: str) -> None:
        given = {
            "cross-account": ("crossAccount", self.cross_account),
            "access-key": ("accessKey", self.access_key),
        }
        for access in accesses:
            key, value = given[access]
            self._refuse(
                key, value is not None, f"has access: {self.access}", f"set access: {access}"
            )

    def _refuse(self, key: str, given: bool, because: str, alternative: str) -> None:
        if given:
            raise ValueError(
                f"workload {self.name!r} {because}: {key} means nothing; "
                f"remove it, or {alternative}"
            )

    @property
    def role_only(self) -> bool:
        """Whether the service accounts come and go by themselves, so that only the role is made."""
        return self.service_account_pattern is not None and self.service_account is None

    @property
    def service_account_name(self) -> str:
        """Exact name of the workload's own service account."""
        return self.service_account or self.name

    @property
    def role_name(self) -> str | None:
        """Physical name of the workload role in this account, if there is one."""
        if self.access == "irsa":
            return self.role.name or self.name
        if self.cross_account is not None and self.cross_account.via == "role-chaining":
            return self.role.name or f"{self.name}-A"
        return None

    @property
    def user_name(self) -> str | None:
        """Physical name of the IAM user, if there is one."""
        if self.access != "access-key":
            return None
        return (self.access_key and self.access_key.user_name) or self.name

    @property
    def audience(self) -> str:
        """The ``aud`` claim of the pods' tokens."""
        return self.token.audience or STS_AUDIENCE

    def role_b_arn(self, partition: str) -> str:
        """ARN of role B, computed: account B reads this stack, never the other way round."""
        other = self.cross_account
        if other is None:
            raise ValueError(f"workload {self.name!r} has no crossAccount")
        name = other.role_name or f"{self.name}-B"
        return role_arn(other.account_id, name, path=other.role_path, partition=partition)

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
