"""EKS in front of MiniStack's records: every cluster is the sandbox's one real control plane.

MiniStack cannot change a cluster or node group; that is here too, done at once. It knows no
versions of add-ons, and forgets updates.
"""

import json
import re
import time
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote
from uuid import uuid4

from irsa.identity.arns import parse_arn, session_arn_prefix

from . import eks_addons, eks_auto_mode, errors
from .eks_pod_identity import PATH as ASSOCIATIONS
from .eks_pod_identity import Caller, PodIdentity
from .errors import AwsError, Response
from .network import Network
from .query_protocol import Handler, Query

Record = MutableMapping[str, Any]

_UPDATE = re.compile(
    r"/clusters/(?P<cluster>[^/]+)(?:/node-groups/(?P<group>[^/]+))?/"
    r"(?P<what>updates|update-config|update-version)"
)
_ADDON = re.compile(r"/clusters/(?P<cluster>[^/]+)/addons(?:/(?P<addon>[^/]+)/update)?")
_ONE_ADDON = re.compile(r"/clusters/(?P<cluster>[^/]+)/addons/(?P<addon>[^/]+)")
_MADE_UPDATE = re.compile(r"/clusters/(?P<cluster>[^/]+)/(?:addons/(?P<addon>[^/]+)/)?.*")
_ONE_UPDATE = re.compile(r"/clusters/(?P<cluster>[^/]+)/updates/(?P<id>[^/]+)")
_UPDATES = "_updates"
"""Key of the updates in a cluster's record; MiniStack shows no key that begins like this."""

_ARNS = {
    "addon": "addonArn",
    "accessEntry": "accessEntryArn",
    "association": "associationArn",
    "cluster": "arn",
    "nodegroup": "nodegroupArn",
}
_CLUSTER = re.compile(r"/clusters/([^/]+)")
_ACCESS = re.compile(r"/clusters/[^/]+/access-entries(/arn:.*/[^/]+)?")
_NODE_GROUPS = re.compile(r"/clusters/([^/]+)/node-groups")
# https://docs.aws.amazon.com/eks/latest/APIReference/API_UpdateClusterConfig.html
_NOT_CHANGES = {"clientRequestToken", "force"}
_KINDS = {
    "accessConfig": "AccessConfigUpdate",
    "deletionProtection": "DeletionProtectionUpdate",
    "logging": "LoggingUpdate",
    "computeConfig": "AutoModeUpdate",
    "resourcesVpcConfig": "VpcConfigUpdate",
}
_ENDPOINTS = {"endpointPrivateAccess", "endpointPublicAccess", "publicAccessCidrs"}


@dataclass(frozen=True, kw_only=True)
class ClusterFacts:
    """DescribeCluster's fields of the control plane, which every cluster shares."""

    endpoint: str
    """URL of the API server."""

    ca_data: str
    """The API server's CA certificate: PEM in base64, as EKS gives it."""

    issuer_url: str
    """Issuer of the service account tokens, with ``https://``."""


@dataclass(frozen=True, kw_only=True)
class EksRecords:
    """MiniStack's records in the account and region of a request."""

    addon: Callable[[str], Record | None]
    """An add-on by ``CLUSTER/NAME``."""

    cluster: Callable[[str], Record | None]
    """A cluster by its name."""

    node_group: Callable[[str], Record | None]
    """A node group by ``CLUSTER/NAME``."""

    node_groups: Callable[[], list[str]]
    """Every node group as ``CLUSTER/NAME``."""

    forget_addons: Callable[[str], None]
    """Removes the add-ons of a cluster, by its name; MiniStack would leave them to the next."""

    tags: Callable[[str], Mapping[str, str] | None]
    """The tags of a resource by its ARN; MiniStack keeps them apart from the resources."""


