"""Security groups of the `aws` provider, and their rules."""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from typing_extensions import override

from ..resource import Created, InvalidInput, Properties, Refused
from ..values import UNKNOWN
from .types import (
    AutoNamed,
    AwsSession,
    AwsType,
    changed,
    gone_is_fine,
    retag_by_id,
    tags_as_list,
    tags_as_map,
)

ALL = "-1"
"""The protocol of a rule for every protocol, which then has no ports."""

_EVERYWHERE = {"IpProtocol": ALL, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
"""What EC2 lets out of a new group, and the provider takes away at once."""

_PROTOCOLS = {"all": ALL, "1": "icmp", "6": "tcp", "17": "udp", "58": "icmpv6"}
_SIDES = {"egress": "IpPermissionsEgress", "ingress": "IpPermissions"}
_SOURCES = (
    ("cidrBlocks", "IpRanges", "CidrIp"),
    ("ipv6CidrBlocks", "Ipv6Ranges", "CidrIpv6"),
    ("prefixListIds", "PrefixListIds", "PrefixListId"),
    ("securityGroups", "UserIdGroupPairs", "GroupId"),
)
"""How Pulumi and EC2 name what may be at the other end of a rule."""

_ENDS = ("cidrBlocks", "ipv6CidrBlocks", "prefixListIds", "self", "sourceSecurityGroupId")
_ALONE = frozenset({"self", "sourceSecurityGroupId"})
_IMPORT = "GROUP-ID_TYPE_PROTOCOL_FROM-PORT_TO-PORT_SOURCE"


class SecurityGroup(AutoNamed):
    """A security group without rules in it: those are resources of their own here."""

    token = "aws:ec2/securityGroup:SecurityGroup"
    known = frozenset({"description", "name", "revokeRulesOnDelete", "tags", "vpcId"})
    replace_on = frozenset({"description", "name", "vpcId"})
    filled = frozenset({"vpcId"})
    computed = frozenset({"arn", "egress", "ingress", "ownerId", "region", "tagsAll"}) | filled
    defaults: ClassVar[Properties] = {
        "description": "Managed by Pulumi",
        "revokeRulesOnDelete": False,
    }

    @override
    def create(self, session: AwsSession, inputs: Properties) -> Created:
        ec2 = session.client("ec2")
        tags = tags_as_list(inputs.get("tags"))
        group_id = ec2.create_security_group(
            GroupName=inputs["name"],
            Description=inputs["description"],
            **({"VpcId": inputs["vpcId"]} if "vpcId" in inputs else {}),
            **(
                {"TagSpecifications": [{"ResourceType": "security-group", "Tags": tags}]}
                if tags
                else {}
            ),
        )["GroupId"]
        ec2.revoke_security_group_egress(GroupId=group_id, IpPermissions=[_EVERYWHERE])
        return Created(group_id)

    @override
    def live(self, session: AwsSession, resource_id: str, state: Properties) -> Properties | None:
        group = _group(session, resource_id)
        tags, owner = tags_as_map(group.get("Tags")), group["OwnerId"]
        return {
            "arn": f"arn:{session.partition}:ec2:{session.region}:{owner}"
            f":security-group/{resource_id}",
            "description": group["Description"],
            "name": group["GroupName"],
            "ownerId": owner,
            "region": session.region,
            "revokeRulesOnDelete": state.get("revokeRulesOnDelete", False),
            "tags": tags,
            "tagsAll": tags,
            "vpcId": group["VpcId"],
            **{side: _rules(group, permissions) for side, permissions in _SIDES.items()},
        }

    @override
    def update(
        self, session: AwsSession, resource_id: str, olds: Properties, news: Properties
    ) -> None:
        retag_by_id(session.client("ec2"), resource_id, olds, news)

    @override
    def delete(self, session: AwsSession, resource_id: str, state: Properties) -> None:
        ec2 = session.client("ec2")
        with gone_is_fine():
            if state.get("revokeRulesOnDelete"):
                _revoke_all(ec2, _group(session, resource_id))
            ec2.delete_security_group(GroupId=resource_id)


class SecurityGroupRule(AwsType):
    """A rule of a security group, with one or more sources. EC2 knows a rule by what it says."""

    token = "aws:ec2/securityGroupRule:SecurityGroupRule"
    required = frozenset({"fromPort", "protocol", "securityGroupId", "toPort", "type"})
    known = required | {"description"} | set(_ENDS)
    replace_on = known - {"description"}
    computed = frozenset({"region", "securityGroupRuleId"})
    defaults: ClassVar[Properties] = {"self": False}

    @override
    def check(self, news: Properties) -> Properties:
        checked = super().check(news)
        if checked["type"] not in (*_SIDES, UNKNOWN):
            raise InvalidInput("type", f"is {checked['type']!r}; it can be egress or ingress")
        ends = [name for name in _ENDS if checked.get(name) or checked.get(name) is UNKNOWN]
        if not ends:
            raise InvalidInput("cidrBlocks", f"one of {', '.join(_ENDS)} must be given")
        if len(ends) > 1 and (alone := sorted(_ALONE.intersection(ends))):
            other = next(name for name in ends if name != alone[0])
            raise InvalidInput(alone[0], f"conflicts with {other}")
        if isinstance(checked["protocol"], str):
            protocol = checked["protocol"].lower()
            checked["protocol"] = _PROTOCOLS.get(protocol, protocol)
        return checked

    @override
    def create(self, session: AwsSession, inputs: Properties) -> Created:
        permission = _permission(inputs)
        authorize = getattr(session.client("ec2"), f"authorize_security_group_{inputs['type']}")
        authorize(GroupId=inputs["securityGroupId"], IpPermissions=[permission])
        return Created(_rule_id(inputs["securityGroupId"], inputs["type"], permission))

    @override
    def live(self, session: AwsSession, resource_id: str, state: Properties) -> Properties | None:
        rule = state if "securityGroupId" in state else _imported(resource_id)
        wanted = _permission(rule)
        found = _found(_group(session, rule["securityGroupId"]), rule["type"], wanted)
        if found is None:
            return None
        return {
            **{name: rule[name] for name in (*self.required, *_ENDS) if rule.get(name)},
            # Rules for all protocols have no ports; the provider writes zeros.
            "fromPort": wanted.get("FromPort", 0),
            "toPort": wanted.get("ToPort", 0),
            "self": rule.get("self", False),
            "description": _description(wanted, found),
            "region": session.region,
            "securityGroupRuleId": _ec2_id(session, rule, wanted),
        }

    @override
    def update(
        self, session: AwsSession, resource_id: str, olds: Properties, news: Properties
    ) -> None:
        if changed(olds, news, "description"):
            describe = f"update_security_group_rule_descriptions_{news['type']}"
            getattr(session.client("ec2"), describe)(
                GroupId=news["securityGroupId"], IpPermissions=[_permission(news)]
            )

    @override
    def delete(self, session: AwsSession, resource_id: str, state: Properties) -> None:
        revoke = getattr(session.client("ec2"), f"revoke_security_group_{state['type']}")
        with gone_is_fine():
            revoke(GroupId=state["securityGroupId"], IpPermissions=[_permission(state)])


TYPES = (SecurityGroup(), SecurityGroupRule())


def _group(session: AwsSession, group_id: str) -> dict[str, Any]:
    answer = session.client("ec2").describe_security_groups(GroupIds=[group_id])
    (group,) = answer["SecurityGroups"]
    return group


def _revoke_all(ec2: Any, group: Mapping[str, Any]) -> None:
    for side, permissions in _SIDES.items():
        if group[permissions]:
            revoke = getattr(ec2, f"revoke_security_group_{side}")
            revoke(GroupId=group["GroupId"], IpPermissions=group[permissions])


def _rules(group: Mapping[str, Any], permissions: str) -> list[Properties]:
    """The rules of one side as the group's outputs show them, one for each description."""
    rules: dict[tuple[Any, ...], Properties] = {}
    for permission in group[permissions]:
        ports = permission.get("FromPort", 0), permission.get("ToPort", 0)
        for name, source, value in _ends(permission):
            description = source.get("Description", "")
            key = (permission["IpProtocol"], *ports, description)
            rule = rules.setdefault(
                key,
                {
                    "protocol": permission["IpProtocol"],
                    "fromPort": ports[0],
                    "toPort": ports[1],
                    "description": description,
                    "self": False,
                    **{each: [] for each, _, _ in _SOURCES},
                },
            )
            if value == group["GroupId"]:
                rule["self"] = True
            else:
                rule[name].append(value)
    return [rules[key] for key in sorted(rules)]


def _ends(permission: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, str], str]]:
    """Every source of a permission: Pulumi's name of its kind, EC2's record, its value."""
    for name, kind, member in _SOURCES:
        for source in permission.get(kind, ()):
            yield name, source, source[member]


