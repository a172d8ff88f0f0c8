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
same_name = f"{pulumi.get_organization()}/irsa/{pulumi.get_stack()}"
stack_a = config.account_a_stack or same_name
account_a = StackReference(stack_a)

# A stack for trials: force_destroy deletes the bucket with everything in it.
# Account A's stack knows the names of bucket and role before they exist.
bucket_name = irsa.shared_name("s3-app-b", stack_a, config.account_id)
bucket_args = irsa.DataBucketArgs(bucket_name=bucket_name, force_destroy=True)
bucket = irsa.DataBucket("s3-app-b", bucket_args, in_account)

role_a = irsa.TrustedRoleArgs(
    role_arn=account_a.get_output("role_a_arn"),
    unique_id=account_a.get_output("role_a_unique_id"),  # another one if recreated
)
role_b_args = irsa.CrossAccountRoleArgs(
    role_name=irsa.shared_name("s3-app-B", stack_a),
    trusted_roles=[role_a],
    external_id=account_a.get_output("external_id"),
    policies={"read": bucket.read()},
)
role_b = irsa.CrossAccountRole("s3-app-B", role_b_args, in_account)

pulumi.export("bucket", bucket.bucket_name)
pulumi.export("role_b_arn", role_b.role_arn)