class Eks:
    """MiniStack's EKS handler with the real control plane filled in."""

    def __init__(
        self,
        eks: Handler,
        facts: ClusterFacts,
        records: EksRecords,
        network: Network,
        pod_identity: PodIdentity,
    ) -> None:
        self._eks = eks
        self._facts = facts
        self._records = records
        self._network = network
        self._pod_identity = pod_identity

    async def handle(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, query: Query
    ) -> Response:
        """Answer a request to EKS."""
        path = unquote(path)
        try:
            if method == "GET" and path == "/addons/supported-versions":
                return _as_json(eks_addons.describe_versions(query))
            if method == "GET" and (match := _ONE_UPDATE.fullmatch(path)):
                return self._describe_update(match, query)
            if method == "POST" and (match := _UPDATE.fullmatch(path)):
                return self._update(match, json.loads(body or b"{}"))
            if method == "POST" and _ACCESS.fullmatch(path):
                body = _complete_access(path, json.loads(body or b"{}"))
            if match := ASSOCIATIONS.fullmatch(path):
                caller = Caller(headers, query)
                return self._filled_in(await self._pod_identity.handle(match, method, body, caller))
            if method == "POST" and (match := _ADDON.fullmatch(path)):
                answer = await self._write_addon(match, json.loads(body or b"{}"), headers, query)
                self._remember(path, answer)
                return answer
            if method == "DELETE" and (match := _ONE_ADDON.fullmatch(path)):
                return await self._delete_addon(match, headers, query)
            if method == "DELETE" and (match := _CLUSTER.fullmatch(path)):
                return await self._delete(match[1], headers, query)
            if method == "POST" and (match := _NODE_GROUPS.fullmatch(path)):
                return await self._create_nodes(match[1], json.loads(body or b"{}"), headers, query)
            if method == "POST" and path == "/clusters":
                return self._filled_in(await self._create(headers, body, query))
        except AwsError as error:
            return errors.as_json(error)
        answer = self._filled_in(await self._eks(method, path, headers, body, query))
        self._remember(path, answer)
        return answer

    async def _create(self, headers: Mapping[str, str], body: bytes, query: Query) -> Response:
        wanted = json.loads(body or b"{}")
        config = wanted.get("resourcesVpcConfig", {})
        eks_auto_mode.check(wanted)
        wanted["resourcesVpcConfig"] = {**config, "vpcId": self._network.vpc_of(config)}
        answer = await self._eks("POST", "/clusters", headers, json.dumps(wanted).encode(), query)
        record = self._records.cluster(wanted.get("name", ""))
        if answer[0] == 200 and record is not None:  # MiniStack does not know the properties
            record["deletionProtection"] = wanted.get("deletionProtection", False)
            eks_auto_mode.keep(record, wanted)
            return await self._eks("GET", f"/clusters/{record['name']}", headers, b"", query)
        return answer

    def _filled_in(self, answer: Response) -> Response:
        status, headers, body = answer
        document = json.loads(body) if status == 200 and body else {}
        for kind, arn in _ARNS.items():
            if kind in document:
                document[kind]["tags"] = self._records.tags(document[kind][arn]) or {}
        if cluster := document.get("cluster"):
            cluster["endpoint"] = self._facts.endpoint
            cluster["certificateAuthority"] = {"data": self._facts.ca_data}
            cluster["identity"] = {"oidc": {"issuer": self._facts.issuer_url}}
            if cluster["status"] == "CREATING":  # MiniStack waits for Docker; ours is there already
                cluster["status"] = "ACTIVE"
        for kind in {"addon", "association"} & document.keys():  # EKS leaves out what is not given
            given = {name: value for name, value in document[kind].items() if value != ""}
            document[kind] = given
        if update := document.get("update"):
            document["update"] = {"params": [], "errors": [], **update}
        return (status, headers, json.dumps(document).encode()) if document else answer

    async def _delete(self, cluster: str, headers: Mapping[str, str], query: Query) -> Response:
        record = self._records.cluster(cluster)
        if record is not None and record["deletionProtection"]:
            raise errors.cluster_protected(cluster)
        if any(group.startswith(f"{cluster}/") for group in self._records.node_groups()):
            raise errors.cluster_in_use()
        answer = await self._eks("DELETE", f"/clusters/{cluster}", headers, b"", query)
        if answer[0] == 200:
            self._records.forget_addons(cluster)
        return self._filled_in(answer)

    async def _write_addon(
        self,
        match: re.Match[str],
        wanted: dict[str, Any],
        headers: Mapping[str, str],
        query: Query,
    ) -> Response:
        """Create or update an add-on, and its associations if they are given, an empty list too."""
        cluster, caller = match["cluster"], Caller(headers, query)
        is_new = match["addon"] is None
        name = wanted.get("addonName", "") if is_new else match["addon"]
        record, addon = self._records.cluster(cluster), self._records.addon(f"{cluster}/{name}")
        if record is not None:  # MiniStack says so otherwise
            eks_addons.complete(wanted, name, record["version"], is_new=is_new)
        if wanted.get("serviceAccountRoleArn") == "":  # as terraform-provider-aws asks
            raise errors.invalid_parameter("Cross-account pass role is not allowed.")
        wanted.setdefault("serviceAccountRoleArn", "")  # EKS keeps no role that is left out
        associations = wanted.pop("podIdentityAssociations", None)
        if associations:
            owner = addon["addonArn"] if addon else None
            self._pod_identity.check_owned(cluster, owner, associations, caller)
        body = json.dumps(wanted).encode()
        answer = await self._eks("POST", match[0], headers, body, query)
        addon = self._records.addon(f"{cluster}/{name}")
        if answer[0] == 200 and addon is not None and associations is not None:
            addon["podIdentityAssociations"] = await self._pod_identity.write_owned(
                cluster, addon["addonArn"], associations, caller
            )
            if is_new:
                answer = _as_json({"addon": dict(addon)})
        return self._filled_in(answer)

    async def _delete_addon(
        self, match: re.Match[str], headers: Mapping[str, str], query: Query
    ) -> Response:
        addon = self._records.addon(f"{match['cluster']}/{match['addon']}")
        answer = await self._eks("DELETE", match[0], headers, b"", query)
        if addon is not None:
            caller = Caller(headers, query)
            await self._pod_identity.write_owned(match["cluster"], addon["addonArn"], (), caller)
        return self._filled_in(answer)

    def _remember(self, path: str, answer: Response) -> None:
        """Keep the update that MiniStack made with its cluster, for DescribeUpdate."""
        match, (status, _, body) = _MADE_UPDATE.fullmatch(path), answer
        update = json.loads(body).get("update") if status == 200 and match and body else None
        record = self._records.cluster(match["cluster"]) if match and update else None
        if match and update and record is not None:
            _keep(record, update, addonName=match["addon"])

    def _describe_update(self, match: re.Match[str], query: Query) -> Response:
        record = self._records.cluster(match["cluster"])
        if record is None:
            raise errors.no_such_cluster(match["cluster"], None)
        asked = {name: query[name][0] for name in ("addonName", "nodegroupName") if name in query}
        kept = record.get(_UPDATES, {}).get(match["id"])
        if kept is None or kept["of"] != asked:
            raise errors.no_such_update(match["id"])
        return _as_json({"update": kept["update"]})

    async def _create_nodes(
        self, cluster: str, wanted: dict[str, Any], headers: Mapping[str, str], query: Query
    ) -> Response:
        record = self._records.cluster(cluster)
        if record is not None:
            vpc_id = record["resourcesVpcConfig"]["vpcId"]
            self._network.check_within(vpc_id, wanted.get("subnets", ()))
        template = wanted.pop("launchTemplate", None)
        if template is not None:
            template = self._network.launch_template(template)
            if "diskSize" in wanted:
                raise errors.invalid_parameter(
                    "Disk size must be specified within the launch template."
                )
        path, body = f"/clusters/{cluster}/node-groups", json.dumps(wanted).encode()
        answer = await self._eks("POST", path, headers, body, query)
        group = self._records.node_group(f"{cluster}/{wanted.get('nodegroupName')}")
        if answer[0] == 200 and group is not None and template is not None:
            group["launchTemplate"] = template
            del group["diskSize"]  # it is the template's
            answer = _as_json({"nodegroup": dict(group)})
        return self._filled_in(answer)

    def _check_change(self, record: Record, change: Mapping[str, Any]) -> None:
        """Refuse a request that EKS refuses before it changes anything."""
        config = change.get("resourcesVpcConfig", {})
        kinds = (change.keys() - _NOT_CHANGES - {"resourcesVpcConfig"} - eks_auto_mode.PARTS) | (
            {"endpoints" if name in _ENDPOINTS else name for name in config}
        )
        if auto_mode := {name: change[name] for name in eks_auto_mode.PARTS & change.keys()}:
            kinds.add("autoMode")
            eks_auto_mode.check({**auto_mode, "bootstrapSelfManagedAddons": False})
        if len(kinds) > 1:
            raise errors.invalid_parameter("Only one type of update can be allowed.")
        if config:
            self._network.check_within(
                record["resourcesVpcConfig"]["vpcId"], config.get("subnetIds", ())
            )
            self._network.vpc_of({**record["resourcesVpcConfig"], **config})

    def _update(self, match: re.Match[str], change: Mapping[str, Any]) -> Response:
        cluster, group = match["cluster"], match["group"]
        if group is None:
            record = self._records.cluster(cluster)
        else:
            record = self._records.node_group(f"{cluster}/{group}")
        if record is None:
            raise errors.no_such_cluster(cluster, group)
        if group is None:
            self._check_change(record, change)
        if "launchTemplate" in change:
            if "launchTemplate" not in record:
                raise errors.invalid_parameter(
                    "The node group has no launch template, so none can be specified"
                )
            change = {
                **change,
                "launchTemplate": self._network.launch_template(change["launchTemplate"]),
            }
        for name in change.keys() - _NOT_CHANGES:
            if name not in _CHANGES:
                raise errors.not_in_sandbox(f"A change of {name}")
            _CHANGES[name](record, change[name])
        update = {
            "id": str(uuid4()),
            "status": "Successful",
            "type": _kind_of(change, group),
            "createdAt": int(time.time()),
            "params": [],
            "errors": [],
        }
        owner = self._records.cluster(cluster)
        if owner is not None:
            _keep(owner, update, nodegroupName=group)
        return _as_json({"update": update})


