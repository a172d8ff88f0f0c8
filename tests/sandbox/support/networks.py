"""VPCs and subnets of the emulator, as accounts have them."""

from typing import Any


def network(ec2: Any, *zones: str) -> tuple[str, list[str]]:
    """Make a VPC with a subnet in each of the zones (``a``, ``b``); returns their ids."""
    vpc = ec2.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(
            VpcId=vpc, CidrBlock=f"10.7.{number}.0/24", AvailabilityZone=f"us-east-1{zone}"
        )["Subnet"]["SubnetId"]
        for number, zone in enumerate(zones)
    ]
    return vpc, subnets
