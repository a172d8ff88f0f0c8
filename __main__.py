"""Account A: a cluster, and workloads that reach AWS as their service accounts."""

from dataclasses import replace

import pulumi
from pulumi import Input, ResourceOptions

from components import workload_access as access
from components.config import arguments
from components.config.account_a import AccountASettings, Entry, Trusting
from components.config.load import load_settings
from components.config.provider import account_provider
from components.config.roles import RoleOnlySettings
from components.config.workloads import AccessKeyWorkload, CrossAccountWorkload
from components.data_bucket import DataBucket
from components.eks_cluster import EksCluster
from components.namespace import Namespace
from components.registrations import registrations_begin
from components.workload import Workload

settings = load_settings(AccountASettings)
account = account_provider("account-a", settings)
in_account = ResourceOptions(providers=[account])
cluster = EksCluster(settings.cluster.name, arguments.cluster_args(settings, account), in_account)
in_cluster = ResourceOptions(providers=[cluster.kubernetes_provider])
buckets = {
    name: DataBucket(name, arguments.bucket_args(bucket), in_account)
    for name, bucket in settings.buckets.items()
}
namespaces = {
    each.name: Namespace(each.name, arguments.namespace_args(each, cluster.kubeconfig), in_cluster)
    for each in settings.namespaces
}


def permissions(entry: Entry) -> dict[str, Input[str]]:
    """Our own policy for the entry's role or user, by the key that its attachment gets."""
    if entry.cross_account is not None:
        arn = entry.cross_account.arn(entry.name, settings.partition)
        return {"assume-role-b": access.role_b_policy(entry.name, arn, account).arn}
    if entry.bucket is not None:
        bucket = buckets[entry.bucket.name]
        return {"bucket": bucket.access_policy(entry.name, entry.bucket.permissions).arn}
    return {}


def by_role(entry: Trusting) -> access.WorkloadAccess:
    """A role of this account: an existing one as it is, or a new one."""
    if entry.role.existing:
        return access.by_existing_role(entry.role_name, account)
    args = arguments.role_args(entry, settings, cluster.provider_arn, permissions(entry))
    return access.by_role(entry.name, args, in_account)


def access_of(entry: Entry) -> access.WorkloadAccess:
    """Everything that the entry's pods need in AWS."""
    match entry:
        case AccessKeyWorkload():
            args = arguments.user_args(entry, permissions(entry))
            return access.by_key(entry.name, args, settings.region, in_account)
        case CrossAccountWorkload(federated=True):
            return access.by_federation(entry.cross_account.arn(entry.name, settings.partition))
        case CrossAccountWorkload():
            return access.by_chaining(by_role(entry), arguments.chain_args(entry, settings))
        case RoleOnlySettings(cross_account=role_b) if role_b is not None:
            return access.towards_role_b(by_role(entry), role_b.arn(entry.name, settings.partition))
        case _:
            return by_role(entry)


def deploy(entry: Entry) -> dict[str, object]:
    """Everything of one entry; returns its part of the stack's outputs."""
    granted = access_of(entry)
    outputs = replace(
        granted.outputs,
        namespace=entry.namespace,
        subjects=[subject.subject for subject in entry.subjects],
        bucket=buckets[entry.bucket.name].bucket_name if entry.bucket is not None else None,
        service_account=entry.service_account,
    )
    if not isinstance(entry, RoleOnlySettings):
        needed = [each.resource for name, each in namespaces.items() if name == entry.namespace]
        args = arguments.workload_args(entry, granted, cluster.kubeconfig)
        opts = ResourceOptions.merge(in_cluster, ResourceOptions(depends_on=needed))
        pods = Workload(entry.name, args, opts)
        outputs = replace(
            outputs, service_account=pods.service_account_name, deployment=pods.deployment_name
        )
    return outputs.given()


pulumi.export("account_id", settings.account_id)
pulumi.export("region", settings.region)
pulumi.export("cluster_name", cluster.cluster_name)
pulumi.export("issuer_url", cluster.issuer_url)
pulumi.export("provider_arn", cluster.provider_arn)
pulumi.export("kubeconfig", cluster.kubeconfig)
pulumi.export("workloads", {entry.name: deploy(entry) for entry in settings.entries})
pulumi.run(registrations_begin)
