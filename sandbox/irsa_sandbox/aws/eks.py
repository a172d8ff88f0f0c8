"""EKS in front of MiniStack's records: every cluster is the sandbox's one real control plane.

MiniStack cannot change a cluster or node group; that is here too, done at once. It knows no
versions of add-ons, and forgets updates.
"""

import json
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import unquote
from uuid import uuid4

from irsa_core.identity.arns import parse_arn, session_arn_prefix

from . import eks_addons, errors
from .ec2 import Network
from .eks_pod_identity import PATH as ASSOCIATIONS
from .eks_pod_identity import PodIdentity
from .errors import Response, as_answer
from .front import AwsRequest
from .records import Record, Records

_CLUSTER = r"/clusters/(?P<cluster>[^/]+)"
_UPDATE = (
    rf"{_CLUSTER}(?:/node-groups/(?P<nodegroupName>[^/]+))?"
    "/(?:updates|update-config|update-version)"
)
_UPDATES = "_updates"
"""Key of the updates in a cluster's record; MiniStack shows no key that begins like this."""

_ARNS = {
    "addon": "addonArn",
    "accessEntry": "accessEntryArn",
    "association": "associationArn",
    "cluster": "arn",
    "nodegroup": "nodegroupArn",
}
AUTO_MODE = frozenset({"computeConfig", "kubernetesNetworkConfig", "storageConfig"})
"""The parts of a cluster's configuration that EKS Auto Mode enables together."""

_KINDS = {
    "version": "VersionUpdate",
    "launchTemplate": "VersionUpdate",
    "accessConfig": "AccessConfigUpdate",
    "deletionProtection": "DeletionProtectionUpdate",
    "logging": "LoggingUpdate",
    "computeConfig": "AutoModeUpdate",
    "resourcesVpcConfig": "VpcConfigUpdate",
}
"""EKS's word for the change of a property.
https://docs.aws.amazon.com/eks/latest/APIReference/API_Update.html"""
_CHANGES = _KINDS.keys() | AUTO_MODE | {"labels", "scalingConfig"}
"""The properties of clusters and node groups that can change.
https://docs.aws.amazon.com/eks/latest/APIReference/API_UpdateClusterConfig.html"""
_NOT_CHANGES = {"clientRequestToken", "force"}
_ENDPOINTS = {"endpointPrivateAccess", "endpointPublicAccess", "publicAccessCidrs"}


_Answer = Callable[[re.Match[str], AwsRequest], Awaitable[Response]]


