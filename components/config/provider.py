"""The AWS provider of an account, as both programs make it."""

import pulumi
import pulumi_aws as aws

from .account import AccountSettings


def account_provider(name: str, settings: AccountSettings) -> aws.Provider:
    """Works in that account and no other, as the role if one is given, and tags all it makes."""
    assumed = [
        aws.ProviderAssumeRoleArgs(role_arn=arn, session_name=pulumi.get_project())
        for arn in (settings.assume_role_arn,)
        if arn is not None
    ]
    stack = {"project": pulumi.get_project(), "stack": pulumi.get_stack()}
    return aws.Provider(
        name,
        region=settings.region,
        allowed_account_ids=[settings.account_id],
        assume_roles=assumed or None,
        default_tags=aws.ProviderDefaultTagsArgs(tags={**stack, **settings.tags}),
    )
