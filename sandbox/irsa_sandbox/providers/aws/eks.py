"""Rows of EKS: records in front of the sandbox's control plane."""

from collections.abc import Sequence
from typing import Any, ClassVar

from typing_extensions import override

from ..resource import Properties, Refused
from .table import AwsSession, AwsType, Is, Property, changed, outputs, picked, tag_changes

_NAMES = Is.REQUIRED | Is.REPLACING
_TAGS = {"tags": Property(absent={}), "tagsAll": Property(Is.OUTPUT, "tags", absent={})}


class _Eks(AwsType):
    """A type of EKS."""

    service, reads = "eks", "describe"

    @override
    def retag(self, client: Any, named: Properties, olds: Properties, news: Properties) -> None:
        gone, new = tag_changes(olds, news)
        arn = next(olds[n] for n in ("arn", "accessEntryArn", "associationArn") if n in olds)
        if gone:
            client.untag_resource(resourceArn=arn, tagKeys=gone)
        if new:
            client.tag_resource(resourceArn=arn, tags=new)


_VPC_DEFAULTS = {
    "endpointPrivateAccess": False,
    "endpointPublicAccess": True,
    "publicAccessCidrs": ["0.0.0.0/0"],
    "securityGroupIds": [],
}
_VPC = (*_VPC_DEFAULTS, "subnetIds")
_CONFIG = (
    ("deletionProtection",),
    ("enabledClusterLogTypes",),
    ("computeConfig", "kubernetesNetworkConfig.elasticLoadBalancing", "storageConfig"),
    ("accessConfig.authenticationMode",),
    tuple(f"vpcConfig.{n}" for n in _VPC_DEFAULTS if n != "securityGroupIds"),
    ("vpcConfig.subnetIds",),
    ("vpcConfig.securityGroupIds",),
)
"""EKS takes one kind of change of a cluster's configuration at a time."""
_LOG_TYPES = {"api", "audit", "authenticator", "controllerManager", "scheduler"}


def _logging(wanted: Sequence[str]) -> Properties:
    on = {"types": wanted, "enabled": True}
    return {"clusterLogging": [on, {"types": sorted(_LOG_TYPES - {*wanted}), "enabled": False}]}


def _log_types(logging: Properties) -> list[str]:
    setups = [setup for setup in logging["clusterLogging"] if setup.get("enabled")]
    return [kind for setup in setups for kind in setup["types"]]


class ClusterType(_Eks):
    """An EKS cluster."""

    noun, member, key = "cluster", "cluster", ("name",)
    properties: ClassVar = {
        **outputs("arn certificateAuthority createdAt endpoint platformVersion region status"),
        "accessConfig": Property(Is.FILLED | Is.PARTIAL, absent={}),
        "accessConfig.bootstrapClusterCreatorAdminPermissions": Is.REPLACING,
        "bootstrapSelfManagedAddons": Property(Is.REPLACING, default=True),
        "computeConfig": Property(Is.FILLED, absent={}),
        "computeConfig.nodePools": Is.UNORDERED,
        "deletionProtection": Is.FILLED,
        "enabledClusterLogTypes": Property(
            Is.UNORDERED, "logging", absent=[], sent=_logging, shown=_log_types
        ),
        "encryptionConfig": Property(
            absent={}, sent=lambda config: [config], shown=lambda found: found[0] if found else {}
        ),
        "encryptionConfig.resources": Is.UNORDERED,
        "identities": Property(Is.OUTPUT, "identity.oidc", shown=lambda oidc: [{"oidcs": [oidc]}]),
        "kubernetesNetworkConfig": Is.FILLED | Is.PARTIAL,
        "kubernetesNetworkConfig.ipFamily": Is.REPLACING,
        "kubernetesNetworkConfig.serviceIpv4Cidr": Is.REPLACING,
        "name": Property(Is.REPLACING, rule=r"[0-9A-Za-z][0-9A-Za-z_-]{0,99}"),
        "roleArn": Is.REQUIRED | Is.REPLACING | Is.ARN,
        "storageConfig": Property(Is.FILLED, absent={}),
        "version": Is.FILLED,
        "vpcConfig": Property(
            Is.REQUIRED | Is.PARTIAL,
            "resourcesVpcConfig",
            shown=lambda found: picked(found, (*_VPC, "clusterSecurityGroupId", "vpcId")),
        ),
        **dict.fromkeys(("vpcConfig.clusterSecurityGroupId", "vpcConfig.vpcId"), Is.OUTPUT),
        "vpcConfig.publicAccessCidrs": Is.FILLED | Is.UNORDERED,
        "vpcConfig.securityGroupIds": Is.UNORDERED,
        "vpcConfig.subnetIds": Is.UNORDERED,
        **_TAGS,
    }
    replace_on_removal = frozenset({"encryptionConfig"})
    changes = (
        ("update_cluster_version", ("version",)),
        *(("update_cluster_config", names) for names in _CONFIG),
    )

    @override
    def inputs_of(self, state: Properties) -> Properties:
        inputs, vpc = super().inputs_of(state), state["vpcConfig"]
        given = {n: vpc[n] for n in _VPC if n in vpc and vpc[n] != _VPC_DEFAULTS.get(n)}
        if network := inputs.get("kubernetesNetworkConfig"):  # EKS chooses the addresses
            inputs["kubernetesNetworkConfig"] = picked(
                network, ("elasticLoadBalancing", "ipFamily")
            )
        return {**inputs, "vpcConfig": given}

    @override
    def modify(self, client: Any, named: Properties, olds: Properties, news: Properties) -> None:
        if changed(olds, news, "encryptionConfig"):
            parameters = self.request(news, ("encryptionConfig",))
            client.associate_encryption_config(clusterName=named["name"], **parameters)


