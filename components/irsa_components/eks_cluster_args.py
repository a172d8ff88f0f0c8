"""Arguments of `EksCluster`, with their checks."""

from collections.abc import Sequence
from dataclasses import field
from typing import Annotated, Final

from pulumi import Input

from irsa_core.identity.arns import partition_of
from irsa_core.identity.eks import STS_AUDIENCE

from . import values
from ._component import ComponentArgs

ANYWHERE: Final = "0.0.0.0/0"
FEWEST_SUBNETS: Final = 2
# https://docs.aws.amazon.com/eks/latest/userguide/service-quotas.html
CIDRS_MAX: Final = 40
OF_CREATED: Final = (
    "version", "subnet_ids", "vpc_id", "control_plane", "nodes", "auto_mode",
)  # fmt: skip
_INSTANCE_TYPE = r"[a-z][a-z0-9-]*\.[a-z0-9-]+"
# https://docs.aws.amazon.com/eks/latest/userguide/control-plane-logs.html
LOG_TYPES: Final = ("api", "audit", "authenticator", "controllerManager", "scheduler")
# https://docs.aws.amazon.com/eks/latest/userguide/access-policy-permissions.html
ACCESS_POLICIES: Final = (
    "AmazonEKSClusterAdminPolicy",
    "AmazonEKSAdminPolicy",
    "AmazonEKSAdminViewPolicy",
    "AmazonEKSEditPolicy",
    "AmazonEKSViewPolicy",
    "AmazonEKSSecretReaderPolicy",
)


@values.arguments
class ControlPlaneArgs:
    """Endpoints, logs, encryption and deletion protection of a created cluster."""

    endpoint_public_access: bool = True
    """Give the API server a public endpoint; IAM decides who may use it."""

    endpoint_private_access: bool = True
    """Give the API server an endpoint in the VPC, which nodes then use. The VPC needs DNS hostnames
    and DNS resolution."""

    public_access_cidrs: Sequence[values.PublicCidr] = (ANYWHERE,)
    """IPv4 CIDR blocks that may reach the public endpoint."""

    log_types: Sequence[Annotated[str, values.one_of(*LOG_TYPES)]] = ("audit", "authenticator")
    """Control plane logs for CloudWatch, which bills them: any of ``api``, ``audit``,
    ``authenticator``, ``controllerManager`` and ``scheduler``; an empty list for none."""

    encryption_key_arn: values.KeyArn | None = None
    """Your KMS key for encrypting what the API server stores; an AWS owned key by default. It can
    be added later. EKS never changes it, and removing it replaces the cluster."""

    deletion_protection: bool = False
    """Refuse to delete or replace the cluster, in Pulumi and in EKS, and its OIDC provider, in
    Pulumi. Needs pulumi-eks 4.1."""

    def __post_init__(self) -> values.Problems:
        public, blocks = self.endpoint_public_access, [*self.public_access_cidrs]
        return {
            "endpoint_public_access and endpoint_private_access are both False: no client could "
            "reach the API server; leave one True": not public and not self.endpoint_private_access,
            "public_access_cidrs is empty; list the CIDR blocks that may reach the public "
            "endpoint, or set endpoint_public_access=False": public and not blocks,
            "public_access_cidrs has no effect with endpoint_public_access=False; remove one": (
                not public and blocks not in ([], [ANYWHERE])
            ),
            f"public_access_cidrs has {len(blocks)} blocks; EKS accepts {CIDRS_MAX}": (
                len(blocks) > CIDRS_MAX
            ),
        }


@values.arguments
class AccessEntryArgs:
    """An IAM principal that may use a cluster's API.

    https://docs.aws.amazon.com/eks/latest/userguide/access-entries.html
    """

    principal_arn: values.PrincipalArn
    """ARN of the role or user."""

    policy: Annotated[str, values.one_of(*ACCESS_POLICIES)]
    """Name of EKS's access policy, such as ``AmazonEKSViewPolicy``."""

    namespaces: Sequence[values.NamespaceName] = ()
    """Namespaces that the policy is limited to; the whole cluster by default."""


@values.arguments
class NodeGroupArgs:
    """The managed node group of a cluster.

    Pods reach neither the metadata of their node nor its role, unless they use the host's network.
    """

    instance_types: Sequence[
        Annotated[str, values.matching(_INSTANCE_TYPE, "one, such as 't3.medium'")]
    ] = ("t3.medium",)
    """EC2 instance types."""

    desired_size: int = 2
    """Number of nodes when the group is created."""

    min_size: int = 1
    """Minimum number of nodes."""

    max_size: int = 3
    """Maximum number of nodes."""

    def __post_init__(self) -> None:
        if not self.instance_types:
            raise ValueError("instance_types is empty; give at least one, such as 't3.medium'")
        if not 0 <= self.min_size <= self.desired_size <= self.max_size or self.max_size < 1:
            raise ValueError(
                f"node group: min_size {self.min_size}, desired_size {self.desired_size} and "
                f"max_size {self.max_size} must ascend, and max_size must be at least 1"
            )


