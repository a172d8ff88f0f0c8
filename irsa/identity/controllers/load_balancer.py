"""Policy of the AWS Load Balancer Controller. Pure."""

from irsa.identity import arns
from irsa.identity.controllers.statements import allow, permissions_policy, regional_arn
from irsa.identity.policies import Document

_READ = [
    "ec2:DescribeAccountAttributes", "ec2:DescribeAddresses", "ec2:DescribeAvailabilityZones",
    "ec2:DescribeCoipPools", "ec2:DescribeInstances", "ec2:DescribeInternetGateways",
    "ec2:DescribeIpamPools", "ec2:DescribeNetworkInterfaces", "ec2:DescribeRouteTables",
    "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeTags",
    "ec2:DescribeVpcPeeringConnections", "ec2:DescribeVpcs", "ec2:GetCoipPoolUsage",
    "ec2:GetSecurityGroupsForVpc", "elasticloadbalancing:DescribeCapacityReservation",
    "elasticloadbalancing:DescribeListenerAttributes",
    "elasticloadbalancing:DescribeListenerCertificates", "elasticloadbalancing:DescribeListeners",
    "elasticloadbalancing:DescribeLoadBalancerAttributes",
    "elasticloadbalancing:DescribeLoadBalancers", "elasticloadbalancing:DescribeRules",
    "elasticloadbalancing:DescribeSSLPolicies", "elasticloadbalancing:DescribeTags",
    "elasticloadbalancing:DescribeTargetGroupAttributes",
    "elasticloadbalancing:DescribeTargetGroups", "elasticloadbalancing:DescribeTargetHealth",
    "elasticloadbalancing:DescribeTrustStores",
]  # fmt: skip
_ATTACHED_SERVICES = [
    "acm:DescribeCertificate", "acm:ListCertificates", "cognito-idp:DescribeUserPoolClient",
    "iam:GetServerCertificate", "iam:ListServerCertificates", "shield:CreateProtection",
    "shield:DeleteProtection", "shield:DescribeProtection", "shield:GetSubscriptionState",
    "waf-regional:AssociateWebACL", "waf-regional:DisassociateWebACL", "waf-regional:GetWebACL",
    "waf-regional:GetWebACLForResource", "wafv2:AssociateWebACL", "wafv2:DisassociateWebACL",
    "wafv2:GetWebACL", "wafv2:GetWebACLForResource",
]  # fmt: skip
_CHANGE_OWN = [
    "ec2:AuthorizeSecurityGroupIngress", "ec2:DeleteSecurityGroup",
    "ec2:RevokeSecurityGroupIngress", "elasticloadbalancing:DeleteLoadBalancer",
    "elasticloadbalancing:DeleteTargetGroup", "elasticloadbalancing:ModifyCapacityReservation",
    "elasticloadbalancing:ModifyIpPools", "elasticloadbalancing:ModifyListenerAttributes",
    "elasticloadbalancing:ModifyLoadBalancerAttributes", "elasticloadbalancing:ModifyTargetGroup",
    "elasticloadbalancing:ModifyTargetGroupAttributes", "elasticloadbalancing:SetIpAddressType",
    "elasticloadbalancing:SetSecurityGroups", "elasticloadbalancing:SetSubnets",
]  # fmt: skip
_LISTENERS_AND_TARGETS = [
    "elasticloadbalancing:AddListenerCertificates", "elasticloadbalancing:CreateListener",
    "elasticloadbalancing:CreateRule", "elasticloadbalancing:DeleteListener",
    "elasticloadbalancing:DeleteRule", "elasticloadbalancing:DeregisterTargets",
    "elasticloadbalancing:ModifyListener", "elasticloadbalancing:ModifyRule",
    "elasticloadbalancing:RegisterTargets", "elasticloadbalancing:RemoveListenerCertificates",
    "elasticloadbalancing:SetRulePriorities", "elasticloadbalancing:SetWebAcl",
]  # fmt: skip


def load_balancer_controller_policy(cluster_arn: str) -> Document:
    """Permissions of the AWS Load Balancer Controller of a cluster, as of its version 3.5.

    Security groups of nodes and pods have the tag ``kubernetes.io/cluster/<cluster>``, as the
    cluster security group of EKS does.
    https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/deploy/installation/
    """
    cluster = arns.cluster_arn(cluster_arn)
    # The controller tags what it creates with its cluster's name, and its own policy asks only
    # that the tag exists: with the name, the load balancers of other clusters are out of reach.
    tag = "elbv2.k8s.aws/cluster"
    own = ("StringEquals", f"aws:ResourceTag/{tag}", cluster.name)
    becomes_own = ("StringEquals", f"aws:RequestTag/{tag}", cluster.name)
    stays_own = ("Null", f"aws:RequestTag/{tag}", "true")

    def balancing(*kinds: str) -> list[str]:
        return [regional_arn(cluster, "elasticloadbalancing", f"{kind}/*") for kind in kinds]

    security_groups = regional_arn(cluster, "ec2", "security-group/*")
    load_balancers = balancing("loadbalancer/app", "loadbalancer/net", "targetgroup")
    listeners = balancing("listener/app", "listener/net", "listener-rule/app", "listener-rule/net")
    creates = ["CreateLoadBalancer", "CreateTargetGroup"]
    tags = ["elasticloadbalancing:AddTags", "elasticloadbalancing:RemoveTags"]
    return permissions_policy(
        allow(
            "iam:CreateServiceLinkedRole",
            "*",
            ("StringEquals", "iam:AWSServiceName", "elasticloadbalancing.amazonaws.com"),
        ),
        allow([*_READ, *_ATTACHED_SERVICES, "ec2:CreateSecurityGroup"], "*"),
        # The page recommends this condition, which the policy that it links to leaves out.
        allow(
            ["ec2:AuthorizeSecurityGroupIngress", "ec2:RevokeSecurityGroupIngress"],
            "*",
            ("Null", f"aws:ResourceTag/kubernetes.io/cluster/{cluster.name}", "false"),
        ),
        allow([f"elasticloadbalancing:{call}" for call in creates], "*", becomes_own),
        allow(
            "ec2:CreateTags",
            security_groups,
            ("StringEquals", "ec2:CreateAction", "CreateSecurityGroup"),
            becomes_own,
        ),
        allow(
            "elasticloadbalancing:AddTags",
            load_balancers,
            ("StringEquals", "elasticloadbalancing:CreateAction", creates),
            becomes_own,
        ),
        allow(
            ["ec2:CreateTags", "ec2:DeleteTags", *tags],
            [security_groups, *load_balancers],
            own,
            stays_own,
        ),
        allow(_CHANGE_OWN, "*", own),
        # As in the policy that the page links to, without a condition on tags: the controller binds
        # target groups of others, and gives tags to listeners that have none.
        allow(tags, listeners),
        allow(_LISTENERS_AND_TARGETS, regional_arn(cluster, "elasticloadbalancing", "*")),
    )
