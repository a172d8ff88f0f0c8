"""Account B: a bucket, and the role that lets role A of account A read it."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # components/ is shared

import pulumi
from pulumi import ResourceOptions, StackReference

from components.cross_account_role import CrossAccountRole, CrossAccountRoleArgs, TrustedRoleArgs
from components.data_bucket import DataBucket, DataBucketArgs
from stack_config import AccountBConfig, load_config, require_output

config = load_config(AccountBConfig)
in_account = ResourceOptions(providers=[config.provider("account-b")])
stack_a = f"{pulumi.get_organization()}/irsa/{pulumi.get_stack()}"
account_a = StackReference(config.account_a_stack or stack_a)

# A stack for trials: force_destroy deletes the bucket with everything in it.
bucket_args = DataBucketArgs(
    bucket_name="bucket-s3-app-b", force_destroy=True, policies={"bucket-s3-app-b-read": "read"}
)
bucket = DataBucket("bucket-s3-app-b", bucket_args, in_account)

role_a = TrustedRoleArgs(
    role_arn=require_output(account_a, "role_a_arn"),
    unique_id=require_output(account_a, "role_a_unique_id"),  # another one if recreated
)
role_b = CrossAccountRole(
    "s3-app-B",
    CrossAccountRoleArgs(
        role_name="s3-app-B",
        trusted_roles=[role_a],
        external_id=account_a.get_output("external_id"),
        policy_arns={"bucket": bucket.policy_arns["bucket-s3-app-b-read"]},
    ),
    in_account,
)

pulumi.export("bucket", bucket.bucket_name)
pulumi.export("role_b_arn", role_b.role_arn)
