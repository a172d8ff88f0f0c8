"""The cluster's part of account A's configuration. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import ClassVar

from irsa.identity.arns import check_key_arn

from ..specs import AccessEntrySpec, ControlPlaneSpec, NodeGroupSpec
from .keys import camel_case
from .repeats import refuse_repeats
from .texts import ProviderArnText, StackName, SubnetId, VpcId

FEWEST_SUBNETS = 2


@dataclass(frozen=True, kw_only=True)
class ClusterSettings:
    """The cluster, created or adopted."""

    name: str
    """Name of the cluster in EKS."""

    existing: bool = False
    """Adopt the cluster of that name; it is never changed or deleted."""

    provider_arn: ProviderArnText | None = None
    """ARN of an adopted cluster's IAM OIDC provider; left out, the provider is created."""

    version: str | None = None
    """Kubernetes version of a created cluster, such as '1.34'; EKS's default if left out."""

    subnet_ids: tuple[SubnetId, ...] | None = None
    """Subnets of a created cluster and its nodes, in two availability zones at least; those of the
    default VPC if left out."""

    vpc_id: VpcId | None = None
    """VPC that the subnets must be in; that of the first one if left out."""

    control_plane: ControlPlaneSpec | None = None
    """How a created cluster is reached, logged, encrypted and kept."""

    access_entries: tuple[AccessEntrySpec, ...] | None = None
    """Who may use a created cluster's API beside whoever created it."""

    nodes: NodeGroupSpec | None = None
    """Managed node group of a created cluster."""

    audiences: tuple[str, ...] = ()
    """What the OIDC provider accepts as `aud` beside sts.amazonaws.com and what this stack's own
    workloads ask for: those of the workloads of other stacks."""

    def __post_init__(self) -> None:
        ours = {
            "version": self.version,
            "subnetIds": self.subnet_ids,
            "vpcId": self.vpc_id,
            "controlPlane": self.control_plane,
            "accessEntries": self.access_entries,
            "nodes": self.nodes,
        }
        given = [key for key, value in ours.items() if value is not None]
        if self.existing and given:
            raise ValueError(
                f"cluster {self.name!r} is adopted (existing: true), so {given[0]} is not ours to "
                "set; remove it"
            )
        if self.provider_arn is not None and not self.existing:
            raise ValueError(
                f"cluster {self.name!r} is created, so its OIDC provider {self.provider_arn} "
                "cannot exist yet; remove providerArn, or set existing: true"
            )
        self._check_network()
        entries = self.access_entries or ()
        refuse_repeats(
            "access entry",
            (f"{entry.principal_arn} {entry.policy}" for entry in entries),
            "make one of them, with every namespace",
        )

    def check_in(self, region: str, creator_arn: str | None) -> None:
        """Raise ValueError for what cannot be in that region, or made by that role."""
        control_plane = self.control_plane or ControlPlaneSpec()
        if control_plane.encryption_key_arn is not None:
            check_key_arn(control_plane.encryption_key_arn, region=region)
        for entry in self.access_entries or ():
            if entry.principal_arn == creator_arn:
                raise ValueError(
                    f"cluster {self.name!r}: {creator_arn} creates the cluster, so EKS makes it an "
                    "administrator by itself; remove it from accessEntries"
                )

    def _check_network(self) -> None:
        if self.vpc_id is not None and self.subnet_ids is None:
            raise ValueError(
                f"cluster {self.name!r} has vpcId and no subnetIds; add the subnets of "
                f"{self.vpc_id} that it goes into"
            )
        if self.subnet_ids is None:
            return
        refuse_repeats("subnet", self.subnet_ids, "remove one")
        if len(self.subnet_ids) < FEWEST_SUBNETS:
            raise ValueError(
                f"cluster {self.name!r}: subnetIds names {len(self.subnet_ids)} of at least "
                f"{FEWEST_SUBNETS} subnets; add one in another availability zone"
            )


@dataclass(frozen=True, kw_only=True)
class PlatformClusterSettings:
    """The cluster of another stack of this program, which alone changes it."""

    SECTION: ClassVar[str] = "stack"
    WAYS_OUT: ClassVar[Mapping[str, str]] = {
        camel_case(each.name): "the cluster is another stack's (stack): configure it there"
        for each in fields(ClusterSettings)
    }

    stack: StackName
    """Full name of the platform stack, which has the cluster: <organization>/irsa/<its name>. It is
    in the same account and region; where the cluster is, its outputs say."""

    audiences: ClassVar[tuple[str, ...]] = ()
    provider_arn: ClassVar[None] = None

    def check_in(self, region: str, creator_arn: str | None) -> None:
        """Nothing to check before the other stack's outputs are there."""
