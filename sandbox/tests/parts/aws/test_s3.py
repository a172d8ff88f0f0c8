"""S3 in the emulator, and S3 Control: the tags of buckets, at an account's own host."""

from typing import Any
from urllib.parse import unquote
from uuid import uuid4

import pytest

from irsa_sandbox.aws.accounts import ACCOUNT_A, ACCOUNT_B
from irsa_sandbox.aws.clients import AccessKeys
from tests.sandbox.support.aws_harness import refusal

TEAM, TIER = {"Key": "team", "Value": "payments & <more>"}, {"Key": "tier", "Value": ""}


@pytest.fixture
def bucket(s3: Any) -> dict[str, str]:
    """Account A's new bucket, as S3 Control names it."""
    return new_bucket(s3)


def new_bucket(s3: Any, **settings: Any) -> dict[str, str]:
    name = f"bucket-{uuid4()}"
    s3.create_bucket(Bucket=name, **settings)
    return {"AccountId": ACCOUNT_A, "ResourceArn": f"arn:aws:s3:::{name}"}


def name_of(bucket: dict[str, str]) -> str:
    return bucket["ResourceArn"].rpartition(":")[2]


def tags_of(s3control: Any, bucket: dict[str, str]) -> list[dict[str, str]]:
    return s3control.list_tags_for_resource(**bucket)["Tags"]


def test_tags_change_and_s3_shows_the_same(s3control, s3, bucket):
    changed = {"Key": "tier", "Value": "gold"}
    assert tags_of(s3control, bucket) == []
    assert tags_of(s3control, new_bucket(s3, CreateBucketConfiguration={"Tags": [TIER]})) == [TIER]
    s3control.tag_resource(**bucket, Tags=[TEAM, TIER])
    s3control.tag_resource(**bucket, Tags=[changed])
    assert tags_of(s3control, bucket) == [TEAM, changed]
    assert s3.get_bucket_tagging(Bucket=name_of(bucket))["TagSet"] == [TEAM, changed]
    s3control.untag_resource(**bucket, TagKeys=["team", "other"])
    assert tags_of(s3control, bucket) == [changed]
    s3control.untag_resource(**bucket, TagKeys=["tier"])
    assert refusal(s3.get_bucket_tagging, Bucket=name_of(bucket))[:2] == (404, "NoSuchTagSet")


@pytest.mark.cases(("operation", "inputs"), {
    "list": ("list_tags_for_resource", {}),
    "tag": ("tag_resource", {"Tags": [TEAM]}),
    "untag": ("untag_resource", {"TagKeys": ["team"]}),
})  # fmt: skip
def test_tags_are_for_permitted_callers_of_the_account(aws, s3control, bucket, operation, inputs):
    """Neither at another account's host, nor for another account's bucket."""
    s3control.tag_resource(**bucket, Tags=[TEAM])
    request, admin = {**bucket, **inputs}, aws.emulator.administrator
    at_b = {**request, "AccountId": ACCOUNT_B}
    account_b, guessed = (
        AccessKeys(ACCOUNT_B, aws.emulator.root_secret),
        admin._replace(secret_access_key="guessed"),
    )
    denied, missing = (403, "AccessDenied"), (404, "NoSuchResource")
    for credentials, asked, expected in (
        (guessed, request, (403, "SignatureDoesNotMatch")),
        (aws.session().credentials, request, denied),
        (admin, at_b, denied),
        (account_b, request, denied),
        (account_b, at_b, missing),
        (admin, {**request, "ResourceArn": "arn:aws:s3:::no-such-bucket"}, missing),
    ):
        client = aws.administrator().with_credentials(credentials)("s3control")
        assert refusal(getattr(client, operation), **asked)[:2] == expected
    assert tags_of(s3control, bucket) == [TEAM]


def test_other_operations_of_s3_control_are_refused_by_name(s3control, bucket):
    refused = refusal(s3control.get_public_access_block, AccountId=ACCOUNT_A)
    assert refused[1] == "ValidationError"
    assert "GET /v20180820/configuration/publicAccessBlock, is not supported" in refused[2]
    point = {**bucket, "ResourceArn": f"arn:aws:s3:us-east-1:{ACCOUNT_A}:accesspoint/a"}
    assert "tags of 'arn:aws:s3:us-east-1" in refusal(s3control.list_tags_for_resource, **point)[2]


def test_a_declaration_in_the_body_is_refused(aws, bucket):
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa">]><TagResourceRequest/>'
    declaring = aws.administrator()("s3control")
    declaring.meta.events.register(
        "before-call.s3-control.TagResource", lambda params, **_: params.update(body=bomb)
    )
    assert refusal(declaring.tag_resource, **bucket, Tags=[TEAM])[:2] == (400, "MalformedXML")
    assert tags_of(declaring, bucket) == []


def test_settings_of_a_bucket_are_shown_as_by_s3_or_refused_by_name(s3, bucket):
    at = {"Bucket": name_of(bucket)}
    assert s3.get_bucket_request_payment(**at)["Payer"] == "BucketOwner"
    s3.put_bucket_request_payment(**at, RequestPaymentConfiguration={"Payer": "Requester"})
    assert s3.get_bucket_request_payment(**at)["Payer"] == "Requester"
    one = {"PublicAccessBlockConfiguration": {"BlockPublicAcls": True}}
    s3.put_public_access_block(**at, **one)
    shown = s3.get_public_access_block(**at)["PublicAccessBlockConfiguration"]
    others = ("IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    assert shown == {"BlockPublicAcls": True, **dict.fromkeys(others, False)}
    message = "GET ?inventory of a bucket is not supported by the sandbox"
    refused = refusal(s3.list_bucket_inventory_configurations, **at)
    assert refused == (400, "ValidationError", message)


def test_an_object_named_as_a_path_of_s3_control_is_listed_in_both_ways(s3, bucket):
    at, key = {"Bucket": name_of(bucket)}, f"v20180820/tags/{bucket['ResourceArn']}"
    s3.put_object(**at, Key=key, Body=b"content")
    assert s3.get_object(**at, Key=key)["Body"].read() == b"content"
    asked = {**at, "Prefix": "v20180820/", "Delimiter": "?", "EncodingType": "url"}
    for answer in (s3.list_objects(**asked), s3.list_objects_v2(**asked)):
        assert [unquote(each["Key"]) for each in answer["Contents"]] == [key]
