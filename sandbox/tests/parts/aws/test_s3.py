"""A GET of a bucket's sub-resource is answered or refused, and never with a list of objects."""

import pytest

from tests.sandbox.support.aws_harness import BUCKET, refusal

pytestmark = pytest.mark.sandbox


def test_the_request_payment_is_shown(aws):
    s3 = aws.administrator()("s3")
    assert s3.get_bucket_request_payment(Bucket=BUCKET)["Payer"] == "BucketOwner"
    payment = {"Payer": "Requester"}
    s3.put_bucket_request_payment(Bucket=BUCKET, RequestPaymentConfiguration=payment)
    assert s3.get_bucket_request_payment(Bucket=BUCKET)["Payer"] == "Requester"


def test_a_setting_that_is_not_kept_is_refused_by_name(aws):
    s3 = aws.administrator()("s3")
    assert refusal(lambda: s3.list_bucket_inventory_configurations(Bucket=BUCKET)) == (
        400,
        "ValidationError",
        "GET ?inventory of a bucket is not supported by the sandbox",
    )


def test_objects_are_listed_in_both_ways(aws):
    s3 = aws.administrator()("s3")
    s3.put_object(Bucket=BUCKET, Key="listed/a", Body=b"")
    asked = {"Bucket": BUCKET, "Prefix": "listed/", "Delimiter": "-", "EncodingType": "url"}
    for answer in (s3.list_objects(**asked), s3.list_objects_v2(**asked)):
        assert [each["Key"] for each in answer["Contents"]] == ["listed/a"]


def test_a_public_access_block_shows_all_four_settings(aws):
    s3 = aws.administrator()("s3")
    one = {"PublicAccessBlockConfiguration": {"BlockPublicAcls": True}}
    s3.put_public_access_block(Bucket=BUCKET, **one)
    shown = s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"]
    assert shown == {
        "BlockPublicAcls": True,
        "IgnorePublicAcls": False,
        "BlockPublicPolicy": False,
        "RestrictPublicBuckets": False,
    }
