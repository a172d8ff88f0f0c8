"""The `aws` provider's S3 resources, against the emulator. All types: test_aws_types.py."""

import json
from typing import Any

import pytest

from irsa_sandbox.aws.accounts import ACCOUNT_B
from tests.sandbox.support.aws_harness import Aws
from tests.sandbox.support.provider_harness import NOTHING, Difference, Engine, refused

pytestmark = pytest.mark.sandbox

BUCKET = "aws:s3/bucket:Bucket"
BUCKET_POLICY = "aws:s3/bucketPolicy:BucketPolicy"


def tls_only(bucket: str, effect: str = "Deny") -> str:
    statement = {
        "Effect": effect,
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def test_a_bucket_has_the_outputs_that_others_build_on(engine: Engine):
    made = engine.create(BUCKET, {"bucket": "outputs", "tags": {"a": "1"}})
    assert (made.id, made.state) == (
        "outputs",
        {
            "arn": "arn:aws:s3:::outputs",
            "bucket": "outputs",
            "bucketDomainName": "outputs.s3.amazonaws.com",
            "bucketRegion": "us-east-1",
            "bucketRegionalDomainName": "outputs.s3.us-east-1.amazonaws.com",
            "forceDestroy": False,
            "hostedZoneId": "Z3AQBSTGFYJSTF",
            "region": "us-east-1",
            "tags": {"a": "1"},
            "tagsAll": {"a": "1"},
        },
    )
    without = engine.update(made, {"bucket": "outputs"})
    assert without.state == made.state | {"tags": {}, "tagsAll": {}}
    engine.delete(made)


def test_a_made_up_bucket_name_has_no_capital_letters(engine: Engine):
    assert engine.check(BUCKET, {}, name="Data")["bucket"] == "data-0102030"


def test_a_bucket_of_another_account_is_not_imported(engine: Engine, aws: Aws):
    """Nor taken over: tests/sandbox/systems/test_what_exists.py."""
    aws.emulator.client("s3", ACCOUNT_B).create_bucket(Bucket="theirs")
    assert refused(engine.read, BUCKET, "theirs").startswith("HeadBucket: 403: ")


def test_a_bucket_with_content_is_deleted_only_by_force(engine: Engine, s3: Any):
    gentle = engine.create(BUCKET, {"bucket": "full"})
    s3.put_bucket_versioning(Bucket="full", VersioningConfiguration={"Status": "Enabled"})
    for text in (b"1", b"2"):
        s3.put_object(Bucket="full", Key="k", Body=text)
    s3.delete_object(Bucket="full", Key="k")
    assert refused(engine.delete, gentle).startswith(
        "deleting S3 Bucket (full): DeleteBucket: BucketNotEmpty: "
    )
    forced = engine.update(gentle, {"bucket": "full", "forceDestroy": True})
    engine.delete(forced)
    assert engine.refresh(forced) is None


def test_a_bucket_policy_is_the_same_however_it_is_written(engine: Engine):
    bucket = engine.create(BUCKET, {"bucket": "settings"})
    made = engine.create(BUCKET_POLICY, {"bucket": "settings", "policy": tls_only("settings")})
    spelt = json.loads(tls_only("settings"))
    spelt["Statement"][0]["Resource"].reverse()
    spelt["Statement"][0]["Action"] = ["s3:*"]
    spelt["Statement"][0]["Condition"] = {"Bool": {"aws:SecureTransport": [False]}}
    same = {"bucket": "settings", "policy": json.dumps(spelt, indent=2)}
    assert engine.diff(made, same) == NOTHING
    other = {"bucket": "settings", "policy": tls_only("settings", effect="Allow")}
    assert engine.diff(made, other) == Difference(["policy"], [])
    engine.delete(made)
    engine.delete(bucket)
