"""Versions of managed policies, and the keys of a user that does not exist."""

from typing import Any

import pytest

from tests.sandbox.support.aws_harness import BUCKET, Aws, allow, refusal

pytestmark = pytest.mark.sandbox

READ, NOTHING = allow("s3:ListBucket", f"arn:aws:s3:::{BUCKET}"), allow("sqs:*", "*")


@pytest.fixture
def policy(aws: Aws) -> Any:
    """A policy that permits nothing of interest, all that the workload's role has."""
    iam = aws.administrator()("iam")
    for name in iam.list_role_policies(RoleName="s3-app")["PolicyNames"]:
        iam.delete_role_policy(RoleName="s3-app", PolicyName=name)
    made = iam.create_policy(PolicyName="versions", PolicyDocument=NOTHING)["Policy"]["Arn"]
    iam.attach_role_policy(RoleName="s3-app", PolicyArn=made)
    yield made
    iam.detach_role_policy(RoleName="s3-app", PolicyArn=made)
    for version in iam.list_policy_versions(PolicyArn=made)["Versions"]:
        if not version["IsDefaultVersion"]:
            iam.delete_policy_version(PolicyArn=made, VersionId=version["VersionId"])
    iam.delete_policy(PolicyArn=made)


def test_the_version_that_is_the_default_one_decides(aws, policy):
    iam, workload = aws.administrator()("iam"), aws.session()("s3")
    made = iam.create_policy_version(PolicyArn=policy, PolicyDocument=READ, SetAsDefault=False)[
        "PolicyVersion"
    ]["VersionId"]
    assert refusal(lambda: workload.list_objects_v2(Bucket=BUCKET))[1] == "AccessDenied"

    iam.set_default_policy_version(PolicyArn=policy, VersionId=made)

    assert workload.list_objects_v2(Bucket=BUCKET)["KeyCount"] == 0
    assert iam.get_policy(PolicyArn=policy)["Policy"]["DefaultVersionId"] == made
    versions = iam.list_policy_versions(PolicyArn=policy)["Versions"]
    assert {v["VersionId"] for v in versions if v["IsDefaultVersion"]} == {made}


def test_a_version_that_does_not_exist_cannot_be_the_default_one(aws, policy):
    iam = aws.administrator()("iam")
    for arn, version in ((policy, "v9"), (f"{policy}-other", "v1")):
        refused = refusal(
            lambda arn=arn, version=version: iam.set_default_policy_version(
                PolicyArn=arn, VersionId=version
            )
        )
        assert refused[:2] == (404, "NoSuchEntity")
    assert iam.get_policy(PolicyArn=policy)["Policy"]["DefaultVersionId"] == "v1"


def test_the_default_version_is_not_for_everybody(aws, policy):
    workload = aws.session()("iam")
    refused = refusal(lambda: workload.set_default_policy_version(PolicyArn=policy, VersionId="v1"))
    assert refused[:2] == (403, "AccessDenied")


def test_a_user_that_does_not_exist_has_no_list_of_keys(aws):
    iam = aws.administrator()("iam")
    assert refusal(lambda: iam.list_access_keys(UserName="nobody")) == (
        404,
        "NoSuchEntity",
        "The user with name nobody cannot be found.",
    )
