"""S3 in the emulator, and S3 Control: the tags of buckets, at an account's own host."""

from typing import Any
from uuid import uuid4

import pytest

from irsa_sandbox.aws.accounts import ACCOUNT_A, ACCOUNT_B
from irsa_sandbox.aws.clients import Credentials
from tests.sandbox.support.aws_harness import BUCKET, Aws, refusal

pytestmark = pytest.mark.sandbox

TEAM, TIER = {"Key": "team", "Value": "payments & <more>"}, {"Key": "tier", "Value": ""}
CALLS: dict[str, dict[str, Any]] = {
    "list_tags_for_resource": {},
    "tag_resource": {"Tags": [TEAM]},
    "untag_resource": {"TagKeys": ["team"]},
}


@pytest.fixture(scope="module")
def control(aws: Aws) -> Any:
    return s3_control(aws, aws.emulator.administrator)


@pytest.fixture
def bucket(s3: Any) -> dict[str, str]:
    """Account A's new bucket, as S3 Control names it."""
    return new_bucket(s3)


def new_bucket(s3: Any, **settings: Any) -> dict[str, str]:
    name = f"bucket-{uuid4()}"
    s3.create_bucket(Bucket=name, **settings)
    return {"AccountId": ACCOUNT_A, "ResourceArn": f"arn:aws:s3:::{name}"}


def s3_control(aws: Aws, credentials: Credentials) -> Any:
    return aws.administrator().with_credentials(credentials)("s3control")


def name_of(bucket: dict[str, str]) -> str:
    return bucket["ResourceArn"].rpartition(":")[2]


def tags_of(control: Any, bucket: dict[str, str]) -> list[dict[str, str]]:
    return control.list_tags_for_resource(**bucket)["Tags"]


def test_tags_change_and_s3_shows_the_same(control, s3, bucket):
    changed = {"Key": "tier", "Value": "gold"}
    assert tags_of(control, bucket) == []
    assert tags_of(control, new_bucket(s3, CreateBucketConfiguration={"Tags": [TIER]})) == [TIER]
    control.tag_resource(**bucket, Tags=[TEAM, TIER])
    control.tag_resource(**bucket, Tags=[changed])

    assert tags_of(control, bucket) == [TEAM, changed]
    assert s3.get_bucket_tagging(Bucket=name_of(bucket))["TagSet"] == [TEAM, changed]
    control.untag_resource(**bucket, TagKeys=["team", "other"])
    assert tags_of(control, bucket) == [changed]
    control.untag_resource(**bucket, TagKeys=["tier"])
    missing = refusal(s3.get_bucket_tagging, Bucket=name_of(bucket))
    assert missing[:2] == (404, "NoSuchTagSet")


@pytest.mark.parametrize("operation", CALLS)
def test_tags_are_for_permitted_callers_of_the_account(aws, control, bucket, operation):
    """Neither at another account's host, nor for another account's bucket."""
    control.tag_resource(**bucket, Tags=[TEAM])
    account_b = s3_control(aws, Credentials(ACCOUNT_B, aws.emulator.root_secret))
    request = {**bucket, **CALLS[operation]}
    at_b = {**request, "AccountId": ACCOUNT_B}
    guessed = Credentials(aws.emulator.administrator.access_key_id, "guessed")
    assert refusal(getattr(s3_control(aws, guessed), operation), **request)[0] == 403
    none = {**request, "ResourceArn": "arn:aws:s3:::no-such-bucket"}
    refused = [
        refusal(getattr(client, operation), **asked)[:2]
        for client, asked in (
            (s3_control(aws, aws.session().credentials), request),
            (control, at_b),
            (account_b, request),
            (account_b, at_b),
            (control, none),
        )
    ]

    denied, missing = (403, "AccessDenied"), (404, "NoSuchResource")
    assert refused == [denied, denied, denied, missing, missing]
    assert tags_of(control, bucket) == [TEAM]


def test_other_operations_of_s3_control_are_refused_by_name(control, bucket):
    refused = refusal(control.get_public_access_block, AccountId=ACCOUNT_A)
    assert refused[1] == "ValidationError"
    assert "GET /v20180820/configuration/publicAccessBlock, is not supported" in refused[2]
    point = {**bucket, "ResourceArn": f"arn:aws:s3:us-east-1:{ACCOUNT_A}:accesspoint/a"}
    assert "tags of 'arn:aws:s3:us-east-1" in refusal(control.list_tags_for_resource, **point)[2]


def test_an_object_may_have_the_name_of_an_s3_control_path(s3, bucket):
    at = {"Bucket": name_of(bucket), "Key": f"v20180820/tags/{bucket['ResourceArn']}"}
    s3.put_object(**at, Body=b"content")
    assert s3.get_object(**at)["Body"].read() == b"content"


def test_a_declaration_in_the_body_is_refused(aws, control, bucket):
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa">]><TagResourceRequest/>'
    declaring = s3_control(aws, aws.emulator.administrator)
    declaring.meta.events.register(
        "before-call.s3-control.TagResource", lambda params, **_: params.update(body=bomb)
    )
    assert refusal(declaring.tag_resource, **bucket, Tags=[TEAM])[:2] == (400, "MalformedXML")
    assert tags_of(control, bucket) == []


def test_the_request_payment_is_shown(s3):
    assert s3.get_bucket_request_payment(Bucket=BUCKET)["Payer"] == "BucketOwner"
    payment = {"Payer": "Requester"}
    s3.put_bucket_request_payment(Bucket=BUCKET, RequestPaymentConfiguration=payment)
    assert s3.get_bucket_request_payment(Bucket=BUCKET)["Payer"] == "Requester"


def test_a_setting_that_is_not_kept_is_refused_by_name(s3):
    refused = refusal(s3.list_bucket_inventory_configurations, Bucket=BUCKET)
    message = "GET ?inventory of a bucket is not supported by the sandbox"
    assert refused == (400, "ValidationError", message)


def test_objects_are_listed_in_both_ways(s3):
    s3.put_object(Bucket=BUCKET, Key="listed/a", Body=b"")
    asked = {"Bucket": BUCKET, "Prefix": "listed/", "Delimiter": "-", "EncodingType": "url"}
    for answer in (s3.list_objects(**asked), s3.list_objects_v2(**asked)):
        assert [each["Key"] for each in answer["Contents"]] == ["listed/a"]


def test_a_public_access_block_shows_all_four_settings(s3):
    one = {"PublicAccessBlockConfiguration": {"BlockPublicAcls": True}}
    s3.put_public_access_block(Bucket=BUCKET, **one)
    shown = s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"]
    others = ("IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    assert shown == {"BlockPublicAcls": True, **dict.fromkeys(others, False)}