class NodeGroupType(_Eks):
    """A managed node group; its nodes are the sandbox's kubelet."""

    noun, member = "nodegroup", "nodegroup"
    key = ("clusterName", "nodegroupName")
    properties: ClassVar = {
        **outputs("region status"),
        "amiType": Is.FILLED | Is.REPLACING,
        "arn": Property(Is.OUTPUT, "nodegroupArn"),
        "capacityType": Is.FILLED | Is.REPLACING,
        "clusterName": _NAMES,
        "diskSize": Property(Is.FILLED | Is.REPLACING, absent=0),
        "instanceTypes": Is.FILLED | Is.REPLACING,
        "labels": Property(absent={}),
        "launchTemplate": Property(Is.PARTIAL, absent={}),
        "launchTemplate.id": Is.REPLACING,
        "launchTemplate.name": Is.REPLACING,
        "nodeGroupName": Property(
            Is.REPLACING, "nodegroupName", rule=r"[0-9A-Za-z][0-9A-Za-z_-]{0,62}"
        ),
        "nodeRoleArn": Property(Is.REQUIRED | Is.REPLACING | Is.ARN, "nodeRole"),
        "resources": Property(
            Is.OUTPUT,
            "resources.autoScalingGroups",
            shown=lambda groups: [{"autoscalingGroups": groups, "remoteAccessSecurityGroupId": ""}],
        ),
        "scalingConfig": Is.REQUIRED,
        "subnetIds": Property(Is.REQUIRED | Is.REPLACING | Is.UNORDERED, "subnets"),
        "version": Is.FILLED,
        **_TAGS,
    }

    @override
    def modify(self, client: Any, named: Properties, olds: Properties, news: Properties) -> None:
        renewed = [n for n in ("launchTemplate", "version") if n in news and changed(olds, news, n)]
        if renewed:
            client.update_nodegroup_version(**named, **self.request(news, renewed))
        if changed(olds, news, "labels", "scalingConfig"):
            before, after = olds.get("labels") or {}, news.get("labels") or {}
            gone = sorted(before.keys() - after.keys())
            client.update_nodegroup_config(
                **named,
                scalingConfig=news["scalingConfig"],
                labels={"addOrUpdateLabels": after, "removeLabels": gone},
            )


_ROLE, _ASSOCIATIONS = "serviceAccountRoleArn", "podIdentityAssociations"


