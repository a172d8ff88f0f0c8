"""Children of a cluster as pulumi-eks makes them: roles of services, add-ons, and the kubeconfig.

The add-ons stay when the stack goes (`preserve`): without them the cluster's nodes are cut off.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_aws as aws
from pulumi import InvokeOptions, Output, ResourceOptions

from irsa.identity.arns import parse_arn


class ServiceRole(pulumi.ComponentResource):
    """A role that a service assumes, with AWS's own policies on it."""

    role: aws.iam.Role
    """The role, whether its policies are attached yet or not."""

    attachments: list[pulumi.Resource]
    """Dependencies of resources that need the role's permissions."""

    def __init__(
        self,
        name: str,
        *,
        service: str,
        description: str | None = None,
        policies: Sequence[str],
        actions: Sequence[str],
        partition: Output[str],
        opts: ResourceOptions,
    ) -> None:
        super().__init__("eks:index:ServiceRole", name, {}, opts)
        child = ResourceOptions(parent=self)
        self.role = aws.iam.Role(
            f"{name}-role",
            description=description,
            assume_role_policy=_trust_policy(service, actions),
            opts=child,
        )
        self.attachments = [
            aws.iam.RolePolicyAttachment(
                f"{name}-{_hash(policy)}",
                policy_arn=Output.concat("arn:", partition, ":iam::aws:policy/", policy),
                role=self.role.name,
                opts=child,
            )
            for policy in policies
        ]
        self.register_outputs({"resolvedRole": self.role, "directRole": self.role})


def _trust_policy(service: str, actions: Sequence[str]) -> str:
    statement = {
        "Action": list(actions),
        "Effect": "Allow",
        "Principal": {"Service": [service]},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]}, separators=(",", ":"))


def _hash(policy: str) -> str:
    """Suffix of an attachment's name, equal in every partition."""
    arn = f"arn:aws:iam::aws:policy/{policy}"
    return hashlib.sha1(arn.encode(), usedforsecurity=False).hexdigest()[:8]


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
        addon = newest_addon(self, name, "vpc-cni", cluster, values)
        self.register_outputs({"addon": addon})


def newest_addon(
    parent: pulumi.Resource,
    name: str,
    addon: str,
    cluster: aws.eks.Cluster,
    values: str | None = None,
) -> aws.eks.Addon:
    """Put an add-on in its newest version on the cluster."""
    newest = aws.eks.get_addon_version_output(
        addon_name=addon,
        kubernetes_version=cluster.version,
        most_recent=True,
        opts=InvokeOptions(parent=parent),
    )
    return aws.eks.Addon(
        name,
        cluster_name=cluster.name,
        addon_name=addon,
        addon_version=newest.version,
        configuration_values=values,
        preserve=True,
        resolve_conflicts_on_create="OVERWRITE",
        resolve_conflicts_on_update="OVERWRITE",
        opts=ResourceOptions(parent=parent),
    )


_EXEC_API = "client.authentication.k8s.io/v1beta1"


def kubeconfig(cluster: Mapping[str, str], credentials: Mapping[str, str]) -> dict[str, Any]:
    """A kubeconfig that gets its token from the AWS CLI.

    ``cluster`` has ``arn``, ``name``, ``server`` and ``ca`` (in base64); ``credentials`` are
    pulumi-eks' KubeconfigOptions, of which the role is used.
    https://www.pulumi.com/registry/packages/eks/api-docs/cluster/#kubeconfigoptions
    """
    arn = parse_arn(cluster["arn"])
    arguments = ["--region", arn.region if arn else "", "eks", "get-token"]
    arguments += ["--cluster-name", cluster["name"], "--output", "json"]
    if role := credentials.get("roleArn"):
        arguments += ["--role", role]
    return {
        "apiVersion": "v1",
        "clusters": [
            {
                "cluster": {
                    "server": cluster["server"],
                    "certificate-authority-data": cluster["ca"],
                },
                "name": "kubernetes",
            }
        ],
        "contexts": [{"context": {"cluster": "kubernetes", "user": "aws"}, "name": "aws"}],
        "current-context": "aws",
        "kind": "Config",
        "users": [
            {
                "name": "aws",
                "user": {
                    "exec": {
                        "apiVersion": _EXEC_API,
                        "command": "aws",
                        "args": arguments,
                        "env": [
                            {
                                "name": "KUBERNETES_EXEC_INFO",
                                "value": f'{{"apiVersion": "{_EXEC_API}"}}',
                            }
                        ],
                    }
                },
            }
        ],
    }
