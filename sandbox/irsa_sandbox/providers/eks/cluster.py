"""`pulumi_eks.Cluster` as the published component registers it: same children, inputs, outputs.

Read in pulumi-eks' own source (nodejs/eks/cluster), for the inputs of `SUPPORTED_INPUTS`. Names of
children are part of it: they stand in the URNs of stacks, and in the names of roles. The components
have no inputs in the state, because the SDK that pulumi-eks is built with (3.173) sends none.
https://www.pulumi.com/registry/packages/eks/api-docs/cluster/
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s
from pulumi import Input, InvokeOptions, Output, ResourceOptions

from irsa_core.identity.arns import aws_policy_arn, cluster_arn
from irsa_core.identity.policies import document, trust_statement

SUPPORTED_INPUTS = frozenset(
    {
        *("name", "version", "authenticationMode", "autoMode", "deletionProtection"),
        *("endpointPrivateAccess", "endpointPublicAccess", "publicAccessCidrs"),
        *("subnetIds", "vpcId", "skipDefaultNodeGroup", "skipDefaultSecurityGroups"),
        *("corednsAddonOptions", "useDefaultVpcCni", "enabledClusterLogTypes"),
        *("createOidcProvider", "encryptionConfigKeyArn", "providerCredentialOpts"),
    }
)
# https://docs.aws.amazon.com/eks/latest/userguide/auto-cluster-iam-role.html
_AUTO_MODE_POLICIES = (
    "AmazonEKSComputePolicy",
    "AmazonEKSBlockStoragePolicy",
    "AmazonEKSLoadBalancingPolicy",
    "AmazonEKSNetworkingPolicy",
)
_AUTO_MODE_NODES = (
    "ec2.amazonaws.com",
    ["sts:AssumeRole"],
    ["AmazonEKSWorkerNodeMinimalPolicy", "AmazonEC2ContainerRegistryPullOnly"],
)
"""The service that assumes the role of nodes in Auto Mode, its actions, and the policies."""


class ServiceRole(pulumi.ComponentResource):
    """A role that a service assumes, with AWS's own policies on it."""

    role: aws.iam.Role
    """The role, whether its policies are attached yet or not."""

    def __init__(
        self,
        name: str,
        service: str,
        actions: list[str],
        policies: Sequence[str],
        *,
        description: str | None = None,
        partition: Output[str],
        opts: ResourceOptions,
    ) -> None:
        super().__init__("eks:index:ServiceRole", name, {}, opts)
        child = ResourceOptions(parent=self)
        trust = json.dumps(document(trust_statement({"Service": service}, actions)))
        self.role = aws.iam.Role(
            f"{name}-role", description=description, assume_role_policy=trust, opts=child
        )
        for policy in policies:
            arn = aws_policy_arn(policy)  # the suffix is equal in every partition
            digest = hashlib.sha1(arn.encode(), usedforsecurity=False)
            aws.iam.RolePolicyAttachment(
                f"{name}-{digest.hexdigest()[:8]}",
                policy_arn=Output.concat("arn:", partition, ":iam::aws:policy/", policy),
                role=self.role.name,
                opts=child,
            )
        self.register_outputs({"resolvedRole": self.role, "directRole": self.role})


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
    """The VPC CNI plugin with pulumi-eks' own configuration. Like other add-ons it stays when the
    stack goes (`preserve`): without them the cluster's nodes are cut off."""

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


def kubeconfig(
    *, arn: str, name: str, server: str, ca: str, credentials: Mapping[str, str]
) -> dict[str, Any]:
    """A kubeconfig that gets its token from the AWS CLI.

    ``ca`` is in base64; ``credentials`` are pulumi-eks' KubeconfigOptions, of which the role is
    used. https://www.pulumi.com/registry/packages/eks/api-docs/cluster/#kubeconfigoptions
    """
    arguments = ["--region", cluster_arn(arn).region, "eks", "get-token"]
    arguments += ["--cluster-name", name, "--output", "json"]
    if role := credentials.get("roleArn"):
        arguments += ["--role", role]
    information = {"name": "KUBERNETES_EXEC_INFO", "value": f'{{"apiVersion": "{_EXEC_API}"}}'}
    command = {"apiVersion": _EXEC_API, "command": "aws", "args": arguments, "env": [information]}
    cluster = {"server": server, "certificate-authority-data": ca}
    return {
        "apiVersion": "v1",
        "clusters": [{"cluster": cluster, "name": "kubernetes"}],
        "contexts": [{"context": {"cluster": "kubernetes", "user": "aws"}, "name": "aws"}],
        "current-context": "aws",
        "kind": "Config",
        "users": [{"name": "aws", "user": {"exec": command}}],
    }


