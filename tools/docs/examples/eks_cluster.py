import pulumi

from components.eks_cluster import EksCluster, EksClusterArgs
from components.specs import ControlPlaneSpec, NodeGroupSpec

cluster = EksCluster(
    "dev",
    EksClusterArgs(
        cluster_name="dev",
        control_plane=ControlPlaneSpec(public_access_cidrs=("203.0.113.0/24",)),
        nodes=NodeGroupSpec(instance_types=("t3.large",), max_size=5),
    ),
)
pulumi.export("provider_arn", cluster.provider_arn)