def _permission(rule: Mapping[str, Any]) -> dict[str, Any]:
    """The rule as EC2 takes it."""
    permission: dict[str, Any] = {"IpProtocol": rule["protocol"]}
    if rule["protocol"] != ALL:
        permission |= {"FromPort": rule["fromPort"], "ToPort": rule["toPort"]}
    text = {"Description": rule["description"]} if rule.get("description") else {}
    own = [rule["securityGroupId"]] if rule.get("self") else []
    owner, _, group = str(rule.get("sourceSecurityGroupId") or "").rpartition("/")
    ends = {**rule, "securityGroups": own + ([group] if group else [])}
    for name, kind, member in _SOURCES:
        if ends.get(name):
            permission[kind] = [{member: value, **text} for value in ends[name]]
    if owner:
        permission["UserIdGroupPairs"][-1]["UserId"] = owner
    return permission


def _rule_id(group_id: str, side: str, permission: Mapping[str, Any]) -> str:
    """The id that the provider computes from what a rule says; EC2 had none for a long time."""
    ports = [str(permission[name]) for name in ("FromPort", "ToPort") if permission.get(name)]
    parts = [group_id, *ports, permission["IpProtocol"], side]
    for name, kind, member in _SOURCES:
        values = sorted(source[member] for source in permission.get(kind, ()))
        for value in values:
            parts += [value, ""] if name == "securityGroups" else [value]
    return f"sgrule-{zlib.crc32('-'.join([*parts, '']).encode())}"


