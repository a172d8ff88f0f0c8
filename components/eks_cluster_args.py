"""Arguments of `EksCluster`, with their checks."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from typing import Final

from pulumi import Input

from irsa.identity.arns import check_key_arn, check_principal_arn, issuer_from_provider_arn
from irsa.identity.eks import STS_AUDIENCE
from irsa.identity.names import check_cluster_name, check_subnet_id, check_vpc_id
from irsa.identity.subjects import check_namespace

ANYWHERE: Final = "0.0.0.0/0"
FEWEST_SUBNETS: Final = 2
# A group's quota is 450 and can be raised; no cluster of EKS has more nodes than this.
# https://docs.aws.amazon.com/eks/latest/userguide/service-quotas.html
MOST_NODES: Final = 100_000
_VERSION = re.compile(r"[0-9]+\.[0-9]+")
_INSTANCE_TYPE = re.compile(r"[a-z][a-z0-9-]*\.[a-z0-9-]+")
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
_PRIVATE = tuple(map(IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")))


@dataclass(frozen=True, kw_only=True)
class ControlPlaneArgs:
    """Endpoints, logs, encryption and deletion protection of a created cluster."""

    endpoint_public_access: bool = True
    """Give the API server a public endpoint; IAM decides who may use it."""

    endpoint_private_access: bool = True
    """Give the API server an endpoint in the VPC, which nodes then use. The VPC needs DNS hostnames
    and DNS resolution."""

    public_access_cidrs: Sequence[str] = (ANYWHERE,)
    """IPv4 CIDR blocks that may reach the public endpoint."""

    log_types: Sequence[str] = ("audit", "authenticator")
    """Control plane logs for CloudWatch, which bills them: any of ``api``, ``audit``,
    ``authenticator``, ``controllerManager`` and ``scheduler``; an empty list for none."""

    encryption_key_arn: str | None = None
    """Your KMS key for encrypting what the API server stores; an AWS owned key by default. It can
    be added later, and be changed or removed only by replacing the cluster."""

    deletion_protection: bool = False
    """Refuse to delete or replace the cluster, in Pulumi and in EKS, and its OIDC provider, in
    Pulumi."""

    def __post_init__(self) -> None:
        if not self.endpoint_public_access and not self.endpoint_private_access:
            raise ValueError(
                "endpoint_public_access and endpoint_private_access are both False: no client "
                "could reach the API server; leave one True"
            )
        networks = [_network(cidr) for cidr in self.public_access_cidrs]
        if self.endpoint_public_access and not networks:
            raise ValueError(
                "public_access_cidrs is empty; list the CIDR blocks that may reach the public "
                "endpoint, or set endpoint_public_access=False"
            )
        if not self.endpoint_public_access and [*self.public_access_cidrs] not in ([], [ANYWHERE]):
            raise ValueError(
                "public_access_cidrs has no effect with endpoint_public_access=False; remove one"
            )
        for log_type in self.log_types:
            if log_type not in LOG_TYPES:
                raise ValueError(f"log_types: {log_type!r} is not one of {', '.join(LOG_TYPES)}")
        if self.encryption_key_arn is not None:
            check_key_arn(self.encryption_key_arn)


def _network(cidr: str) -> IPv4Network:
    try:
        network = IPv4Network(cidr, strict=False)
    except ValueError as error:
        raise ValueError(
            f"public_access_cidrs: {cidr!r} is not an IPv4 CIDR block, such as '203.0.113.0/24'"
        ) from error
    if cidr != str(network):
        raise ValueError(
            f"public_access_cidrs: {cidr!r} is not an IPv4 CIDR block; write '{network}'"
        )
    if any(network.subnet_of(private) for private in _PRIVATE):
        raise ValueError(
            f"public_access_cidrs: {cidr} is a private range; use a public CIDR block, or "
            "endpoint_private_access for clients in the VPC"
        )
    return network


@dataclass(frozen=True, kw_only=True)
class AccessEntryArgs:
    """An IAM principal that may use a created cluster's API.

    https://docs.aws.amazon.com/eks/latest/userguide/access-entries.html
    """

    principal_arn: str
    """ARN of the role or user."""

    policy: str
    """Name of EKS's access policy, such as ``AmazonEKSViewPolicy``."""

    namespaces: Sequence[str] = ()
    """Namespaces that the policy is limited to; the whole cluster by default."""

    def __post_init__(self) -> None:
        check_principal_arn(self.principal_arn)
        if self.policy not in ACCESS_POLICIES:
            raise ValueError(
                f"access policy {self.policy!r} is not one of {', '.join(ACCESS_POLICIES)}"
            )
        for namespace in self.namespaces:
            check_namespace(namespace)


@dataclass(frozen=True, kw_only=True)
class NodeGroupArgs:
    """The managed node group of a cluster.

    Pods reach neither the metadata of their node nor its role, unless they use the host's network.
    """

    instance_types: Sequence[str] = ("t3.medium",)
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
        for each in self.instance_types:
            if not _INSTANCE_TYPE.fullmatch(each):
                raise ValueError(
                    f"instance_types: {each!r} is not an instance type, such as 't3.medium'"
                )
        if self.max_size > MOST_NODES:
            raise ValueError(f"node group: max_size {self.max_size} is above {MOST_NODES}")
        if not 0 <= self.min_size <= self.desired_size <= self.max_size or self.max_size < 1:
            raise ValueError(
                f"node group: min_size {self.min_size}, desired_size {self.desired_size} and "
                f"max_size {self.max_size} must ascend, and max_size must be at least 1"
            )


