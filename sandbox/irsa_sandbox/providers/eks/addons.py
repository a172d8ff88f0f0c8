"""The add-ons that pulumi-eks puts on every cluster: kube-proxy and the VPC CNI plugin.

Both are kept in the cluster when the stack goes (`preserve`): without them its nodes are cut off.
"""

import json

import pulumi
import pulumi_aws as aws
from pulumi import InvokeOptions, Output, ResourceOptions

# https://github.com/aws/amazon-vpc-cni-k8s#cni-configuration-variables
_CNI_VALUES = {
    "env": {
        "AWS_VPC_ENI_MTU": "9001",
        "AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG": "false",
        "AWS_VPC_K8S_CNI_EXTERNALSNAT": "false",
        "AWS_VPC_K8S_CNI_LOGLEVEL": "DEBUG",
        "AWS_VPC_K8S_CNI_LOG_FILE": "/host/var/log/aws-routed-eni/ipamd.log",
        "AWS_VPC_K8S_CNI_VETHPREFIX": "eni",
        "AWS_VPC_K8S_PLUGIN_LOG_FILE": "/var/log/aws-routed-eni/plugin.log",
        "AWS_VPC_K8S_PLUGIN_LOG_LEVEL": "DEBUG",
        "ENABLE_POD_ENI": "false",
        "WARM_ENI_TARGET": "1",
    },
    "init": {"env": {"DISABLE_TCP_EARLY_DEMUX": "false"}},
}
"""pulumi-eks' values for a cluster without network settings."""


class VpcCniAddon(pulumi.ComponentResource):
    """The VPC CNI plugin with pulumi-eks' own configuration."""

    def __init__(self, name: str, cluster: aws.eks.Cluster, opts: ResourceOptions) -> None:
        super().__init__("eks:index:VpcCniAddon", name, {}, opts)
        values = json.dumps(_CNI_VALUES, sort_keys=True, separators=(",", ":"))
        addon = _addon(self, name, "vpc-cni", cluster, values)
        self.register_outputs({"addon": addon})


def kube_proxy(parent: pulumi.Resource, name: str, cluster: aws.eks.Cluster) -> None:
    """Put kube-proxy on the cluster."""
    _addon(parent, f"{name}-kube-proxy", "kube-proxy", cluster, None)


def _addon(
    parent: pulumi.Resource, name: str, addon: str, cluster: aws.eks.Cluster, values: str | None
) -> aws.eks.Addon:
    return aws.eks.Addon(
        name,
        cluster_name=cluster.name,
        addon_name=addon,
        addon_version=_newest(parent, addon, cluster.version),
        configuration_values=values,
        preserve=True,
        resolve_conflicts_on_create="OVERWRITE",
        resolve_conflicts_on_update="OVERWRITE",
        opts=ResourceOptions(parent=parent),
    )


def _newest(parent: pulumi.Resource, addon: str, version: Output[str]) -> Output[str]:
    return aws.eks.get_addon_version_output(
        addon_name=addon,
        kubernetes_version=version,
        most_recent=True,
        opts=InvokeOptions(parent=parent),
    ).version
