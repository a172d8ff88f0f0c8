"""The names of the package, for type checkers and for `__init__.py`."""

from irsa_core.identity.arns import cluster_arn as cluster_arn
from irsa_core.identity.arns import role_arn as role_arn
from irsa_core.identity.names import shared_name as shared_name

from ._roles import allow as allow
from .access_key_user import AccessKeyUser as AccessKeyUser
from .access_key_user import AccessKeyUserArgs as AccessKeyUserArgs
from .cluster import Cluster as Cluster
from .cluster import StackCluster as StackCluster
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
from .service_account_role import ServiceAccountRole as ServiceAccountRole
from .service_account_role import ServiceAccountRoleArgs as ServiceAccountRoleArgs
from .values import ServiceAccount as ServiceAccount
from .workload import Workload as Workload
from .workload import WorkloadArgs as WorkloadArgs
from .workload_identity import WorkloadIdentity as WorkloadIdentity
from .workload_identity import WorkloadIdentityArgs as WorkloadIdentityArgs
