"""A bucket, and a role with which a service account of an existing EKS cluster reads it."""

import pulumi

from irsa_components.data_bucket import DataBucket, DataBucketArgs
from irsa_components.eks_cluster import EksCluster, EksClusterArgs
from irsa_components.service_account_role import ServiceAccountRole, ServiceAccountRoleArgs

config = pulumi.Config()
name, cluster_name = config.require("bucket"), config.require("cluster")

cluster = EksCluster(cluster_name, EksClusterArgs(cluster_name=cluster_name, existing=True))
bucket = DataBucket(name, DataBucketArgs(bucket_name=name, policies={name: "read"}))
role = ServiceAccountRole(
    name,
    ServiceAccountRoleArgs(
        role_name=name,
        provider_arns=[cluster.provider_arn],
        subjects=[config.require("serviceAccount")],
        policy_arns={"bucket": bucket.policy_arns[name]},
    ),
)
pulumi.export("role_arn", role.role_arn)  # for the annotation eks.amazonaws.com/role-arn
