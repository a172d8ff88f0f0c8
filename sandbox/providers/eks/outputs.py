"""The outputs of `pulumi_eks.Cluster`, by their names on the wire.

https://www.pulumi.com/registry/packages/eks/api-docs/cluster/#outputs
"""

from typing import Any, NamedTuple

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s
from pulumi import Input, Output


class Parts(NamedTuple):
    """What a cluster is made of."""

    cluster: aws.eks.Cluster
    cni: pulumi.ComponentResource
    config_map: k8s.core.v1.ConfigMap | None
    encryption: Any
    group: aws.ec2.SecurityGroup | None
    """Of the control plane."""
    ingress: aws.ec2.SecurityGroupRule | None
    """From the nodes to the control plane."""
    kubeconfig: Output[Any]
    nodes: aws.ec2.SecurityGroup | None
    """The group of the nodes."""
    provider: k8s.Provider
    role: aws.iam.Role
    subnet_ids: Input[Any]
    version: Input[str] | None
    vpc_id: Input[str]


def outputs_of(parts: Parts) -> dict[str, Any]:
    """The component's outputs. Those of nodes and Fargate profiles of its own are empty."""
    cluster, group, nodes, ingress = parts.cluster, parts.group, parts.nodes, parts.ingress
    issuer_url = cluster.identities[0].oidcs[0].issuer
    # Without groups of pulumi-eks' own, its outputs name the one that EKS makes.
    of_eks = cluster.vpc_config.cluster_security_group_id
    outputs = {
        "autoModeNodeRoleName": "",
        "clusterIngressRuleId": ingress.security_group_rule_id if ingress else "",
        "clusterSecurityGroup": group,
        "clusterSecurityGroupId": group.id if group else of_eks,
        "core": _core(parts),
        "defaultNodeGroupAsgName": "",
        "eksCluster": cluster,
        "eksClusterIngressRule": ingress,
        "fargateProfileId": "",
        "fargateProfileStatus": "",
        "instanceRoles": [],
        "kubeconfig": parts.kubeconfig,
        "kubeconfigJson": Output.json_dumps(parts.kubeconfig, separators=(",", ":")),
        "nodeSecurityGroup": nodes,
        "nodeSecurityGroupId": nodes.id if nodes else of_eks,
        "oidcIssuer": issuer_url.apply(lambda url: url.removeprefix("https://")),
        "oidcProviderArn": "",
        "oidcProviderUrl": issuer_url,
    }
    return _given(outputs)


def _core(parts: Parts) -> dict[str, Any]:
    """What other components of pulumi-eks take a cluster by."""
    nodes = {
        "clusterIngressRule": parts.ingress,
        "nodeSecurityGroup": parts.nodes,
        "version": parts.version,
    }
    core = {
        "accessEntries": [],
        "autoModeNodeRoleName": "",
        "cluster": parts.cluster,
        "clusterIamRole": parts.role,
        "clusterSecurityGroup": parts.group,
        "eksNodeAccess": parts.config_map,
        "encryptionConfig": parts.encryption,
        "endpoint": parts.cluster.endpoint,
        "instanceRoles": [],
        "kubeconfig": parts.kubeconfig,
        "nodeGroupOptions": _given(nodes),
        "provider": parts.provider,
        "storageClasses": {},
        "subnetIds": parts.subnet_ids,
        "vpcCni": parts.cni,
        "vpcId": parts.vpc_id,
    }
    return _given(core)


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
