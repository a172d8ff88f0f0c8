"""EKS Pod Identity as a cluster has it: the association of a service account, and the agent.

Part of `irsa.observe.aws`, whose `Aws` makes the calls and turns refusals into `Unread`.
"""

import json
from dataclasses import dataclass
from datetime import UTC
from typing import Any, Final

from irsa.identity.policy_json import Json
from irsa.identity.subjects import ServiceAccountRef

AGENT: Final = "eks-pod-identity-agent"
"""The EKS add-on, and its DaemonSet in ``kube-system``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Association:
    """The EKS Pod Identity association of one service account."""

    cluster_arn: str
    id: str
    role_arn: str
    target_role_arn: str = ""
    """The role that EKS assumes with the association's own; empty without one."""
    external_id: str = ""
    """The ``sts:ExternalId`` that EKS sends to the target role."""
    disable_session_tags: bool = False
    policy: Json | None = None
    """The session policy."""
    owner_arn: str = ""
    """The add-on that manages it; empty when none does."""
    changed: str = ""
    """Time of the last change (ISO 8601); empty when that is not known."""


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


def read_association(
    client: Any, cluster_arn: str, name: str, account: ServiceAccountRef
) -> Association | None:
    """The association of a service account; there is one at most.

    https://docs.aws.amazon.com/eks/latest/APIReference/API_DescribePodIdentityAssociation.html
    """
    listed = client.list_pod_identity_associations(
        clusterName=name, namespace=account.namespace, serviceAccount=account.name
    )["associations"]
    if not listed:
        return None
    found: Json = client.describe_pod_identity_association(
        clusterName=name, associationId=listed[0]["associationId"]
    )["association"]
    changed = found.get("modifiedAt")
    policy = found.get("policy")
    return Association(
        cluster_arn=cluster_arn,
        id=found["associationId"],
        role_arn=found["roleArn"],
        target_role_arn=found.get("targetRoleArn") or "",
        external_id=found.get("externalId") or "",
        disable_session_tags=bool(found.get("disableSessionTags")),
        policy=json.loads(policy) if policy else None,
        owner_arn=found.get("ownerArn") or "",
        changed=changed.astimezone(UTC).isoformat() if changed else "",
    )


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
