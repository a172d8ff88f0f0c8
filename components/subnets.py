"""The subnets of a cluster, looked up and checked before EKS would refuse them."""

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws
from pulumi import InvokeOptions, Output

from components.config.cluster import ClusterSettings


def vpc_of(cluster: ClusterSettings, opts: InvokeOptions) -> Output[str] | None:
    """The one VPC that all subnets of a cluster are in; None if it names no subnets.

    Ends the program with one line if they are in several VPCs, in another one than ``vpcId``, or in
    one availability zone. https://docs.aws.amazon.com/eks/latest/userguide/network-reqs.html
    """
    if cluster.subnet_ids is None:
        return None
    found = [aws.ec2.get_subnet_output(id=each, opts=opts) for each in cluster.subnet_ids]
    return Output.all(*found).apply(lambda subnets: _common_vpc(subnets, cluster.vpc_id))


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
