"""The cluster's part of account A's configuration. Pure."""

from dataclasses import dataclass

from components.naming import issuer_from_provider_arn
from components.specs import NodeGroupSpec


@dataclass(frozen=True, kw_only=True)
class ClusterSettings:
    """The cluster, created or adopted."""

    name: str
    """Name of the cluster in EKS."""

    existing: bool = False
    """Adopt the cluster of that name; it is never changed or deleted."""

    provider_arn: str | None = None
    """ARN of an adopted cluster's IAM OIDC provider; left out, the provider is created."""

    version: str | None = None
    """Kubernetes version of a created cluster, such as '1.34'; EKS's default if left out."""

    subnet_ids: tuple[str, ...] | None = None
    """Subnets of a created cluster; those of the default VPC if left out."""

    nodes: NodeGroupSpec | None = None
    """Managed node group of a created cluster."""

    def __post_init__(self) -> None:
        ours = {"version": self.version, "subnetIds": self.subnet_ids, "nodes": self.nodes}
        given = [key for key, value in ours.items() if value is not None]
        if self.existing and given:
            raise ValueError(
                f"cluster {self.name!r} is adopted (existing: true), so {given[0]} is not ours to "
                "set; remove it"
            )
        if self.provider_arn is not None:
            issuer_from_provider_arn(self.provider_arn)
            if not self.existing:
                raise ValueError(
                    f"cluster {self.name!r} is created, so its OIDC provider {self.provider_arn} "
                    "cannot exist yet; remove providerArn, or set existing: true"
                )
