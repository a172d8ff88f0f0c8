"""DataBucket: its protection, its retention, and the policies that give access to it."""

import json

import pytest

from irsa.identity.policies import bucket_permissions_policy, tls_only_bucket_policy
from irsa_components.data_bucket import DataBucket, DataBucketArgs
from tests.support.engine import Engine, deploy
from tests.support.refusal import refusal

ARN = "arn:aws:s3:::bucket-s3-app"
BUCKET = "aws:s3/bucket:Bucket"
POLICY = "aws:iam/policy:Policy"
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


def bucket(engine: Engine | None = None, **changes) -> Engine:
    args = DataBucketArgs(**{"bucket_name": "bucket-s3-app", **changes})
    return deploy(lambda: DataBucket("data", args), engine)


@pytest.mark.parametrize("force_destroy", [False, True])
def test_bucket_and_protection_are_retained_unless_force_destroy(force_destroy):
    engine = bucket(force_destroy=force_destroy)

    assert engine.one(BUCKET).inputs == {
        "bucket": "bucket-s3-app",
        "forceDestroy": force_destroy,
    }
    for typ in (BUCKET, *GUARDS):
        assert engine.options(typ, "data").retainOnDelete is not force_destroy, typ


def test_protection_is_deleted_with_the_bucket_and_not_before_it():
    engine = bucket(force_destroy=True)

    for guard in GUARDS:
        assert engine.options(guard, "data").deletedWith.endswith(f"{BUCKET}::data")


def test_an_existing_bucket_is_read_and_only_gets_policies():
    engine = bucket(existing=True, read_policy_name="reader")

    assert engine.one(BUCKET).resource_id == "bucket-s3-app"
    assert [r.typ for r in engine.registered if r.typ.startswith("aws:")] == [BUCKET, POLICY]


@pytest.mark.parametrize("permissions", ["read", "read-write", "full"])
def test_a_policy_has_its_name_and_the_given_permissions(permissions, registered_outputs):
    argument = f"{permissions.replace('-', '_')}_policy_name"
    engine = bucket(**{argument: "s3-app"})

    assert engine.one(POLICY).inputs == {
        "name": "s3-app",
        "description": "Access to one bucket",
        "policy": json.dumps(bucket_permissions_policy(ARN, permissions)),
    }
    assert registered_outputs("irsa:index:DataBucket") == {
        "bucket_name": "bucket-s3-app",
        "bucket_arn": ARN,
        argument.replace("name", "arn"): "arn:aws:iam::111122223333:policy/s3-app",
    }


@pytest.mark.parametrize("attribute", ["full_policy_arn", "raed_policy_arn"])
def test_a_policy_that_is_not_there_is_an_error_at_its_line(attribute):
    def program() -> None:
        found = DataBucket("data", DataBucketArgs(bucket_name="data", read_policy_name="data"))
        with pytest.raises(AttributeError, match=attribute):
            getattr(found, attribute)

    deploy(program)


@pytest.mark.parametrize("guard", GUARDS, ids=[t.split(":")[-1] for t in GUARDS])
def test_a_policy_waits_until_the_bucket_is_protected(guard):
    assert bucket(read_policy_name="s3-app").waits_for(POLICY, guard)


def test_a_preview_shows_every_resource():
    policies = {"read_policy_name": "s3-app-read", "full_policy_name": "s3-app"}

    assert bucket(Engine(preview=True), **policies).tree() == bucket(**policies).tree()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bucket_name": "Bucket"}, "bucket name 'Bucket' is refused by S3"),
        (
            {"existing": True, "force_destroy": True},
            "bucket 'bucket-s3-app': existing=True is never deleted; remove force_destroy",
        ),
        ({"read_policy_name": "a b"}, "policy name 'a b' may have"),
    ],
    ids=["name", "existing", "policy-name"],
)
def test_a_wrong_argument_is_refused_by_name_and_value(changes, message):
    assert message in refusal(bucket, **changes)


def test_the_policy_is_not_written_while_public_access_is_being_blocked():
    engine = deploy(lambda: DataBucket("data", ARGS))

    assert engine.waits_for(
        "aws:s3/bucketPolicy:BucketPolicy", "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
    )
