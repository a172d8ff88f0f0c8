"""EKS resources of the `aws` provider: records in front of the sandbox's control plane."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from typing_extensions import override

from ..resource import Created, InvalidInput, Properties, Refused
from ..values import UNKNOWN
from .types import (
    AutoNamed,
    AwsSession,
    changed,
    retag_by_arn,
    two_parts,
)

_VPC_DEFAULTS = {
    "endpointPrivateAccess": False,
    "endpointPublicAccess": True,
    "publicAccessCidrs": ["0.0.0.0/0"],
    "securityGroupIds": [],
}
_VPC = (*_VPC_DEFAULTS, "subnetIds")
_VPC_CHANGES = (
    ("endpointPrivateAccess", "endpointPublicAccess", "publicAccessCidrs"),
    ("subnetIds",),
    ("securityGroupIds",),
)
_AUTO_MODE = ("computeConfig", "kubernetesNetworkConfig", "storageConfig")
_LOG_TYPES = {"api", "audit", "authenticator", "controllerManager", "scheduler"}
_VPC_OUTPUTS = ("clusterSecurityGroupId", "vpcId")


class Cluster(AutoNamed):
    """An EKS cluster."""

    token = "aws:eks/cluster:Cluster"
    required = frozenset({"roleArn", "vpcConfig"})
    known = frozenset(
        {
            "accessConfig",
            "bootstrapSelfManagedAddons",
            "computeConfig",
            "deletionProtection",
            "enabledClusterLogTypes",
            "encryptionConfig",
            "kubernetesNetworkConfig",
            "name",
            "roleArn",
            "storageConfig",
            "tags",
            "version",
            "vpcConfig",
        }
    )
    replace_on = frozenset(
        {
            "accessConfig.bootstrapClusterCreatorAdminPermissions",
            "bootstrapSelfManagedAddons",
            "name",
            "roleArn",
        }
    )
    replace_on_removal = frozenset({"encryptionConfig"})
    filled = frozenset({"accessConfig", "deletionProtection", "version", *_AUTO_MODE})
    filled_in = ("vpcConfig.publicAccessCidrs",)
    arns = frozenset({"roleArn"})
    partial = frozenset({"accessConfig", "kubernetesNetworkConfig", "vpcConfig"})
    computed = (
        frozenset(
            {
                "arn",
                "certificateAuthority",
                "createdAt",
                "endpoint",
                "identities",
                "platformVersion",
                "region",
                "status",
                "tagsAll",
            }
        )
        | filled
    )
    sets = frozenset(
        {"enabledClusterLogTypes", "vpcConfig.publicAccessCidrs", "vpcConfig.subnetIds"}
    )
    defaults: ClassVar[Properties] = {"bootstrapSelfManagedAddons": True}

    @override
    def check(self, news: Properties) -> Properties:
        network = news.get("kubernetesNetworkConfig", {})
        if isinstance(network, Mapping) and network.get("serviceIpv4Cidr"):
            reason = "the sandbox does not know its serviceIpv4Cidr"
            raise InvalidInput("kubernetesNetworkConfig", reason)
        return super().check(news)

    @override
    def create(self, session: AwsSession, inputs: Properties) -> Created:
        optional = ("version", *_AUTO_MODE)
        session.client("eks").create_cluster(
            name=inputs["name"],
            roleArn=inputs["roleArn"],
            resourcesVpcConfig=_picked(inputs["vpcConfig"], _VPC),
            accessConfig=inputs.get("accessConfig", {}),
            deletionProtection=inputs.get("deletionProtection", False),
            encryptionConfig=_encryption(inputs),
            bootstrapSelfManagedAddons=inputs["bootstrapSelfManagedAddons"],
            logging=_logging(inputs),
            tags=inputs.get("tags", {}),
            **_picked(inputs, optional),
        )
        return Created(inputs["name"])

    @override
    def live(self, session: AwsSession, resource_id: str, state: Properties) -> Properties | None:
        cluster = session.client("eks").describe_cluster(name=resource_id)["cluster"]
        vpc, network = cluster["resourcesVpcConfig"], cluster["kubernetesNetworkConfig"]
        return {
            "accessConfig": cluster.get("accessConfig", {}),
            "arn": cluster["arn"],
            "bootstrapSelfManagedAddons": state.get("bootstrapSelfManagedAddons", True),
            "certificateAuthority": cluster["certificateAuthority"],
            "computeConfig": cluster.get("computeConfig", {}),
            "createdAt": cluster["createdAt"].isoformat(),
            "deletionProtection": cluster["deletionProtection"],
            "encryptionConfig": next(iter(cluster.get("encryptionConfig", ())), {}),
            "enabledClusterLogTypes": sorted(
                kind
                for setup in cluster.get("logging", {}).get("clusterLogging", ())
                if setup.get("enabled")
                for kind in setup["types"]
            ),
            "endpoint": cluster["endpoint"],
            "identities": [{"oidcs": [{"issuer": cluster["identity"]["oidc"]["issuer"]}]}],
            "kubernetesNetworkConfig": network if "elasticLoadBalancing" in network else {},
            "name": cluster["name"],
            "platformVersion": cluster["platformVersion"],
            "region": session.region,
            "roleArn": cluster["roleArn"],
            "status": cluster["status"],
            "storageConfig": cluster.get("storageConfig", {}),
            "tags": cluster.get("tags", {}),
            "tagsAll": cluster.get("tags", {}),
            "version": cluster["version"],
            "vpcConfig": {
                name: sorted(vpc[name]) if isinstance(vpc[name], list) else vpc[name]
                for name in (*_VPC, *_VPC_OUTPUTS)
                if name in vpc
            },
        }

    @override
    def inputs_of(self, state: Properties) -> Properties:
        inputs, vpc = super().inputs_of(state), state["vpcConfig"]
        given = {n: vpc[n] for n in _VPC if n in vpc and vpc[n] != _VPC_DEFAULTS.get(n)}
        if network := inputs.get("kubernetesNetworkConfig"):  # EKS chooses the addresses
            inputs["kubernetesNetworkConfig"] = _picked(
                network, ("elasticLoadBalancing", "ipFamily")
            )
        return {**inputs, "vpcConfig": given}

    @override
    def preview(
        self, session: AwsSession, inputs: Properties, state: Properties | None
    ) -> Properties:
        outputs = super().preview(session, inputs, state)
        given = inputs["vpcConfig"]
        if isinstance(given, Mapping):
            unknown: Properties = dict.fromkeys(_VPC_OUTPUTS, UNKNOWN)
            known = state["vpcConfig"] if state else unknown
            outputs["vpcConfig"] = {**_picked(known, _VPC_OUTPUTS), **given}
        return outputs

    @override
    def update(
        self, session: AwsSession, resource_id: str, olds: Properties, news: Properties
    ) -> None:
        eks = session.client("eks")
        if changed(olds, news, "version"):
            eks.update_cluster_version(name=resource_id, version=news["version"])
        # EKS takes one kind of change at a time.
        if changed(olds, news, "encryptionConfig"):
            if olds.get("encryptionConfig"):
                raise Refused(
                    f"cluster {resource_id} has an encryption key, which EKS never changes"
                )
            eks.associate_encryption_config(
                clusterName=resource_id, encryptionConfig=_encryption(news)
            )
        if changed(olds, news, "deletionProtection"):
            eks.update_cluster_config(
                name=resource_id, deletionProtection=news["deletionProtection"]
            )
        if changed(olds, news, "enabledClusterLogTypes"):
            eks.update_cluster_config(name=resource_id, logging=_logging(news))
        if changed(olds, news, "computeConfig", "storageConfig"):
            eks.update_cluster_config(name=resource_id, **_auto_mode(news))
        mode = news.get("accessConfig", {}).get("authenticationMode")
        if mode and mode != olds["accessConfig"].get("authenticationMode"):
            eks.update_cluster_config(name=resource_id, accessConfig={"authenticationMode": mode})
        for kind in _VPC_CHANGES:
            before, after = (_picked(each["vpcConfig"], kind) for each in (olds, news))
            if any(before.get(name) != value for name, value in after.items()):
                eks.update_cluster_config(name=resource_id, resourcesVpcConfig=after)
        retag_by_arn(eks, olds["arn"], olds, news)

    @override
    def remove(self, session: AwsSession, resource_id: str, state: Properties) -> None:
        session.client("eks").delete_cluster(name=resource_id)


class NodeGroup(AutoNamed):
    """A managed node group; its nodes are the sandbox's kubelet."""

    token = "aws:eks/nodeGroup:NodeGroup"
    required = frozenset({"clusterName", "nodeRoleArn", "scalingConfig", "subnetIds"})
    known = frozenset(
        {
            "amiType",
            "capacityType",
            "clusterName",
            "diskSize",
            "instanceTypes",
            "labels",
            "launchTemplate",
            "nodeGroupName",
            "nodeRoleArn",
            "scalingConfig",
            "subnetIds",
            "tags",
            "version",
        }
    )
    replace_on = frozenset(
        {
            "amiType",
            "capacityType",
            "clusterName",
            "diskSize",
            "instanceTypes",
            "launchTemplate.id",
            "launchTemplate.name",
            "nodeGroupName",
            "nodeRoleArn",
            "subnetIds",
        }
    )
    updated_on_removal = frozenset({"launchTemplate"})
    partial = frozenset({"launchTemplate"})
    arns = frozenset({"nodeRoleArn"})
    filled = frozenset({"amiType", "capacityType", "diskSize", "instanceTypes", "version"})
    computed = frozenset({"arn", "region", "resources", "status", "tagsAll"}) | filled
    sets = frozenset({"subnetIds"})
    name_property = "nodeGroupName"

    @override
    def create(self, session: AwsSession, inputs: Properties) -> Created:
        optional = (
            "amiType",
            "capacityType",
            "diskSize",
            "instanceTypes",
            "labels",
            "launchTemplate",
            "version",
        )
        session.client("eks").create_nodegroup(
            clusterName=inputs["clusterName"],
            nodegroupName=inputs["nodeGroupName"],
            nodeRole=inputs["nodeRoleArn"],
            subnets=inputs["subnetIds"],
            scalingConfig=inputs["scalingConfig"],
            tags=inputs.get("tags", {}),
            **_picked(inputs, optional),
        )
        return Created(f"{inputs['clusterName']}:{inputs['nodeGroupName']}")

    @override
    def live(self, session: AwsSession, resource_id: str, state: Properties) -> Properties | None:
        cluster, name = two_parts(resource_id, ":", "CLUSTER:NODE-GROUP")
        group = session.client("eks").describe_nodegroup(clusterName=cluster, nodegroupName=name)
        group = group["nodegroup"]
        return {
            "amiType": group["amiType"],
            "arn": group["nodegroupArn"],
            "capacityType": group["capacityType"],
            "clusterName": cluster,
            "diskSize": group.get("diskSize", 0),
            "instanceTypes": group["instanceTypes"],
            "labels": group.get("labels", {}),
            "launchTemplate": group.get("launchTemplate", {}),
            "nodeGroupName": name,
            "nodeRoleArn": group["nodeRole"],
            "region": session.region,
            "resources": [
                {
                    "autoscalingGroups": group["resources"]["autoScalingGroups"],
                    "remoteAccessSecurityGroupId": "",
                }
            ],
            "scalingConfig": group["scalingConfig"],
            "status": group["status"],
            "subnetIds": sorted(group["subnets"]),
            "tags": group.get("tags", {}),
            "tagsAll": group.get("tags", {}),
            "version": group["version"],
        }

    @override
    def update(
        self, session: AwsSession, resource_id: str, olds: Properties, news: Properties
    ) -> None:
        eks = session.client("eks")
        group = {"clusterName": news["clusterName"], "nodegroupName": news["nodeGroupName"]}
        renewed = [n for n in ("launchTemplate", "version") if n in news and changed(olds, news, n)]
        if renewed:
            eks.update_nodegroup_version(**group, **_picked(news, renewed))
        if changed(olds, news, "labels", "scalingConfig"):
            before, after = olds.get("labels") or {}, news.get("labels") or {}
            eks.update_nodegroup_config(
                **group,
                scalingConfig=news["scalingConfig"],
                labels={
                    "addOrUpdateLabels": after,
                    "removeLabels": sorted(before.keys() - after.keys()),
                },
            )
        retag_by_arn(eks, olds["arn"], olds, news)

    @override
    def remove(self, session: AwsSession, resource_id: str, state: Properties) -> None:
        cluster, name = two_parts(resource_id, ":", "CLUSTER:NODE-GROUP")
        session.client("eks").delete_nodegroup(clusterName=cluster, nodegroupName=name)


TYPES = (Cluster(), NodeGroup())


def _picked(values: Mapping[str, Any], names: Sequence[str]) -> Properties:
    return {name: values[name] for name in names if name in values}


def _auto_mode(inputs: Properties) -> Properties:
    """The three parts of EKS Auto Mode, which it changes together; off where they are left out."""
    network, off = inputs.get("kubernetesNetworkConfig", {}), {"enabled": False}
    return {
        "computeConfig": inputs.get("computeConfig", off),
        "kubernetesNetworkConfig": {
            "elasticLoadBalancing": network.get("elasticLoadBalancing", off)
        },
        "storageConfig": inputs.get("storageConfig", {"blockStorage": off}),
    }


def _logging(inputs: Properties) -> dict[str, Any]:
    wanted = inputs.get("enabledClusterLogTypes", [])
    return {
        "clusterLogging": [
            {"types": wanted, "enabled": True},
            {"types": sorted(_LOG_TYPES.difference(wanted)), "enabled": False},
        ]
    }


def _encryption(inputs: Properties) -> list[Properties]:
    return [inputs["encryptionConfig"]] if "encryptionConfig" in inputs else []
