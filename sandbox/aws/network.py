"""EC2's networks in the account and region of a request, and EKS' checks of them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
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

    def has(self, resource_id: str) -> bool:
        """True for the id of a VPC, a subnet or a security group."""
        return (
            resource_id in [vpc["VpcId"] for vpc in self.vpcs()]
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

    def _subnets(self, subnet_ids: Sequence[str]) -> list[Mapping[str, Any]]:
        subnets: list[Mapping[str, Any]] = []
        for subnet_id in subnet_ids:
            subnet = self.subnet(subnet_id)
            if subnet is None:
                raise errors.invalid_parameter(f"The subnet ID '{subnet_id}' does not exist")
            subnets.append(subnet)
        return subnets
