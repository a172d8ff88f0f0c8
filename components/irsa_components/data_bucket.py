"""A private S3 bucket, and the managed policies that give access to it."""

import json
from functools import partial

import pulumi
import pulumi_aws as aws
from pulumi import Output, ResourceOptions

from irsa.identity.policies import (
    PERMISSIONS,
    bucket_permissions_policy,
    tls_only_bucket_policy,
)

from . import values
from ._iam import managed_policy, wait_for


@values.arguments
class DataBucketArgs:
    """Arguments of `DataBucket`."""

    bucket_name: values.BucketName
    """Name of the bucket, unique in the world."""

    force_destroy: bool = False
    """Delete the bucket, and the objects in it, when it leaves the stack. By default it stays, with
    its protection."""

    existing: bool = False
    """Use the existing bucket of that name; it is never changed or deleted."""

    read_policy_name: values.PolicyName | None = None
    """Name of a managed policy to create, which lets its holder read this bucket."""

    read_write_policy_name: values.PolicyName | None = None
    """Name of a managed policy to create, which lets its holder read and write this bucket."""

    full_policy_name: values.PolicyName | None = None
    """Name of a managed policy to create, which allows every S3 action on this bucket."""

    def __post_init__(self) -> None:
        if self.existing and self.force_destroy:
            raise ValueError(
                f"bucket {self.bucket_name!r}: existing=True is never deleted; remove force_destroy"
            )


class DataBucket(pulumi.ComponentResource):
    """A bucket without public access or ACLs, encrypted, versioned and reached over TLS only; or an
    existing bucket, without changes."""

    bucket_name: Output[str]
    """Name of the bucket, once it is protected."""

    bucket_arn: Output[str]
    """ARN of the bucket, once it is protected."""

    read_policy_arn: Output[str]
    """ARN of the policy `read_policy_name`."""

    read_write_policy_arn: Output[str]
    """ARN of the policy `read_write_policy_name`."""

    full_policy_arn: Output[str]
    """ARN of the policy `full_policy_name`."""

    def __init__(
        self, name: str, args: DataBucketArgs, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("irsa:index:DataBucket", name, {}, opts)
        if args.existing:
            bucket = aws.s3.Bucket.get(name, args.bucket_name, opts=ResourceOptions(parent=self))
            self.bucket_name, self.bucket_arn = bucket.bucket, bucket.arn
        else:
            bucket, bucket_policy = self._create(name, args)
            self.bucket_name = bucket_policy.bucket
            self.bucket_arn = wait_for(bucket.arn, bucket_policy)
        outputs = {"bucket_name": self.bucket_name, "bucket_arn": self.bucket_arn}
        for permissions in PERMISSIONS:
            policy = f"{permissions.replace('-', '_')}_policy"
            if (policy_name := getattr(args, f"{policy}_name")) is not None:
                outputs[f"{policy}_arn"] = self._policy(policy_name, permissions)
                setattr(self, f"{policy}_arn", outputs[f"{policy}_arn"])
        self.register_outputs(outputs)

    def _policy(self, name: str, permissions: str) -> Output[str]:
        document = self.bucket_arn.apply(
            partial(bucket_permissions_policy, permissions=permissions)
        )
        return managed_policy(name, document, description="Access to one bucket", parent=self).arn

    def _create(self, name: str, args: DataBucketArgs) -> tuple[aws.s3.Bucket, aws.s3.BucketPolicy]:
        """Create the bucket and what protects it, of which its policy comes last."""
        retain = not args.force_destroy
        bucket = aws.s3.Bucket(
            name,
            bucket=args.bucket_name,
            force_destroy=args.force_destroy,
            opts=ResourceOptions(parent=self, retain_on_delete=retain),
        )
        # Deleted with the bucket and not before it: a bucket that cannot be deleted keeps its
        # protection.
        child_opts = ResourceOptions(parent=self, deleted_with=bucket, retain_on_delete=retain)
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
            rule={"object_ownership": "BucketOwnerEnforced"},
            opts=child_opts,
        )
        encryption = aws.s3.BucketServerSideEncryptionConfiguration(
            name,
            bucket=bucket.bucket,
            rules=[{"apply_server_side_encryption_by_default": {"sse_algorithm": "AES256"}}],
            opts=child_opts,
        )
        versioning = aws.s3.BucketVersioning(
            name,
            bucket=bucket.bucket,
            versioning_configuration={"status": "Enabled"},
            opts=child_opts,
        )
        bucket_policy = aws.s3.BucketPolicy(
            name,
            bucket=bucket.bucket,
            policy=bucket.arn.apply(lambda arn: json.dumps(tls_only_bucket_policy(arn))),
            opts=ResourceOptions.merge(
                child_opts,
                # Once it exists, the bucket is protected. S3 also refuses a policy and a public
                # access block that are written at the same time.
                ResourceOptions(depends_on=[public_access, ownership, encryption, versioning]),
            ),
        )
        return bucket, bucket_policy
