"""Policy of the Cluster Autoscaler. Pure."""

from irsa.identity import arns
from irsa.identity.controllers.statements import allow, permissions_policy, regional_arn
from irsa.identity.policies import Document

_READ = [
    "autoscaling:DescribeAutoScalingGroups", "autoscaling:DescribeAutoScalingInstances",
    "autoscaling:DescribeLaunchConfigurations", "autoscaling:DescribeScalingActivities",
    "ec2:DescribeImages", "ec2:DescribeInstanceTypes", "ec2:DescribeLaunchTemplateVersions",
    "ec2:GetInstanceTypesFromInstanceRequirements",
]  # fmt: skip


def cluster_autoscaler_policy(cluster_arn: str) -> Document:
    """Permissions of the Cluster Autoscaler on the Auto Scaling groups of a cluster.

    It discovers the groups by the tag ``k8s.io/cluster-autoscaler/<cluster>``.
    https://github.com/kubernetes/autoscaler/blob/master/cluster-autoscaler/cloudprovider/aws/README.md
    """
    cluster = arns.cluster_arn(cluster_arn)
    tag = f"aws:ResourceTag/k8s.io/cluster-autoscaler/{cluster.name}"
    return permissions_policy(
        allow(_READ, "*"),
        allow("eks:DescribeNodegroup", regional_arn(cluster, "eks", f"nodegroup/{cluster.name}/*")),
        # The page shows every group, and recommends a condition on tags. As the discovery, this one
        # asks for the tag's key: the value is arbitrary.
        allow(
            ["autoscaling:SetDesiredCapacity", "autoscaling:TerminateInstanceInAutoScalingGroup"],
            regional_arn(cluster, "autoscaling", "autoScalingGroup:*:autoScalingGroupName/*"),
            ("Null", tag, "false"),
        ),
    )
