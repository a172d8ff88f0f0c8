"""Settings of S3 buckets, each a resource of its own in the `aws` provider."""

from typing import Any, ClassVar

from typing_extensions import override

from irsa.identity.canonical import canonical

from ..resource import Created, Properties
from .types import AwsSession, AwsType, gone_is_fine

_ACCESS_BLOCKS = {
    "blockPublicAcls": "BlockPublicAcls",
    "blockPublicPolicy": "BlockPublicPolicy",
    "ignorePublicAcls": "IgnorePublicAcls",
    "restrictPublicBuckets": "RestrictPublicBuckets",
}


class _BucketSetting(AwsType):
    """One setting of a bucket; its id is the bucket's name."""

    replace_on = frozenset({"bucket"})
    computed = frozenset({"region"})

    def put(self, s3: Any, inputs: Properties) -> None:
        """Set it, whatever it was before."""
        raise NotImplementedError

    def unset(self, s3: Any, bucket: str) -> None:
        """Restore a bucket's default."""
        raise NotImplementedError

    @override
    def create(self, session: AwsSession, inputs: Properties) -> Created:
        self.put(session.client("s3"), inputs)
        return Created(inputs["bucket"])

    @override
    def read(self, session: AwsSession, resource_id: str, state: Properties) -> Properties | None:
        found = super().read(session, resource_id, state)
        return None if found is None else {**found, "region": session.region}

    @override
    def update(
        self, session: AwsSession, resource_id: str, olds: Properties, news: Properties
    ) -> None:
        self.put(session.client("s3"), news)

    @override
    def delete(self, session: AwsSession, resource_id: str, state: Properties) -> None:
        with gone_is_fine():
            self.unset(session.client("s3"), resource_id)


class BucketPublicAccessBlock(_BucketSetting):
    """Refusal of public access."""

    token = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
    title = "S3 Bucket Public Access Block ({bucket})"
    required = frozenset({"bucket"})
    known = frozenset({"bucket", *_ACCESS_BLOCKS})
    defaults: ClassVar[Properties] = dict.fromkeys(_ACCESS_BLOCKS, False)

    @override
    def put(self, s3: Any, inputs: Properties) -> None:
        blocks = {theirs: inputs[ours] for ours, theirs in _ACCESS_BLOCKS.items()}
        s3.put_public_access_block(Bucket=inputs["bucket"], PublicAccessBlockConfiguration=blocks)

    @override
    def live(self, session: AwsSession, resource_id: str, state: Properties) -> Properties | None:
        answer = session.client("s3").get_public_access_block(Bucket=resource_id)
        blocks = answer["PublicAccessBlockConfiguration"]
        shown = {ours: blocks[theirs] for ours, theirs in _ACCESS_BLOCKS.items()}
        return {"bucket": resource_id, **shown}

    @override
    def unset(self, s3: Any, bucket: str) -> None:
        s3.delete_public_access_block(Bucket=bucket)


class BucketOwnershipControls(_BucketSetting):
    """Ownership of objects that other accounts upload."""

    token = "aws:s3/bucketOwnershipControls:BucketOwnershipControls"
    title = "S3 Bucket ({bucket}) Ownership Controls"
    required = frozenset({"bucket", "rule"})
    known = frozenset({"bucket", "rule"})

    @override
    def put(self, s3: Any, inputs: Properties) -> None:
        rule = {"ObjectOwnership": inputs["rule"]["objectOwnership"]}
        s3.put_bucket_ownership_controls(
            Bucket=inputs["bucket"], OwnershipControls={"Rules": [rule]}
        )

    @override
    def live(self, session: AwsSession, resource_id: str, state: Properties) -> Properties | None:
        answer = session.client("s3").get_bucket_ownership_controls(Bucket=resource_id)
        rule = answer["OwnershipControls"]["Rules"][0]
        return {"bucket": resource_id, "rule": {"objectOwnership": rule["ObjectOwnership"]}}

    @override
    def unset(self, s3: Any, bucket: str) -> None:
        s3.delete_bucket_ownership_controls(Bucket=bucket)