class ClusterComponent(pulumi.ComponentResource):
    """The sandbox's component for a `pulumi_eks.Cluster`."""

    outputs: dict[str, Any]
    """The component's outputs, by their names on the wire."""

    def __init__(self, name: str, inputs: Mapping[str, Any], opts: ResourceOptions) -> None:
        super().__init__("eks:index:Cluster", name, {}, opts)
        here, auto_mode = InvokeOptions(parent=self), inputs.get("autoMode", {}).get("enabled")
        vpc_id, subnet_ids = _network(inputs, here)
        partition = aws.get_partition_output(opts=here).partition
        service_role = partial(ServiceRole, partition=partition, opts=ResourceOptions(parent=self))
        role = service_role(
            f"{name}-eksRole",
            "eks.amazonaws.com",
            # The second one is for EKS Auto Mode; pulumi-eks allows it always.
            ["sts:AssumeRole", "sts:TagSession"],
            ["AmazonEKSClusterPolicy", *(_AUTO_MODE_POLICIES if auto_mode else ())],
            description="Allows EKS to manage clusters on your behalf.",
        )
        nodes = service_role(f"{name}-nodeRole", *_AUTO_MODE_NODES) if auto_mode else None
        cluster = self._cluster(name, inputs, subnet_ids, role, nodes)
        if not auto_mode:
            newest_addon(self, f"{name}-kube-proxy", "kube-proxy", cluster)
        config = Output.all(
            arn=cluster.arn,
            name=cluster.name,
            server=cluster.endpoint,
            ca=cluster.certificate_authority.data,
            credentials=inputs.get("providerCredentialOpts") or {},
        ).apply(lambda facts: kubeconfig(**facts))
        provider = k8s.Provider(
            f"{name}-eks-k8s",
            kubeconfig=Output.json_dumps(config, separators=(",", ":")),
            opts=ResourceOptions(parent=self),
        )
        cni = None
        if not inputs.get("useDefaultVpcCni", auto_mode):
            cni = VpcCniAddon(
                f"{name}-vpc-cni", cluster, ResourceOptions(parent=self, providers=[provider])
            )
        core = {
            "accessEntries": [],
            "autoModeNodeRoleName": nodes.role.name if nodes else "",
            "cluster": cluster,
            "clusterIamRole": role.role,
            "encryptionConfig": _encryption(inputs),
            "endpoint": cluster.endpoint,
            "instanceRoles": [],
            "kubeconfig": config,
            "nodeGroupOptions": {"version": inputs["version"]} if "version" in inputs else {},
            "provider": provider,
            "storageClasses": {},
            "subnetIds": subnet_ids,
            "vpcCni": cni,
            "vpcId": vpc_id,
        }
        self.outputs = _outputs({n: value for n, value in core.items() if value is not None})
        self.register_outputs(self.outputs)

    def _cluster(
        self,
        name: str,
        inputs: Mapping[str, Any],
        subnet_ids: Input[Any],
        role: ServiceRole,
        nodes: ServiceRole | None,
    ) -> aws.eks.Cluster:
        access = aws.eks.ClusterAccessConfigArgs(
            authentication_mode=inputs["authenticationMode"],
            bootstrap_cluster_creator_admin_permissions=True,
        )
        return aws.eks.Cluster(
            f"{name}-eksCluster",
            name=inputs.get("name"),
            role_arn=role.role.arn,
            version=inputs.get("version"),
            vpc_config=aws.eks.ClusterVpcConfigArgs(
                subnet_ids=subnet_ids,
                endpoint_private_access=inputs.get("endpointPrivateAccess"),
                endpoint_public_access=inputs.get("endpointPublicAccess"),
                public_access_cidrs=_public_blocks(inputs),
            ),
            access_config=access,
            bootstrap_self_managed_addons=nodes is None,
            **_auto_mode_parts(nodes),
            deletion_protection=inputs.get("deletionProtection"),
            enabled_cluster_log_types=inputs.get("enabledClusterLogTypes"),
            encryption_config=_encryption(inputs),
            tags={"Name": f"{name}-eksCluster"},
            opts=ResourceOptions(
                parent=self,
                depends_on=[role, nodes] if nodes else [role],
                # A change of these would replace an old cluster.
                ignore_changes=[
                    "accessConfig.bootstrapClusterCreatorAdminPermissions",
                    "bootstrapSelfManagedAddons",
                ],
            ),
        )


_ABSENT = (
    *("clusterIngressRuleId", "defaultNodeGroupAsgName", "fargateProfileId"),
    *("fargateProfileStatus", "oidcProviderArn"),
)


