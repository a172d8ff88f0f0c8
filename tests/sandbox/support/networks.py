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


def remove_default_vpc(ec2: Any) -> None:
    """Make the account one without a default VPC, as many are."""
    (vpc,) = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
    of_vpc = {"Name": "vpc-id", "Values": [vpc["VpcId"]]}
    for subnet in ec2.describe_subnets(Filters=[of_vpc])["Subnets"]:
        ec2.delete_subnet(SubnetId=subnet["SubnetId"])
    for gateway in ec2.describe_internet_gateways()["InternetGateways"]:
        if any(each["VpcId"] == vpc["VpcId"] for each in gateway["Attachments"]):
            ec2.detach_internet_gateway(
                InternetGatewayId=gateway["InternetGatewayId"], VpcId=vpc["VpcId"]
            )
    ec2.delete_vpc(VpcId=vpc["VpcId"])
