"""Account B: a bucket, and the role that lets role A of account A read it."""

import pulumi
import pulumi_aws as aws
from pulumi import ResourceOptions, StackReference

import irsa_components as irsa
from stack_config import AccountBConfig, load_config

config = load_config(AccountBConfig)
assumed = aws.ProviderAssumeRoleArgs(role_arn=config.assume_role_arn, session_name="irsa-account-b")
account_b = aws.Provider(
    "account-b",
    region=config.region,
    allowed_account_ids=[config.account_id],
    assume_roles=[assumed] if config.assume_role_arn else None,
    default_tags=aws.ProviderDefaultTagsArgs(tags=config.all_tags),
)
in_account = ResourceOptions(providers=[account_b])
stack_a = f"{pulumi.get_organization()}/irsa/{pulumi.get_stack()}"
account_a = StackReference(config.account_a_stack or stack_a)

# A stack for trials: force_destroy deletes the bucket with everything in it.
bucket_args = irsa.DataBucketArgs(
    bucket_name="bucket-s3-app-b", force_destroy=True, read_policy_name="bucket-s3-app-b-read"
)
bucket = irsa.DataBucket("bucket-s3-app-b", bucket_args, in_account)

role_a = irsa.TrustedRoleArgs(
    role_arn=account_a.get_output("role_a_arn"),
    unique_id=account_a.get_output("role_a_unique_id"),  # another one if recreated
)
role_b_args = irsa.CrossAccountRoleArgs(
    role_name="s3-app-B",
    trusted_roles=[role_a],
    external_id=account_a.get_output("external_id"),
    policy_arns={"bucket": bucket.read_policy_arn},
)
role_b = irsa.CrossAccountRole("s3-app-B", role_b_args, in_account)

pulumi.export("bucket", bucket.bucket_name)
pulumi.export("role_b_arn", role_b.role_arn)
