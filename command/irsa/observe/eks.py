"""EKS as AWS answers: a cluster with its Pod Identity agent, and associations.

Part of `irsa.observe.aws`, whose `Aws` makes the calls and turns refusals into `Unread`.
"""
# pyright: reportMissingTypeStubs=false

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC
from typing import Final

from irsa_core.identity.arns import ClusterArn, parse_arn
from irsa_core.identity.policy_json import Json
from irsa_core.identity.subjects import ServiceAccountRef


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


AGENT: Final = "eks-pod-identity-agent"
"""The EKS add-on, its DaemonSet in ``kube-system``, and a label of its Pods."""
FOR_POD_IDENTITY: Final = "eks-auth:AssumeRoleForPodIdentity"
"""The agent's call, with the role of its node."""
AUTO_MODE: Final = "EKS Auto Mode"
"""In place of a node group."""


@dataclass(frozen=True, slots=True)
class DescribedCluster:
    """An EKS cluster, and its agent as EKS installs it."""

    arn: str
    auto_mode: bool = False
    """True if EKS runs the agent on nodes of its own: EKS Auto Mode."""
    addon: str | None = None
    """Status of the agent's add-on, such as ``ACTIVE``; None when it is not installed."""
    node_role: str = ""
    """ARN of the role of EKS Auto Mode's nodes."""


def node_group(node: Json) -> tuple[str, str]:
    """Return the name of a node and its node group or `AUTO_MODE`; empty for other nodes."""
    labels: Json = node["metadata"].get("labels") or {}
    by_eks = labels.get("eks.amazonaws.com/compute-type") == "auto"
    group: str = AUTO_MODE if by_eks else labels.get("eks.amazonaws.com/nodegroup", "")
    return node["metadata"]["name"], group


def association_of(answer: Json) -> Association:
    """An association, from EKS's answer."""
    changed = answer.get("modifiedAt")
    return Association(
        arn=answer["associationArn"],
        account=ServiceAccountRef(answer["namespace"], answer["serviceAccount"]),
        role_arn=answer["roleArn"],
        target_role_arn=answer.get("targetRoleArn") or "",
        policy=answer.get("policy") or "",
        disable_session_tags=bool(answer.get("disableSessionTags")),
        owner_arn=answer.get("ownerArn") or "",
        external_id=answer.get("externalId") or "",
        # To the second, as Kubernetes writes the time of a Pod that it is compared with.
        changed=changed.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if changed else "",
        tags=answer.get("tags") or {},
    )
