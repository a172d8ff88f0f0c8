"""EC2 in the sandbox: the VPCs, subnets, security groups and launch templates of a cluster, EKS'
checks of them, and nothing that could run.

MiniStack's EC2 starts containers for instances, and knows much more than is needed here.
"""

from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode

from . import errors
from .errors import AwsError, Response
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


class Network(NamedTuple):
    """Records of MiniStack's EC2, in the account and region of a request."""

    vpcs: Callable[[], Iterable[Mapping[str, Any]]]
    """Every VPC, as EC2 describes it."""

    subnet: Callable[[str], Mapping[str, Any] | None]
    """A subnet by its id, as EC2 describes it."""

    security_group: Callable[[str], Mapping[str, Any] | None]
    """A security group by its id."""

    launch_templates: Callable[[], Iterable[MutableMapping[str, Any]]]
    """Every launch template, with its versions."""

    def has(self, resource_id: str) -> bool:
        """True for the id of a VPC, a subnet, a security group or a launch template."""
        return (
            resource_id in [vpc["VpcId"] for vpc in self.vpcs()]
            or resource_id in [each["LaunchTemplateId"] for each in self.launch_templates()]
            or self.subnet(resource_id) is not None
            or self.security_group(resource_id) is not None
        )

    def vpc_of(self, config: Mapping[str, Any]) -> str:
        """The VPC of a cluster's ``resourcesVpcConfig``; raises `AwsError` as EKS does.

        https://docs.aws.amazon.com/eks/latest/userguide/network-reqs.html
        """
        subnets = self._subnets(config.get("subnetIds", ()))
        if len({subnet["AvailabilityZone"] for subnet in subnets}) < 2:
            raise errors.invalid_parameter(
                "Subnets specified must be in at least two different AZs"
            )
        if len({subnet["VpcId"] for subnet in subnets}) > 1:
            raise errors.invalid_parameter("Subnets specified must be in the same VPC")
        vpc_id = subnets[0]["VpcId"]
        wanted = config.get("securityGroupIds", ())
        groups = {each: self.security_group(each) for each in wanted}
        strange = [i for i, group in groups.items() if group is None or group["VpcId"] != vpc_id]
        if strange:
            raise errors.invalid_parameter(
                f"Security group(s) [{', '.join(strange)}] are not in the same VPC as the subnets. "
                f"Please specify a security group that is associated with the VPC: {vpc_id}."
            )
        if not config.get("endpointPublicAccess", True) and not config.get("endpointPrivateAccess"):
            raise errors.invalid_parameter("Private and public endpoint access cannot be false")
        return vpc_id

    def check_within(self, vpc_id: str, subnet_ids: Sequence[str]) -> None:
        """Raise `AwsError` for subnets that are not in the cluster's VPC."""
        if any(subnet["VpcId"] != vpc_id for subnet in self._subnets(subnet_ids)):
            raise errors.invalid_parameter(
                f"Specified subnets must belong to cluster's vpc {vpc_id}"
            )

    def launch_template(self, wanted: Mapping[str, str]) -> dict[str, str]:
        """A node group's launch template as EKS describes it; raises `AwsError`.

        https://docs.aws.amazon.com/eks/latest/userguide/launch-templates.html
        """
        if len({"id", "name"} & wanted.keys()) != 1:
            raise errors.invalid_parameter(
                "Either provide launch template ID or launch template name in the request."
            )
        for each in self.launch_templates():
            names = {"id": each["LaunchTemplateId"], "name": each["LaunchTemplateName"]}
            numbers = {str(version["VersionNumber"]) for version in each["Versions"]}
            aliases = {"$Default": "DefaultVersionNumber", "$Latest": "LatestVersionNumber"}
            version = wanted.get("version", "$Default")
            if version in aliases:
                version = str(each[aliases[version]])
            if {n: wanted[n] for n in names if n in wanted}.items() <= names.items():
                if version not in numbers:
                    break
                return {**names, "version": version}
        raise errors.invalid_parameter(f"Launch template details can't be found: {dict(wanted)}")

    def _subnets(self, subnet_ids: Sequence[str]) -> list[Mapping[str, Any]]:
        subnets: list[Mapping[str, Any]] = []
        for subnet_id in subnet_ids:
            subnet = self.subnet(subnet_id)
            if subnet is None:
                raise errors.invalid_parameter(f"The subnet ID '{subnet_id}' does not exist")
            subnets.append(subnet)
        return subnets


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
            return errors.as_xml(error, "ec2")

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