def _outputs(core: dict[str, Any]) -> dict[str, Any]:
    """The outputs by their names on the wire; empty for nodes, security groups and Fargate profiles
    of the component's own.

    ``core`` is one of them, which other components of pulumi-eks take.
    https://www.pulumi.com/registry/packages/eks/api-docs/cluster/#outputs
    """
    cluster: aws.eks.Cluster = core["cluster"]
    issuer_url = cluster.identities[0].oidcs[0].issuer
    # Without groups of pulumi-eks' own, its outputs name the one that EKS makes.
    of_eks = cluster.vpc_config.cluster_security_group_id
    return {
        "autoModeNodeRoleName": core["autoModeNodeRoleName"],
        "clusterSecurityGroupId": of_eks,
        "core": core,
        "eksCluster": cluster,
        "instanceRoles": [],
        "kubeconfig": core["kubeconfig"],
        "kubeconfigJson": Output.json_dumps(core["kubeconfig"], separators=(",", ":")),
        "nodeSecurityGroupId": of_eks,
        "oidcIssuer": issuer_url.apply(lambda url: url.removeprefix("https://")),
        "oidcProviderUrl": issuer_url,
        **dict.fromkeys(_ABSENT, ""),
    }


def _auto_mode_parts(nodes: ServiceRole | None) -> dict[str, Any]:
    """Arguments of a cluster in Auto Mode. The aws provider wants to know all or none of them."""
    if nodes is None:
        return {}
    on = {"enabled": True}
    pools = {**on, "node_pools": ["general-purpose", "system"], "node_role_arn": nodes.role.arn}
    parts = {
        "compute_config": pools,
        "kubernetes_network_config": {"elastic_load_balancing": on, "ip_family": "ipv4"},
        "storage_config": {"block_storage": on},
    }
    arguments = Output.from_input(parts)
    return {name: arguments[name] for name in parts}


def refusal(inputs: Mapping[str, Any]) -> str | None:
    """Return the problem with the first input that the stand-in does not support."""
    for name in sorted(inputs.keys() - SUPPORTED_INPUTS):
        return f"the sandbox does not know the input {name}"
    or_plugin = "or leave aws and eks to their plugins: --providers aws,eks"
    auto_mode = inputs.get("autoMode", {})
    if auto_mode.keys() - {"enabled", "createNodeRole"}:
        return "the sandbox knows of autoMode only enabled, and creates the role of its nodes"
    if auto_mode.get("enabled") and inputs.get("corednsAddonOptions", {}).get("enabled", True):
        return "the sandbox puts no coredns on a cluster; set corednsAddonOptions.enabled to false"
    if inputs.get("createOidcProvider"):
        return (
            "the sandbox creates no OIDC provider here; leave createOidcProvider false and use "
            "aws.iam.OpenIdConnectProvider"
        )
    if not inputs.get("skipDefaultNodeGroup"):
        return (
            "the sandbox has no self-managed nodes; set skipDefaultNodeGroup and use "
            "aws.eks.NodeGroup"
        )
    if not inputs.get("skipDefaultSecurityGroups"):
        return f"the sandbox makes no security groups; set skipDefaultSecurityGroups, {or_plugin}"
    if inputs.get("authenticationMode") != "API":
        return f"the sandbox makes no aws-auth; set authenticationMode to API, {or_plugin}"
    return None


def _network(inputs: Mapping[str, Any], here: InvokeOptions) -> tuple[Input[str], Input[Any]]:
    """The VPC that is given, or the default one whatever the subnets are, as pulumi-eks does it."""
    subnets = inputs.get("subnetIds")
    if "vpcId" in inputs:
        return inputs["vpcId"], subnets or []
    vpc_id = aws.ec2.get_vpc_output(default=True, opts=here).id
    if subnets is not None:
        return vpc_id, subnets
    of_vpc = vpc_id.apply(lambda vpc: [aws.ec2.GetSubnetsFilterArgs(name="vpc-id", values=[vpc])])
    return vpc_id, aws.ec2.get_subnets_output(filters=of_vpc, opts=here).ids


def _encryption(inputs: Mapping[str, Any]) -> Any:
    if "encryptionConfigKeyArn" not in inputs:
        return None
    provider = {"keyArn": inputs["encryptionConfigKeyArn"]}
    return {"provider": provider, "resources": ["secrets"]}


def _public_blocks(inputs: Mapping[str, Any]) -> Any:
    if "publicAccessCidrs" not in inputs:
        return None

    def checked(settings: list[Any]) -> Any:
        blocks, public = settings
        if blocks and not public:
            raise pulumi.RunError(
                "`publicAccessCidrs` can only be set when `endpointPublicAccess` is true"
            )
        return blocks

    public = inputs.get("endpointPublicAccess", True)
    return Output.all(inputs["publicAccessCidrs"], public).apply(checked)
