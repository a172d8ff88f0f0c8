"""S3 resources of the `aws` provider. A bucket's settings are resources of their own."""

from typing import Any, ClassVar

from botocore.exceptions import ClientError
from typing_extensions import override

from irsa.identity.arns import bucket_arn
from sandbox.providers.aws.canonical import canonical
from sandbox.providers.aws.types import (
    AwsSession,
    AwsType,
    changed,
    gone_is_fine,
    tags_as_list,
    tags_as_map,
    two_parts,
)
from sandbox.providers.resource import Created, Properties, Refused
from sandbox.providers.values import DEFAULTS

# https://docs.aws.amazon.com/general/latest/gr/s3.html
HOSTED_ZONE_IDS = {"us-east-1": "Z3AQBSTGFJSTF"}
_ACCESS_BLOCKS = {
    "blockPublicAcls": "BlockPublicAcls",
    "blockPublicPolicy": "BlockPublicPolicy",
    "ignorePublicAcls": "IgnorePublicAcls",
    "restrictPublicBuckets": "RestrictPublicBuckets",
}


class Bucket(AwsType):
    """A bucket, which is deleted with content in it only when ``forceDestroy`` says so."""

    token = "aws:s3/bucket:Bucket"
    title = "S3 Bucket ({bucket})"
    known = frozenset({"bucket", "forceDestroy", "tags"})
    replace_on = frozenset({"bucket"})
    computed = frozenset(
        {
            "arn",
            "bucketDomainName",
            "bucketRegion",
            "bucketRegionalDomainName",
            "hostedZoneId",
            "region",
            "tagsAll",
        }
    )
    defaults: ClassVar[Properties] = {"forceDestroy": False}
    name_property = "bucket"
    autoname = True

    @override
    def check(self, news: Properties) -> Properties:
        checked = super().check(news)
        if "bucket" in checked.get(DEFAULTS, ()):
            checked["bucket"] = checked["bucket"].lower()
        return checked

    @override
    def create(self, session: AwsSession, inputs: Properties) -> Created:
        s3, name = session.client("s3"), inputs["bucket"]
        # There S3 answers the owner's second CreateBucket as it did the first.
        if session.region == "us-east-1" and _is_ours(s3, name):
            raise Refused(f"creating S3 Bucket ({name}): BucketAlreadyExists")
        # S3 takes no location constraint for us-east-1, and wants one for every other region.
        location = {"LocationConstraint": session.region}
        elsewhere = {"CreateBucketConfiguration": location} if session.region != "us-east-1" else {}
        s3.create_bucket(Bucket=name, **elsewhere)
        _set_tags(s3, name, inputs.get("tags"))
        return Created(name)

    @override
    def live(self, session: AwsSession, resource_id: str, state: Properties) -> Properties | None:
        s3 = session.client("s3")
        # S3 answers the creator's second CreateBucket too, so ownership is asked for.
        found = s3.head_bucket(Bucket=resource_id, ExpectedBucketOwner=session.account)
        region = found.get("BucketRegion", session.region)
        tags: dict[str, str] = {}
        with gone_is_fine():
            tags = tags_as_map(s3.get_bucket_tagging(Bucket=resource_id)["TagSet"])
        return {
            "arn": bucket_arn(resource_id),
            "bucket": resource_id,
            "bucketDomainName": f"{resource_id}.s3.amazonaws.com",
            "bucketRegion": region,
            "bucketRegionalDomainName": f"{resource_id}.s3.{region}.amazonaws.com",
            "forceDestroy": state.get("forceDestroy", False),
            "hostedZoneId": HOSTED_ZONE_IDS.get(region, ""),
            "region": region,
            "tags": tags,
            "tagsAll": tags,
        }

    @override
    def update(
        self, session: AwsSession, resource_id: str, olds: Properties, news: Properties
    ) -> None:
        if changed(olds, news, "tags"):
            _set_tags(session.client("s3"), resource_id, news.get("tags"))

    @override
    def delete(self, session: AwsSession, resource_id: str, state: Properties) -> None:
        s3 = session.client("s3")
        with gone_is_fine():
            if state.get("forceDestroy"):
                _delete_versions(s3, resource_id)
            s3.delete_bucket(Bucket=resource_id)


class _BucketSetting(AwsType):
    """One setting of a bucket; its id is the bucket's name."""

    replace_on = frozenset({"bucket"})

    def put(self, s3: Any, inputs: Properties) -> None:
        """Set it, whatever it was before."""
        raise NotImplementedError

    def unset(self, s3: Any, bucket: str) -> None:
        """Go back to what a bucket has without it."""
        raise NotImplementedError

    @override
    def create(self, session: AwsSession, inputs: Properties) -> Created:
        self.put(session.client("s3"), inputs)
        return Created(inputs["bucket"])

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
        found = session.client("s3").get_public_access_block(Bucket=resource_id)
        blocks = found["PublicAccessBlockConfiguration"]
        shown = {ours: blocks[theirs] for ours, theirs in _ACCESS_BLOCKS.items()}
        return {"bucket": resource_id, **shown}

    @override
    def unset(self, s3: Any, bucket: str) -> None:
        s3.delete_public_access_block(Bucket=bucket)


