"""Security groups and their rules: what EC2 refuses, and rules of one peer each.

MiniStack keeps a permission as it was asked for, however many peers it has, and takes what exists
already. EC2 makes a rule of each peer, and shows a group's rules by protocol and ports.
https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from ipaddress import ip_network
from typing import Any, NamedTuple
from xml.etree import ElementTree as ET

from . import errors
from .errors import Response
from .network import Group, Network
from .query_protocol import Parameters, numbered

Ask = Callable[[Parameters], Awaitable[Response]]

_PEERS = {
    "IpRanges": "CidrIp",
    "Ipv6Ranges": "CidrIpv6",
    "PrefixListIds": "PrefixListId",
    "Groups": "GroupId",
}
"""The lists of a permission by their names in a request, and what names a peer in each."""

_RECORDED = {"Groups": "UserIdGroupPairs"}
"""The list that has another name in an answer, and in MiniStack's records."""

_SHOWN = ("ipRanges", "ipv6Ranges", "prefixListIds", "groups")
_PROTOCOLS = {"6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6", "all": "-1"}
_WITH_PORTS = ("tcp", "udp")


class Rule(NamedTuple):
    """What a rule is; its description is not part of it."""

    protocol: str
    from_port: int | None
    to_port: int | None
    kind: str
    """A key of `_PEERS`."""
    peer: str

    def __str__(self) -> str:
        """The rule as EC2 puts it in a refusal."""
        if self.protocol == "-1":
            return f"peer: {self.peer}, ALL, ALLOW"
        ports = f"from port: {self.from_port}, to port: {self.to_port}"
        return f"peer: {self.peer}, {self.protocol.upper()}, {ports}, ALLOW"


