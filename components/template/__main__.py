"""A bucket, and a role with which a service account of an existing EKS cluster reads it."""

import pulumi

from irsa_components import (
    DataBucket,
    DataBucketArgs,
    EksCluster,
    EksClusterArgs,
    ServiceAccountRole,
    ServiceAccountRoleArgs,
)

config = pulumi.Config()
name, cluster_name = config.require("bucket"), config.require("cluster")

cluster = EksCluster(cluster_name, EksClusterArgs(cluster_name=cluster_name, existing=True))
bucket = DataBucket(name, DataBucketArgs(bucket_name=name, read_policy_name=name))
role = ServiceAccountRole(
    name,
    ServiceAccountRoleArgs(
        role_name=name,
        provider_arns=[cluster.provider_arn],
        subjects=[config.require("serviceAccount")],
        policy_arns={"bucket": bucket.read_policy_arn},
    ),
)
pulumi.export("role_arn", role.role_arn)  # for the annotation eks.amazonaws.com/role-arn