def _as_json(document: Mapping[str, Any]) -> Response:
    return 200, {"Content-Type": "application/json"}, json.dumps(document).encode()


def _keep(cluster: Record, update: Mapping[str, Any], **of: str | None) -> None:
    """Keep an update with the cluster, and of what in it it is one."""
    kept = {"of": {name: value for name, value in of.items() if value}, "update": update}
    cluster.setdefault(_UPDATES, {})[update["id"]] = kept


def _complete_access(path: str, wanted: dict[str, Any]) -> bytes:
    """The access entry to create or update, with the user name that EKS gives it.

    https://docs.aws.amazon.com/eks/latest/userguide/creating-access-entries.html
    """
    for group in wanted.get("kubernetesGroups", ()):
        if group.startswith("system:"):
            raise errors.invalid_parameter(
                f"The kubernetes group name {group} is invalid, it cannot start with system:"
            )
    arn = parse_arn(wanted.get("principalArn", ""))
    is_new = path.endswith("/access-entries") and wanted.get("type", "STANDARD") == "STANDARD"
    if is_new and arn and not wanted.get("username"):
        wanted["username"] = str(arn)
        if arn.resource.startswith("role/"):
            wanted["username"] = f"{session_arn_prefix(str(arn))}{{{{SessionName}}}}"
    return json.dumps(wanted).encode()


