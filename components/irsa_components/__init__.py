"""Pulumi components for pods in EKS that use AWS without keys.

An attribute of the package loads its own module, and no other's.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from irsa.identity.arns import cluster_arn as cluster_arn
    from irsa.identity.arns import role_arn as role_arn

    from .access_key_user import AccessKeyUser as AccessKeyUser
    from .access_key_user import AccessKeyUserArgs as AccessKeyUserArgs
    from .credentials import AccessKeyArgs as AccessKeyArgs
    from .credentials import PodIdentityArgs as PodIdentityArgs
    from .credentials import RoleChainArgs as RoleChainArgs
    from .credentials import TargetRoleArgs as TargetRoleArgs
    from .credentials import TokenArgs as TokenArgs
    from .cross_account_role import CrossAccountRole as CrossAccountRole
    from .cross_account_role import CrossAccountRoleArgs as CrossAccountRoleArgs
    from .cross_account_role import TargetingAssociationArgs as TargetingAssociationArgs
    from .cross_account_role import TrustedRoleArgs as TrustedRoleArgs
    from .data_bucket import DataBucket as DataBucket
    from .data_bucket import DataBucketArgs as DataBucketArgs
    from .eks_cluster import EksCluster as EksCluster
    from .eks_cluster_args import AccessEntryArgs as AccessEntryArgs
    from .eks_cluster_args import ControlPlaneArgs as ControlPlaneArgs
    from .eks_cluster_args import EksClusterArgs as EksClusterArgs
    from .eks_cluster_args import NodeGroupArgs as NodeGroupArgs
    from .namespace import Namespace as Namespace
    from .namespace import NamespaceArgs as NamespaceArgs
    from .pod_identity_association import PodIdentityAssociation as PodIdentityAssociation
    from .pod_identity_association import PodIdentityAssociationArgs as PodIdentityAssociationArgs
    from .service_account import ServiceAccount as ServiceAccount
    from .service_account_role import ServiceAccountRole as ServiceAccountRole
    from .service_account_role import ServiceAccountRoleArgs as ServiceAccountRoleArgs
    from .workload import Workload as Workload
    from .workload import WorkloadArgs as WorkloadArgs
    from .workload_identity import WorkloadIdentity as WorkloadIdentity
    from .workload_identity import WorkloadIdentityArgs as WorkloadIdentityArgs

_NAMES = {
    "irsa.identity.arns": "cluster_arn role_arn",
    ".access_key_user": "AccessKeyUser AccessKeyUserArgs",
    ".credentials": "AccessKeyArgs PodIdentityArgs RoleChainArgs TargetRoleArgs TokenArgs",
    ".cross_account_role": (
        "CrossAccountRole CrossAccountRoleArgs TargetingAssociationArgs TrustedRoleArgs"
    ),
    ".data_bucket": "DataBucket DataBucketArgs",
    ".eks_cluster": "EksCluster",
    ".eks_cluster_args": "AccessEntryArgs ControlPlaneArgs EksClusterArgs NodeGroupArgs",
    ".namespace": "Namespace NamespaceArgs",
    ".pod_identity_association": "PodIdentityAssociation PodIdentityAssociationArgs",
    ".service_account": "ServiceAccount",
    ".service_account_role": "ServiceAccountRole ServiceAccountRoleArgs",
    ".workload": "Workload WorkloadArgs",
    ".workload_identity": "WorkloadIdentity WorkloadIdentityArgs",
}
_MODULES = {name: module for module, names in _NAMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name], __name__), name)
