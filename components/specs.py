"""Plain, checked values that the settings read and the components take. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from components.naming import check_env_name
from components.quantities import check_cpu, check_memory

TOKEN_EXPIRATION = range(600, 86_400 + 1)  # seconds; the API server's shortest, EKS's longest
NON_ROOT_USER = 65532


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
