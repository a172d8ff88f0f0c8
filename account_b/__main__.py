"""Account B: buckets that workloads of account A reach, and the roles that open them."""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # components/ is shared

import pulumi
import pulumi_aws as aws
from pulumi import Input, Output, ResourceOptions

from components.account_a import AccountA
from components.account_b_settings import AccountBSettings, TargetSettings
from components.cross_account_role import (
    CrossAccountRole,
    CrossAccountRoleArgs,
    TrustedRoleArgs,
)
from components.data_bucket import DataBucket, DataBucketArgs
from components.service_account_role import (
    ServiceAccountRole,
    ServiceAccountRoleArgs,
)

settings = AccountBSettings.load()
account_a = AccountA(settings.account_a_stack)
roles_a = {
    workload.name: account_a.workload(workload, settings.role_b_arn(workload))
    for workload in settings.workloads
    if workload.role_a is None
}

account = aws.Provider(
    "account-b",
    # Everything waits for the provider, and so for account A's outputs: when they are missing,
    # nothing is left half made.
    region=Output.all(*roles_a.values()).apply(lambda _: settings.region),
    allowed_account_ids=[settings.account_id],
    assume_roles=[
        aws.ProviderAssumeRoleArgs(role_arn=arn, session_name=pulumi.get_project())
        for arn in settings.assume_role_arns
    ],
    default_tags=aws.ProviderDefaultTagsArgs(
        tags={"project": pulumi.get_project(), "stack": pulumi.get_stack(), **settings.tags}
    ),
)
in_account = ResourceOptions(providers=[account])

providers: list[Output[str]] = []
if settings.audiences:
    # IAM looks for the provider in the account of the role.
    account_as_issuer = aws.iam.OpenIdConnectProvider(
        "account-a",
        url=account_a.issuer_url,
        client_id_lists=list(settings.audiences),
        opts=ResourceOptions(provider=account),
    )
    providers.append(account_as_issuer.arn)


def role_b(
    workload: TargetSettings, policy_arns: dict[str, Input[str]]
) -> CrossAccountRole | ServiceAccountRole:
    """Role B: for role A of the other account, or for its service account itself."""
    if workload.service_account is not None:
        return ServiceAccountRole(
            workload.name,
            ServiceAccountRoleArgs(
                role_name=workload.role_name,
                provider_arns=providers,
                subjects=[workload.service_account.ref],
                audience=workload.service_account.audience,
                policy_arns=policy_arns,
                path=workload.role.path,
                max_session_duration=workload.role.max_session_duration,
            ),
            in_account,
        )
    if workload.role_a is not None:
        trusted = TrustedRoleArgs(role_arn=settings.role_a_arn(workload, workload.role_a))
    else:
        role_a = roles_a[workload.name]
        trusted = TrustedRoleArgs(role_arn=role_a["role_arn"], unique_id=role_a["role_unique_id"])
    return CrossAccountRole(
        workload.name,
        CrossAccountRoleArgs(
            role_name=workload.role_name,
            trusted_roles=[trusted],
            trust=workload.trust,
            external_id=workload.external_id,
            policy_arns=policy_arns,
            path=workload.role.path,
            max_session_duration=workload.role.max_session_duration,
        ),
        in_account,
    )


def deploy(workload: TargetSettings) -> dict[str, Any]:
    """Everything of one workload; returns its part of the stack's outputs."""
    bucket = DataBucket(
        workload.bucket.name,
        DataBucketArgs(
            bucket_name=workload.bucket.name, force_destroy=workload.bucket.force_destroy
        ),
        in_account,
    )
    policy = bucket.access_policy(workload.name, workload.bucket.permissions)
    role = role_b(workload, {"bucket": policy.arn})
    return {
        "bucket": bucket.bucket_name,
        "role_arn": role.role_arn,
        "role_name": role.role_name,
    }


pulumi.export("account_id", settings.account_id)
pulumi.export("region", settings.region)
pulumi.export("workloads", {workload.name: deploy(workload) for workload in settings.workloads})
