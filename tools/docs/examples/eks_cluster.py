import pulumi

from irsa_components import ControlPlaneArgs, EksCluster, EksClusterArgs, NodeGroupArgs

cluster = EksCluster(
    "dev",
    EksClusterArgs(
        cluster_name="dev",
        control_plane=ControlPlaneArgs(public_access_cidrs=["203.0.113.0/24"]),
        nodes=NodeGroupArgs(instance_types=["t3.large"], max_size=5),
    ),
)
pulumi.export("provider_arn", cluster.provider_arn)
