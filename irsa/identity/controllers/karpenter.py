"""Policies of Karpenter. Pure."""

import re

from irsa.identity import arns
from irsa.identity.controllers.statements import allow, permissions_policy, regional_arn
from irsa.identity.policies import Document

# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html
_QUEUE_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}")
_READ = [
    "ec2:DescribeCapacityReservations", "ec2:DescribeImages", "ec2:DescribeInstanceStatus",
    "ec2:DescribeInstanceTypeOfferings", "ec2:DescribeInstanceTypes", "ec2:DescribeInstances",
    "ec2:DescribeLaunchTemplates", "ec2:DescribePlacementGroups", "ec2:DescribeSecurityGroups",
    "ec2:DescribeSpotPriceHistory", "ec2:DescribeSubnets",
]  # fmt: skip


def karpenter_policies(
    cluster_arn: str, *, node_role_arn: str, interruption_queue: str
) -> dict[str, Document]:
    """Permissions of Karpenter in a cluster, as of its version 1.14: policies by name.

    Together they exceed the size of one policy. ``interruption_queue`` is the name of the SQS
    queue, as in Karpenter's own settings.
    https://karpenter.sh/docs/reference/cloudformation/
    """
    cluster = arns.cluster_arn(cluster_arn)
    arns.check_role_arn(node_role_arn)
    if not _QUEUE_NAME.fullmatch(interruption_queue):
        raise ValueError(
            f"{interruption_queue!r} is not the name of an SQS queue; expected 1 to 80 letters, "
            "digits and any of _-"
        )
    return {
        "karpenter-nodes": _nodes_policy(cluster),
        "karpenter-controller": _controller_policy(cluster, node_role_arn, interruption_queue),
    }


def _nodes_policy(cluster: arns.ClusterArn) -> Document:
    def ec2(*kinds: str, account: str = "*") -> list[str]:
        where = cluster._replace(account=account)
        return [regional_arn(where, "ec2", f"{kind}/*") for kind in kinds]

    owned = ("StringEquals", f"aws:ResourceTag/kubernetes.io/cluster/{cluster.name}", "owned")
    of_pool = ("StringLike", "aws:ResourceTag/karpenter.sh/nodepool", "*")
    becomes_owned = (
        ("StringEquals", f"aws:RequestTag/kubernetes.io/cluster/{cluster.name}", "owned"),
        ("StringEquals", "aws:RequestTag/eks:eks-cluster-name", cluster.name),
        ("StringLike", "aws:RequestTag/karpenter.sh/nodepool", "*"),
    )
    launch = ["ec2:CreateFleet", "ec2:RunInstances"]
    used = ec2("capacity-reservation", "placement-group", "security-group", "subnet")
    created = ec2("fleet", "instance", "launch-template", "network-interface", "volume")
    created += ec2("spot-instances-request")
    creates = ["CreateFleet", "CreateLaunchTemplate", "RunInstances"]
    return permissions_policy(
        allow(launch, [*used, *ec2("image", "snapshot", account="")]),
        allow(launch, ec2("launch-template"), owned, of_pool),
        allow([f"ec2:{call}" for call in creates], created, *becomes_owned),
        allow(
            "ec2:CreateTags",
            created,
            *becomes_owned,
            ("StringEquals", "ec2:CreateAction", creates),
        ),
        allow(
            "ec2:CreateTags",
            ec2("instance"),
            owned,
            of_pool,
            ("StringEqualsIfExists", "aws:RequestTag/eks:eks-cluster-name", cluster.name),
            (
                "ForAllValues:StringEquals",
                "aws:TagKeys",
                ["Name", "eks:eks-cluster-name", "karpenter.sh/nodeclaim"],
            ),
        ),
        allow(
            ["ec2:DeleteLaunchTemplate", "ec2:TerminateInstances"],
            ec2("instance", "launch-template"),
            owned,
            of_pool,
        ),
    )


def _controller_policy(cluster: arns.ClusterArn, node_role_arn: str, queue: str) -> Document:
    in_request, on_profile = (
        (
            ("StringEquals", f"aws:{tag}/kubernetes.io/cluster/{cluster.name}", "owned"),
            ("StringEquals", f"aws:{tag}/topology.kubernetes.io/region", cluster.region),
            ("StringLike", f"aws:{tag}/karpenter.k8s.aws/ec2nodeclass", "*"),
        )
        for tag in ("RequestTag", "ResourceTag")
    )
    names_cluster = ("StringEquals", "aws:RequestTag/eks:eks-cluster-name", cluster.name)
    profiles = regional_arn(cluster._replace(region=""), "iam", "instance-profile/*")
    return permissions_policy(
        allow(
            "iam:PassRole",
            node_role_arn,
            ("StringEquals", "iam:PassedToService", ["ec2.amazonaws.com", "ec2.amazonaws.com.cn"]),
        ),
        allow("iam:CreateInstanceProfile", profiles, *in_request, names_cluster),
        allow("iam:TagInstanceProfile", profiles, *on_profile, *in_request, names_cluster),
        allow(
            [
                "iam:AddRoleToInstanceProfile",
                "iam:DeleteInstanceProfile",
                "iam:RemoveRoleFromInstanceProfile",
            ],
            profiles,
            *on_profile,
        ),
        allow("iam:GetInstanceProfile", profiles),
        allow(["iam:ListInstanceProfiles", "pricing:GetProducts"], "*"),
        allow("eks:DescribeCluster", str(cluster)),
        allow(
            ["sqs:DeleteMessage", "sqs:GetQueueUrl", "sqs:ReceiveMessage"],
            regional_arn(cluster, "sqs", queue),
        ),
        allow(
            "arc-zonal-shift:GetManagedResource",
            "*",
            ("StringEquals", "arc-zonal-shift:ResourceIdentifier", str(cluster)),
        ),
        allow(_READ, "*", ("StringEquals", "aws:RequestedRegion", cluster.region)),
        allow(
            "ssm:GetParameter",
            regional_arn(cluster._replace(account=""), "ssm", "parameter/aws/service/*"),
        ),
    )
