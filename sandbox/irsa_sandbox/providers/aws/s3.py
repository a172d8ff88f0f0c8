"""S3 buckets of the `aws` provider; `bucket_settings` has their settings."""

from typing import Any, ClassVar

from botocore.exceptions import ClientError
from typing_extensions import override

from irsa.identity.arns import bucket_arn

from ..resource import Created, Properties, Refused
from ..values import DEFAULTS
from .types import (
    AwsSession,
    AwsType,
    changed,
    gone_is_fine,
    tags_as_list,
    tags_as_map,
)

# https://docs.aws.amazon.com/general/latest/gr/s3.html
HOSTED_ZONE_IDS = {"us-east-1": "Z3AQBSTGFYJSTF"}


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
    def remove(self, session: AwsSession, resource_id: str, state: Properties) -> None:
        s3 = session.client("s3")
        if state.get("forceDestroy"):
            _delete_versions(s3, resource_id)
        s3.delete_bucket(Bucket=resource_id)


TYPES = (Bucket(),)


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


def _delete_versions(s3: Any, bucket: str) -> None:
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        listed = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
        objects = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in listed]
        if objects:
            s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
