"""Add-ons that nodes need when they join a cluster: the EKS Pod Identity Agent and VPC CNI."""

import json
from typing import NamedTuple

import pulumi
import pulumi_aws as aws
from pulumi import Alias, InvokeOptions, Output, Resource, ResourceOptions

from irsa.identity.arns import aws_policy_arn
from irsa.identity.pod_identity import pod_identity_trust_policy
from irsa.identity.policies import irsa_trust_policy
from irsa.identity.subjects import service_account_ref

from ._iam import attach_policies

CNI_ACCOUNT = service_account_ref("kube-system", "aws-node")
CNI_POLICY = "AmazonEKS_CNI_Policy"


class AddonCluster(NamedTuple):
    """A cluster that gets add-ons."""

    name: Output[str]
    arn: Output[str]
    version: Output[str]
    provider_arn: Output[str]
    """ARN of its IAM OIDC provider."""
    partition: str


def create_addons(
    name: str, cluster: AddonCluster, *, created: Resource, parent: Resource
) -> list[Resource]:
    """Create the agent, and then VPC CNI with a role of its own, instead of the node's.

    VPC CNI waits for the agent without a word, and nodes for VPC CNI. The China regions have no
    EKS Pod Identity, so there is no agent there, and the role is by IRSA.
    https://docs.aws.amazon.com/eks/latest/userguide/cni-iam-role.html
    """
    with_agent = cluster.partition != "aws-cn"
    trust = (
        cluster.arn.apply(lambda arn: json.dumps(pod_identity_trust_policy([arn], [CNI_ACCOUNT])))
        if with_agent
        else cluster.provider_arn.apply(
            lambda arn: json.dumps(irsa_trust_policy([arn], [CNI_ACCOUNT]))
        )
    )
    role = aws.iam.Role(
        f"{name}-vpc-cni",
        description="VPC CNI of an EKS cluster",
        assume_role_policy=trust,
        opts=ResourceOptions(parent=parent),
    )
    policies = {CNI_POLICY: aws_policy_arn(CNI_POLICY, partition=cluster.partition)}
    ready: list[Resource] = [*attach_policies(role, f"{name}-vpc-cni", policies, parent=parent)]
    if with_agent:
        ready.append(
            _addon(name, "eks-pod-identity-agent", cluster, ResourceOptions(parent=parent))
        )
    association = aws.eks.AddonPodIdentityAssociationArgs(
        role_arn=role.arn, service_account=CNI_ACCOUNT.name
    )
    cni = _addon(
        name,
        "vpc-cni",
        cluster,
        ResourceOptions(parent=parent, depends_on=ready, aliases=[_of_pulumi_eks(name, created)]),
        associations=[association] if with_agent else None,
        role_arn=None if with_agent else role.arn,
    )
    return [*ready, cni]


def _addon(
    name: str,
    addon: str,
    cluster: AddonCluster,
    opts: ResourceOptions,
    *,
    associations: list[aws.eks.AddonPodIdentityAssociationArgs] | None = None,
    role_arn: Output[str] | None = None,
) -> aws.eks.Addon:
    return aws.eks.Addon(
        f"{name}-{addon}",
        cluster_name=cluster.name,
        addon_name=addon,
        # The newest, as pulumi-eks does: it follows the cluster's version.
        addon_version=aws.eks.get_addon_version_output(
            addon_name=addon,
            kubernetes_version=cluster.version,
            most_recent=True,
            opts=InvokeOptions(parent=opts.parent),
        ).version,
        pod_identity_associations=associations,
        service_account_role_arn=role_arn,
        # EKS puts a VPC CNI of its own on a new cluster.
        resolve_conflicts_on_create="OVERWRITE",
        resolve_conflicts_on_update="OVERWRITE",
        opts=opts,
    )


def _of_pulumi_eks(name: str, cluster: Resource) -> Alias:
    """The add-on that pulumi-eks created up to version 0.2.0, which becomes ours in place."""
    urn = pulumi.create_urn(f"{name}-vpc-cni", "eks:index:VpcCniAddon", parent=cluster.urn)
    return Alias(parent=urn)
