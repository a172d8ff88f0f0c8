"""The outputs of `pulumi_eks.Cluster`, by their names on the wire.

https://www.pulumi.com/registry/packages/eks/api-docs/cluster/#outputs
"""

from typing import Any, NamedTuple

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s
from pulumi import Input, Output


class Parts(NamedTuple):
    """Children and inputs of a cluster."""

    cluster: aws.eks.Cluster
    cni: pulumi.ComponentResource | None
    encryption: Any
    kubeconfig: Output[Any]
    nodes: aws.iam.Role | None
    """Role of EKS Auto Mode's nodes."""
    provider: k8s.Provider
    role: aws.iam.Role
    subnet_ids: Input[Any]
    version: Input[str] | None
    vpc_id: Input[str]


def outputs_of(parts: Parts) -> dict[str, Any]:
    """The component's outputs; empty for its own nodes, security groups and Fargate profiles."""
    cluster = parts.cluster
    issuer_url = cluster.identities[0].oidcs[0].issuer
    # Without groups of pulumi-eks' own, its outputs name the one that EKS makes.
    of_eks = cluster.vpc_config.cluster_security_group_id
    return {
        "autoModeNodeRoleName": _node_role_name(parts),
        "clusterIngressRuleId": "",
        "clusterSecurityGroupId": of_eks,
        "core": _core(parts),
        "defaultNodeGroupAsgName": "",
        "eksCluster": cluster,
        "fargateProfileId": "",
        "fargateProfileStatus": "",
        "instanceRoles": [],
        "kubeconfig": parts.kubeconfig,
        "kubeconfigJson": Output.json_dumps(parts.kubeconfig, separators=(",", ":")),
        "nodeSecurityGroupId": of_eks,
        "oidcIssuer": issuer_url.apply(lambda url: url.removeprefix("https://")),
        "oidcProviderArn": "",
        "oidcProviderUrl": issuer_url,
    }


def _core(parts: Parts) -> dict[str, Any]:
    """The output `core`, which other components of pulumi-eks take."""
    core = {
        "accessEntries": [],
        "autoModeNodeRoleName": _node_role_name(parts),
        "cluster": parts.cluster,
        "clusterIamRole": parts.role,
        "encryptionConfig": parts.encryption,
        "endpoint": parts.cluster.endpoint,
        "instanceRoles": [],
        "kubeconfig": parts.kubeconfig,
        "nodeGroupOptions": _given({"version": parts.version}),
        "provider": parts.provider,
        "storageClasses": {},
        "subnetIds": parts.subnet_ids,
        "vpcCni": parts.cni,
        "vpcId": parts.vpc_id,
    }
    return _given(core)


def _node_role_name(parts: Parts) -> Input[str]:
    return parts.nodes.name if parts.nodes else ""


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