class BucketServerSideEncryptionConfiguration(_BucketSetting):
    """Encryption of new objects."""

    token = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
    title = "S3 Bucket ({bucket}) Server-side Encryption Configuration"
    required = frozenset({"bucket", "rules"})
    known = frozenset({"bucket", "rules"})
    filled_in = ("rules.*.bucketKeyEnabled",)

    @override
    def put(self, s3: Any, inputs: Properties) -> None:
        rules = [_encryption_to_aws(rule) for rule in inputs["rules"]]
        s3.put_bucket_encryption(
            Bucket=inputs["bucket"], ServerSideEncryptionConfiguration={"Rules": rules}
        )

    @override
    def live(self, session: AwsSession, resource_id: str, state: Properties) -> Properties | None:
        answer = session.client("s3").get_bucket_encryption(Bucket=resource_id)
        rules = answer["ServerSideEncryptionConfiguration"]["Rules"]
        return {"bucket": resource_id, "rules": [_encryption_from_aws(rule) for rule in rules]}

    @override
    def unset(self, s3: Any, bucket: str) -> None:
        s3.delete_bucket_encryption(Bucket=bucket)


class BucketVersioning(_BucketSetting):
    """Old versions of objects. A bucket that had versioning can only suspend it."""

    token = "aws:s3/bucketVersioning:BucketVersioning"
    title = "S3 Bucket Versioning ({bucket})"
    required = frozenset({"bucket", "versioningConfiguration"})
    known = frozenset({"bucket", "versioningConfiguration"})

    @override
    def put(self, s3: Any, inputs: Properties) -> None:
        status = inputs["versioningConfiguration"]["status"]
        if status != "Disabled":  # what a new bucket is; S3 has no such setting
            s3.put_bucket_versioning(
                Bucket=inputs["bucket"], VersioningConfiguration={"Status": status}
            )

    @override
    def live(self, session: AwsSession, resource_id: str, state: Properties) -> Properties | None:
        answer = session.client("s3").get_bucket_versioning(Bucket=resource_id)
        status = {"status": answer.get("Status", "Disabled")}
        return {"bucket": resource_id, "versioningConfiguration": status}

    @override
    def unset(self, s3: Any, bucket: str) -> None:
        if s3.get_bucket_versioning(Bucket=bucket).get("Status") == "Enabled":
            s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})


class BucketPolicy(_BucketSetting):
    """The bucket's own policy."""

    token = "aws:s3/bucketPolicy:BucketPolicy"
    title = "S3 Bucket Policy ({bucket})"
    required = frozenset({"bucket", "policy"})
    known = frozenset({"bucket", "policy"})
    documents = frozenset({"policy"})

    @override
    def put(self, s3: Any, inputs: Properties) -> None:
        s3.put_bucket_policy(Bucket=inputs["bucket"], Policy=inputs["policy"])

    @override
    def live(self, session: AwsSession, resource_id: str, state: Properties) -> Properties | None:
        answer = session.client("s3").get_bucket_policy(Bucket=resource_id)
        return {"bucket": resource_id, "policy": canonical(answer["Policy"])}

    @override
    def unset(self, s3: Any, bucket: str) -> None:
        s3.delete_bucket_policy(Bucket=bucket)


TYPES = (
    BucketOwnershipControls(),
    BucketPolicy(),
    BucketPublicAccessBlock(),
    BucketServerSideEncryptionConfiguration(),
    BucketVersioning(),
)


def _encryption_to_aws(rule: Properties) -> dict[str, Any]:
    wanted = rule["applyServerSideEncryptionByDefault"]
    default = {"SSEAlgorithm": wanted["sseAlgorithm"]}
    if key := wanted.get("kmsMasterKeyId"):
        default["KMSMasterKeyID"] = key
    bucket_key = {"BucketKeyEnabled": True} if rule.get("bucketKeyEnabled") else {}
    return {"ApplyServerSideEncryptionByDefault": default, **bucket_key}


def _encryption_from_aws(rule: dict[str, Any]) -> Properties:
    given = rule["ApplyServerSideEncryptionByDefault"]
    default = {"sseAlgorithm": given["SSEAlgorithm"]}
    if key := given.get("KMSMasterKeyID"):
        default["kmsMasterKeyId"] = key
    bucket_key = {"bucketKeyEnabled": True} if rule.get("BucketKeyEnabled") else {}
    return {"applyServerSideEncryptionByDefault": default, **bucket_key}