@dataclass(frozen=True, kw_only=True)
class EksClusterArgs:
    """Arguments of `EksCluster`."""

    cluster_name: str
    """Name of the cluster in EKS."""

    existing: bool = False
    """Use the existing cluster of that name; it is never changed or deleted."""

    provider_arn: Input[str] | None = None
    """ARN of an existing cluster's IAM OIDC provider. By default it is the one of the cluster's
    issuer in the cluster's account, which must exist."""

    create_provider: bool = False
    """Create the IAM OIDC provider of an existing cluster. That of a created cluster always is."""

    version: str | None = None
    """Kubernetes version of a created cluster, such as ``1.34``; EKS's default version by
    default."""

    subnet_ids: Sequence[Input[str]] | None = None
    """Subnets of a created cluster and its nodes, in at least two availability zones; those of the
    default VPC by default."""

    vpc_id: Input[str] | None = None
    """VPC of the subnets; given with them, and only with them."""

    control_plane: ControlPlaneArgs = field(default_factory=ControlPlaneArgs)
    """Endpoints, logs, encryption and deletion protection of a created cluster."""

    access_entries: Sequence[AccessEntryArgs] = ()
    """Principals that may use a created cluster's API, in addition to the principal that creates
    it."""

    nodes: NodeGroupArgs = field(default_factory=NodeGroupArgs)
    """Managed node group of a created cluster."""

    auto_mode: bool = False
    """Leave nodes, networking, storage and load balancing of a created cluster to EKS Auto Mode,
    which needs neither add-ons nor a node group."""

    audiences: Sequence[str] = (STS_AUDIENCE,)
    """Client ids of a created OIDC provider: the ``aud`` values that STS accepts from it."""

    role_arn: str | None = None
    """Role that the AWS provider assumes. The Kubernetes provider assumes it too, because EKS gives
    access to the principal that created the cluster."""

    partition: str = "aws"
    """Partition of the account, for the ARNs of AWS's own policies."""

    def __post_init__(self) -> None:
        check_cluster_name(self.cluster_name)
        cluster = f"cluster {self.cluster_name!r}"
        if self.version is not None and not _VERSION.fullmatch(self.version):
            raise ValueError(
                f"{cluster}: version {self.version!r} is not a Kubernetes version, such as '1.34'"
            )
        of_created = {
            "version": self.version is not None,
            "subnet_ids": self.subnet_ids is not None,
            "vpc_id": self.vpc_id is not None,
            "control_plane": self.control_plane != ControlPlaneArgs(),
            "access_entries": bool(self.access_entries),
            "nodes": self.nodes != NodeGroupArgs(),
            "auto_mode": self.auto_mode,
        }
        for name in (name for name, is_given in of_created.items() if is_given and self.existing):
            raise ValueError(
                f"{cluster}: {name} cannot be set on an existing cluster; remove it, or remove "
                "existing=True to create the cluster"
            )
        if self.auto_mode and self.nodes != NodeGroupArgs():
            raise ValueError(
                f"{cluster}: nodes has no effect with auto_mode=True, where EKS creates the nodes; "
                "remove one"
            )
        if not self.existing and self.provider_arn is not None:
            raise ValueError(
                f"{cluster} is created, so its OIDC provider cannot exist yet; remove "
                "provider_arn, or set existing=True"
            )
        if self.create_provider and (self.provider_arn is not None or not self.existing):
            raise ValueError(
                f"{cluster}: create_provider is for an existing cluster without an OIDC provider; "
                "remove it, or remove provider_arn and set existing=True"
            )
        if self.existing and not self.create_provider and [*self.audiences] != [STS_AUDIENCE]:
            raise ValueError(
                f"{cluster}: audiences cannot be set on an existing OIDC provider; remove them"
            )
        if isinstance(self.provider_arn, str):
            _check(f"{cluster}: provider_arn", issuer_from_provider_arn, self.provider_arn)
        self._check_network(cluster)
        self._check_access(cluster)

    def _check_network(self, cluster: str) -> None:
        if (self.subnet_ids is None) != (self.vpc_id is None):
            # pulumi-eks would look for the default VPC, which need not be theirs nor exist.
            raise ValueError(
                f"{cluster} has one of subnet_ids and vpc_id; give both, or neither for the "
                "default VPC"
            )
        if isinstance(self.vpc_id, str):
            _check(f"{cluster}: vpc_id", check_vpc_id, self.vpc_id)
        if self.subnet_ids is None:
            return
        plain = [each for each in self.subnet_ids if isinstance(each, str)]
        for subnet_id in plain:
            _check(f"{cluster}: subnet_ids", check_subnet_id, subnet_id)
            if plain.count(subnet_id) > 1:
                raise ValueError(f"{cluster}: subnet_ids has {subnet_id} twice; remove one")
        if len(self.subnet_ids) < FEWEST_SUBNETS:
            raise ValueError(
                f"{cluster}: subnet_ids has {len(self.subnet_ids)} subnets; EKS needs "
                f"{FEWEST_SUBNETS} in different availability zones, add one"
            )

    def _check_access(self, cluster: str) -> None:
        given = [(entry.principal_arn, entry.policy) for entry in self.access_entries]
        for principal_arn, policy in given:
            if given.count((principal_arn, policy)) > 1:
                raise ValueError(
                    f"{cluster}: access_entries has {principal_arn} with {policy} twice; merge "
                    "their namespaces"
                )
            if principal_arn == self.role_arn:
                raise ValueError(
                    f"{cluster}: {principal_arn} creates the cluster, so EKS makes it an "
                    "administrator; remove it from access_entries"
                )


def _check(argument: str, check: Callable[[str], str], value: str) -> None:
    try:
        check(value)
    except ValueError as error:
        raise ValueError(f"{argument}: {error}") from None
