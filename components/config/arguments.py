"""What a section of the configuration is in the words of the component that it is for."""

from collections.abc import Mapping, Sequence

from pulumi import Input, InvokeOptions, ProviderResource

from ..access_key_user import AccessKeyUserArgs
from ..cross_account_role import CrossAccountRoleArgs, TrustedRoleArgs
from ..data_bucket import DataBucketArgs
from ..eks_cluster import EksClusterArgs
from ..namespace import NamespaceArgs
from ..pod_credentials import ChainArgs
from ..service_account_role import ServiceAccountRoleArgs
from ..specs import ControlPlaneSpec, NodeGroupSpec, TokenSpec
from ..subnets import vpc_of
from ..workload import WorkloadArgs
from ..workload_access import WorkloadAccess
from .access import BucketSettings
from .account_a import AccountASettings, Trusting
from .account_b import ServiceAccountSettings, TargetSettings
from .cluster import ClusterSettings
from .namespaces import NamespaceSettings
from .workloads import AccessKeyWorkload, CrossAccountWorkload, WorkloadSettings

PolicyArns = Mapping[str, Input[str]]
"""Policies of our own, by the key that their attachment gets."""


def cluster_args(
    cluster: ClusterSettings, settings: AccountASettings, account: ProviderResource
) -> EksClusterArgs:
    """The cluster, in the VPC that its subnets are in."""
    in_account = InvokeOptions(provider=account)
    return EksClusterArgs(
        cluster_name=cluster.name,
        existing=cluster.existing,
        provider_arn=cluster.provider_arn,
        version=cluster.version,
        subnet_ids=cluster.subnet_ids,
        vpc_id=vpc_of(cluster.subnet_ids, cluster.vpc_id, in_account),
        control_plane=cluster.control_plane or ControlPlaneSpec(),
        access_entries=cluster.access_entries or (),
        nodes=cluster.nodes or NodeGroupSpec(),
        audiences=settings.audiences,
        role_arn=settings.assume_role_arn,
        partition=settings.partition,
    )


def namespace_args(namespace: NamespaceSettings, kubeconfig: Input[str]) -> NamespaceArgs:
    """A namespace of the cluster."""
    return NamespaceArgs(
        namespace=namespace.name,
        existing=namespace.existing,
        force_destroy=namespace.force_destroy,
        kubeconfig=kubeconfig,
    )


def bucket_args(bucket: BucketSettings) -> DataBucketArgs:
    """A bucket of either account."""
    return DataBucketArgs(
        bucket_name=bucket.name, force_destroy=bucket.force_destroy, existing=bucket.existing
    )


def role_args(
    entry: Trusting, settings: AccountASettings, provider_arn: Input[str], own: PolicyArns
) -> ServiceAccountRoleArgs:
    """The role of a workload, or one for service accounts of others."""
    return ServiceAccountRoleArgs(
        role_name=entry.role_name,
        provider_arns=[provider_arn, *entry.role.provider_arns],
        subjects=entry.subjects,
        audience=entry.audience,
        policy_arns={**entry.role.policy_arns, **own},
        path=entry.role.path,
        permissions_boundary=entry.role.permissions_boundary,
        max_session_duration=entry.role.max_session_duration,
        trust_policy_quota=settings.trust_policy_quota,
        description=entry.role.description,
        tags=entry.role.tags,
        imported=entry.role.imported,
    )


def user_args(workload: AccessKeyWorkload, own: PolicyArns) -> AccessKeyUserArgs:
    """The user of a workload with a static key."""
    return AccessKeyUserArgs(
        user_name=workload.user_name,
        policy_arns=own,
        key_version=workload.access_key.key_version,
    )


def chain_args(workload: CrossAccountWorkload, settings: AccountASettings) -> ChainArgs:
    """How a workload's pods go on to role B."""
    other = workload.cross_account
    return ChainArgs(
        role_b_arn=other.arn(workload.name, settings.partition),
        profiles=other.profiles,
        region=settings.region,
    )


def workload_args(
    workload: WorkloadSettings, access: WorkloadAccess, kubeconfig: Input[str]
) -> WorkloadArgs:
    """A workload's pods, and how they get credentials."""
    return WorkloadArgs(
        namespace=workload.namespace,
        service_account_name=workload.service_account_name,
        existing_service_account=workload.existing_service_account,
        token=TokenSpec() if isinstance(workload, AccessKeyWorkload) else workload.token,
        role_arn=access.role_arn,
        chain=access.chain,
        static_credentials=access.static_credentials,
        container=workload.container,
        replicas=workload.replicas,
        kubeconfig=kubeconfig,
    )


def federated_role_args(
    workload: TargetSettings,
    service_account: ServiceAccountSettings,
    provider_arns: Sequence[Input[str]],
    own: PolicyArns,
) -> ServiceAccountRoleArgs:
    """Role B for the workload's service account itself."""
    return ServiceAccountRoleArgs(
        role_name=workload.role_name,
        provider_arns=provider_arns,
        subjects=[service_account.ref],
        audience=service_account.audience,
        policy_arns=own,
        path=workload.role.path,
        permissions_boundary=workload.role.permissions_boundary,
        max_session_duration=workload.role.max_session_duration,
    )


def chained_role_args(
    workload: TargetSettings, role_a: TrustedRoleArgs, own: PolicyArns
) -> CrossAccountRoleArgs:
    """Role B for role A of the other account."""
    return CrossAccountRoleArgs(
        role_name=workload.role_name,
        trusted_roles=[role_a],
        trust=workload.trust,
        external_id=workload.external_id,
        policy_arns=own,
        path=workload.role.path,
        permissions_boundary=workload.role.permissions_boundary,
        max_session_duration=workload.role.max_session_duration,
    )
