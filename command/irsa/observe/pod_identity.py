"""EKS Pod Identity in one cluster: the agent.

Part of `irsa.observe.aws`, whose `Aws` makes the calls and turns refusals into `Unread`.
"""

from dataclasses import dataclass
from typing import Any, Final

from irsa.identity.policy_json import Json

AGENT: Final = "eks-pod-identity-agent"
"""The EKS add-on, its DaemonSet in ``kube-system``, and a label of its Pods."""
FOR_POD_IDENTITY: Final = "eks-auth:AssumeRoleForPodIdentity"
"""The agent's call, with the role of its node."""
AUTO_MODE: Final = "EKS Auto Mode"
"""In place of a node group."""


@dataclass(frozen=True, slots=True)
class EksCluster:
    """An EKS cluster, and its agent as EKS installs it."""

    arn: str
    auto_mode: bool = False
    """True if EKS runs the agent on nodes of its own: EKS Auto Mode."""
    addon: str | None = None
    """Status of the agent's add-on, such as ``ACTIVE``; None when it is not installed."""
    node_role: str = ""
    """ARN of the role of EKS Auto Mode's nodes."""


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
    role: str = compute.get("nodeRoleArn") or ""
    return EksCluster(found["arn"], bool(compute.get("enabled")), addon, role)


def node_group(node: Json) -> tuple[str, str]:
    """Return the name of a node and its node group or `AUTO_MODE`; empty for other nodes."""
    labels: Json = node["metadata"].get("labels") or {}
    by_eks = labels.get("eks.amazonaws.com/compute-type") == "auto"
    group: str = AUTO_MODE if by_eks else labels.get("eks.amazonaws.com/nodegroup", "")
    return node["metadata"]["name"], group