def _kind_of(change: Mapping[str, Any], node_group: str | None) -> str:
    """EKS's word for an update.

    https://docs.aws.amazon.com/eks/latest/APIReference/API_Update.html
    """
    if {"version", "launchTemplate"} & change.keys():
        return "VersionUpdate"
    if node_group is not None:
        return "ConfigUpdate"
    if _ENDPOINTS & change.get("resourcesVpcConfig", {}).keys():
        return "EndpointAccessUpdate"
    return next((_KINDS[name] for name in change if name in _KINDS), "ConfigUpdate")


def _log(record: Record, value: Mapping[str, Any]) -> None:
    """Switch kinds of logs on and off; those that are not named stay as they are."""
    on = {
        kind
        for setup in record["logging"]["clusterLogging"]
        if setup.get("enabled")
        for kind in setup["types"]
    }
    for setup in value["clusterLogging"]:
        on = on | set(setup["types"]) if setup.get("enabled") else on - set(setup["types"])
    record["logging"] = {"clusterLogging": [{"types": sorted(on), "enabled": True}]}


def _replace(name: str) -> Callable[[Record, Any], None]:
    def change(record: Record, value: Any) -> None:
        record[name] = value

    return change


def _merge(name: str) -> Callable[[Record, Any], None]:
    def change(record: Record, value: Any) -> None:
        record[name] = {**record.get(name, {}), **value}

    return change


def _relabel(record: Record, value: Mapping[str, Any]) -> None:
    labels = {**record["labels"], **value.get("addOrUpdateLabels", {})}
    gone = value.get("removeLabels", ())
    record["labels"] = {name: text for name, text in labels.items() if name not in gone}


_CHANGES: dict[str, Callable[[Record, Any], None]] = {
    "accessConfig": _merge("accessConfig"),
    **{name: _merge(name) for name in eks_auto_mode.PARTS},
    "launchTemplate": _replace("launchTemplate"),
    "deletionProtection": _replace("deletionProtection"),
    "labels": _relabel,
    "logging": _log,
    "resourcesVpcConfig": _merge("resourcesVpcConfig"),
    "scalingConfig": _merge("scalingConfig"),
    "version": _replace("version"),
}
