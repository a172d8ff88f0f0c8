"""Plain, checked values that the settings read and the components take. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from typing import Final, Literal

from irsa.identity.arns import check_key_arn, check_principal_arn
from irsa.identity.eks import check_env_name
from irsa.identity.quotas import TOKEN_EXPIRATION
from irsa.identity.subjects import check_namespace

from .quantities import check_cpu, check_memory

NON_ROOT_USER = 65532

ANYWHERE: Final = "0.0.0.0/0"
# https://docs.aws.amazon.com/eks/latest/userguide/control-plane-logs.html
LogType = Literal["api", "audit", "authenticator", "controllerManager", "scheduler"]
# https://docs.aws.amazon.com/eks/latest/userguide/access-policy-permissions.html
AccessPolicy = Literal[
    "AmazonEKSClusterAdminPolicy",
    "AmazonEKSAdminPolicy",
    "AmazonEKSAdminViewPolicy",
    "AmazonEKSEditPolicy",
    "AmazonEKSViewPolicy",
    "AmazonEKSSecretReaderPolicy",
]
_NOT_ROUTED = tuple(map(IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")))


@dataclass(frozen=True, kw_only=True)
class ControlPlaneSpec:
    """How a created cluster is reached, logged, encrypted and kept."""

    endpoint_public_access: bool = True
    """Whether the API server has an address on the internet; who enters is IAM's to say."""

    endpoint_private_access: bool = True
    """Whether the API server has an address in the VPC, which nodes then use. The VPC must have DNS
    hostnames and DNS resolution enabled."""

    public_access_cidrs: tuple[str, ...] = (ANYWHERE,)
    """IPv4 CIDR blocks from which the public address answers."""

    log_types: tuple[LogType, ...] = ("audit", "authenticator")
    """Control plane logs that go to CloudWatch, which bills them; `[]` for none."""

    encryption_key_arn: str | None = None
    """KMS key of your own that EKS encrypts what the API server stores with; an AWS owned key if
    left out. It can be added, and never be changed or removed without another cluster."""

    deletion_protection: bool = False
    """Refuse to delete or replace the cluster, in Pulumi and in EKS, until this is false again; in
    Pulumi its OIDC provider as well."""

    def __post_init__(self) -> None:
        if not self.endpoint_public_access and not self.endpoint_private_access:
            raise ValueError(
                "endpointPublicAccess and endpointPrivateAccess are both false, so nothing could "
                "reach the API server; leave one true"
            )
        networks = [_network(cidr) for cidr in self.public_access_cidrs]
        if self.endpoint_public_access and not networks:
            raise ValueError(
                "publicAccessCidrs is empty; name who may reach the public endpoint, "
                "or set endpointPublicAccess: false"
            )
        if not self.endpoint_public_access and self.public_access_cidrs not in ((), (ANYWHERE,)):
            raise ValueError(
                "publicAccessCidrs means nothing with endpointPublicAccess: false; remove one"
            )
        if self.encryption_key_arn is not None:
            check_key_arn(self.encryption_key_arn)


def _network(cidr: str) -> IPv4Network:
    try:
        network = IPv4Network(cidr)
    except ValueError as error:
        raise ValueError(
            f"publicAccessCidrs: {cidr!r} is not an IPv4 CIDR block, such as '203.0.113.0/24'"
        ) from error
    if any(network.subnet_of(private) for private in _NOT_ROUTED):
        raise ValueError(
            f"publicAccessCidrs: {cidr} is private, and nobody comes from there over the internet; "
            "remove it (within the VPC, endpointPrivateAccess is the way)"
        )
    return network


@dataclass(frozen=True, kw_only=True)
class AccessEntrySpec:
    """Somebody who may use a created cluster's API, and what for.

    https://docs.aws.amazon.com/eks/latest/userguide/access-entries.html
    """

    principal_arn: str
    """ARN of the role or user."""

    policy: AccessPolicy
    """AWS's access policy: what the principal may do in the cluster."""

    namespaces: tuple[str, ...] = ()
    """Namespaces that the policy is limited to; the whole cluster if left out."""

    def __post_init__(self) -> None:
        check_principal_arn(self.principal_arn)
        for namespace in self.namespaces:
            check_namespace(namespace)


@dataclass(frozen=True, kw_only=True)
class NodeGroupSpec:
    """The managed node group of a cluster."""

    instance_types: tuple[str, ...] = ("t3.medium",)
    """EC2 instance types."""

    desired_size: int = 2
    """Nodes at the start."""

    min_size: int = 1
    """Fewest nodes."""

    max_size: int = 3
    """Most nodes."""

    def __post_init__(self) -> None:
        if not self.instance_types:
            raise ValueError("the node group has no instance type; give one, such as 't3.medium'")
        if not 0 <= self.min_size <= self.desired_size <= self.max_size or self.max_size < 1:
            raise ValueError(
                f"node group sizes min {self.min_size}, desired {self.desired_size}, "
                f"max {self.max_size} must ascend, and max must be at least 1"
            )


@dataclass(frozen=True, kw_only=True)
class TokenSpec:
    """What the pod identity webhook is asked for, beside the role.

    https://github.com/aws/amazon-eks-pod-identity-webhook
    """

    audience: str | None = None
    """The token's ``aud`` claim, if it is not ``sts.amazonaws.com``."""

    expiration: int | None = None
    """Life of the token in seconds (600 to 86400); EKS's default is a day."""

    sts_regional_endpoints: bool | None = None
    """Whether SDKs call STS in the pod's region; EKS's default is yes."""

    def __post_init__(self) -> None:
        if self.audience == "":
            raise ValueError("the audience is empty; leave it out for 'sts.amazonaws.com'")
        if self.expiration is not None and self.expiration not in TOKEN_EXPIRATION:
            raise ValueError(
                f"token expiration {self.expiration} is outside of "
                f"{TOKEN_EXPIRATION.start} to {TOKEN_EXPIRATION.stop - 1} seconds"
            )


@dataclass(frozen=True, kw_only=True)
class ContainerSpec:
    """The one container of a workload's pods."""

    image: str
    """Container image; by digest, so that every pod runs the same one."""

    command: tuple[str, ...] | None = None
    """Replaces the image's entry point."""

    args: tuple[str, ...] | None = None
    """Arguments of the entry point."""

    env: Mapping[str, str] = field(default_factory=dict)
    """Environment variables; names that decide about AWS credentials are refused."""

    user: int = NON_ROOT_USER
    """User and group that the container runs as, and that its volumes belong to; not root."""

    cpu: str = "50m"
    """CPU request: thousandths (``50m``) or cores (``0.5``)."""

    memory: str = "128Mi"
    """Memory request: a number and a unit (``128Mi``, ``1Gi``)."""

    def __post_init__(self) -> None:
        for name in self.env:
            check_env_name(name)
        if self.user < 1:
            raise ValueError(f"user {self.user} is root or invalid; give a number from 1 up")
        check_cpu(self.cpu)
        check_memory(self.memory)


def check_stays(what: str, existing: bool, force_destroy: bool) -> None:
    """Raise ValueError for something that is used as it is and yet to be deleted."""
    if existing and force_destroy:
        raise ValueError(
            f"{what} exists (existing: true), so it is never deleted; remove forceDestroy"
        )


def check_key_version(version: int) -> None:
    """Raise ValueError for a number that counts no access key."""
    if version < 1:
        raise ValueError(f"keyVersion {version} is not 1 or more")


def check_replicas(replicas: int) -> None:
    """Raise ValueError for a number of pods that there cannot be."""
    if replicas < 0:
        raise ValueError(f"replicas is {replicas}; it must be 0 or more")