class BucketOwnershipControls(_BucketSetting):
    """Who owns what others upload."""

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
        found = session.client("s3").get_bucket_ownership_controls(Bucket=resource_id)
        rule = found["OwnershipControls"]["Rules"][0]
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

    @override
    def put(self, s3: Any, inputs: Properties) -> None:
        rules = [_encryption_to_aws(rule) for rule in inputs["rules"]]
        s3.put_bucket_encryption(
            Bucket=inputs["bucket"], ServerSideEncryptionConfiguration={"Rules": rules}
        )

    @override
    def live(self, session: AwsSession, resource_id: str, state: Properties) -> Properties | None:
        found = session.client("s3").get_bucket_encryption(Bucket=resource_id)
        rules = found["ServerSideEncryptionConfiguration"]["Rules"]
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
        found = session.client("s3").get_bucket_versioning(Bucket=resource_id)
        status = {"status": found.get("Status", "Disabled")}
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
        found = session.client("s3").get_bucket_policy(Bucket=resource_id)
        return {"bucket": resource_id, "policy": canonical(found["Policy"])}

    @override
    def unset(self, s3: Any, bucket: str) -> None:
        s3.delete_bucket_policy(Bucket=bucket)


class BucketObject(AwsType):
    """An object with its content given in the program."""

    token = "aws:s3/bucketObjectv2:BucketObjectv2"
    title = "S3 Bucket ({bucket}) Object ({key})"
    required = frozenset({"bucket", "key"})
    known = frozenset({"bucket", "content", "contentType", "key"})
    replace_on = frozenset({"bucket", "key"})
    filled = frozenset({"contentType"})
    computed = frozenset({"arn", "etag", "versionId"}) | filled

    @override
    def create(self, session: AwsSession, inputs: Properties) -> Created:
        kind = {"ContentType": inputs["contentType"]} if "contentType" in inputs else {}
        session.client("s3").put_object(
            Bucket=inputs["bucket"],
            Key=inputs["key"],
            Body=inputs.get("content", "").encode(),
            **kind,
        )
        return Created(f"{inputs['bucket']}/{inputs['key']}")

    @override
    def live(self, session: AwsSession, resource_id: str, state: Properties) -> Properties | None:
        bucket, key = two_parts(resource_id, "/", "BUCKET/KEY")
        found = session.client("s3").get_object(Bucket=bucket, Key=key)
        return {
            "arn": bucket_arn(bucket, key),
            "bucket": bucket,
            "content": found["Body"].read().decode(errors="replace"),
            "contentType": found["ContentType"],
            "etag": found["ETag"].strip('"'),
            "key": key,
            "versionId": found.get("VersionId", ""),
        }

    @override
    def update(
        self, session: AwsSession, resource_id: str, olds: Properties, news: Properties
    ) -> None:
        self.create(session, news)

    @override
    def delete(self, session: AwsSession, resource_id: str, state: Properties) -> None:
        bucket, key = two_parts(resource_id, "/", "BUCKET/KEY")
        with gone_is_fine():
            _delete_versions(session.client("s3"), bucket, key)


TYPES = (
    Bucket(),
    BucketObject(),
    BucketOwnershipControls(),
    BucketPolicy(),
    BucketPublicAccessBlock(),
    BucketServerSideEncryptionConfiguration(),
    BucketVersioning(),
)


def _is_ours(s3: Any, bucket: str) -> bool:
    try:
        s3.head_bucket(Bucket=bucket)
    except ClientError:
        return False
    return True


def _set_tags(s3: Any, bucket: str, tags: dict[str, str] | None) -> None:
    if tags:
        s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags_as_list(tags)})
    else:
        s3.delete_bucket_tagging(Bucket=bucket)


def _delete_versions(s3: Any, bucket: str, key: str | None = None) -> None:
    """Delete every version of one object, or of all."""
    prefix = {"Prefix": key} if key else {}
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, **prefix):
        listed = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
        objects = [
            {"Key": each["Key"], "VersionId": each["VersionId"]}
            for each in listed
            if key in (None, each["Key"])
        ]
        if objects:
            s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})


def _encryption_to_aws(rule: Properties) -> dict[str, Any]:
    wanted = rule["applyServerSideEncryptionByDefault"]
    default = {"SSEAlgorithm": wanted["sseAlgorithm"]}
    if key := wanted.get("kmsMasterKeyId"):
        default["KMSMasterKeyID"] = key
    bucket_key = {"BucketKeyEnabled": True} if rule.get("bucketKeyEnabled") else {}
    return {"ApplyServerSideEncryptionByDefault": default, **bucket_key}


def _encryption_from_aws(rule: dict[str, Any]) -> Properties:
    found = rule["ApplyServerSideEncryptionByDefault"]
    default = {"sseAlgorithm": found["SSEAlgorithm"]}
    if key := found.get("KMSMasterKeyID"):
        default["kmsMasterKeyId"] = key
    bucket_key = {"bucketKeyEnabled": True} if rule.get("BucketKeyEnabled") else {}
    return {"applyServerSideEncryptionByDefault": default, **bucket_key}
