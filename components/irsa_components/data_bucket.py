"""A private S3 bucket, and the managed policies that give access to it."""

import json
from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any

import pulumi
import pulumi_aws as aws
from pulumi import Output, ResourceOptions

from irsa_core.identity import policies

from . import values
from ._component import Component, ComponentArgs
from ._roles import managed_policy, wait_for


@values.arguments
class DataBucketArgs(ComponentArgs):
    """Arguments of `DataBucket`."""

    noun = "bucket"

    bucket_name: values.BucketName | None = None
    """Name of the bucket, unique in the world; by default Pulumi makes one."""

    force_destroy: bool = False
    """Delete the bucket, and the objects in it, when it leaves the stack. By default it stays, with
    its protection."""

    existing: bool = False
    """Use the existing bucket of that name; it is never changed or deleted."""

    managed_policies: Sequence[Annotated[str, values.one_of(*policies.PERMISSIONS)]] = ()
    """Managed policies to create, with names from Pulumi: any of ``read``, ``read-write`` and
    ``full`` (every S3 action). A role of the same program needs none: its ``policies`` take
    ``bucket.read()`` or ``bucket.read_write()``."""

    read_policy_name: values.PolicyName | None = None
    """Name of a managed policy to create, which lets its holder read this bucket."""

    read_write_policy_name: values.PolicyName | None = None
    """Name of a managed policy to create, which lets its holder read and write this bucket."""

    full_policy_name: values.PolicyName | None = None
    """Name of a managed policy to create, which allows every S3 action on this bucket."""


class DataBucket(Component):
    """A bucket without public access or ACLs, encrypted, versioned and reached over TLS only; or an
    existing bucket, without changes."""

    bucket_name: Output[str]
    """Name of the bucket, once it is protected."""

    bucket_arn: Output[str]
    """ARN of the bucket, once it is protected."""

    read_policy_arn: Output[str]
    """ARN of the managed policy `read`, if there is one."""

    read_write_policy_arn: Output[str]
    """ARN of the managed policy `read-write`, if there is one."""

    full_policy_arn: Output[str]
    """ARN of the managed policy `full`, if there is one."""

    def __init__(
        self, name: str, args: DataBucketArgs, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("DataBucket", name, args, opts)
        if args.existing:
            self.bucket = aws.s3.Bucket.get(name, str(args.bucket_name), opts=self.child_options())
            self.bucket_name, self.bucket_arn = self.bucket.bucket, self.bucket.arn
        else:
            self._create(name, args)
        outputs = {"bucket_name": self.bucket_name, "bucket_arn": self.bucket_arn}
        for permissions in policies.PERMISSIONS:
            key = f"{permissions.replace('-', '_')}_policy"
            policy_name = getattr(args, f"{key}_name")
            if policy_name or permissions in args.managed_policies:
                outputs[f"{key}_arn"] = managed_policy(
                    self,
                    permissions,
                    policy_name or f"{name}-{permissions}",
                    policy_name,
                    self._document(permissions),
                    description="Access to one bucket",
                ).arn
                setattr(self, f"{key}_arn", outputs[f"{key}_arn"])
        self.register_outputs(outputs)

    def read(self, prefix: str = "") -> Output[policies.Document]:
        """Return a policy document that allows to read the bucket, or the objects whose keys begin
        with a prefix, such as ``reports/``; for ``policies`` of a role."""
        return self._document("read", prefix)

    def read_write(self, prefix: str = "") -> Output[policies.Document]:
        """Return a policy document that allows to read and write, as `read` does."""
        return self._document("read-write", prefix)

    def _document(self, permissions: str, prefix: str = "") -> Output[policies.Document]:
        policies.check_key_prefix(prefix)
        return self.bucket_arn.apply(
            partial(policies.bucket_permissions_policy, permissions=permissions, prefix=prefix)
        )

    def _create(self, name: str, args: DataBucketArgs) -> None:
        """Create the bucket and what protects it, of which its policy comes last."""
        options = partial(self.child_options, retain_on_delete=not args.force_destroy)
        bucket = self.bucket = aws.s3.Bucket(
            name,
            bucket=args.bucket_name,
            force_destroy=args.force_destroy,
            opts=options("bucket", aws.s3.Bucket),
        )
        public = "block_public_acls block_public_policy ignore_public_acls restrict_public_buckets"
        encryption = {"apply_server_side_encryption_by_default": {"sse_algorithm": "AES256"}}
        of_owner, enabled = {"object_ownership": "BucketOwnerEnforced"}, {"status": "Enabled"}
        settings: list[tuple[str, Any, Any]] = [
            ("public-access", aws.s3.BucketPublicAccessBlock, dict.fromkeys(public.split(), True)),
            ("ownership", aws.s3.BucketOwnershipControls, {"rule": of_owner}),
            ("encryption", aws.s3.BucketServerSideEncryptionConfiguration, {"rules": [encryption]}),
            ("versioning", aws.s3.BucketVersioning, {"versioning_configuration": enabled}),
        ]
        # Deleted with the bucket and not before it: a bucket that cannot be deleted keeps its
        # protection.
        guards = [
            kind(name, bucket=bucket.bucket, opts=options(key, kind, deleted_with=bucket), **inputs)
            for key, kind, inputs in settings
        ]
        policy = aws.s3.BucketPolicy(
            name,
            bucket=bucket.bucket,
            policy=bucket.arn.apply(lambda arn: json.dumps(policies.tls_only_bucket_policy(arn))),
            # Once it exists, the bucket is protected. S3 also refuses a policy and a public
            # access block that are written at the same time.
            opts=options("policy", aws.s3.BucketPolicy, deleted_with=bucket, depends_on=guards),
        )
        # A name of Pulumi's has a random part, which a preview does not know.
        self.bucket_name = policy.bucket if args.bucket_name else policy.id
        self.bucket_arn = wait_for(bucket.arn, policy)
        if args.bucket_name is None and not args.force_destroy:
            line = "bucket {0} stays when it leaves the stack; to use it again: "
            line += "DataBucketArgs(bucket_name={0!r}, existing=True)"
            bucket.id.apply(lambda made: pulumi.log.info(line.format(made), self))
