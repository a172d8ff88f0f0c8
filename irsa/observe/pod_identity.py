"""EKS Pod Identity in one cluster: the agent.

Part of `irsa.observe.aws`, whose `Aws` makes the calls and turns refusals into `Unread`.
"""

from dataclasses import dataclass
from typing import Any, Final

from irsa.identity.policy_json import Json

AGENT: Final = "eks-pod-identity-agent"
"""The EKS add-on, and its DaemonSet in ``kube-system``."""


@dataclass(frozen=True, slots=True)
class EksCluster:
    """An EKS cluster, and its agent as EKS installs it."""

    arn: str
    auto_mode: bool = False
    """True if EKS runs the agent on nodes of its own: EKS Auto Mode."""
    addon: str | None = None
    """Status of the agent's add-on, such as ``ACTIVE``; None when it is not installed."""


@dataclass(frozen=True, slots=True)
class DaemonSet:
    """The Pods of a DaemonSet."""

    desired: int
    ready: int


def read_cluster(client: Any, name: str) -> EksCluster:
    """An EKS cluster and the add-on of the agent."""
    found: Json = client.describe_cluster(name=name)["cluster"]
    compute: Json = found.get("computeConfig") or {}
    try:
        addon: str | None = client.describe_addon(clusterName=name, addonName=AGENT)["addon"][
            "status"
        ]
    except client.exceptions.ResourceNotFoundException:
        addon = None
    return EksCluster(found["arn"], bool(compute.get("enabled")), addon)
