"""EC2 in the sandbox: the VPCs, subnets, security groups and launch templates of a cluster, EKS'
checks of them, and nothing that could run.

MiniStack's EC2 starts containers for instances, and knows much more than is needed here.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from . import errors
from .errors import Response
from .front import AwsRequest
from .query_protocol import Parameters, form, numbered, query_parameters
from .records import Records

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

# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Operations.html
ACTIONS = _FILTERS.keys() | {
    *("CreateDefaultVpc", "CreateVpc", "DeleteVpc", "DescribeVpcAttribute"),
    *("CreateSubnet", "DeleteSubnet", "CreateSecurityGroup", "DeleteSecurityGroup"),
    *("AuthorizeSecurityGroupEgress", "AuthorizeSecurityGroupIngress"),
    *("RevokeSecurityGroupEgress", "RevokeSecurityGroupIngress"),
    *("DetachInternetGateway", "DescribeNetworkInterfaces", "CreateTags", "DeleteTags"),
    *("CreateLaunchTemplate", "CreateLaunchTemplateVersion", "DeleteLaunchTemplate"),
    "ModifyLaunchTemplate",
}
_OLD_NAMES = {"isDefault": "is-default"}
"""Names of filters that EC2 still takes, and the aws provider gives."""


class Network:
    """The network and the launch templates of an account's clusters, as EC2 describes them."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def has(self, resource_id: str) -> bool:
        """True for the id of a VPC, a subnet, a security group or a launch template."""
        found = self._records
        found.make_default_vpc()
        stores = (found.vpcs, found.subnets, found.security_groups, found.launch_templates)
        return any(resource_id in store for store in stores)

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
        group_ids = config.get("securityGroupIds", ())
        groups = {group_id: self._records.security_groups.get(group_id) for group_id in group_ids}
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

    def launch_template(self, spec: Mapping[str, str]) -> dict[str, str]:
        """A node group's launch template as EKS describes it; raises `AwsError`.

        https://docs.aws.amazon.com/eks/latest/userguide/launch-templates.html
        """
        if len({"id", "name"} & spec.keys()) != 1:
            raise errors.invalid_parameter(
                "Either provide launch template ID or launch template name in the request."
            )
        asked = spec.get("version", "$Default")
        version_of = {"$Default": "DefaultVersionNumber", "$Latest": "LatestVersionNumber"}
        for template in self._records.launch_templates.values():
            names = {"id": template["LaunchTemplateId"], "name": template["LaunchTemplateName"]}
            version = str(template[version_of[asked]]) if asked in version_of else asked
            numbers = {str(version["VersionNumber"]) for version in template["Versions"]}
            if names.items() & spec.items() and version in numbers:
                return {**names, "version": version}
        raise errors.invalid_parameter(f"Launch template details can't be found: {dict(spec)}")

    def _subnets(self, subnet_ids: Sequence[str]) -> list[Mapping[str, Any]]:
        self._records.make_default_vpc()
        for subnet_id in subnet_ids:
            if subnet_id not in self._records.subnets:
                raise errors.invalid_parameter(f"The subnet ID '{subnet_id}' does not exist")
        return [self._records.subnets[subnet_id] for subnet_id in subnet_ids]


class Ec2:
    """MiniStack's EC2 handler behind a list of allowed actions."""

    def __init__(self, records: Records) -> None:
        self._ec2 = records.handlers["ec2"]
        self._records, self._network = records, Network(records)

    async def answer(self, request: AwsRequest) -> Response:
        """Answer a request to EC2."""
        parameters = query_parameters(request)
        action = parameters.get("Action", "")
        if action not in ACTIONS:
            raise errors.not_in_sandbox(f"ec2:{action}")
        if action in ("CreateTags", "DeleteTags"):
            self._refuse_unknown_ids(parameters)
        # The aws provider always says that there is none.
        if parameters.get("LaunchTemplateData.UserData") == "":
            del parameters["LaunchTemplateData.UserData"]
        self._check_launch_template(action, parameters)
        _check_filters(action, parameters)
        return await self._ec2(*form(_without_needless_ports(parameters)))

    def _refuse_unknown_ids(self, parameters: Parameters) -> None:
        """Refuse tags of missing resources, which MiniStack would keep."""
        for resource_id in numbered(parameters, "ResourceId").values():
            if not self._network.has(resource_id):
                raise errors.invalid_id(resource_id)
        for template in self._records.launch_templates.values():
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


def _check_filters(action: str, parameters: Parameters) -> None:
    """Give filters EC2's own names; raise `AwsError` for one that would be left out."""
    filters = _FILTERS.get(action)
    for index, name in numbered(parameters, "Filter", ".Name").items():
        parameters[f"Filter.{index}.Name"] = name = _OLD_NAMES.get(name, name)
        on_tags = name.startswith("tag:") or name == "tag-key"
        if filters is not None and name not in filters and not on_tags:
            raise errors.not_in_sandbox(f"Filter {name} of ec2:{action}")
