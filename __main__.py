"""Account A: a cluster, and workloads that reach AWS as their service accounts."""

import asyncio
from typing import Any, NamedTuple

import pulumi
import pulumi_aws as aws
from pulumi import Input, Output, ResourceOptions

from components.access_key_user import AccessKeyUser, AccessKeyUserArgs
from components.config.access import AccessKeySettings, CrossAccountSettings
from components.config.account_a import AccountASettings, WorkloadSettings
from components.data_bucket import DataBucket, DataBucketArgs
from components.eks_cluster import EksCluster, EksClusterArgs
from components.managed_policy import managed_policy
from components.namespace import Namespace, NamespaceArgs
from components.pod_credentials import ChainArgs, StaticCredentialsArgs
from components.service_account_role import ServiceAccountRole, ServiceAccountRoleArgs
from components.specs import ControlPlaneSpec, NodeGroupSpec
from components.subnets import vpc_of
from components.workload import Workload, WorkloadArgs
from irsa.identity.policies import assume_role_permissions_policy

settings = AccountASettings.load()

account = aws.Provider(
    "account-a",
    region=settings.region,
    allowed_account_ids=[settings.account_id],
    assume_roles=[
        aws.ProviderAssumeRoleArgs(role_arn=arn, session_name=pulumi.get_project())
        for arn in settings.assume_role_arns
    ]
    or None,
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
        vpc_id=vpc_of(settings.cluster, pulumi.InvokeOptions(provider=account)),
        control_plane=settings.cluster.control_plane or ControlPlaneSpec(),
        access_entries=settings.cluster.access_entries or (),
        nodes=settings.cluster.nodes or NodeGroupSpec(),
        audiences=settings.audiences,
        role_arn=settings.assume_role_arn,
        partition=settings.partition,
    ),
    in_account,
)
in_cluster = ResourceOptions(providers=[cluster.kubernetes_provider])

buckets = {
    name: DataBucket(
        name,
        DataBucketArgs(
            bucket_name=name, force_destroy=bucket.force_destroy, existing=bucket.existing
        ),
        in_account,
    )
    for name, bucket in settings.buckets.items()
}
namespaces = {
    namespace.name: Namespace(
        namespace.name,
        NamespaceArgs(
            namespace=namespace.name,
            existing=namespace.existing,
            force_destroy=namespace.force_destroy,
            kubeconfig=cluster.kubeconfig,
        ),
        in_cluster,
    )
    for namespace in settings.namespaces
}


class Identity(NamedTuple):
    """How a workload's pods get AWS credentials."""

    args: dict[str, Any]
    """The part of `WorkloadArgs` that says so."""

    outputs: dict[str, Any]
    """What the stack exports about it."""


def bucket_policy(workload: WorkloadSettings) -> dict[str, Input[str]]:
    """The policy on the workload's bucket, by the key that its attachment gets."""
    if workload.bucket is None:
        return {}
    bucket = buckets[workload.bucket.name]
    return {"bucket": bucket.access_policy(workload.name, workload.bucket.permissions).arn}


def workload_role(
    workload: WorkloadSettings, role_name: str, policy_arns: dict[str, Input[str]]
) -> Identity:
    """A role of this account, which the workload's service accounts assume."""
    if workload.role.existing:
        role = aws.iam.Role.get(role_name, role_name, opts=ResourceOptions(provider=account))
        return Identity({"role_arn": role.arn}, role_outputs(role.arn, role.name, role.unique_id))
    role = ServiceAccountRole(
        workload.name,
        ServiceAccountRoleArgs(
            role_name=role_name,
            provider_arns=[cluster.provider_arn, *workload.role.provider_arns],
            subjects=workload.subjects,
            audience=workload.audience,
            policy_arns={**workload.role.policy_arns, **policy_arns},
            path=workload.role.path,
            permissions_boundary=workload.role.permissions_boundary,
            max_session_duration=workload.role.max_session_duration,
            trust_policy_quota=settings.trust_policy_quota,
        ),
        in_account,
    )
    return Identity(
        {"role_arn": role.role_arn},
        role_outputs(role.role_arn, role.role_name, role.role_unique_id),
    )