class AddonType(_Eks):
    """An add-on of a cluster, by its name in EKS's catalogue."""

    noun, member = "addon", "addon"
    key = ("clusterName", "addonName")
    properties: ClassVar = {
        **outputs("createdAt modifiedAt region"),
        "addonName": _NAMES,
        "addonVersion": Property(Is.FILLED, absent=""),
        "arn": Property(Is.OUTPUT, "addonArn"),
        "clusterName": _NAMES,
        "configurationValues": Property(Is.FILLED, absent=""),
        _ASSOCIATIONS: Property(Is.UNORDERED, absent=[]),
        "preserve": Is.HELD,
        "resolveConflictsOnCreate": Is.HELD,
        "resolveConflictsOnUpdate": Is.HELD,
        _ROLE: Property(Is.ARN, absent=""),
        **_TAGS,
    }

    @override
    def request(self, inputs: Properties, names: Sequence[str] | None = None) -> Properties:
        wanted = super().request(inputs, names)
        during = "resolveConflictsOnCreate" if names is None else "resolveConflictsOnUpdate"
        return {**wanted, **({"resolveConflicts": inputs[during]} if inputs.get(during) else {})}

    @override
    def found(self, session: AwsSession, client: Any, named: Properties) -> Any:
        addon, cluster = super().found(session, client, named), named["clusterName"]
        associations = [_association(client, cluster, arn) for arn in addon.get(_ASSOCIATIONS, ())]
        return {**addon, _ASSOCIATIONS: associations}

    @override
    def modify(self, client: Any, named: Properties, olds: Properties, news: Properties) -> None:
        every = ("addonVersion", "configurationValues", _ROLE, _ASSOCIATIONS)
        names = [name for name in every if changed(olds, news, name)]
        if _ROLE in names and not news.get(_ROLE):
            raise Refused(
                "InvalidParameterException: Cross-account pass role is not allowed. The aws "
                "provider asks for an empty role (terraform-provider-aws#30645); remove the add-on "
                "in one `up` and create it in the next"
            )
        if names:
            if _ROLE in news:  # EKS would take it away from an add-on that is updated without it
                names.append(_ROLE)
            client.update_addon(**named, **self.request(news, names))

    @override
    def remove(self, client: Any, named: Properties, state: Properties) -> None:
        client.delete_addon(**named, preserve=state.get("preserve") or False)


def _association(eks: Any, cluster: str, arn: str) -> Properties:
    at = {"clusterName": cluster, "associationId": arn.rpartition("/")[2]}
    found = eks.describe_pod_identity_association(**at)["association"]
    return picked(found, ("roleArn", "serviceAccount"))


class AccessEntryType(_Eks):
    """An IAM principal that may use the cluster's API."""

    noun, member = "access_entry", "accessEntry"
    key = ("clusterName", "principalArn")
    properties: ClassVar = {
        **outputs("accessEntryArn createdAt modifiedAt region"),
        "clusterName": _NAMES,
        "kubernetesGroups": Property(Is.FILLED | Is.UNORDERED, absent=[]),
        "principalArn": _NAMES | Is.ARN,
        "type": Property(Is.REPLACING, default="STANDARD"),
        "userName": Property(Is.FILLED, "username"),
        **_TAGS,
    }
    changes = (("update_access_entry", ("kubernetesGroups", "userName")),)


class AccessPolicyAssociationType(_Eks):
    """One of AWS's access policies on an access entry. Nothing of it changes in place."""

    noun, creates, deletes = "access_policy", "associate", "disassociate"
    listed = ("list_associated_access_policies", "associatedAccessPolicies")
    key, separator = ("clusterName", "principalArn", "policyArn"), "#"
    properties: ClassVar = {
        **outputs("associatedAt modifiedAt region"),
        "accessScope": Property(
            _NAMES, shown=lambda scope: {name: value for name, value in scope.items() if value}
        ),
        "accessScope.namespaces": Is.UNORDERED,
        **dict.fromkeys(("clusterName", "policyArn", "principalArn"), _NAMES),
    }


class PodIdentityAssociationType(_Eks):
    """A role for a service account's pods."""

    noun, member = "pod_identity_association", "association"
    key, separator = ("clusterName", "associationId"), ","
    made_id = "association.associationId"
    properties: ClassVar = {
        **outputs("associationArn associationId externalId"),
        "clusterName": _NAMES,
        "disableSessionTags": Property(default=False),
        "namespace": _NAMES,
        "policy": Is.DOCUMENT,
        "region": Is.REPLACING | Is.FILLED | Is.HELD,
        "roleArn": Is.REQUIRED | Is.ARN,
        "serviceAccount": _NAMES,
        "targetRoleArn": Is.ARN,
        **_TAGS,
    }
    # terraform-provider-aws leaves out what is not set, which EKS then leaves as it is.
    changes = (
        (
            "update_pod_identity_association",
            ("disableSessionTags", "policy", "roleArn", "targetRoleArn"),
        ),
    )

    @override
    def own_id(self, resource_id: str) -> str:
        return resource_id.rpartition(",")[2]

    @override
    def check(self, session: AwsSession, news: Properties) -> Properties:
        news = super().check(session, news)
        return {"region": session.region, **news} if session.account else news

    @override
    def client(self, session: AwsSession, values: Properties) -> Any:
        return session.client("eks", values.get("region", ""))

    @override
    def named(self, resource_id: str, state: Properties) -> Properties:
        if "clusterName" in state:
            return {"clusterName": state["clusterName"], "associationId": resource_id}
        return super().named(resource_id, state)
