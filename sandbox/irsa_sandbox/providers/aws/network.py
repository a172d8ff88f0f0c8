"""Functions of the `aws` provider that look up VPCs and subnets."""

from collections.abc import Callable
from typing import Any

from ..resource import Properties, Refused
from .types import AwsSession, tags_as_map


def _subnets(session: AwsSession, args: Properties) -> Properties:
    _only(args, "getSubnets", "filters")
    subnets = session.client("ec2").describe_subnets(Filters=_filters(args))["Subnets"]
    return {"id": session.region, "ids": sorted(subnet["SubnetId"] for subnet in subnets)}


def _vpc(session: AwsSession, args: Properties) -> Properties:
    _only(args, "getVpc", "default", "id")
    wanted: dict[str, Any] = {}
    if "id" in args:
        wanted["VpcIds"] = [args["id"]]
    if args.get("default"):
        wanted["Filters"] = [{"Name": "is-default", "Values": ["true"]}]
    vpcs = session.client("ec2").describe_vpcs(**wanted)["Vpcs"]
    if len(vpcs) != 1:
        raise Refused("no matching EC2 VPC found" if not vpcs else "multiple EC2 VPCs matched")
    return {
        "cidrBlock": vpcs[0]["CidrBlock"],
        "default": vpcs[0]["IsDefault"],
        "id": vpcs[0]["VpcId"],
        "tags": tags_as_map(vpcs[0].get("Tags")),
    }


def _filters(args: Properties) -> list[dict[str, Any]]:
    return [{"Name": f["name"], "Values": f["values"]} for f in args.get("filters", ())]


def _only(args: Properties, function: str, *known: str) -> None:
    for name in sorted(name for name, value in args.items() if value is not None):
        if name not in known:
            raise Refused(f"aws.ec2.{function}: the sandbox does not know {name}")


FUNCTIONS: dict[str, Callable[[AwsSession, Properties], Properties]] = {
    "aws:ec2/getSubnets:getSubnets": _subnets,
    "aws:ec2/getVpc:getVpc": _vpc,
}
