"""The `aws` provider's S3 and EKS resources, against the emulator."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.aws.accounts import ACCOUNT_A, ACCOUNT_B
from sandbox.providers.values import UNKNOWN
from tests.sandbox.support.aws_harness import ISSUER, ROLE_ARN, Aws
from tests.sandbox.support.provider_harness import (
    NOTHING,
    Difference,
    Engine,
    InvalidInput,
    Resource,
    Serving,
    refused,
    shown,
)

pytestmark = pytest.mark.sandbox

BUCKET = "aws:s3/bucket:Bucket"
ACCESS_BLOCK = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
OWNERSHIP = "aws:s3/bucketOwnershipControls:BucketOwnershipControls"
ENCRYPTION = (
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
)
VERSIONING = "aws:s3/bucketVersioning:BucketVersioning"
BUCKET_POLICY = "aws:s3/bucketPolicy:BucketPolicy"
OBJECT = "aws:s3/bucketObjectv2:BucketObjectv2"
CLUSTER, NODES = "aws:eks/cluster:Cluster", "aws:eks/nodeGroup:NodeGroup"
ENTRY = "aws:eks/accessEntry:AccessEntry"


def tls_only(bucket: str, effect: str = "Deny") -> str:
    statement = {
        "Effect": effect,
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


BLOCKED = {
    "blockPublicAcls": True,
    "blockPublicPolicy": True,
    "ignorePublicAcls": True,
    "restrictPublicBuckets": True,
}
SETTINGS: dict[str, dict[str, Any]] = {
    ACCESS_BLOCK: BLOCKED,
    OWNERSHIP: {"rule": {"objectOwnership": "BucketOwnerEnforced"}},
    ENCRYPTION: {"rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}]},
    VERSIONING: {"versioningConfiguration": {"status": "Enabled"}},
    BUCKET_POLICY: {"policy": tls_only("settings")},
}
OTHER_SETTINGS: dict[str, dict[str, Any]] = {
    ACCESS_BLOCK: {**BLOCKED, "blockPublicAcls": False},
    OWNERSHIP: {"rule": {"objectOwnership": "ObjectWriter"}},
    ENCRYPTION: {
        "rules": [
            {
                "applyServerSideEncryptionByDefault": {
                    "sseAlgorithm": "aws:kms",
                    "kmsMasterKeyId": "alias/key",
                },
                "bucketKeyEnabled": True,
            }
        ]
    },
    VERSIONING: {"versioningConfiguration": {"status": "Suspended"}},
    BUCKET_POLICY: {"policy": tls_only("settings").replace("s3:*", "s3:GetObject")},
}


@pytest.fixture
def s3(aws: Aws) -> Any:
    return aws.emulator.client("s3", ACCOUNT_A)


@pytest.fixture(scope="module")
def settings_bucket(engine: Engine) -> Iterator[Resource]:
    bucket = engine.create(BUCKET, {"bucket": "settings"})
    yield bucket
    engine.delete(bucket)


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
            "hostedZoneId": "Z3AQBSTGFJSTF",
            "region": "us-east-1",
            "tags": {"a": "1"},
            "tagsAll": {"a": "1"},
        },
    )
    assert engine.refresh(made) == made
    changed = engine.update(made, {"bucket": "outputs"})
    assert changed.state == made.state | {"tags": {}, "tagsAll": {}}
    assert engine.diff(made, {"bucket": "other"}).replacing == ["bucket"]
    engine.delete(changed)
    assert engine.refresh(changed) is None


def test_a_made_up_bucket_name_has_no_capital_letters(engine: Engine):
    assert engine.check(BUCKET, {}, name="Data")["bucket"] == "data-0102030"


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


def test_a_bucket_of_another_account_is_not_taken_over(engine: Engine, aws: Aws):
    theirs = aws.emulator.client("s3", ACCOUNT_B)
    theirs.create_bucket(Bucket="theirs")
    assert refused(engine.create, BUCKET, {"bucket": "theirs"}).startswith(
        "creating S3 Bucket (theirs): CreateBucket: BucketAlreadyExists: "
    )
    assert refused(engine.read, BUCKET, "theirs").startswith("HeadBucket: 403: ")


@pytest.mark.parametrize(
    ("region", "answer"),
    [
        ("us-east-1", "BucketAlreadyExists"),
        ("eu-west-1", "CreateBucket: BucketAlreadyOwnedByYou: "),
    ],
)
def test_a_bucket_of_this_account_is_not_taken_over(provider: Serving, region: str, answer: str):
    """F3, F6: in us-east-1 S3 itself would not refuse."""
    engine = provider.configured(region=region)
    made = engine.create(BUCKET, {"bucket": "ours"})

    line = refused(engine.create, BUCKET, {"bucket": "ours", "tags": {"a": "1"}})

    assert line.startswith(f"creating S3 Bucket (ours): {answer}")
    assert engine.refresh(made) == made
    engine.delete(made)


@pytest.mark.parametrize("token", SETTINGS, ids=lambda token: token.rpartition(":")[2])
def test_a_setting_of_a_bucket_lives_and_dies_on_its_own(
    engine: Engine, settings_bucket: Resource, token
):
    wanted = {"bucket": "settings", **SETTINGS[token]}
    made = engine.create(token, wanted)
    assert made.id == "settings"
    assert engine.refresh(made) == made
    assert engine.diff(made, wanted) == NOTHING
    assert engine.diff(made, {**wanted, "bucket": "other"}).replacing == ["bucket"]

    changed = engine.update(made, {"bucket": "settings", **OTHER_SETTINGS[token]})
    # The record from before the change sees it as somebody else's, and puts it right.
    seen = engine.refresh(made)
    assert seen is not None
    assert seen.state == changed.state
    assert engine.diff(seen, wanted) != NOTHING
    assert engine.update(seen, wanted).state == made.state
    engine.delete(made)
    engine.delete(made)


def test_a_bucket_policy_is_the_same_however_it_is_written(
    engine: Engine, settings_bucket: Resource
):
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
    assert engine.refresh(made) is None


def test_an_object_is_rewritten_when_its_content_changes(engine: Engine, s3: Any):
    bucket = engine.create(BUCKET, {"bucket": "objects"})
    s3.put_bucket_versioning(Bucket="objects", VersioningConfiguration={"Status": "Enabled"})
    wanted = {"bucket": "objects", "key": "a/b.txt", "content": "one"}
    made = engine.create(OBJECT, wanted)
    assert made.id == "objects/a/b.txt"
    assert engine.refresh(made) == made
    changed = engine.update(made, {**wanted, "content": "two"})
    assert s3.get_object(Bucket="objects", Key="a/b.txt")["Body"].read() == b"two"
    s3.put_object(Bucket="objects", Key="a/b.txt.bak", Body=b"another")
    engine.delete(changed)
    assert engine.refresh(changed) is None
    assert [each["Key"] for each in s3.list_objects_v2(Bucket="objects")["Contents"]] == [
        "a/b.txt.bak"
    ]
    engine.delete(engine.update(bucket, {"bucket": "objects", "forceDestroy": True}))


# EKS


def cluster(**inputs: Any) -> dict[str, Any]:
    return {
        "name": "dev",
        "roleArn": ROLE_ARN,
        "version": "1.34",
        "vpcConfig": {"subnetIds": ["subnet-00000001", "subnet-00000002"]},
        "accessConfig": {"authenticationMode": "API"},
        **inputs,
    }


def nodes(**inputs: Any) -> dict[str, Any]:
    return {
        "clusterName": "dev",
        "nodeGroupName": "default",
        "nodeRoleArn": ROLE_ARN,
        "subnetIds": ["subnet-00000001"],
        "scalingConfig": {"minSize": 1, "maxSize": 2, "desiredSize": 1},
        **inputs,
    }


@pytest.fixture
def dev(engine: Engine) -> Iterator[Resource]:
    made = engine.create(CLUSTER, cluster())
    yield made
    engine.delete(made)


def test_a_cluster_shows_the_control_plane_that_stands_behind_it(engine: Engine, dev: Resource):
    assert dev.id == "dev"
    facts = ("arn", "certificateAuthority", "endpoint", "identities", "status", "version")
    assert shown(dev.state, *facts) == {
        "arn": f"arn:aws:eks:us-east-1:{ACCOUNT_A}:cluster/dev",
        "certificateAuthority": {"data": "Q0E="},
        "endpoint": "https://127.0.0.1:6443",
        "identities": [{"oidcs": [{"issuer": f"https://{ISSUER}"}]}],
        "status": "ACTIVE",
        "version": "1.34",
    }
    assert engine.refresh(dev) == dev
    found = engine.read(CLUSTER, "dev")
    assert found is not None
    assert engine.diff(found, cluster()) == NOTHING


def test_a_preview_knows_neither_issuer_nor_endpoint(engine: Engine):
    outputs = engine.preview(CLUSTER, cluster(name="new"))
    assert shown(outputs, "endpoint", "identities", "version") == {
        "endpoint": UNKNOWN,
        "identities": UNKNOWN,
        "version": "1.34",
    }


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"roleArn": "arn:aws:iam::111122223333:role/other"}, Difference([], ["roleArn"], True)),
        ({"version": "1.35"}, Difference(["version"], [])),
        ({"enabledClusterLogTypes": ["audit", "api"]}, Difference(["enabledClusterLogTypes"], [])),
        (
            {
                "vpcConfig": {
                    "subnetIds": ["subnet-00000001", "subnet-00000002"],
                    "endpointPrivateAccess": True,
                    "endpointPublicAccess": True,
                }
            },
            Difference(["vpcConfig.endpointPrivateAccess", "vpcConfig.endpointPublicAccess"], []),
        ),
        (
            {"accessConfig": {"authenticationMode": "API_AND_CONFIG_MAP"}},
            Difference(["accessConfig.authenticationMode"], []),
        ),
        ({"tags": {"a": "1"}}, Difference(["tags"], [])),
    ],
    ids=lambda value: str(value)[:50],
)
def test_a_cluster_changes_in_place_or_is_replaced_as_aws_does(
    engine: Engine, dev: Resource, change, expected
):
    assert engine.diff(dev, cluster(**change)) == expected
    if not expected.replacing:
        changed = engine.update(dev, cluster(**change))
        assert engine.refresh(changed) == changed
        assert engine.diff(changed, cluster(**change)) == NOTHING
        name = next(iter(change))
        assert shown(changed.state, name) != shown(dev.state, name)


def test_a_cluster_goes_after_its_node_groups(engine: Engine, dev: Resource):
    group = engine.create(NODES, nodes())
    assert group.id == "dev:default"
    assert refused(engine.delete, dev) == (
        "DeleteCluster: ResourceInUseException: Cluster has nodegroups attached"
    )
    engine.delete(group)
    assert engine.refresh(group) is None


def test_a_node_group_scales_in_place(engine: Engine, dev: Resource):
    group = engine.create(NODES, nodes(labels={"a": "1", "b": "2"}))
    assert engine.refresh(group) == group
    wanted = nodes(
        labels={"b": "3"},
        scalingConfig={"minSize": 2, "maxSize": 4, "desiredSize": 3},
        tags={"t": "1"},
        version="1.35",
    )
    changed = engine.update(group, wanted)
    assert shown(changed.state, "labels", "scalingConfig", "tags", "version") == {
        "labels": {"b": "3"},
        "scalingConfig": {"minSize": 2, "maxSize": 4, "desiredSize": 3},
        "tags": {"t": "1"},
        "version": "1.35",
    }
    assert engine.diff(changed, wanted | {"instanceTypes": ["m7i.large"]}).replacing == [
        "instanceTypes"
    ]
    engine.delete(changed)


def test_an_access_entry_changes_its_groups_in_place(engine: Engine, dev: Resource):
    wanted = {"clusterName": "dev", "principalArn": ROLE_ARN, "kubernetesGroups": ["b", "a"]}
    entry = engine.create(ENTRY, wanted)
    assert (entry.id, entry.state["kubernetesGroups"]) == (f"dev:{ROLE_ARN}", ["a", "b"])
    assert engine.refresh(entry) == entry
    changed = engine.update(entry, {**wanted, "kubernetesGroups": ["c"], "tags": {"t": "1"}})
    assert shown(changed.state, "kubernetesGroups", "tags") == {
        "kubernetesGroups": ["c"],
        "tags": {"t": "1"},
    }
    assert engine.diff(entry, {**wanted, "type": "EC2_LINUX"}).replacing == ["type"]
    engine.delete(changed)
    assert engine.refresh(changed) is None


def test_what_must_be_given_is_named(engine: Engine):
    with pytest.raises(InvalidInput, match="vpcConfig: is required"):
        engine.check(CLUSTER, {"roleArn": ROLE_ARN})


@pytest.mark.parametrize("token", [NODES, ENTRY, OBJECT])
def test_an_id_of_another_form_is_refused(engine: Engine, token):
    assert refused(engine.read, token, "one-part").startswith(
        "'one-part' is not an id of this type; expected "
    )
