"""Account A: a cluster, or another stack's, and workloads that reach AWS as service accounts."""

from dataclasses import replace
from pathlib import Path

import pulumi
import pulumi_aws as aws
from pulumi import Input, ResourceOptions

from components import workload_access as access
from components.config import arguments
from components.config.account_a import AccountASettings, Entry, Trusting
from components.config.cluster import PlatformClusterSettings
from components.config.load import load_settings
from components.config.platform import PlatformCluster, read_platform
from components.config.provider import account_provider
from components.config.roles import RoleOnlySettings
from components.config.workloads import AccessKeyWorkload, CrossAccountWorkload
from components.data_bucket import DataBucket
from components.eks_cluster import EksCluster
from components.namespace import Namespace
from components.registrations import registrations_begin
from components.workload import Workload

settings = load_settings(AccountASettings, Path(__file__).parent)


class Deployment:
    """Everything of the stack: what the entries share, and each entry."""

    def __init__(self, account: aws.Provider, cluster: EksCluster | PlatformCluster) -> None:
        self.account = account
        self.cluster = cluster
        self.in_account = ResourceOptions(providers=[account])
        self.in_cluster = ResourceOptions(providers=[cluster.kubernetes_provider])
        self.buckets = {
            name: DataBucket(name, arguments.bucket_args(bucket), self.in_account)
            for name, bucket in settings.buckets.items()
        }
        self.namespaces = {
            each.name: Namespace(
                each.name, arguments.namespace_args(each, cluster.kubeconfig), self.in_cluster
            )
            for each in settings.namespaces
        }

    def permissions(self, entry: Entry) -> dict[str, Input[str]]:
        """Our own policy for the entry's role or user, by the key that its attachment gets."""
        if entry.cross_account is not None:
            arn = entry.cross_account.arn(entry.name, settings.partition)
            return {"assume-role-b": access.role_b_policy(entry.name, arn, self.account).arn}
        if entry.bucket is not None:
            bucket = self.buckets[entry.bucket.name]
            return {"bucket": bucket.access_policy(entry.name, entry.bucket.permissions).arn}
        return {}

    def by_role(self, entry: Trusting) -> access.WorkloadAccess:
        """A role of this account: an existing one as it is, or a new one."""
        if entry.role.existing:
            return access.by_existing_role(entry.role_name, self.account)
        own = self.permissions(entry)
        args = arguments.role_args(entry, settings, self.cluster.provider_arn, own)
        return access.by_role(entry.name, args, self.in_account)

    def access_of(self, entry: Entry) -> access.WorkloadAccess:
        """Everything that the entry's pods need in AWS."""
        match entry:
            case AccessKeyWorkload():
                args = arguments.user_args(entry, self.permissions(entry))
                return access.by_key(entry.name, args, settings.region, self.in_account)
            case CrossAccountWorkload(federated=True):
                arn = entry.cross_account.arn(entry.name, settings.partition)
                return access.by_federation(arn)
            case CrossAccountWorkload():
                chain = arguments.chain_args(entry, settings)
                return access.by_chaining(self.by_role(entry), chain)
            case RoleOnlySettings(cross_account=role_b) if role_b is not None:
                arn = role_b.arn(entry.name, settings.partition)
                return access.towards_role_b(self.by_role(entry), arn)
            case _:
                return self.by_role(entry)

    def deploy(self, entry: Entry) -> dict[str, object]:
        """Everything of one entry; returns its part of the stack's outputs."""
        granted = self.access_of(entry)
        bucket = self.buckets[entry.bucket.name] if entry.bucket is not None else None
        outputs = replace(
            granted.outputs,
            namespace=entry.namespace,
            subjects=[subject.subject for subject in entry.subjects],
            bucket=bucket.bucket_name if bucket is not None else None,
            service_account=entry.service_account,
        )
        if not isinstance(entry, RoleOnlySettings):
            needed = [
                each.resource for name, each in self.namespaces.items() if name == entry.namespace
            ]
            args = arguments.workload_args(entry, granted, self.cluster.kubeconfig)
            opts = ResourceOptions.merge(self.in_cluster, ResourceOptions(depends_on=needed))
            pods = Workload(entry.name, args, opts)
            outputs = replace(
                outputs, service_account=pods.service_account_name, deployment=pods.deployment_name
            )
        return outputs.given()


# A coroutine, as account B's program is: another stack's outputs must be plain values before
# anything is registered, so that what does not fit ends in one line, with nothing half made.
async def main() -> dict[str, object]:
    """Everything; returns the stack's outputs."""
    wanted = settings.cluster
    cluster: EksCluster | PlatformCluster
    if isinstance(wanted, PlatformClusterSettings):
        cluster = await read_platform(settings, wanted.stack)
        account = account_provider("account-a", settings)
        audiences = cluster.audiences
    else:
        account = account_provider("account-a", settings)
        args = arguments.cluster_args(wanted, settings, account)
        cluster = EksCluster(wanted.name, args, ResourceOptions(providers=[account]))
        audiences = settings.audiences
    deployment = Deployment(account, cluster)
    workloads = {entry.name: deployment.deploy(entry) for entry in settings.entries}
    await registrations_begin()
    return {
        "account_id": settings.account_id,
        "region": settings.region,
        "cluster_name": cluster.cluster_name,
        "issuer_url": cluster.issuer_url,
        "provider_arn": cluster.provider_arn,
        "audiences": [*audiences],
        "kubeconfig": cluster.kubeconfig,
        "workloads": workloads,
    }


pulumi.run(main)
