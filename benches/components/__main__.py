"""As many workloads as the configuration names, each with a bucket: a loop over the components."""

import asyncio

import pulumi
import pulumi_aws as aws
from pulumi import ResourceOptions

from components.container import ContainerArgs
from components.data_bucket import DataBucket, DataBucketArgs
from components.eks_cluster import EksCluster, EksClusterArgs
from components.namespace import Namespace, NamespaceArgs
from components.service_account_role import ServiceAccountRole, ServiceAccountRoleArgs
from components.workload import Workload, WorkloadArgs

config = pulumi.Config()
account = aws.Provider(
    "account-a",
    region="us-east-1",
    allowed_account_ids=[config.require("accountId")],
    default_tags=aws.ProviderDefaultTagsArgs(tags={"project": "irsa", "stack": "dev"}),
)
in_account = ResourceOptions(providers=[account])
cluster = EksCluster("dev", EksClusterArgs(cluster_name="dev"), in_account)
in_cluster = ResourceOptions(providers=[cluster.kubernetes_provider])
namespace = Namespace("bench", NamespaceArgs(namespace="bench", force_destroy=True), in_cluster)
in_namespace = ResourceOptions.merge(in_cluster, ResourceOptions(depends_on=[namespace]))


async def main() -> None:
    """Register every workload before the SDK waits for outputs.

    Otherwise it waits for all of them anew after each one, and the time grows with the square of
    their number.
    """
    for name in config.require_object("workloads"):
        bucket_args = DataBucketArgs(
            bucket_name=f"bucket-{name}", policies={name: "read"}, force_destroy=True
        )
        bucket = DataBucket(f"bucket-{name}", bucket_args, in_account)
        role_args = ServiceAccountRoleArgs(
            role_name=name,
            provider_arns=[cluster.provider_arn],
            subjects=[f"bench/{name}"],
            policy_arns={"bucket": bucket.policy_arns[name]},
        )
        role = ServiceAccountRole(name, role_args, in_account)
        workload_args = WorkloadArgs(
            namespace="bench", role_arn=role.role_arn, container=ContainerArgs(image="app")
        )
        Workload(name, workload_args, in_namespace)
    await asyncio.sleep(0)


pulumi.run(main)
