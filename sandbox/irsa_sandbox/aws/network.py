"""EC2's networks and launch templates in a request's account and region, and EKS' checks."""

from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from typing import Any, NamedTuple

from . import errors


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
