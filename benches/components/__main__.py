"""As many workloads as the configuration names, each with a bucket: a loop over the components."""

import asyncio

import pulumi
import pulumi_aws as aws
from pulumi import ResourceOptions

from irsa_components import (
    DataBucket,
    DataBucketArgs,
    EksCluster,
    EksClusterArgs,
    Namespace,
    NamespaceArgs,
    ServiceAccount,
    ServiceAccountRole,
    ServiceAccountRoleArgs,
    Workload,
    WorkloadArgs,
)

config = pulumi.Config()
provider = aws.Provider(
    "account-a",
    region="us-east-1",
    allowed_account_ids=[config.require("accountId")],
    default_tags=aws.ProviderDefaultTagsArgs(tags={"project": "irsa", "stack": "dev"}),
)
in_account = ResourceOptions(providers=[provider])
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
            bucket_name=f"bucket-{name}", read_policy_name=name, force_destroy=True
        )
        bucket = DataBucket(f"bucket-{name}", bucket_args, in_account)
        account = ServiceAccount(namespace="bench", name=name)
        role_args = ServiceAccountRoleArgs(
            role_name=name,
            provider_arns=[cluster.provider_arn],
            service_accounts=[account],
            policy_arns={"bucket": bucket.read_policy_arn},
        )
        role = ServiceAccountRole(name, role_args, in_account)
        workload_args = WorkloadArgs(
            service_account=account,
            role_arn=role.role_arn,
            pod_spec={"containers": [{"name": "app", "image": "app"}]},
        )
        Workload(name, workload_args, in_namespace)
    await asyncio.sleep(0)


pulumi.run(main)