class SecurityGroups:
    """Answers requests about security groups and their rules."""

    def __init__(self, ask: Ask, network: Network, in_use: Callable[[], Iterable[str]]) -> None:
        """``ask`` has MiniStack answer; ``in_use`` names the groups that something has."""
        self._ask = ask
        self._network = network
        self._in_use = in_use
        self.answers: dict[str, Ask] = {
            "AuthorizeSecurityGroupEgress": self._authorize,
            "AuthorizeSecurityGroupIngress": self._authorize,
            "CreateSecurityGroup": self._create,
            "DeleteSecurityGroup": self._delete,
            "DescribeSecurityGroups": self._describe,
            "RevokeSecurityGroupEgress": self._revoke,
            "RevokeSecurityGroupIngress": self._revoke,
            "UpdateSecurityGroupRuleDescriptionsEgress": self._update_descriptions,
            "UpdateSecurityGroupRuleDescriptionsIngress": self._update_descriptions,
        }

    def ids(self) -> set[str]:
        """The ids of every group, and of every rule."""
        ids: set[str] = set()
        for group in self._network.security_groups():
            ids.add(group["GroupId"])
            for egress in (False, True):
                ids.update(self._ids_of_rules(group, egress).values())
        return ids

    async def _create(self, parameters: Parameters) -> Response:
        for required in ("GroupName", "GroupDescription"):
            if not parameters.get(required):
                raise errors.missing_parameter(required)
        name = parameters["GroupName"]
        if name == "default" or name.startswith("sg-"):
            raise errors.invalid_value("groupName", name)
        vpc_id = parameters.get("VpcId") or self._network.default_vpc()
        if vpc_id is None:
            raise errors.no_default_vpc()
        if vpc_id not in [vpc["VpcId"] for vpc in self._network.vpcs()]:
            raise errors.no_such_vpc(vpc_id)
        return await self._ask({**parameters, "VpcId": vpc_id})

    async def _delete(self, parameters: Parameters) -> Response:
        group_id = self._group(parameters)["GroupId"]
        if group_id in self._in_use() or group_id in self._referenced(group_id):
            raise errors.has_dependent(group_id)
        return await self._ask(parameters)

    async def _describe(self, parameters: Parameters) -> Response:
        status, headers, body = await self._ask(parameters)
        return status, headers, _grouped(body) if status == 200 else body

    async def _authorize(self, parameters: Parameters) -> Response:
        group, egress = self._group(parameters), _is_egress(parameters)
        wanted = _rules(parameters)
        there = self._ids_of_rules(group, egress)
        for rule in wanted:
            self._check(rule, group)
            if rule in there:
                raise errors.rule_exists(str(rule))
        return await self._ask({**_without_rules(parameters), **_as_parameters(wanted)})

    async def _revoke(self, parameters: Parameters) -> Response:
        group, egress = self._group(parameters), _is_egress(parameters)
        if numbered(parameters, "SecurityGroupRuleId"):
            return await self._ask(parameters)
        there = self._ids_of_rules(group, egress)
        wanted = _rules(parameters)
        unknown = [rule for rule in wanted if rule not in there]
        # In the default VPC a rule that is not there is named in the answer, and no error.
        # https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RevokeSecurityGroupEgress.html
        if unknown and group["VpcId"] != self._network.default_vpc():
            raise errors.no_such_rule()
        ids = [there[rule] for rule in wanted if rule in there]
        asked = {f"SecurityGroupRuleId.{n}": each for n, each in enumerate(ids, 1)}
        status, headers, body = await self._ask({**_without_rules(parameters), **asked})
        return status, headers, _with_unknown(body, unknown)

    async def _update_descriptions(self, parameters: Parameters) -> Response:
        group, egress = self._group(parameters), _is_egress(parameters)
        wanted = _rules(parameters)
        there = {rule: entry for rule, _, entry in _recorded(group, egress)}
        if not there.keys() >= wanted.keys():
            raise errors.no_such_rule()
        for rule, description in wanted.items():
            there[rule]["Description"] = description
        return errors.done_by_ec2(parameters["Action"])

    def _group(self, parameters: Parameters) -> Group:
        group_id = parameters.get("GroupId")
        if group_id is None:
            raise errors.not_in_sandbox("A security group by its name")
        return self._existing(group_id)

    def _existing(self, group_id: str) -> Group:
        group = self._network.security_group(group_id)
        if group is None:
            raise errors.no_such_group(group_id)
        return group

    def _referenced(self, group_id: str) -> Iterator[str]:
        """The groups that rules of other groups name."""
        for group in self._network.security_groups():
            if group["GroupId"] != group_id:
                for egress in (False, True):
                    yield from (rule.peer for rule, _, _ in _recorded(group, egress))

    def _ids_of_rules(self, group: Group, egress: bool) -> dict[Rule, str]:
        return {
            rule: self._network.rule_id(group["GroupId"], egress, permission)
            for rule, permission, _ in _recorded(group, egress)
        }

    def _check(self, rule: Rule, group: Group) -> None:
        if rule.protocol in _WITH_PORTS:
            if rule.from_port is None or rule.to_port is None:
                raise errors.ports_missing()
            if rule.from_port > rule.to_port:
                raise errors.wrong_ports(rule.protocol, rule.from_port, rule.to_port)
        if rule.kind == "PrefixListIds":
            raise errors.no_such_prefix_list(rule.peer)  # nothing here makes one
        if rule.kind == "Groups":
            if self._existing(rule.peer)["VpcId"] != group["VpcId"]:
                raise errors.other_network()
        elif not _is_block(rule.peer, 4 if rule.kind == "IpRanges" else 6):
            raise errors.malformed_block(rule.peer)


def _is_egress(parameters: Parameters) -> bool:
    return parameters["Action"].endswith("Egress")


def _rules(parameters: Parameters) -> dict[Rule, str]:
    """The rules that a request is about, each with its description; raises `AwsError`."""
    rules: dict[Rule, str] = {}
    for number, protocol in numbered(parameters, "IpPermissions", ".IpProtocol").items():
        permission = f"IpPermissions.{number}"
        protocol = _PROTOCOLS.get(protocol.lower(), protocol.lower())
        ports = (
            (_port(parameters, f"{permission}.FromPort"), _port(parameters, f"{permission}.ToPort"))
            if protocol != "-1"
            else (None, None)  # all of them, whatever is said
        )
        for kind, field in _PEERS.items():
            for index, peer in numbered(parameters, f"{permission}.{kind}", f".{field}").items():
                description = parameters.get(f"{permission}.{kind}.{index}.Description", "")
                rules[Rule(protocol, *ports, kind, peer)] = description
    if not rules:
        raise errors.missing_parameter("ipPermissions")
    return rules


