"""EC2 in the sandbox: the VPCs, subnets and security groups of a cluster, and nothing that could
run.

MiniStack's EC2 starts containers for instances, and knows much more than is needed here.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from urllib.parse import urlencode

from . import errors
from .errors import AwsError, Response
from .network import Network
from .query_protocol import FORM, Handler, Parameters, Query, numbered, query_parameters
from .security_groups import SecurityGroups

# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Operations.html
ACTIONS = frozenset(
    {
        "AuthorizeSecurityGroupEgress",
        "AuthorizeSecurityGroupIngress",
        "CreateDefaultVpc",
        "CreateSecurityGroup",
        "CreateSubnet",
        "CreateTags",
        "CreateVpc",
        "DeleteSecurityGroup",
        "DeleteSubnet",
        "DeleteTags",
        "DeleteVpc",
        "DescribeAvailabilityZones",
        "DescribeInternetGateways",
        "DescribeNetworkInterfaces",
        "DescribeRouteTables",
        "DescribeSecurityGroupRules",
        "DescribeSecurityGroups",
        "DescribeSubnets",
        "DescribeVpcAttribute",
        "DescribeVpcs",
        "DetachInternetGateway",
        "RevokeSecurityGroupEgress",
        "RevokeSecurityGroupIngress",
        "UpdateSecurityGroupRuleDescriptionsEgress",
        "UpdateSecurityGroupRuleDescriptionsIngress",
    }
)
_FILTERS: dict[str, set[str]] = {
    "DescribeAvailabilityZones": set(),
    "DescribeInternetGateways": {"attachment.state", "attachment.vpc-id", "internet-gateway-id"},
    "DescribeRouteTables": {"association.main", "association.subnet-id", "vpc-id"},
    "DescribeSecurityGroupRules": {"group-id", "security-group-rule-id"},
    "DescribeSecurityGroups": {"group-name", "vpc-id"},
    "DescribeSubnets": {"availability-zone", "cidr-block", "default-for-az", "subnet-id", "vpc-id"},
    "DescribeVpcs": {"cidr", "is-default", "owner-id", "state", "vpc-id"},
}
"""The filters that MiniStack heeds, besides those on tags; any other it would leave out in silence,
and find everything. There are no network interfaces to find, whatever is asked for."""

_OLD_NAMES = {"isDefault": "is-default"}
"""Names of filters that EC2 still takes, and the aws provider gives."""


class Ec2:
    """MiniStack's EC2 handler behind a list of what it may do."""

    def __init__(self, ec2: Handler, network: Network, in_use: Callable[[], Iterable[str]]) -> None:
        """``in_use`` names the security groups that something in the account has."""
        self._ec2 = ec2
        self._network = network
        self._groups = SecurityGroups(self._forward, network, in_use)
        self._answers: dict[str, Callable[[Parameters], Awaitable[Response]]] = {
            "CreateTags": self._tag,
            "DeleteTags": self._tag,
            **self._groups.answers,
        }

    async def handle(
        self, method: str, _path: str, _headers: Mapping[str, str], body: bytes, query: Query
    ) -> Response:
        """Answer a request to EC2."""
        try:
            parameters = query_parameters(method, body, query)
            action = parameters.get("Action", "")
            if action not in ACTIONS:
                raise errors.not_in_sandbox(f"ec2:{action}")
            parameters = _with_known_filters(action, parameters)
            return await self._answers.get(action, self._forward)(parameters)
        except AwsError as error:
            return errors.as_ec2_xml(error)

    async def _forward(self, parameters: Parameters) -> Response:
        return await self._ec2("POST", "/", FORM, urlencode(parameters).encode(), {})

    async def _tag(self, parameters: Parameters) -> Response:
        """Set or remove tags; MiniStack would keep those of what does not exist."""
        known = {vpc["VpcId"] for vpc in self._network.vpcs()} | self._groups.ids()
        for resource_id in numbered(parameters, "ResourceId").values():
            if resource_id not in known and self._network.subnet(resource_id) is None:
                raise errors.invalid_id(resource_id)
        return await self._forward(parameters)


def _with_known_filters(action: str, parameters: Parameters) -> Parameters:
    """The parameters, with EC2's own names of filters; raises `AwsError` for one that would be
    left out."""
    known = _FILTERS.get(action)
    checked = dict(parameters)
    for index, name in numbered(parameters, "Filter", ".Name").items():
        checked[f"Filter.{index}.Name"] = name = _OLD_NAMES.get(name, name)
        on_tags = name.startswith("tag:") or name == "tag-key"
        if known is not None and name not in known and not on_tags:
            raise errors.not_in_sandbox(f"Filter {name} of ec2:{action}")
    return checked
