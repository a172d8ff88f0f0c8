"""Settings of S3 buckets, each a resource of its own in the `aws` provider."""

from typing import Any, ClassVar

from typing_extensions import override

from irsa.identity.canonical import canonical

from ..resource import Created, Properties
from .types import AwsSession, AwsType

_ACCESS_BLOCKS = {
    "blockPublicAcls": "BlockPublicAcls",
    "blockPublicPolicy": "BlockPublicPolicy",
    "ignorePublicAcls": "IgnorePublicAcls",
    "restrictPublicBuckets": "RestrictPublicBuckets",
}


class _BucketSetting(AwsType):
    """One setting of a bucket; its id is the bucket's name."""

    required = known = frozenset({"bucket"})
    replace_on = frozenset({"bucket"})
    computed = frozenset({"region"})
    calls: str
    """The part of the names of S3's operations behind ``put``, ``get`` and ``delete``."""
    parameter: str
    """The field that has it in requests and answers."""

    def to_aws(self, inputs: Properties) -> Any:
        """The setting as S3 takes it."""
        raise NotImplementedError

    def from_aws(self, found: Any) -> Properties:
        """The inputs of a setting as S3 shows it."""
        raise NotImplementedError

    @override
    def create(self, session: AwsSession, inputs: Properties) -> Created:
        self.update(session, inputs["bucket"], {}, inputs)
        return Created(inputs["bucket"])

    @override
    def read(self, session: AwsSession, resource_id: str, state: Properties) -> Properties | None:
        found = super().read(session, resource_id, state)
        return None if found is None else {**found, "region": session.region}

    @override
    def live(self, session: AwsSession, resource_id: str, state: Properties) -> Properties | None:
        answer = getattr(session.client("s3"), f"get_{self.calls}")(Bucket=resource_id)
        return {"bucket": resource_id, **self.from_aws(answer[self.parameter])}

    @override
    def update(
        self, session: AwsSession, resource_id: str, olds: Properties, news: Properties
    ) -> None:
        put = getattr(session.client("s3"), f"put_{self.calls}")
        put(Bucket=resource_id, **{self.parameter: self.to_aws(news)})

    @override
    def remove(self, session: AwsSession, resource_id: str, state: Properties) -> None:
        getattr(session.client("s3"), f"delete_{self.calls}")(Bucket=resource_id)


class BucketPublicAccessBlock(_BucketSetting):
    """Refusal of public access."""

    token = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
    title = "S3 Bucket Public Access Block ({bucket})"
    known = frozenset({"bucket", *_ACCESS_BLOCKS})
    defaults: ClassVar[Properties] = dict.fromkeys(_ACCESS_BLOCKS, False)
    calls, parameter = "public_access_block", "PublicAccessBlockConfiguration"

    @override
    def to_aws(self, inputs: Properties) -> Any:
        return {theirs: inputs[ours] for ours, theirs in _ACCESS_BLOCKS.items()}

    @override
    def from_aws(self, found: Any) -> Properties:
        return {ours: found[theirs] for ours, theirs in _ACCESS_BLOCKS.items()}


class BucketOwnershipControls(_BucketSetting):
    """Ownership of objects that other accounts upload."""

    token = "aws:s3/bucketOwnershipControls:BucketOwnershipControls"
    title = "S3 Bucket ({bucket}) Ownership Controls"
    required = known = frozenset({"bucket", "rule"})
    calls, parameter = "bucket_ownership_controls", "OwnershipControls"

    @override
    def to_aws(self, inputs: Properties) -> Any:
        return {"Rules": [{"ObjectOwnership": inputs["rule"]["objectOwnership"]}]}

    @override
    def from_aws(self, found: Any) -> Properties:
        return {"rule": {"objectOwnership": found["Rules"][0]["ObjectOwnership"]}}


class BucketServerSideEncryptionConfiguration(_BucketSetting):
    """Encryption of new objects."""

    token = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
    title = "S3 Bucket ({bucket}) Server-side Encryption Configuration"
    required = known = frozenset({"bucket", "rules"})
    filled_in = ("rules.*.bucketKeyEnabled",)
    calls, parameter = "bucket_encryption", "ServerSideEncryptionConfiguration"

    @override
    def to_aws(self, inputs: Properties) -> Any:
        return {"Rules": [_encryption_to_aws(rule) for rule in inputs["rules"]]}

    @override
    def from_aws(self, found: Any) -> Properties:
        return {"rules": [_encryption_from_aws(rule) for rule in found["Rules"]]}


class BucketPolicy(_BucketSetting):
    """The bucket's own policy."""

    token = "aws:s3/bucketPolicy:BucketPolicy"
    title = "S3 Bucket Policy ({bucket})"
    required = known = frozenset({"bucket", "policy"})
    documents = frozenset({"policy"})
    calls, parameter = "bucket_policy", "Policy"

    @override
    def to_aws(self, inputs: Properties) -> Any:
        return inputs["policy"]

    @override
    def from_aws(self, found: Any) -> Properties:
        return {"policy": canonical(found)}


class BucketVersioning(_BucketSetting):
    """Old versions of objects. A bucket that had versioning can only suspend it."""

    token = "aws:s3/bucketVersioning:BucketVersioning"
    title = "S3 Bucket Versioning ({bucket})"
    required = known = frozenset({"bucket", "versioningConfiguration"})

    @override
    def live(self, session: AwsSession, resource_id: str, state: Properties) -> Properties | None:
        answer = session.client("s3").get_bucket_versioning(Bucket=resource_id)
        status = {"status": answer.get("Status", "Disabled")}
        return {"bucket": resource_id, "versioningConfiguration": status}

    @override
    def update(
        self, session: AwsSession, resource_id: str, olds: Properties, news: Properties
    ) -> None:
        status = news["versioningConfiguration"]["status"]
        if status != "Disabled":  # what a new bucket is; S3 has no such setting
            _set_versioning(session.client("s3"), resource_id, status)

    @override
    def remove(self, session: AwsSession, resource_id: str, state: Properties) -> None:
        s3 = session.client("s3")
        if s3.get_bucket_versioning(Bucket=resource_id).get("Status") == "Enabled":
            _set_versioning(s3, resource_id, "Suspended")


TYPES = (
    BucketOwnershipControls(),
    BucketPolicy(),
    BucketPublicAccessBlock(),
    BucketServerSideEncryptionConfiguration(),
    BucketVersioning(),
)


def _set_versioning(s3: Any, bucket: str, status: str) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})


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
