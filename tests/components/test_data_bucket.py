"""DataBucket: what protects it, and the policies that open it."""

import json

import pytest

from components.data_bucket import DataBucket, DataBucketArgs
from irsa.identity.policies import bucket_permissions_policy, tls_only_bucket_policy
from tests.support.engine import Engine, deploy

ARN = "arn:aws:s3:::bucket-s3-app"
ARGS = DataBucketArgs(bucket_name="bucket-s3-app")
GUARDS = {
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": {
        "blockPublicAcls": True,
        "blockPublicPolicy": True,
        "ignorePublicAcls": True,
        "restrictPublicBuckets": True,
    },
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": {
        "rule": {"objectOwnership": "BucketOwnerEnforced"}
    },
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": {
        "rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}]
    },
    "aws:s3/bucketVersioning:BucketVersioning": {"versioningConfiguration": {"status": "Enabled"}},
    "aws:s3/bucketPolicy:BucketPolicy": {"policy": json.dumps(tls_only_bucket_policy(ARN))},
}


@pytest.mark.parametrize(("typ", "inputs"), GUARDS.items(), ids=[t.split(":")[-1] for t in GUARDS])
def test_the_bucket_is_guarded_by(typ, inputs):
    engine = deploy(lambda: DataBucket("data", ARGS))

    assert engine.one(typ).inputs == {"bucket": "bucket-s3-app", **inputs}


def test_every_child_belongs_to_the_component():
    engine = deploy(lambda: DataBucket("data", ARGS).access_policy("s3-app"))

    children = {*GUARDS, "aws:s3/bucket:Bucket", "aws:iam/policy:Policy"}
    assert engine.tree() == {
        "pulumi:pulumi:Stack$irsa:index:DataBucket",
        *(f"irsa:index:DataBucket${child}" for child in children),
    }


@pytest.mark.parametrize("force_destroy", [False, True])
def test_content_is_deleted_with_the_bucket_only_when_asked(force_destroy):
    args = DataBucketArgs(bucket_name="bucket-s3-app", force_destroy=force_destroy)
    engine = deploy(lambda: DataBucket("data", args))

    assert engine.one("aws:s3/bucket:Bucket").inputs == {
        "bucket": "bucket-s3-app",
        "forceDestroy": force_destroy,
    }


def test_content_is_kept_unless_asked():
    assert ARGS.force_destroy is False


@pytest.mark.parametrize("permissions", ["read", "read-write", "full"])
def test_an_access_policy_is_named_and_allows_what_it_says(permissions):
    engine = deploy(lambda: DataBucket("data", ARGS).access_policy("s3-app", permissions))

    assert engine.one("aws:iam/policy:Policy").inputs == {
        "name": "s3-app",
        "description": "Access to one bucket",
        "policy": json.dumps(bucket_permissions_policy(ARN, permissions)),
    }


def test_an_access_policy_reads_unless_more_is_asked_for():
    engine = deploy(lambda: DataBucket("data", ARGS).access_policy("s3-app"))

    assert engine.one("aws:iam/policy:Policy").inputs["policy"] == json.dumps(
        bucket_permissions_policy(ARN, "read")
    )


@pytest.mark.parametrize("guard", GUARDS, ids=[t.split(":")[-1] for t in GUARDS])
def test_nobody_gets_access_before_the_bucket_is_guarded(guard):
    engine = deploy(lambda: DataBucket("data", ARGS).access_policy("s3-app"))

    assert engine.waits_for("aws:iam/policy:Policy", guard)


def test_the_policy_is_not_written_while_public_access_is_being_blocked():
    engine = deploy(lambda: DataBucket("data", ARGS))

    assert engine.waits_for(
        "aws:s3/bucketPolicy:BucketPolicy", "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
    )


def test_a_preview_shows_every_resource():
    def program() -> None:
        DataBucket("data", ARGS).access_policy("s3-app")

    assert deploy(program, Engine(preview=True)).tree() == deploy(program).tree()


def test_a_name_that_s3_refuses_is_refused_first():
    with pytest.raises(ValueError, match="bucket name 'Bucket' is refused by S3"):
        DataBucketArgs(bucket_name="Bucket")
