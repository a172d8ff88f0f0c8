"""Add-ons that nodes need when they join a cluster: the EKS Pod Identity Agent and VPC CNI."""

import json
from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_eks as eks
from pulumi import Alias, InvokeOptions, Output, Resource, ResourceOptions

from irsa.identity.arns import aws_policy_arn
from irsa.identity.pod_identity import pod_identity_trust_policy
from irsa.identity.policies import irsa_trust_policy
from irsa.identity.subjects import service_account_ref

from ._iam import attach_policies

CNI_ACCOUNT = service_account_ref("kube-system", "aws-node")
CNI_POLICY = "AmazonEKS_CNI_Policy"


def create_addons(
    name: str, cluster: eks.Cluster, provider_arn: Output[str], *, partition: str, parent: Resource
) -> list[Resource]:
    """Create the agent, and then VPC CNI with a role of its own, instead of the node's.

    Without the agent VPC CNI fails and logs nothing, and without VPC CNI nodes do not get ready.
    In the China regions, where EKS Pod Identity is not proven, the role is by IRSA, without agent.
    https://docs.aws.amazon.com/eks/latest/userguide/cni-iam-role.html
    """
    child_opts = ResourceOptions(parent=parent)
    in_eks = cluster.eks_cluster
    by_irsa = partition == "aws-cn"
    if by_irsa:
        trust = provider_arn.apply(lambda arn: irsa_trust_policy([arn], [CNI_ACCOUNT]))
    else:
        trust = in_eks.arn.apply(lambda arn: pod_identity_trust_policy([arn], [CNI_ACCOUNT]))
    role = aws.iam.Role(
        f"{name}-vpc-cni",
        description="VPC CNI of an EKS cluster",
        assume_role_policy=trust.apply(json.dumps),
        opts=child_opts,
    )
    policies = {CNI_POLICY: aws_policy_arn(CNI_POLICY, partition=partition)}
    ready: list[Resource] = [*attach_policies(role, f"{name}-vpc-cni", policies, parent=parent)]
    if by_irsa:
        of_cni: dict[str, Any] = {"service_account_role_arn": role.arn}
    else:
        ready.append(_addon(name, "eks-pod-identity-agent", in_eks, child_opts))
        association = {"role_arn": role.arn, "service_account": CNI_ACCOUNT.name}
        of_cni = {"pod_identity_associations": [association]}
    # Before version 0.2 it was pulumi-eks' add-on, which becomes ours in place.
    old = pulumi.create_urn(f"{name}-vpc-cni", "eks:index:VpcCniAddon", parent=cluster.urn)
    opts = ResourceOptions(parent=parent, depends_on=ready, aliases=[Alias(parent=old)])
    return [*ready, _addon(name, "vpc-cni", in_eks, opts, **of_cni)]


def _addon(
    name: str, addon: str, in_eks: Output[aws.eks.Cluster], opts: ResourceOptions, **args: Any
) -> aws.eks.Addon:
    return aws.eks.Addon(
        f"{name}-{addon}",
        cluster_name=in_eks.name,
        addon_name=addon,
        # The newest, as pulumi-eks does: it follows the cluster's version.
        addon_version=aws.eks.get_addon_version_output(
            addon_name=addon,
            kubernetes_version=in_eks.version,
            most_recent=True,
            opts=InvokeOptions(parent=opts.parent),
        ).version,
        # EKS puts a VPC CNI of its own on a new cluster.
        resolve_conflicts_on_create="OVERWRITE",
        resolve_conflicts_on_update="OVERWRITE",
        opts=opts,
        **args,
    )
