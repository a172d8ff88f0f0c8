"""The two security groups that pulumi-eks makes for nodes of its own, and what they let through.

EKS makes a group too, which the control plane and managed node groups share; these are beside it.
https://docs.aws.amazon.com/eks/latest/userguide/sec-group-reqs.html
"""

from typing import Any

import pulumi
import pulumi_aws as aws
from pulumi import Input, Output, ResourceOptions

_ALL = {"protocol": "-1", "from_port": 0, "to_port": 0}
_HTTPS = {"protocol": "tcp", "from_port": 443, "to_port": 443}
_TO_ANYWHERE = {
    **_ALL,
    "type": "egress",
    "description": "Allow internet access.",
    "cidr_blocks": ["0.0.0.0/0"],
}
_AMONG_NODES = {
    **_ALL,
    "type": "ingress",
    "self": True,
    "description": "Allow nodes to communicate with each other",
}
_TO_KUBELETS = {
    "protocol": "tcp",
    "from_port": 1025,
    "to_port": 65535,
    "description": "Allow worker Kubelets and pods to receive communication from the cluster "
    "control plane",
}
_TO_EXTENSIONS = {
    **_HTTPS,
    "description": "Allow pods running extension API servers on port 443 to receive communication "
    "from cluster control plane",
}
_TO_API_SERVER = {
    **_HTTPS,
    "description": "Allow pods to communicate with the cluster API Server",
}


def cluster_group(parent: pulumi.Resource, name: str, vpc_id: Input[str]) -> aws.ec2.SecurityGroup:
    """The group of the control plane's network interfaces."""
    group = _group(parent, f"{name}-eksClusterSecurityGroup", vpc_id, {})
    _rule(parent, f"{name}-eksClusterInternetEgressRule", group, _TO_ANYWHERE)
    return group


def node_group(
    parent: pulumi.Resource,
    name: str,
    vpc_id: Input[str],
    cluster: aws.eks.Cluster,
    control_plane: aws.ec2.SecurityGroup,
) -> tuple[aws.ec2.SecurityGroup, aws.ec2.SecurityGroupRule]:
    """The group of the nodes, and the rule that lets their pods reach the API server."""
    owned = cluster.name.apply(
        lambda cluster_name: {f"kubernetes.io/cluster/{cluster_name}": "owned"}
    )
    group = _group(parent, f"{name}-nodeSecurityGroup", vpc_id, owned)
    from_control_plane = {"type": "ingress", "source_security_group_id": control_plane.id}
    from_nodes = {"type": "ingress", "source_security_group_id": group.id}
    for rule, content in {
        "eksNodeIngressRule": _AMONG_NODES,
        "eksNodeClusterIngressRule": {**_TO_KUBELETS, **from_control_plane},
        "eksExtApiServerClusterIngressRule": {**_TO_EXTENSIONS, **from_control_plane},
        "eksNodeInternetEgressRule": _TO_ANYWHERE,
    }.items():
        _rule(parent, f"{name}-{rule}", group, content)
    to_api_server = _rule(
        parent,
        f"{name}-eksClusterIngressRule",
        control_plane,
        {**_TO_API_SERVER, **from_nodes},
    )
    return group, to_api_server


def _group(
    parent: pulumi.Resource, name: str, vpc_id: Input[str], tags: Input[dict[str, str]]
) -> aws.ec2.SecurityGroup:
    return aws.ec2.SecurityGroup(
        name,
        vpc_id=vpc_id,
        revoke_rules_on_delete=True,
        tags=Output.from_input(tags).apply(lambda given: {"Name": name, **given}),
        opts=ResourceOptions(parent=parent),
    )


def _rule(
    parent: pulumi.Resource, name: str, group: aws.ec2.SecurityGroup, rule: dict[str, Any]
) -> aws.ec2.SecurityGroupRule:
    # Pulumi's own constructor calls the resource `__self__`, so `self` is free for the input.
    return aws.ec2.SecurityGroupRule(
        name, security_group_id=group.id, **rule, opts=ResourceOptions(parent=parent)
    )
