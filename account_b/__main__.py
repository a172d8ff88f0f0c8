"""Account B: buckets that workloads of account A reach, and the roles that open them."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # components/ is shared

import pulumi
import pulumi_aws as aws
from pulumi import Input, ResourceOptions

from components.config import arguments
from components.config.account_b import AccountBSettings, TargetSettings
from components.config.agreement import AccountA, read_account_a
from components.config.load import load_settings
from components.config.provider import account_provider
from components.cross_account_role import CrossAccountRole
from components.data_bucket import DataBucket
from components.existing import refuse_existing_in_aws
from components.service_account_role import ServiceAccountRole

settings = load_settings(AccountBSettings, Path(__file__).parent)


def provider_arns(account_a: AccountA, account: aws.Provider) -> list[Input[str]]:
    """Account B's OIDC provider of account A's cluster, where a workload needs one."""
    if settings.provider_arn is not None:
        return [settings.provider_arn]
    if account_a.issuer_url is None:
        return []
    # IAM looks for the provider in the account of the role.
    hooks = refuse_existing_in_aws("OIDC provider of account A's cluster", account)
    provider = aws.iam.OpenIdConnectProvider(
        "account-a",
        url=account_a.issuer_url,
        client_id_lists=list(settings.audiences),
        opts=ResourceOptions(provider=account, hooks=hooks),
    )
    return [provider.arn]


def deploy(
    workload: TargetSettings,
    account_a: AccountA,
    providers: list[Input[str]],
    in_account: ResourceOptions,
) -> dict[str, object]:
    """Everything of one workload; returns its part of the stack's outputs."""
    bucket = DataBucket(workload.bucket.name, arguments.bucket_args(workload.bucket), in_account)
    own = {"bucket": bucket.access_policy(workload.name, workload.bucket.permissions).arn}
    if workload.service_account is not None:
        args = arguments.federated_role_args(workload, workload.service_account, providers, own)
        role = ServiceAccountRole(workload.name, args, in_account)
    else:
        args = arguments.chained_role_args(workload, account_a.roles[workload.name], own)
        role = CrossAccountRole(workload.name, args, in_account)
    return {
        "bucket": bucket.bucket_name,
        "role_arn": role.role_arn,
        "role_name": role.role_name,
    }


# Unlike account A's program, a coroutine: A's outputs must be plain values before anything is
# registered, so that what does not fit ends in one line, with nothing half made.
async def main() -> dict[str, object]:
    """Everything, once account A's outputs fit; returns the stack's outputs."""
    account_a = await read_account_a(settings)
    account = account_provider("account-b", settings)
    in_account = ResourceOptions(providers=[account])
    providers = provider_arns(account_a, account)
    workloads = {
        workload.name: deploy(workload, account_a, providers, in_account)
        for workload in settings.workloads
    }
    return {
        "account_id": settings.account_id,
        "region": settings.region,
        "workloads": workloads,
    }


pulumi.run(main)
