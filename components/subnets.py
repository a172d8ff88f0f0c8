"""The subnets of a cluster, looked up and checked before EKS would refuse them."""

from collections.abc import Sequence
from functools import partial

import pulumi
import pulumi_aws as aws
from pulumi import InvokeOptions, Output


def vpc_of(
    subnet_ids: Sequence[str] | None, vpc_id: str | None, opts: InvokeOptions
) -> Output[str] | None:
    """The one VPC that all subnets of a cluster are in; None without subnets.

    Ends the program with one line if one of them does not exist, if they are in several VPCs, in
    another one than ``vpc_id``, or in one availability zone. https://docs.aws.amazon.com/eks/latest/userguide/network-reqs.html
    """
    if subnet_ids is None:
        return None
    named = [aws.ec2.GetSubnetsFilterArgs(name="subnet-id", values=list(subnet_ids))]
    known = aws.ec2.get_subnets_output(filters=named, opts=opts).ids
    subnets = [
        aws.ec2.get_subnet_output(id=known.apply(partial(_existing, subnet_id)), opts=opts)
        for subnet_id in subnet_ids
    ]
    return Output.all(*subnets).apply(lambda found: _common_vpc(found, vpc_id))


def _existing(subnet_id: str, known: Sequence[str]) -> str:
    """A subnet that is known: asked for alone, pulumi-aws would not say which one is missing."""
    if subnet_id not in known:
        raise pulumi.RunError(
            f"subnet {subnet_id} does not exist in the account and region of the cluster; "
            "correct cluster.subnetIds"
        )
    return subnet_id


# In quotes, because the SDK loads its modules when they are first named, and ec2 is a large one.
def _common_vpc(subnets: "Sequence[aws.ec2.GetSubnetResult]", expected: str | None) -> str:
    first = subnets[0]
    for subnet in subnets:
        if expected not in (None, subnet.vpc_id):
            raise pulumi.RunError(
                f"subnet {subnet.id} is in {subnet.vpc_id}, not in {expected}; "
                "correct cluster.subnetIds or cluster.vpcId"
            )
        if subnet.vpc_id != first.vpc_id:
            raise pulumi.RunError(
                f"subnet {first.id} is in {first.vpc_id} and {subnet.id} in {subnet.vpc_id}; "
                "cluster.subnetIds must be of one VPC"
            )
    zones = {subnet.availability_zone for subnet in subnets}
    if len(zones) == 1:
        raise pulumi.RunError(
            f"subnets {', '.join(subnet.id for subnet in subnets)} are all in {zones.pop()}; EKS "
            "needs two availability zones: add a subnet of another one to cluster.subnetIds"
        )
    return first.vpc_id