def _found(
    group: Mapping[str, Any], side: str, wanted: Mapping[str, Any]
) -> Mapping[str, Any] | None:
    """The permission of the group that has everything of ``wanted``."""
    ends = {(name, value) for name, _, value in _ends(wanted)}
    for permission in group[_SIDES[side]]:
        same = all(
            permission.get(name) == wanted.get(name)
            for name in ("IpProtocol", "FromPort", "ToPort")
        )
        if same and ends <= {(name, value) for name, _, value in _ends(permission)}:
            return permission
    return None


def _description(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    ends = {(name, value) for name, _, value in _ends(wanted)}
    texts = [s.get("Description", "") for name, s, value in _ends(found) if (name, value) in ends]
    return next(filter(None, texts), "")


def _ec2_id(session: AwsSession, rule: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """EC2's own id of the rule. A rule with several sources is several in EC2, and has none."""
    ends = [value for _, _, value in _ends(wanted)]
    of_group = {"Name": "group-id", "Values": [rule["securityGroupId"]]}
    answer = session.client("ec2").describe_security_group_rules(Filters=[of_group])
    for each in answer["SecurityGroupRules"]:
        end = each.get("CidrIpv4") or each.get("CidrIpv6") or each.get("PrefixListId")
        end = end or each.get("ReferencedGroupInfo", {}).get("GroupId")
        same = (
            each["IsEgress"] == (rule["type"] == "egress")
            and each["IpProtocol"] == wanted["IpProtocol"]
            and each["FromPort"] == wanted.get("FromPort", -1)
            and each["ToPort"] == wanted.get("ToPort", -1)
        )
        if same and [end] == ends:
            return each["SecurityGroupRuleId"]
    return ""


def _imported(resource_id: str) -> Properties:
    """The rule that an import's id spells out."""
    group_id, side, protocol, *rest = [*resource_id.split("_"), "", ""]
    ports, sources = rest[:2], [source for source in rest[2:] if source]
    if side not in _SIDES or not sources or not all(port.isdigit() for port in ports):
        raise Refused(f"{resource_id!r} is not an id of this type; expected {_IMPORT}")
    return {
        "securityGroupId": group_id,
        "type": side,
        "protocol": _PROTOCOLS.get(protocol, protocol),
        "fromPort": int(ports[0]),
        "toPort": int(ports[1]),
        **_imported_ends(sources),
    }


def _imported_ends(sources: Sequence[str]) -> Properties:
    ends: Properties = {"self": "self" in sources}
    for source in sources:
        if source.startswith("sg-"):
            ends["sourceSecurityGroupId"] = source
        elif source.startswith("pl-"):
            ends.setdefault("prefixListIds", []).append(source)
        elif ":" in source:
            ends.setdefault("ipv6CidrBlocks", []).append(source)
        elif source != "self":
            ends.setdefault("cidrBlocks", []).append(source)
    return ends
