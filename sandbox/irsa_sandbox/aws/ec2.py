"""EC2 in the sandbox: the VPCs, subnets, security groups and launch templates of a cluster, and
nothing that could run.

MiniStack's EC2 starts containers for instances, and knows much more than is needed here.
"""

from collections.abc import Mapping
from urllib.parse import urlencode

from . import errors
from .errors import AwsError, Response
from .network import Network
from .query_protocol import FORM, Handler, Parameters, Query, numbered, query_parameters

# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Operations.html
ACTIONS = frozenset(
    {
        "AuthorizeSecurityGroupEgress",
        "AuthorizeSecurityGroupIngress",
        "CreateDefaultVpc",
        "CreateLaunchTemplate",
        "CreateLaunchTemplateVersion",
        "CreateSecurityGroup",
        "CreateSubnet",
        "CreateTags",
        "CreateVpc",
        "DeleteLaunchTemplate",
        "DeleteSecurityGroup",
        "DeleteSubnet",
        "DeleteTags",
        "DeleteVpc",
        "DescribeAvailabilityZones",
        "DescribeInternetGateways",
        "DescribeLaunchTemplateVersions",
        "DescribeLaunchTemplates",
        "DescribeNetworkInterfaces",
        "DescribeRegions",
        "DescribeRouteTables",
        "DescribeSecurityGroupRules",
        "DescribeSecurityGroups",
        "DescribeSubnets",
        "DescribeVpcAttribute",
        "DescribeVpcs",
        "DetachInternetGateway",
        "ModifyLaunchTemplate",
        "RevokeSecurityGroupEgress",
        "RevokeSecurityGroupIngress",
    }
)
_FILTERS: dict[str, set[str]] = {
    "DescribeAvailabilityZones": set(),
    "DescribeRegions": set(),
    "DescribeInternetGateways": {"attachment.state", "attachment.vpc-id", "internet-gateway-id"},
    "DescribeLaunchTemplateVersions": set(),
    "DescribeLaunchTemplates": {"launch-template-name"},
    "DescribeRouteTables": {"association.main", "association.subnet-id", "vpc-id"},
    "DescribeSecurityGroupRules": {"group-id", "security-group-rule-id"},
    "DescribeSecurityGroups": {"group-name", "vpc-id"},
    "DescribeSubnets": {"availability-zone", "cidr-block", "default-for-az", "subnet-id", "vpc-id"},
    "DescribeVpcs": {"cidr", "is-default", "owner-id", "state", "vpc-id"},
}
"""The filters that MiniStack applies, besides those on tags; it would ignore any other,
and find everything. There are no network interfaces to find, whatever is asked for."""

_OLD_NAMES = {"isDefault": "is-default"}
"""Names of filters that EC2 still takes, and the aws provider gives."""


class Ec2:
    """MiniStack's EC2 handler behind a list of allowed actions."""

    def __init__(self, ec2: Handler, network: Network) -> None:
        self._ec2 = ec2
        self._network = network

    async def handle(
        self, method: str, _path: str, _headers: Mapping[str, str], body: bytes, query: Query
    ) -> Response:
        """Answer a request to EC2."""
        try:
            parameters = query_parameters(method, body, query)
            action = parameters.get("Action", "")
            if action not in ACTIONS:
                raise errors.not_in_sandbox(f"ec2:{action}")
            if action in ("CreateTags", "DeleteTags"):
                self._refuse_unknown_ids(parameters)
            # The aws provider always says that there is none.
            if parameters.get("LaunchTemplateData.UserData") == "":
                del parameters["LaunchTemplateData.UserData"]
            self._check_launch_template(action, parameters)
            known = _without_needless_ports(_with_known_filters(action, parameters))
            return await self._ec2("POST", "/", FORM, urlencode(known).encode(), {})
        except AwsError as error:
            return errors.as_ec2_xml(error)

    def _refuse_unknown_ids(self, parameters: Parameters) -> None:
        """Refuse tags of missing resources, which MiniStack would keep."""
        for resource_id in numbered(parameters, "ResourceId").values():
            if not self._network.has(resource_id):
                raise errors.invalid_id(resource_id)
        for template in self._network.launch_templates():
            template.pop("Tags", None)  # MiniStack would show these to the end

    def _check_launch_template(self, action: str, parameters: Parameters) -> None:
        """Refuse a missing launch template, for which MiniStack has other errors or none, and
        settings of instances, which none of ours could have."""
        listed = numbered(parameters, "LaunchTemplateId").values()
        for template_id in filter(None, (parameters.get("LaunchTemplateId"), *listed)):
            if not self._network.has(template_id):
                raise errors.no_such_launch_template(template_id)
        for name in parameters:
            kind, _, setting = name.partition(".")
            if kind == "LaunchTemplateData" and not setting.startswith("MetadataOptions."):
                raise errors.not_in_sandbox(f"{name} of ec2:{action}")


def _without_needless_ports(parameters: Parameters) -> Parameters:
    """The parameters without the ports of a rule for every protocol, which MiniStack would keep."""
    rules = numbered(parameters, "IpPermissions", ".IpProtocol")
    ports = {
        f"IpPermissions.{number}.{name}"
        for number, protocol in rules.items()
        if protocol == "-1"
        for name in ("FromPort", "ToPort")
    }
    return {name: value for name, value in parameters.items() if name not in ports}


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
