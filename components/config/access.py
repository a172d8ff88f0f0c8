"""Parts of a workload's configuration: what it accesses, and as whom. Pure."""

from dataclasses import dataclass, field
from typing import Literal

from irsa.identity.arns import AccountId, role_arn
from irsa.identity.policies import Permissions

from ..aws_profiles import ProfilesSpec
from ..specs import check_key_version, check_stays
from .texts import NO_PATH, BucketName, IamPath, RoleName, UserName


@dataclass(frozen=True, kw_only=True)
class BucketSettings:
    """A workload's bucket; workloads that name the same bucket share it."""

    name: BucketName
    """Name of the bucket, unique in the world."""

    permissions: Permissions = "read"
    """What the workload may do: read, read-write or full (every S3 action on the bucket)."""

    force_destroy: bool = False
    """Whether the bucket goes with the stack, and what is in it with the bucket. By default it
    stays, with its protection, when it leaves the stack."""

    existing: bool = False
    """Use the bucket as it is; it is never changed or deleted."""

    def __post_init__(self) -> None:
        check_stays(f"bucket {self.name!r}", self.existing, self.force_destroy)


@dataclass(frozen=True, kw_only=True)
class RoleBSettings:
    """Role B of another account, which a role of this one may assume."""

    account_id: AccountId
    """The trusting account (account B)."""

    role_name: RoleName | None = None
    """Name of role B; the workload's name and '-B' if left out."""

    role_path: IamPath = NO_PATH
    """IAM path of role B."""

    def arn(self, workload: str, partition: str) -> str:
        """ARN of role B, computed: account B reads this stack, never the other way round."""
        name = self.role_name or f"{workload}-B"
        return role_arn(self.account_id, name, path=self.role_path, partition=partition)


@dataclass(frozen=True, kw_only=True)
class CrossAccountSettings(RoleBSettings):
    """Where a workload's data is, when it is in another account."""

    via: Literal["role-chaining", "oidc-provider"] = "role-chaining"
    """role-chaining: the pod's role assumes role B. oidc-provider: account B has an OIDC provider
    for this cluster and role B trusts the service account itself, so there is no role A."""

    profiles: ProfilesSpec = field(default_factory=ProfilesSpec)
    """The AWS config file that chains the roles."""

    def __post_init__(self) -> None:
        if self.via == "oidc-provider" and self.profiles != ProfilesSpec():
            raise ValueError(
                "via: oidc-provider chains no roles, so profiles means nothing; remove it"
            )


@dataclass(frozen=True, kw_only=True)
class AccessKeySettings:
    """The IAM user of a workload that has a static access key."""

    user_name: UserName | None = None
    """Name of the user; the workload's name if left out."""

    key_version: int = 1
    """One more makes a new key, moves the pods to it and deletes the one before."""

    def __post_init__(self) -> None:
        check_key_version(self.key_version)