def role_outputs(arn: Output[str], name: Output[str], unique_id: Output[str]) -> dict[str, Any]:
    """What the stack exports about a role; account B's stack reads it."""
    return {"role_arn": arn, "role_name": name, "role_unique_id": unique_id}


def cross_account(workload: WorkloadSettings, other: CrossAccountSettings) -> Identity:
    """Role B of the other account: assumed from a role of this one, or by the pods themselves."""
    role_b_arn = workload.role_b_arn(settings.partition)
    outputs: dict[str, Any] = {"role_b_arn": role_b_arn, "via": other.via}
    if workload.role_name is None:
        return Identity({"role_arn": role_b_arn}, outputs)
    policies: dict[str, Input[str]] = {}
    if not workload.role.existing:
        policies["assume-role-b"] = managed_policy(
            workload.name,
            assume_role_permissions_policy(role_b_arn),
            description="Assume one role of another account",
            provider=account,
        ).arn
    role = workload_role(workload, workload.role_name, policies)
    chain = ChainArgs(role_b_arn=role_b_arn, profiles=other.profiles, region=settings.region)
    outputs["profile"] = other.profiles.target
    if other.profiles.external_id is not None:
        outputs["external_id"] = other.profiles.external_id
    return Identity({**role.args, "chain": chain}, {**role.outputs, **outputs})


def access_key(workload: WorkloadSettings, user_name: str, key: AccessKeySettings) -> Identity:
    """A user of this account, and the key that its pods carry."""
    user = AccessKeyUser(
        workload.name,
        AccessKeyUserArgs(
            user_name=user_name,
            policy_arns=bucket_policy(workload),
            key_version=key.key_version,
        ),
        in_account,
    )
    credentials = StaticCredentialsArgs(
        access_key_id=user.access_key_id,
        secret_access_key=user.secret_access_key,
        region=settings.region,
    )
    return Identity({"static_credentials": credentials}, {"user_name": user.user_name})


def identity_of(workload: WorkloadSettings) -> Identity:
    """Everything that the workload's access needs in AWS."""
    if workload.cross_account is not None:
        return cross_account(workload, workload.cross_account)
    if workload.user_name is not None:
        return access_key(workload, workload.user_name, workload.access_key or AccessKeySettings())
    return workload_role(workload, workload.role_name or workload.name, bucket_policy(workload))


def deploy(workload: WorkloadSettings) -> dict[str, Any]:
    """Everything of one workload; returns its part of the stack's outputs."""
    identity = identity_of(workload)
    outputs: dict[str, Any] = {
        "access": workload.access,
        "namespace": workload.namespace,
        "subjects": [subject.subject for subject in workload.subjects],
        **identity.outputs,
    }
    if workload.bucket is not None:
        outputs["bucket"] = buckets[workload.bucket.name].bucket_name
    if workload.container is not None:
        deployed = Workload(
            workload.name,
            WorkloadArgs(
                namespace=workload.namespace,
                service_account_name=workload.service_account_name,
                existing_service_account=workload.existing_service_account,
                token=workload.token,
                container=workload.container,
                replicas=workload.replicas,
                kubeconfig=cluster.kubeconfig,
                **identity.args,
            ),
            ResourceOptions(
                providers=[cluster.kubernetes_provider],
                depends_on=[
                    namespace.resource
                    for name, namespace in namespaces.items()
                    if name == workload.namespace
                ],
            ),
        )
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
    {workload.name: deploy(workload) for workload in settings.workloads},
)


async def registrations_begin() -> None:
    """Let every registration begin before the SDK waits. It waits for outputs otherwise, anew after
    each one, which takes time with the square of their number."""
    await asyncio.sleep(0)


pulumi.run(registrations_begin)
