"""A platform team's stack: the cluster, with the outputs that programs of its teams need."""

import pulumi

from irsa_components import ControlPlaneArgs, EksCluster, EksClusterArgs

protected = pulumi.Config().require_bool("deletionProtection")
control_plane = ControlPlaneArgs(deletion_protection=protected)
args = EksClusterArgs(cluster_name="platform", control_plane=control_plane)
cluster = EksCluster("platform", args)

pulumi.export("cluster_name", cluster.cluster_name)
pulumi.export("cluster_arn", cluster.cluster_arn)
pulumi.export("issuer_url", cluster.issuer_url)
pulumi.export("provider_arn", cluster.provider_arn)
pulumi.export("kubeconfig", cluster.kubeconfig)
