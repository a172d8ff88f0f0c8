"""Rows of S3: buckets, and their settings, each of which is a resource of its own."""

from contextlib import suppress
from typing import Any, ClassVar

from botocore.exceptions import ClientError
from typing_extensions import override

from irsa_core.identity.arns import bucket_arn
from irsa_core.identity.names import check_bucket_name

from ...aws.s3 import ACCESS_BLOCKS
from ..resource import Properties, Refused
from .table import (
    LISTED_TAGS,
    AwsSession,
    AwsType,
    Is,
    Property,
    from_aws,
    gone_is_fine,
    outputs,
    tags_as_list,
    to_aws,
)

# https://docs.aws.amazon.com/general/latest/gr/s3.html
HOSTED_ZONE_IDS = {"us-east-1": "Z3AQBSTGFYJSTF"}


class BucketType(AwsType):
    """A bucket, which is deleted with content in it only when ``forceDestroy`` says so."""

    title = "S3 Bucket ({bucket})"
    service, noun, key = "s3", "bucket", ("Bucket",)
    lower_case = True
    properties: ClassVar = {
        **outputs("arn bucketDomainName bucketRegion bucketRegionalDomainName hostedZoneId region"),
        "bucket": Property(Is.REPLACING, "Bucket", rule=check_bucket_name),
        "forceDestroy": Property(Is.HELD, default=False),
        **LISTED_TAGS,
    }

    @override
    def create(self, session: AwsSession, inputs: Properties) -> tuple[str, Properties]:
        s3, name = session.client("s3"), inputs["bucket"]
        if session.region == "us-east-1":  # S3 answers the owner's second CreateBucket as the first
            with suppress(ClientError):
                s3.head_bucket(Bucket=name)
                raise Refused(f"creating S3 Bucket ({name}): BucketAlreadyExists")
        # S3 takes no location constraint for us-east-1, and wants one for every other region.
        location = {"LocationConstraint": session.region}
        elsewhere = {"CreateBucketConfiguration": location} if session.region != "us-east-1" else {}
        s3.create_bucket(Bucket=name, **elsewhere)
        self.retag(s3, {"Bucket": name}, {}, inputs)
        return name, {}

    @override
    def found(self, session: AwsSession, client: Any, named: Properties) -> Any:
        # S3 answers the creator's second CreateBucket too, so ownership is asked for.
        head = client.head_bucket(**named, ExpectedBucketOwner=session.account)
        name, region = named["Bucket"], head.get("BucketRegion", session.region)
        tags: list[dict[str, str]] = []
        with gone_is_fine():
            tags = client.get_bucket_tagging(**named)["TagSet"]
        return {
            "arn": bucket_arn(name),
            "bucketDomainName": f"{name}.s3.amazonaws.com",
            "bucketRegion": region,
            "bucketRegionalDomainName": f"{name}.s3.{region}.amazonaws.com",
            "hostedZoneId": HOSTED_ZONE_IDS.get(region, ""),
            "region": region,
            "Tags": tags,
        }

    @override
    def retag(self, client: Any, named: Properties, olds: Properties, news: Properties) -> None:
        if tags := news.get("tags"):
            client.put_bucket_tagging(**named, Tagging={"TagSet": tags_as_list(tags)})
        else:
            client.delete_bucket_tagging(**named)

    @override
    def remove(self, client: Any, named: Properties, state: Properties) -> None:
        if state.get("forceDestroy"):
            delete_versions(client, named["Bucket"])
        super().remove(client, named, state)


def delete_versions(s3: Any, bucket: str) -> None:
    """Delete every version of every object."""
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        listed = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
        objects = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in listed]
        if objects:
            s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})


class _Setting(AwsType):
    """A setting of a bucket; its id is the bucket's name, and its creation and change are one."""

    service, key, is_put = "s3", ("Bucket",), True
    of_bucket: ClassVar = {
        "bucket": Property(Is.REQUIRED | Is.REPLACING, "Bucket"),
        "region": Is.OUTPUT,
    }


class BucketPublicAccessBlockType(_Setting):
    """Refusal of public access."""

    title = "S3 Bucket Public Access Block ({bucket})"
    noun = "public_access_block"
    properties: ClassVar = {
        **_Setting.of_bucket,
        **{
            f"{name[0].lower()}{name[1:]}": Property(
                aws=f"PublicAccessBlockConfiguration.{name}", default=False
            )
            for name in ACCESS_BLOCKS
        },
    }


class BucketOwnershipControlsType(_Setting):
    """Ownership of objects that other accounts upload."""

    title = "S3 Bucket ({bucket}) Ownership Controls"
    noun = "bucket_ownership_controls"
    properties: ClassVar = {
        **_Setting.of_bucket,
        "rule": Property(
            Is.REQUIRED,
            "OwnershipControls.Rules",
            sent=lambda rule: [to_aws(rule)],
            shown=lambda rules: from_aws(rules[0]),
        ),
    }


_RULE = {"bucketKeyEnabled": False}


class BucketServerSideEncryptionConfigurationType(_Setting):
    """Encryption of new objects."""

    title = "S3 Bucket ({bucket}) Server-side Encryption Configuration"
    noun = "bucket_encryption"
    properties: ClassVar = {
        **_Setting.of_bucket,
        "rules": Property(
            Is.REQUIRED | Is.PARTIAL | Is.UNORDERED,
            "ServerSideEncryptionConfiguration.Rules",
            sent=lambda rules: [to_aws(_RULE | rule) for rule in rules],
            shown=lambda rules: [_RULE | from_aws(rule) for rule in rules],
        ),
        "rules.*.applyServerSideEncryptionByDefault.kmsMasterKeyId": Is.FILLED,
        "rules.*.bucketKeyEnabled": Is.FILLED,
    }


class BucketPolicyType(_Setting):
    """The bucket's own policy."""

    title = "S3 Bucket Policy ({bucket})"
    noun = "bucket_policy"
    properties: ClassVar = {
        **_Setting.of_bucket,
        "policy": Property(Is.REQUIRED | Is.DOCUMENT, "Policy"),
    }


class BucketVersioningType(_Setting):
    """Old versions of objects. A bucket that had versioning can only suspend it."""

    title = "S3 Bucket Versioning ({bucket})"
    noun = "bucket_versioning"
    properties: ClassVar = {
        **_Setting.of_bucket,
        "versioningConfiguration": Property(
            Is.REQUIRED,
            "VersioningConfiguration",
            # What a new bucket is; S3 has no such setting.
            sent=lambda setting: None if setting["status"] == "Disabled" else to_aws(setting),
            shown=from_aws,
        ),
    }

    @override
    def found(self, session: AwsSession, client: Any, named: Properties) -> Any:
        answer = super().found(session, client, named)
        return {"VersioningConfiguration": {"Status": answer.get("Status", "Disabled")}}

    @override
    def remove(self, client: Any, named: Properties, state: Properties) -> None:
        if client.get_bucket_versioning(**named).get("Status") == "Enabled":
            client.put_bucket_versioning(**named, VersioningConfiguration={"Status": "Suspended"})
