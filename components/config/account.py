"""What the configuration of both accounts begins with. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from irsa.identity.arns import AccountId
from irsa.identity.regions import partition_of_region

from .texts import RoleArnText


@dataclass(frozen=True, kw_only=True)
class AccountSettings:
    """An account, and how it is deployed to."""

    region: str
    """Region of everything; the AWS provider's own key."""

    account_id: AccountId
    """AWS account that everything is created in, 12 digits in quotes."""

    assume_role_arn: RoleArnText | None = None
    """Role of this account that the deployment assumes; left out, its credentials are of it."""

    tags: Mapping[str, str] = field(default_factory=dict)
    """Tags of every AWS resource."""

    def __post_init__(self) -> None:
        _ = self.partition  # refuses a region that AWS does not have

    @property
    def partition(self) -> str:
        """Partition of the region."""
        return partition_of_region(self.region)