def _port(parameters: Parameters, name: str) -> int | None:
    return int(parameters[name]) if name in parameters else None


def _without_rules(parameters: Parameters) -> Parameters:
    return {name: v for name, v in parameters.items() if not name.startswith("IpPermissions.")}


def _as_parameters(rules: Mapping[Rule, str]) -> Parameters:
    """The rules as permissions of one peer each."""
    parameters: Parameters = {}
    for number, (rule, description) in enumerate(rules.items(), 1):
        permission = f"IpPermissions.{number}"
        parameters[f"{permission}.IpProtocol"] = rule.protocol
        if rule.from_port is not None and rule.to_port is not None:
            parameters[f"{permission}.FromPort"] = str(rule.from_port)
            parameters[f"{permission}.ToPort"] = str(rule.to_port)
        parameters[f"{permission}.{rule.kind}.1.{_PEERS[rule.kind]}"] = rule.peer
        if description:
            parameters[f"{permission}.{rule.kind}.1.Description"] = description
    return parameters


def _recorded(group: Group, egress: bool) -> Iterator[tuple[Rule, Mapping[str, Any], Any]]:
    """A group's rules, each with the permission that it is recorded in, and the peer's entry."""
    for permission in group["IpPermissionsEgress" if egress else "IpPermissions"]:
        ports = permission.get("FromPort"), permission.get("ToPort")
        for kind, field in _PEERS.items():
            for entry in permission.get(_RECORDED.get(kind, kind), ()):
                yield Rule(permission["IpProtocol"], *ports, kind, entry[field]), permission, entry


def _is_block(text: str, version: int) -> bool:
    try:
        return "/" in text and ip_network(text, strict=False).version == version
    except ValueError:
        return False


def _grouped(body: bytes) -> bytes:
    """MiniStack's description of groups, with the rules of one protocol and its ports together."""
    root = ET.fromstring(body)  # noqa: S314 - MiniStack's own answer
    for rules in [
        *root.iterfind(".//{*}ipPermissions"),
        *root.iterfind(".//{*}ipPermissionsEgress"),
    ]:
        first: dict[tuple[str | None, ...], ET.Element] = {}
        for item in list(rules):
            key = tuple(item.findtext(f"{{*}}{n}") for n in ("ipProtocol", "fromPort", "toPort"))
            if first.setdefault(key, item) is not item:
                rules.remove(item)
                for name in _SHOWN:
                    _child(first[key], name).extend(_child(item, name))
    return _serialized(root)


def _child(item: ET.Element, name: str) -> ET.Element:
    (child,) = item.iterfind(f"{{*}}{name}")
    return child


def _with_unknown(body: bytes, rules: Iterable[Rule]) -> bytes:
    """The answer to a revocation, with those rules that were not there."""
    root = ET.fromstring(body)  # noqa: S314 - MiniStack's own answer
    namespace = root.tag.partition("}")[0] + "}"
    unknown = ET.SubElement(root, f"{namespace}unknownIpPermissionSet")
    for rule in rules:
        item = ET.SubElement(unknown, f"{namespace}item")
        ET.SubElement(item, f"{namespace}ipProtocol").text = rule.protocol
        for name, port in (("fromPort", rule.from_port), ("toPort", rule.to_port)):
            if port is not None:
                ET.SubElement(item, f"{namespace}{name}").text = str(port)
        shown = rule.kind[0].lower() + rule.kind[1:]
        peers = ET.SubElement(item, f"{namespace}{shown}")
        peer = ET.SubElement(peers, f"{namespace}item")
        field = _PEERS[rule.kind]
        ET.SubElement(peer, f"{namespace}{field[0].lower()}{field[1:]}").text = rule.peer
    return _serialized(root)


def _serialized(root: ET.Element) -> bytes:
    namespace = root.tag.partition("}")[0].removeprefix("{")
    return ET.tostring(root, "utf-8", xml_declaration=True, default_namespace=namespace)
