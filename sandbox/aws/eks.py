"""EKS in front of MiniStack's records: every cluster is the sandbox's one real control plane.

MiniStack cannot change a cluster or node group; that is here too, done at once.
"""

import json
import re
import time
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote
from uuid import uuid4

from . import errors
from .ec2 import Network
from .errors import AwsError, Response
from .query_protocol import Handler, Query

Record = MutableMapping[str, Any]

_UPDATE = re.compile(
    r"/clusters/(?P<cluster>[^/]+)(?:/node-groups/(?P<group>[^/]+))?/"
    r"(?P<what>updates|update-config|update-version)"
)
_ARNS = {"accessEntry": "accessEntryArn", "cluster": "arn", "nodegroup": "nodegroupArn"}
_CLUSTER = re.compile(r"/clusters/([^/]+)")
_NODE_GROUPS = re.compile(r"/clusters/([^/]+)/node-groups")
# https://docs.aws.amazon.com/eks/latest/APIReference/API_UpdateClusterConfig.html
_NOT_CHANGES = {"clientRequestToken", "force"}
_ENDPOINTS = {"endpointPrivateAccess", "endpointPublicAccess", "publicAccessCidrs"}


@dataclass(frozen=True, kw_only=True)
class ClusterFacts:
    """What DescribeCluster says of the control plane that stands behind every cluster."""

    endpoint: str
    """URL of the API server."""

    ca_data: str
    """The API server's CA certificate: PEM in base64, as EKS gives it."""

    issuer_url: str
    """Issuer of the service account tokens, with ``https://``."""


@dataclass(frozen=True, kw_only=True)
class Records:
    """MiniStack's records in the account and region of a request."""

    cluster: Callable[[str], Record | None]
    """A cluster by its name."""

    node_group: Callable[[str], Record | None]
    """A node group by ``CLUSTER/NAME``."""

    node_groups: Callable[[], list[str]]
    """Every node group as ``CLUSTER/NAME``."""

    tags: Callable[[str], Mapping[str, str] | None]
    """The tags of whatever has the ARN; MiniStack keeps them apart from what they are on."""


class Eks:
    """MiniStack's EKS handler with the real control plane filled in."""

    def __init__(
        self, eks: Handler, facts: ClusterFacts, records: Records, network: Network
    ) -> None:
        self._eks = eks
        self._facts = facts
        self._records = records
        self._network = network

    async def handle(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, query: Query
    ) -> Response:
        """Answer a request to EKS."""
        path = unquote(path)
        try:
            if method == "POST" and (match := _UPDATE.fullmatch(path)):
                return self._update(match, json.loads(body or b"{}"))
            if method == "DELETE" and (match := _CLUSTER.fullmatch(path)):
                self._check_deletable(match[1])
            if method == "POST" and (match := _NODE_GROUPS.fullmatch(path)):
                self._check_nodes(match[1], json.loads(body or b"{}"))
            if method == "POST" and path == "/clusters":
                return self._filled_in(await self._create(headers, body, query))
        except AwsError as error:
            return errors.as_json(error)
        return self._filled_in(await self._eks(method, path, headers, body, query))

    async def _create(self, headers: Mapping[str, str], body: bytes, query: Query) -> Response:
        wanted = json.loads(body or b"{}")
        config = wanted.get("resourcesVpcConfig", {})
        wanted["resourcesVpcConfig"] = {**config, "vpcId": self._network.vpc_of(config)}
        answer = await self._eks("POST", "/clusters", headers, json.dumps(wanted).encode(), query)
        record = self._records.cluster(wanted.get("name", ""))
        if answer[0] == 200 and record is not None:  # MiniStack does not know the property
            record["deletionProtection"] = wanted.get("deletionProtection", False)
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
        return (status, headers, json.dumps(document).encode()) if document else answer

    def _check_deletable(self, cluster: str) -> None:
        record = self._records.cluster(cluster)
        if record is not None and record["deletionProtection"]:
            raise errors.cluster_protected(cluster)
        if any(group.startswith(f"{cluster}/") for group in self._records.node_groups()):
            raise errors.cluster_in_use()

    def _check_nodes(self, cluster: str, wanted: Mapping[str, Any]) -> None:
        if (record := self._records.cluster(cluster)) is not None:
            self._network.check_within(
                record["resourcesVpcConfig"]["vpcId"], wanted.get("subnets", ())
            )

    def _check_change(self, record: Record, change: Mapping[str, Any]) -> None:
        """Refuse what EKS refuses before it changes anything."""
        config = change.get("resourcesVpcConfig", {})
        kinds = (change.keys() - _NOT_CHANGES - {"resourcesVpcConfig"}) | (
            {"endpoints" if name in _ENDPOINTS else name for name in config}
        )
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
        for name in change.keys() - _NOT_CHANGES:
            if name not in _CHANGES:
                raise errors.not_in_sandbox(f"A change of {name}")
            _CHANGES[name](record, change[name])
        update = {
            "id": str(uuid4()),
            "status": "Successful",
            "type": "VersionUpdate" if "version" in change else "ConfigUpdate",
            "createdAt": int(time.time()),
            "params": [],
            "errors": [],
        }
        return 200, {"Content-Type": "application/json"}, json.dumps({"update": update}).encode()


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
        record[name] = {**record[name], **value}

    return change


def _relabel(record: Record, value: Mapping[str, Any]) -> None:
    labels = {**record["labels"], **value.get("addOrUpdateLabels", {})}
    gone = value.get("removeLabels", ())
    record["labels"] = {name: text for name, text in labels.items() if name not in gone}


_CHANGES: dict[str, Callable[[Record, Any], None]] = {
    "accessConfig": _merge("accessConfig"),
    "deletionProtection": _replace("deletionProtection"),
    "labels": _relabel,
    "logging": _log,
    "resourcesVpcConfig": _merge("resourcesVpcConfig"),
    "scalingConfig": _merge("scalingConfig"),
    "version": _replace("version"),
}