class Eks:
    """MiniStack's EKS handler with the real control plane filled in."""

    def __init__(self, records: Records, control_plane: Mapping[str, Any]) -> None:
        """``control_plane`` has DescribeCluster's fields of it, which every cluster shares."""
        self._eks = records.handlers["eks"]
        self._control_plane = control_plane
        self._records = records
        self._network = Network(records)
        self._pod_identity = PodIdentity(records)
        self._answers: tuple[tuple[str, str, _Answer], ...] = (
            ("GET", "/addons/supported-versions", self._addon_versions),
            ("GET", rf"{_CLUSTER}/updates/(?P<id>[^/]+)", self._describe_update),
            ("POST", _UPDATE, self._update),
            ("POST", rf"{_CLUSTER}/access-entries(/arn:.*/[^/]+)?", self._write_access),
            ("", ASSOCIATIONS, self._pod_identity.answer),
            ("POST", rf"{_CLUSTER}/addons(?:/(?P<addonName>[^/]+)/update)?", self._write_addon),
            ("DELETE", rf"{_CLUSTER}/addons/(?P<addonName>[^/]+)", self._delete_addon),
            ("DELETE", _CLUSTER, self._delete),
            ("DELETE", "/tags/.+", self._untag),
            ("POST", rf"{_CLUSTER}/node-groups", self._create_nodes),
            ("POST", "/clusters", self._create),
            ("", f"{_CLUSTER}(?s:/.*)?", lambda _, request: self._eks(*request)),
        )

    async def answer(self, request: AwsRequest) -> Response:
        """Answer a request to EKS."""
        request = request._replace(path=unquote(request.path))
        for verb, pattern, answer in self._answers:
            if verb in (request.method, "") and (match := re.fullmatch(pattern, request.path)):
                return self._filled_in(match, await answer(match, request))
        return await self._eks(*request)

    async def _forward(self, request: AwsRequest, document: Any) -> Response:
        """MiniStack's answer to the request with this document."""
        return await self._eks(*request._replace(body=json.dumps(document).encode()))

    async def _addon_versions(self, _match: re.Match[str], request: AwsRequest) -> Response:
        return as_answer(eks_addons.describe_versions(request.query))

    async def _write_access(self, _match: re.Match[str], request: AwsRequest) -> Response:
        """Create or update an access entry, with the user name that EKS gives it.

        https://docs.aws.amazon.com/eks/latest/userguide/creating-access-entries.html
        """
        inputs = request.document
        for group in inputs.get("kubernetesGroups", ()):
            if group.startswith("system:"):
                raise errors.invalid_parameter(
                    f"The kubernetes group name {group} is invalid, it cannot start with system:"
                )
        arn = parse_arn(inputs.get("principalArn", ""))
        is_new = request.path.endswith("/access-entries")
        standard = inputs.get("type", "STANDARD") == "STANDARD"
        if is_new and standard and arn and not inputs.get("username"):
            inputs["username"] = str(arn)
            if arn.resource.startswith("role/"):
                inputs["username"] = f"{session_arn_prefix(str(arn))}{{{{SessionName}}}}"
        return await self._forward(request, inputs)

    async def _create(self, _match: re.Match[str], request: AwsRequest) -> Response:
        inputs = request.document
        config = inputs.get("resourcesVpcConfig", {})
        _check_auto_mode(inputs)
        inputs["resourcesVpcConfig"] = {**config, "vpcId": self._network.vpc_of(config)}
        answer = await self._forward(request, inputs)
        record = self._records.clusters.get(inputs.get("name", ""))
        if answer[0] == 200 and record is not None:  # MiniStack does not know the properties
            record["deletionProtection"] = inputs.get("deletionProtection", False)
            for part in AUTO_MODE & inputs.keys():
                record[part] = {**record.get(part, {}), **inputs[part]}
            path = f"/clusters/{record['name']}"
            return await self._eks(*request._replace(method="GET", path=path, body=b""))
        return answer

    def _filled_in(self, match: re.Match[str], answer: Response) -> Response:
        """The answer as EKS gives it. An update is kept with its cluster, for DescribeUpdate."""
        status, headers, body = answer
        document = json.loads(body) if status == 200 and body else {}
        for kind, arn in _ARNS.items():
            if kind in document:
                document[kind]["tags"] = self._records.tags.get(document[kind][arn]) or {}
        if cluster := document.get("cluster"):
            cluster.update(self._control_plane)
            if cluster["status"] == "CREATING":  # MiniStack waits for Docker; ours is there already
                cluster["status"] = "ACTIVE"
        for kind in {"addon", "association"} & document.keys():  # EKS leaves out what is not given
            members = {name: value for name, value in document[kind].items() if value != ""}
            document[kind] = members
        if update := document.get("update"):
            document["update"] = {"params": [], "errors": [], **update}
            of = {name: text for name, text in match.groupdict().items() if text}
            record = self._records.clusters.get(of.pop("cluster", ""))
            if record is not None:
                record.setdefault(_UPDATES, {}).setdefault(update["id"], (of, document["update"]))
        return (status, headers, json.dumps(document).encode()) if document else answer

    async def _delete(self, match: re.Match[str], request: AwsRequest) -> Response:
        cluster = match[1]
        record, addons = self._records.clusters.get(cluster), self._records.addons
        if record is not None and record["deletionProtection"]:
            raise errors.invalid_request(  # in words of our own
                f"Cluster {cluster} cannot be deleted while its deletion protection is enabled"
            )
        if any(group.startswith(f"{cluster}/") for group in self._records.node_groups):
            raise errors.resource_in_use("Cluster has nodegroups attached")
        answer = await self._eks(*request)
        if answer[0] == 200:  # MiniStack would leave the add-ons to the next cluster of that name
            for key in [key for key in addons if key.startswith(f"{cluster}/")]:
                self._records.tags.pop(addons.pop(key)["addonArn"], None)
        return answer

    async def _untag(self, _match: re.Match[str], request: AwsRequest) -> Response:
        """Remove every tag that is named; MiniStack removes the first."""
        queries = [{**request.query, "tagKeys": [key]} for key in request.query["tagKeys"]]
        return [await self._eks(*request._replace(query=query)) for query in queries][-1]

    async def _write_addon(self, match: re.Match[str], request: AwsRequest) -> Response:
        """Create or update an add-on, and its associations if they are given, an empty list too."""
        cluster, inputs, addons = match["cluster"], request.document, self._records.addons
        is_new = match["addonName"] is None
        name = inputs.get("addonName", "") if is_new else match["addonName"]
        record, addon = self._records.clusters.get(cluster), addons.get(f"{cluster}/{name}")
        if record is not None:  # MiniStack says so otherwise
            eks_addons.complete(inputs, name, record["version"], is_new=is_new)
        if inputs.get("serviceAccountRoleArn") == "":  # as terraform-provider-aws asks
            raise errors.invalid_parameter("Cross-account pass role is not allowed.")
        inputs.setdefault("serviceAccountRoleArn", "")  # EKS keeps no role that is left out
        associations = inputs.pop("podIdentityAssociations", None)
        if associations:
            owner = addon["addonArn"] if addon else None
            self._pod_identity.check_owned(cluster, owner, associations, request)
        answer = await self._forward(request, inputs)
        addon = addons.get(f"{cluster}/{name}")
        if answer[0] == 200 and addon is not None and associations is not None:
            addon["podIdentityAssociations"] = await self._pod_identity.write_owned(
                cluster, addon["addonArn"], associations, request
            )
            if is_new:
                return as_answer({"addon": dict(addon)})
        return answer

    async def _delete_addon(self, match: re.Match[str], request: AwsRequest) -> Response:
        addon = self._records.addons.get(f"{match['cluster']}/{match['addonName']}")
        answer = await self._eks(*request)
        if addon is not None:
            cluster, arn = match["cluster"], addon["addonArn"]
            await self._pod_identity.write_owned(cluster, arn, (), request)
        return answer

    async def _describe_update(self, match: re.Match[str], request: AwsRequest) -> Response:
        record, query = self._records.clusters.get(match["cluster"]), request.query
        if record is None:
            raise errors.no_such_cluster(match["cluster"])
        asked = {name: query[name][0] for name in ("addonName", "nodegroupName") if name in query}
        of, update = record.get(_UPDATES, {}).get(match["id"], (None, None))
        if of != asked:
            raise errors.resource_not_found(f"No update found for ID: {match['id']}")
        return as_answer({"update": update})

    async def _create_nodes(self, match: re.Match[str], request: AwsRequest) -> Response:
        cluster, inputs = match[1], request.document
        record = self._records.clusters.get(cluster)
        if record is not None:
            vpc_id = record["resourcesVpcConfig"]["vpcId"]
            self._network.check_within(vpc_id, inputs.get("subnets", ()))
        template = inputs.pop("launchTemplate", None)
        if template is not None:
            template = self._network.launch_template(template)
            if "diskSize" in inputs:
                raise errors.invalid_parameter(
                    "Disk size must be specified within the launch template."
                )
        answer = await self._forward(request, inputs)
        group = self._records.node_groups.get(f"{cluster}/{inputs.get('nodegroupName')}")
        if answer[0] == 200 and group is not None and template is not None:
            group["launchTemplate"] = template
            del group["diskSize"]  # it is the template's
            return as_answer({"nodegroup": dict(group)})
        return answer

    def _check_change(self, record: Record, change: Mapping[str, Any]) -> None:
        """Refuse a request that EKS refuses before it changes anything."""
        config = change.get("resourcesVpcConfig", {})
        kinds = (change.keys() - _NOT_CHANGES - {"resourcesVpcConfig"} - AUTO_MODE) | (
            {"endpoints" if name in _ENDPOINTS else name for name in config}
        )
        if auto_mode := {name: change[name] for name in AUTO_MODE & change.keys()}:
            kinds.add("autoMode")
            _check_auto_mode({**auto_mode, "bootstrapSelfManagedAddons": False})
        if len(kinds) > 1:
            raise errors.invalid_parameter("Only one type of update can be allowed.")
        if config:
            self._network.check_within(
                record["resourcesVpcConfig"]["vpcId"], config.get("subnetIds", ())
            )
            self._network.vpc_of({**record["resourcesVpcConfig"], **config})

    async def _update(self, match: re.Match[str], request: AwsRequest) -> Response:
        cluster, group, change = match["cluster"], match["nodegroupName"], request.document
        clusters, groups = self._records.clusters, self._records.node_groups
        record = clusters.get(cluster) if group is None else groups.get(f"{cluster}/{group}")
        if record is None:
            raise errors.no_such_cluster(cluster, group)
        if group is None:
            self._check_change(record, change)
        if "launchTemplate" in change:
            if "launchTemplate" not in record:
                raise errors.invalid_parameter(
                    "The node group has no launch template, so none can be specified"
                )
            template = self._network.launch_template(change["launchTemplate"])
            change["launchTemplate"] = template
        for name in change.keys() - _NOT_CHANGES:
            if name not in _CHANGES:
                raise errors.not_in_sandbox(f"A change of {name}")
            _change(record, name, change[name])
        update = {
            "id": str(uuid4()),
            "status": "Successful",
            "type": _kind_of(change),
            "createdAt": int(time.time()),
        }
        return as_answer({"update": update})