@values.arguments
class EksClusterArgs(ComponentArgs):
    """Arguments of `EksCluster`."""

    noun = "cluster"

    cluster_name: values.ClusterName | None = None
    """Name of the cluster in EKS; by default Pulumi makes one."""

    existing: bool = False
    """Use the existing cluster of that name; only ``access_entries`` change it."""

    provider_arn: Input[values.ProviderArn] | None = None
    """ARN of an existing cluster's IAM OIDC provider. By default it is the one of the cluster's
    issuer in the cluster's account, which must exist."""

    create_provider: bool = False
    """Create the IAM OIDC provider of an existing cluster. A created cluster always gets one."""

    version: (
        Annotated[str, values.matching(r"1\.[0-9]{2}", "a Kubernetes version, such as '1.36'")]
        | None
    ) = None
    """Kubernetes version of a created cluster, such as ``1.36``; EKS's default version by
    default."""

    subnet_ids: Sequence[Input[values.SubnetId]] | None = None
    """Subnets of a created cluster and its nodes, in at least two availability zones; those of the
    default VPC by default."""

    vpc_id: Input[values.VpcId] | None = None
    """VPC of the subnets; given with them, and only with them."""

    control_plane: ControlPlaneArgs = field(default_factory=ControlPlaneArgs)
    """Endpoints, logs, encryption and deletion protection of a created cluster."""

    access_entries: Sequence[AccessEntryArgs] = ()
    """Principals that may use the cluster's API. EKS adds the principal that creates a cluster."""

    nodes: NodeGroupArgs = field(default_factory=NodeGroupArgs)
    """Managed node group of a created cluster."""

    auto_mode: bool = False
    """Leave nodes, networking, storage and load balancing of a created cluster to EKS Auto Mode,
    which needs neither add-ons nor a node group. Before you set it back to False, switch it off in
    EKS: docs/cluster.md."""

    audiences: Sequence[values.Audience] = (STS_AUDIENCE,)
    """Client ids of a created OIDC provider: the ``aud`` values that STS accepts from it."""

    role_arn: values.RoleArn | None = None
    """Role that your AWS provider assumes, if it does. The Kubernetes provider then assumes it too,
    because EKS gives access to the principal that created the cluster."""

    partition: values.Partition = "aws"
    """Partition of the account, for the ARNs of AWS's own policies."""

    def __post_init__(self) -> values.Problems:
        cluster = self.owner()
        defaults = (None, (), [], False, ControlPlaneArgs(), NodeGroupArgs())
        inputs = [key for key in OF_CREATED if getattr(self, key) not in defaults]
        arns = {"provider_arn": self.provider_arn, "role_arn": self.role_arn}
        elsewhere = [
            f"{name} {arn}"
            for name, arn in arns.items()
            if isinstance(arn, str) and partition_of(arn) != self.partition
        ]
        plain = [subnet for subnet in self.subnet_ids or () if isinstance(subnet, str)]
        twice = next((subnet for subnet in plain if plain.count(subnet) > 1), None)
        count = FEWEST_SUBNETS if self.subnet_ids is None else len(self.subnet_ids)
        return {
            f"{cluster}: {''.join(inputs[:1])} cannot be set on an existing cluster; remove it, or "
            "remove existing=True to create the cluster": inputs and self.existing,
            f"{cluster}: nodes has no effect with auto_mode=True, where EKS creates the nodes; "
            "remove one": self.auto_mode and self.nodes != NodeGroupArgs(),
            f"{cluster} is created, so its OIDC provider cannot exist yet; remove provider_arn, or "
            "set existing=True": not self.existing and self.provider_arn is not None,
            f"{cluster}: create_provider is for an existing cluster without an OIDC provider; "
            "remove it, or remove provider_arn and set existing=True": (
                self.create_provider and (self.provider_arn is not None or not self.existing)
            ),
            f"{cluster}: audiences cannot be set on an existing OIDC provider; remove them": (
                self.existing and not self.create_provider and [*self.audiences] != [STS_AUDIENCE]
            ),
            f"{cluster}: audiences is empty: STS would refuse every token; leave it out": (
                not self.audiences
            ),
            f"{cluster}: {self.role_arn} creates the cluster, so EKS makes it an administrator; "
            "remove it from access_entries": (
                not self.existing
                and self.role_arn in [entry.principal_arn for entry in self.access_entries]
            ),
            # pulumi-eks would look for the default VPC, which need not be theirs nor exist.
            f"{cluster} has one of subnet_ids and vpc_id; give both, or neither for the default "
            "VPC": (self.subnet_ids is None) is not (self.vpc_id is None),
            f"{cluster}: {''.join(elsewhere[:1])} is not in partition {self.partition}; begin it "
            f"with arn:{self.partition}:": elsewhere,
            f"{cluster}: subnet_ids has {twice} twice; remove one": twice,
            f"{cluster}: subnet_ids has {count} subnets; EKS needs {FEWEST_SUBNETS} in different "
            "availability zones, add one": count < FEWEST_SUBNETS,
        }
