"""A private S3 bucket, and the managed policies that give access to it."""

import json
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
from pulumi import Output, ResourceOptions

from components.managed_policy import managed_policy
from components.naming import check_bucket_name
from components.policies import Permissions, bucket_permissions_policy, tls_only_bucket_policy


@dataclass(frozen=True, kw_only=True)
class DataBucketArgs:
    """Arguments of `DataBucket`."""

    bucket_name: str
    """Name of the bucket, unique in the world."""

    force_destroy: bool = False
    """Whether deleting the bucket deletes what is in it; by default S3 refuses."""

    def __post_init__(self) -> None:
        check_bucket_name(self.bucket_name)


class DataBucket(pulumi.ComponentResource):
    """A bucket without public access or ACLs, encrypted, versioned and reached over TLS only."""

    bucket_name: Output[str]
    """Name of the bucket, once it is protected."""

    bucket_arn: Output[str]
    """ARN of the bucket, once it is protected."""

    def __init__(
        self, name: str, args: DataBucketArgs, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("irsa:index:DataBucket", name, {}, opts)
        child_opts = ResourceOptions(parent=self)

        bucket = aws.s3.Bucket(
            name, bucket=args.bucket_name, force_destroy=args.force_destroy, opts=child_opts
        )
        public_access = aws.s3.BucketPublicAccessBlock(
            name,
            bucket=bucket.bucket,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=child_opts,
        )
        ownership = aws.s3.BucketOwnershipControls(
            name,
            bucket=bucket.bucket,
            rule=aws.s3.BucketOwnershipControlsRuleArgs(object_ownership="BucketOwnerEnforced"),
            opts=child_opts,
        )
        encryption = aws.s3.BucketServerSideEncryptionConfiguration(
            name,
            bucket=bucket.bucket,
            rules=[
                aws.s3.BucketServerSideEncryptionConfigurationRuleArgs(
                    apply_server_side_encryption_by_default=aws.s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
                        sse_algorithm="AES256"
                    )
                )
            ],
            opts=child_opts,
        )
        versioning = aws.s3.BucketVersioning(
            name,
            bucket=bucket.bucket,
            versioning_configuration=aws.s3.BucketVersioningVersioningConfigurationArgs(
                status="Enabled"
            ),
            opts=child_opts,
        )
        tls_only = aws.s3.BucketPolicy(
            name,
            bucket=bucket.bucket,
            policy=bucket.arn.apply(lambda arn: json.dumps(tls_only_bucket_policy(arn))),
            # S3 refuses a policy and a public access block that are written at the same time.
            opts=ResourceOptions(parent=self, depends_on=[public_access]),
        )

        protected = [public_access.id, ownership.id, encryption.id, versioning.id, tls_only.id]
        self.bucket_name = Output.all(bucket.bucket, *protected).apply(lambda values: values[0])
        self.bucket_arn = Output.all(bucket.arn, *protected).apply(lambda values: values[0])
        self.register_outputs({"bucket_name": self.bucket_name, "bucket_arn": self.bucket_arn})

    def access_policy(self, policy_name: str, permissions: Permissions = "read") -> aws.iam.Policy:
        """A managed policy on this bucket alone, for a role or a user to be attached to."""
        return managed_policy(
            policy_name,
            self.bucket_arn.apply(lambda arn: bucket_permissions_policy(arn, permissions)),
            description="Access to one bucket",
            opts=ResourceOptions(parent=self),
        )
