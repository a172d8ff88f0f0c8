"""DataBucket: its protection, its retention, and the policies that give access to it."""

import json
from functools import partial

import pytest

from irsa_components.data_bucket import DataBucket, DataBucketArgs
from irsa_core.identity.policies import bucket_permissions_policy, tls_only_bucket_policy
from tests.support.engine import Engine, create, deploy
from tests.support.world import BUCKET_ARN as ARN

ENCRYPTED = {"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}
PUBLIC = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
GUARDS = {
    "BucketPublicAccessBlock": dict.fromkeys(PUBLIC, True),
    "BucketOwnershipControls": {"rule": {"objectOwnership": "BucketOwnerEnforced"}},
    "BucketServerSideEncryptionConfiguration": {"rules": [ENCRYPTED]},
    "BucketVersioning": {"versioningConfiguration": {"status": "Enabled"}},
    "BucketPolicy": {"policy": json.dumps(tls_only_bucket_policy(ARN))},
}
bucket = partial(create, "DataBucket", "data", bucket_name="bucket-s3-app")


@pytest.mark.cases("force_destroy", {"retained": False, "force_destroy": True})
def test_bucket_and_protection_are_retained_unless_force_destroy(force_destroy):
    engine = bucket(force_destroy=force_destroy, read_policy_name="s3-app")

    assert engine.one("Bucket").inputs == {"bucket": "bucket-s3-app", "forceDestroy": force_destroy}
    assert engine.options("Bucket", "data").retainOnDelete is not force_destroy
    for guard, settings in GUARDS.items():
        assert engine.one(guard).inputs == {"bucket": "bucket-s3-app", **settings}
        options = engine.options(guard, "data")
        assert options.retainOnDelete is not force_destroy, guard
        assert options.deletedWith.endswith("aws:s3/bucket:Bucket::data"), "and not before it"
        assert engine.waits_for("Policy", guard)
    # S3 refuses to write it while public access is being blocked.
    assert engine.waits_for("BucketPolicy", "BucketPublicAccessBlock")


def test_an_existing_bucket_is_read_and_only_gets_policies():
    engine = bucket(existing=True, read_policy_name="reader")

    assert engine.one("Bucket").resource_id == "bucket-s3-app"
    found = [each.typ for each in engine.registered if each.typ.startswith("aws:")]
    assert found == ["aws:s3/bucket:Bucket", "aws:iam/policy:Policy"]


@pytest.mark.parametrize("permissions", ["read", "read-write", "full"])
def test_a_policy_has_its_name_and_the_given_permissions(permissions):
    argument = f"{permissions.replace('-', '_')}_policy_name"
    engine = bucket(**{argument: "s3-app"})

    assert engine.one("Policy").inputs == {
        "name": "s3-app",
        "description": "Access to one bucket",
        "policy": json.dumps(bucket_permissions_policy(ARN, permissions)),
    }
    assert engine.outputs("DataBucket") == {
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


def test_a_bucket_that_stays_says_the_name_that_pulumi_gave_it():
    line = "info: bucket data stays when it leaves the stack; to use it again: "
    [said] = [each for each in bucket(bucket_name=None).logged if "stays" in each]
    assert said == f"{line}DataBucketArgs(bucket_name='data', existing=True)"
    for quiet in ({"force_destroy": True}, {"bucket_name": "data"}):
        assert not [e for e in bucket(**{"bucket_name": None, **quiet}).logged if "stays" in e]
    assert not bucket(Engine(preview=True), bucket_name=None).logged


@pytest.mark.parametrize("permissions", ["read", "read_write"])
def test_a_document_of_the_bucket_creates_nothing_and_keeps_to_a_prefix(permissions):
    documents = {}

    def program() -> None:
        made = DataBucket("data", DataBucketArgs(bucket_name="bucket-s3-app"))
        for prefix in ("", "reports/"):
            getattr(made, permissions)(prefix).apply(partial(documents.__setitem__, prefix))
        for wrong in ("reports", "a*/"):
            with pytest.raises(ValueError, match="prefix '"):
                getattr(made, permissions)(wrong)

    assert not deploy(program).of("aws:iam/policy:Policy")
    level = permissions.replace("_", "-")
    assert documents == {
        prefix: bucket_permissions_policy(ARN, level, prefix) for prefix in ("", "reports/")
    }
