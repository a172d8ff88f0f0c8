"""S3 Control in the emulator: the tags of buckets, at an account's own host."""

from typing import Any
from uuid import uuid4

import pytest
from botocore.config import Config

from sandbox.aws.accounts import ACCOUNT_A, ACCOUNT_B
from sandbox.aws.clients import Credentials, session_of
from sandbox.aws.s3_control import TAGS_MAX
from tests.sandbox.support.aws_harness import Aws, refusal

pytestmark = pytest.mark.sandbox

TEAM, TIER = {"Key": "team", "Value": "payments & <more>"}, {"Key": "tier", "Value": ""}


@pytest.fixture(scope="module")
def control(aws: Aws) -> Any:
    return s3_control(aws, aws.emulator.administrator)


@pytest.fixture(scope="module")
def unchecked(aws: Aws) -> Any:
    """The same without boto3's own checks."""
    session = session_of(aws.emulator.administrator, aws.emulator.proxy, aws.authority.ca_file)
    client: Any = session.client("s3control", config=Config(parameter_validation=False))
    return client


@pytest.fixture(scope="module")
def s3(aws: Aws) -> Any:
    return aws.administrator()("s3")


@pytest.fixture
def bucket(s3: Any) -> dict[str, str]:
    """Account A's new bucket, as S3 Control names it."""
    name = f"bucket-{uuid4()}"
    s3.create_bucket(Bucket=name)
    return {"AccountId": ACCOUNT_A, "ResourceArn": f"arn:aws:s3:::{name}"}


def s3_control(aws: Aws, credentials: Credentials) -> Any:
    return aws.administrator().with_credentials(credentials)("s3control")


def name_of(bucket: dict[str, str]) -> str:
    return bucket["ResourceArn"].rpartition(":")[2]


def tags_of(control: Any, bucket: dict[str, str]) -> list[dict[str, str]]:
    return control.list_tags_for_resource(**bucket)["Tags"]


def test_tags_are_added_changed_and_removed_and_s3_has_the_same(control, s3, bucket):
    assert tags_of(control, bucket) == []
    control.tag_resource(**bucket, Tags=[TEAM, TIER])
    changed = {"Key": "tier", "Value": "gold"}
    control.tag_resource(**bucket, Tags=[changed])

    assert tags_of(control, bucket) == [TEAM, changed]
    assert s3.get_bucket_tagging(Bucket=name_of(bucket))["TagSet"] == [TEAM, changed]
    control.untag_resource(**bucket, TagKeys=["team", "other"])
    assert tags_of(control, bucket) == [changed]
    control.untag_resource(**bucket, TagKeys=["tier"])
    missing = refusal(lambda: s3.get_bucket_tagging(Bucket=name_of(bucket)))
    assert missing[:2] == (404, "NoSuchTagSet")


def test_the_tags_that_a_bucket_is_created_with_are_there(control, s3):
    name = f"bucket-{uuid4()}"
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"Tags": [TIER]})
    arn = f"arn:aws:s3:::{name}"
    assert tags_of(control, {"AccountId": ACCOUNT_A, "ResourceArn": arn}) == [TIER]


@pytest.mark.parametrize(
    ("tags", "code"),
    [
        ([{"Key": "aws:team", "Value": "x"}], "InvalidTag"),
        ([{"Key": "k" * 129, "Value": "x"}], "InvalidTag"),
        ([{"Key": "k", "Value": "v" * 257}], "InvalidTag"),
        ([{"Key": str(n), "Value": ""} for n in range(TAGS_MAX + 1)], "BadRequest"),
    ],
    ids=["of AWS", "key too long", "value too long", "too many"],
)
def test_tags_that_cannot_be_are_refused(unchecked, control, bucket, tags, code):
    assert refusal(lambda: unchecked.tag_resource(**bucket, Tags=tags))[:2] == (400, code)
    assert tags_of(control, bucket) == []


CALLS: dict[str, dict[str, Any]] = {
    "list_tags_for_resource": {},
    "tag_resource": {"Tags": [TEAM]},
    "untag_resource": {"TagKeys": ["team"]},
}


@pytest.mark.parametrize("operation", CALLS)
def test_a_bucket_that_does_not_exist_has_no_tags(control, operation):
    nothing = {"AccountId": ACCOUNT_A, "ResourceArn": "arn:aws:s3:::no-such-bucket"}
    assert refusal(lambda: getattr(control, operation)(**nothing, **CALLS[operation])) == (
        404,
        "NoSuchResource",
        "The specified resource doesn't exist.",
    )


@pytest.mark.parametrize("operation", CALLS)
def test_tags_are_not_for_everybody(aws, control, bucket, operation):
    control.tag_resource(**bucket, Tags=[TEAM])
    workload = s3_control(aws, aws.session().credentials)

    refused = refusal(lambda: getattr(workload, operation)(**bucket, **CALLS[operation]))

    assert refused[:2] == (403, "AccessDenied")
    assert tags_of(control, bucket) == [TEAM]


@pytest.mark.parametrize("operation", CALLS)
def test_tags_are_for_the_account_itself(aws, control, bucket, operation):
    """Neither at another account's host, nor for another account's bucket."""
    control.tag_resource(**bucket, Tags=[TEAM])
    arguments = {**bucket, **CALLS[operation]}
    at_b = {**arguments, "AccountId": ACCOUNT_B}
    assert refusal(lambda: getattr(control, operation)(**at_b))[:2] == (403, "AccessDenied")

    account_b = s3_control(aws, Credentials(ACCOUNT_B, aws.emulator.root_secret))
    assert refusal(lambda: getattr(account_b, operation)(**at_b))[:2] == (404, "NoSuchResource")
    assert refusal(lambda: getattr(account_b, operation)(**arguments))[:2] == (403, "AccessDenied")
    assert tags_of(control, bucket) == [TEAM]


def test_a_wrong_signature_is_refused(aws, bucket):
    stranger = s3_control(aws, Credentials(aws.emulator.administrator.access_key_id, "guessed"))
    assert refusal(lambda: stranger.list_tags_for_resource(**bucket))[0] == 403


def test_what_else_s3_control_has_is_refused_by_name(control, bucket):
    refused = refusal(lambda: control.get_public_access_block(AccountId=ACCOUNT_A))
    assert refused[1] == "ValidationError"
    assert "GET /v20180820/configuration/publicAccessBlock, is not supported" in refused[2]
    point = {**bucket, "ResourceArn": f"arn:aws:s3:us-east-1:{ACCOUNT_A}:accesspoint/a"}
    assert (
        "tags of 'arn:aws:s3:us-east-1"
        in refusal(lambda: control.list_tags_for_resource(**point))[2]
    )


def test_an_object_may_be_called_as_s3_control_s_paths_are(s3, bucket):
    key = f"v20180820/tags/{bucket['ResourceArn']}"
    s3.put_object(Bucket=name_of(bucket), Key=key, Body=b"content")
    assert s3.get_object(Bucket=name_of(bucket), Key=key)["Body"].read() == b"content"


def test_a_declaration_in_the_body_is_refused(aws, control, bucket):
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa">]><TagResourceRequest/>'

    def declare(params: dict[str, Any], **_kwargs: Any) -> None:
        params["body"] = bomb.encode()

    declaring = s3_control(aws, aws.emulator.administrator)
    declaring.meta.events.register("before-call.s3-control.TagResource", declare)
    refused = refusal(lambda: declaring.tag_resource(**bucket, Tags=[TEAM]))
    assert refused[:2] == (400, "MalformedXML")
    assert tags_of(control, bucket) == []
