"""A private S3 bucket, and the managed policies that give access to it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws
from pulumi import CustomResource, Output, ResourceOptions

from irsa.identity.names import check_bucket_name
from irsa.identity.policies import Permissions, bucket_permissions_policy, tls_only_bucket_policy

from .after import after
from .existing import refuse_existing_in_aws
from .managed_policy import managed_policy
from .specs import check_stays


@dataclass(frozen=True, kw_only=True)
class DataBucketArgs:
    """Arguments of `DataBucket`."""

    bucket_name: str
    """Name of the bucket, unique in the world."""

    force_destroy: bool = False
    """Whether the bucket goes with the stack, and what is in it with the bucket. By default it
    stays, with its protection, when it leaves the stack."""

    existing: bool = False
    """Use the bucket of that name as it is; it is never changed or deleted."""

    policies: Mapping[str, Permissions] = field(default_factory=dict)
    """Managed policies on this bucket alone to make, by name, each with what it permits; for
    programs that cannot call `access_policy`."""

    def __post_init__(self) -> None:
        check_bucket_name(self.bucket_name)
        check_stays(f"bucket {self.bucket_name!r}", self.existing, self.force_destroy)


class DataBucket(pulumi.ComponentResource):
    """A bucket without public access or ACLs, encrypted, versioned and reached over TLS only; or
    one that exists, as it is."""

    bucket_name: Output[str]
    """Name of the bucket, once it is protected."""

    bucket_arn: Output[str]
    """ARN of the bucket, once it is protected."""

    policy_arns: Output[Mapping[str, str]]
    """ARNs of the managed policies in ``policies``, by name."""

    def __init__(
        self, name: str, args: DataBucketArgs, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("irsa:index:DataBucket", name, {}, opts)
        if args.existing:
            bucket = aws.s3.Bucket.get(name, args.bucket_name, opts=ResourceOptions(parent=self))
            protection: tuple[CustomResource, ...] = ()
        else:
            bucket, protection = self._create(name, args)
        self.bucket_name = after(bucket.bucket, *protection)
        self.bucket_arn = after(bucket.arn, *protection)
        self.policy_arns = Output.all(
            **{
                policy_name: self.access_policy(policy_name, permissions).arn
                for policy_name, permissions in args.policies.items()
            }
        )
        self.register_outputs(
            {
                "bucket_name": self.bucket_name,
                "bucket_arn": self.bucket_arn,
                "policy_arns": self.policy_arns,
            }
        )

    def _create(
        self, name: str, args: DataBucketArgs
    ) -> tuple[aws.s3.Bucket, tuple[CustomResource, ...]]:
        """The bucket, and everything that protects it."""
        retain = not args.force_destroy
        bucket = aws.s3.Bucket(
            name,
            bucket=args.bucket_name,
            force_destroy=args.force_destroy,
            opts=ResourceOptions(
                parent=self,
                retain_on_delete=retain,
                hooks=refuse_existing_in_aws(
                    f"bucket {name}", self.get_provider("aws:s3/bucket:Bucket")
                ),
            ),
        )
        # Protection goes with the bucket and not before it: a bucket that cannot be deleted is
        # never left open.
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
            opts=ResourceOptions.merge(
                child_opts,
                # S3 refuses a policy and a public access block that are written at the same time.
                ResourceOptions(depends_on=[public_access]),
            ),
        )
        return bucket, (public_access, ownership, encryption, versioning, tls_only)

    def access_policy(self, policy_name: str, permissions: Permissions = "read") -> aws.iam.Policy:
        """A managed policy on this bucket alone, for a role or a user to be attached to."""
        return managed_policy(
            policy_name,
            self.bucket_arn.apply(lambda arn: bucket_permissions_policy(arn, permissions)),
            description="Access to one bucket",
            parent=self,
        )