def _check_auto_mode(inputs: Mapping[str, Any]) -> None:
    """Raise `AwsError` for a cluster with some parts of Auto Mode, or with add-ons of its own.

    https://docs.aws.amazon.com/eks/latest/userguide/automode.html
    """
    network, storage = inputs.get("kubernetesNetworkConfig", {}), inputs.get("storageConfig", {})
    compute = inputs.get("computeConfig", {})
    if network.get("ipFamily", "ipv4") != "ipv4":  # MiniStack would take it for ipv4
        raise errors.not_in_sandbox("An ipFamily other than ipv4")
    if "serviceIpv4Cidr" in network:  # the control plane has its own
        raise errors.not_in_sandbox("A serviceIpv4Cidr")
    parts = (
        compute,
        network.get("elasticLoadBalancing", {}),
        storage.get("blockStorage", {}),
    )
    enabled = [part.get("enabled", False) for part in parts]
    if any(enabled) and not all(enabled):
        raise errors.invalid_parameter(
            "For EKS Auto Mode, please ensure that all required configs, including computeConfig, "
            "kubernetesNetworkConfig, and blockStorage are all either fully enabled or fully "
            "disabled."
        )
    if all(enabled) and inputs.get("bootstrapSelfManagedAddons", True):
        raise errors.invalid_parameter(
            "When EKS Auto Mode is enabled, bootstrapSelfManagedAddons must be set to false"
        )
    if all(enabled) and bool(compute.get("nodePools")) != bool(compute.get("nodeRoleArn")):
        raise errors.invalid_parameter(
            "When EKS Auto Mode is enabled, nodePools and nodeRoleArn are given together"
        )


def _kind_of(change: Mapping[str, Any]) -> str:
    """EKS's word for an update."""
    if _ENDPOINTS & change.get("resourcesVpcConfig", {}).keys():
        return "EndpointAccessUpdate"
    return next((kind for name, kind in _KINDS.items() if name in change), "ConfigUpdate")


def _change(record: Record, name: str, value: Any) -> None:
    """Change a property; what is not given of an object stays as it is."""
    if name == "labels":
        kept = {**record["labels"], **value.get("addOrUpdateLabels", {})}
        gone = value.get("removeLabels", ())
        value = {label: text for label, text in kept.items() if label not in gone}
    elif name == "logging":
        value = _logging(record["logging"], value)
    elif isinstance(value, dict):
        value = {**record.get(name, {}), **value}
    record[name] = value


def _logging(before: Mapping[str, Any], change: Mapping[str, Any]) -> Mapping[str, Any]:
    """Switch kinds of logs on and off; those that are not named stay as they are."""
    on: set[str] = set()
    for setup in (*before["clusterLogging"], *change["clusterLogging"]):
        on = on | set(setup["types"]) if setup.get("enabled") else on - set(setup["types"])
    return {"clusterLogging": [{"types": sorted(on), "enabled": True}]}
