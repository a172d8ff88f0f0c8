"""EC2 in the sandbox: the VPCs and subnets that a cluster goes into, and nothing that could run.

MiniStack's EC2 starts containers for instances, and knows much more than is needed here.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode

from . import errors
from .errors import AwsError, Response
from .query_protocol import FORM, Handler, Query, query_parameters

ACTIONS = frozenset(
    {
        "CreateDefaultVpc",
        "CreateSecurityGroup",
        "CreateSubnet",
        "CreateVpc",
        "DeleteSecurityGroup",
        "DeleteSubnet",
        "DeleteVpc",
        "DescribeAvailabilityZones",
        "DescribeInternetGateways",
        "DescribeSecurityGroups",
        "DescribeSubnets",
        "DescribeVpcs",
        "DetachInternetGateway",
    }
)


class Ec2:
    """MiniStack's EC2 handler behind a list of what it may do."""

    def __init__(self, ec2: Handler) -> None:
        self._ec2 = ec2

    async def handle(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, query: Query
    ) -> Response:
        """Answer a request to EC2."""
        try:
            parameters = query_parameters(method, body, query)
            if parameters.get("Action") not in ACTIONS:
                raise errors.not_in_sandbox(f"ec2:{parameters.get('Action')}")
        except AwsError as error:
            return errors.as_ec2_xml(error)
        form = urlencode(parameters).encode()
        return await self._ec2("POST", path, {**headers, **FORM}, form, {})


class Network(NamedTuple):
    """What EKS asks EC2 in the account and region of a request."""

    subnet: Callable[[str], Mapping[str, Any] | None]
    """A subnet by its id, as EC2 describes it."""

    security_group: Callable[[str], Mapping[str, Any] | None]
    """A security group by its id, as EC2 describes it."""

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
