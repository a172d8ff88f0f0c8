"""Account B: buckets that workloads of account A reach, and the roles that open them."""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # components/ is shared

import pulumi
import pulumi_aws as aws
from pulumi import Input, ResourceOptions

from components.config.account_b import AccountBSettings, ServiceAccountSettings, TargetSettings
from components.config.agreement import AccountA, read_account_a
from components.cross_account_role import (
    CrossAccountRole,
    CrossAccountRoleArgs,
    TrustedRoleArgs,
)
from components.data_bucket import DataBucket, DataBucketArgs
from components.existing import refuse_existing_in_aws
from components.service_account_role import (
    ServiceAccountRole,
    ServiceAccountRoleArgs,
)

settings = AccountBSettings.load()


def account_provider() -> aws.Provider:
    """Account B, with the role that the deployment assumes there."""
    return aws.Provider(
        "account-b",
        region=settings.region,
        allowed_account_ids=[settings.account_id],
        assume_roles=[
            aws.ProviderAssumeRoleArgs(role_arn=arn, session_name=pulumi.get_project())
            for arn in settings.assume_role_arns
        ],
        default_tags=aws.ProviderDefaultTagsArgs(
            tags={"project": pulumi.get_project(), "stack": pulumi.get_stack(), **settings.tags}
        ),
    )


def federated_role(
    workload: TargetSettings,
    service_account: ServiceAccountSettings,
    provider_arns: list[Input[str]],
    policy_arns: dict[str, Input[str]],
    opts: ResourceOptions,
) -> ServiceAccountRole:
    """Role B for the workload's service account itself, through account B's OIDC provider."""
    return ServiceAccountRole(
        workload.name,
        ServiceAccountRoleArgs(
            role_name=workload.role_name,
            provider_arns=provider_arns,
            subjects=[service_account.ref],
            audience=service_account.audience,
            policy_arns=policy_arns,
            path=workload.role.path,
            max_session_duration=workload.role.max_session_duration,
        ),
        opts,
    )


def chained_role(
    workload: TargetSettings,
    role_a: TrustedRoleArgs,
    policy_arns: dict[str, Input[str]],
    opts: ResourceOptions,
) -> CrossAccountRole:
    """Role B for role A of the other account."""
    return CrossAccountRole(
        workload.name,
        CrossAccountRoleArgs(
            role_name=workload.role_name,
            trusted_roles=[role_a],
            trust=workload.trust,
            external_id=workload.external_id,
            policy_arns=policy_arns,
            path=workload.role.path,
            max_session_duration=workload.role.max_session_duration,
        ),
        opts,
    )


def deploy(
    workload: TargetSettings,
    account_a: AccountA,
    provider_arns: list[Input[str]],
    opts: ResourceOptions,
) -> dict[str, Any]:
    """Everything of one workload; returns its part of the stack's outputs."""
    bucket = DataBucket(
        workload.bucket.name,
        DataBucketArgs(
            bucket_name=workload.bucket.name,
            force_destroy=workload.bucket.force_destroy,
            existing=workload.bucket.existing,
        ),
        opts,
    )
    policies: dict[str, Input[str]] = {
        "bucket": bucket.access_policy(workload.name, workload.bucket.permissions).arn
    }
    if workload.service_account is not None:
        role = federated_role(workload, workload.service_account, provider_arns, policies, opts)
    else:
        role = chained_role(workload, account_a.roles[workload.name], policies, opts)
    return {
        "bucket": bucket.bucket_name,
        "role_arn": role.role_arn,
        "role_name": role.role_name,
    }


async def main() -> dict[str, Any]:
    """Everything, once account A's outputs are there and fit; returns the stack's outputs."""
    account_a = await read_account_a(settings)
    account = account_provider()
    provider_arns: list[Input[str]] = []
    if settings.provider_arn is not None:
        provider_arns.append(settings.provider_arn)
    elif account_a.issuer_url is not None:
        # IAM looks for the provider in the account of the role.
        of_cluster = aws.iam.OpenIdConnectProvider(
            "account-a",
            url=account_a.issuer_url,
            client_id_lists=list(settings.audiences),
            opts=ResourceOptions(
                provider=account,
                hooks=refuse_existing_in_aws("OIDC provider of account A's cluster", account),
            ),
        )
        provider_arns.append(of_cluster.arn)
    opts = ResourceOptions(providers=[account])
    workloads = {
        workload.name: deploy(workload, account_a, provider_arns, opts)
        for workload in settings.workloads
    }
    return {
        "account_id": settings.account_id,
        "region": settings.region,
        "workloads": workloads,
    }


pulumi.run(main)
