"""Associations of EKS Pod Identity."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from irsa.identity.arns import ClusterArn, parse_arn
from irsa.identity.subjects import ServiceAccountRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Association:
    """An association of EKS Pod Identity."""

    arn: str
    account: ServiceAccountRef
    role_arn: str
    target_role_arn: str = ""
    """The role that EKS assumes with the association's own; empty for none."""
    policy: str = ""
    """The session policy, as JSON; empty for none."""
    disable_session_tags: bool = False
    owner_arn: str = ""
    """The add-on that made it; empty for none."""
    external_id: str = ""
    """The ``sts:ExternalId`` that EKS sends to the target role."""
    changed: str = ""
    """Time of the last change (ISO 8601); empty when that is not known."""
    tags: Mapping[str, str] = field(default_factory=dict[str, str], hash=False)

    @property
    def id(self) -> str:
        """Its id, as the commands of `aws eks` take it."""
        return self.arn.rpartition("/")[2]

    @property
    def cluster_arn(self) -> str:
        """The ARN of its cluster; empty while its own is not known."""
        arn = parse_arn(self.arn)
        if arn is None:
            return ""
        return str(ClusterArn(arn.partition, arn.region, arn.account, arn.resource.split("/")[1]))


Associations = dict[tuple[str, str], Association]
"""By namespace and name of the service account."""
