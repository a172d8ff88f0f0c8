"""Account A: a cluster, and workloads that reach AWS as their service accounts."""

from typing import Any

import pulumi
import pulumi_aws as aws
from pulumi import Input, Output, ResourceOptions

from components.data_bucket import DataBucket, DataBucketArgs
from components.eks_cluster import EksCluster, EksClusterArgs
from components.service_account_role import ServiceAccountRole, ServiceAccountRoleArgs
from components.settings import AccountASettings, WorkloadSettings
from components.specs import NodeGroupSpec
from components.workload import Workload, WorkloadArgs

settings = AccountASettings.load()

account = aws.Provider(
    "account-a",
    region=settings.region,
    allowed_account_ids=[settings.account_id],
    default_tags=aws.ProviderDefaultTagsArgs(
        tags={"project": pulumi.get_project(), "stack": pulumi.get_stack(), **settings.tags}
    ),
)
in_account = ResourceOptions(providers=[account])

cluster = EksCluster(
    settings.cluster.name,
    EksClusterArgs(
        cluster_name=settings.cluster.name,
        existing=settings.cluster.existing,
        provider_arn=settings.cluster.provider_arn,
        version=settings.cluster.version,
        subnet_ids=settings.cluster.subnet_ids,
        nodes=settings.cluster.nodes or NodeGroupSpec(),
        audiences=settings.audiences,
        partition=settings.partition,
    ),
    in_account,
)
in_cluster = ResourceOptions(providers=[cluster.kubernetes_provider])

buckets = {
    name: DataBucket(
        name, DataBucketArgs(bucket_name=name, force_destroy=bucket.force_destroy), in_account
    )
    for name, bucket in settings.buckets.items()
}
namespaces: dict[str, Output[str]] = {}
"""Namespaces that a workload created, for the other workloads in them to wait for."""


def role_for(workload: WorkloadSettings) -> ServiceAccountRole:
    """The workload's role, with access to its bucket."""
    policy_arns: dict[str, Input[str]] = dict(workload.role.policy_arns)
    if workload.bucket is not None:
        bucket = buckets[workload.bucket.name]
        policy_arns["bucket"] = bucket.access_policy(workload.name, workload.bucket.permissions).arn
    return ServiceAccountRole(
        workload.name,
        ServiceAccountRoleArgs(
            role_name=workload.role_name,
            provider_arns=[cluster.provider_arn, *workload.role.provider_arns],
            subjects=workload.subjects,
            audience=workload.audience,
            policy_arns=policy_arns,
            path=workload.role.path,
            permissions_boundary=workload.role.permissions_boundary,
            max_session_duration=workload.role.max_session_duration,
            trust_policy_quota=settings.trust_policy_quota,
        ),
        in_account,
    )


def deploy(workload: WorkloadSettings) -> dict[str, Any]:
    """Everything of one workload; returns its part of the stack's outputs."""
    role = role_for(workload)
    outputs: dict[str, Any] = {
        "access": workload.access,
        "namespace": workload.namespace,
        "role_arn": role.role_arn,
        "role_name": role.role_name,
        "role_unique_id": role.role_unique_id,
        "subjects": [subject.subject for subject in workload.subjects],
    }
    if workload.bucket is not None:
        outputs["bucket"] = buckets[workload.bucket.name].bucket_name
    if workload.container is not None:
        deployed = Workload(
            workload.name,
            WorkloadArgs(
                namespace=namespaces.get(workload.namespace, workload.namespace),
                create_namespace=workload.create_namespace,
                service_account_name=workload.service_account_name,
                existing_service_account=workload.existing_service_account,
                token=workload.token,
                role_arn=role.role_arn,
                container=workload.container,
                replicas=workload.replicas,
            ),
            in_cluster,
        )
        if workload.create_namespace:
            namespaces[workload.namespace] = deployed.namespace
        outputs["service_account"] = deployed.service_account_name
        outputs["deployment"] = deployed.deployment_name
    return outputs


pulumi.export("account_id", settings.account_id)
pulumi.export("region", settings.region)
pulumi.export("cluster_name", cluster.cluster_name)
pulumi.export("issuer_url", cluster.issuer_url)
pulumi.export("provider_arn", cluster.provider_arn)
pulumi.export("kubeconfig", cluster.kubeconfig)
pulumi.export(
    "workloads",
    {
        workload.name: deploy(workload)
        for workload in sorted(settings.workloads, key=lambda w: not w.create_namespace)
    },
)
