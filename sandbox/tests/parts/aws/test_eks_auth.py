"""EKS Auth: whose token gets a session of which role, and what the session may do."""

import json
import re
import time
from typing import Any

import pytest

from irsa.identity.arns import root_arn
from irsa.identity.errors import transitive_tag_is_set
from irsa.identity.pod_identity import TargetedBy, target_role_trust_policy
from irsa.identity.subjects import ServiceAccountRef
from irsa_sandbox.aws.accounts import ACCOUNT_A, ACCOUNT_B
from irsa_sandbox.aws.clients import Credentials
from irsa_sandbox.aws.role_sessions import SESSION_SECONDS, TARGET_SESSION_SECONDS
from tests.sandbox.support.aws_harness import (
    BUCKET,
    ISSUER,
    STRANGER,
    Aws,
    refusal,
    token,
)
from tests.sandbox.support.pod_identity import (
    CLUSTER,
    CLUSTER_ARN,
    READER,
    ROLE,
    TARGET,
    TARGET_ARN,
    Associated,
    allow,
    arn_of_cluster,
    associate,
    node_role,
    pod_token,
)

pytestmark = [pytest.mark.sandbox, pytest.mark.usefixtures("restored")]

OTHER = ServiceAccountRef("dev", "writer")
DENIED = (
    400,
    "AccessDeniedException",
    "Unauthorized Exception! EKS does not have permissions to assume the associated role.",
)


@pytest.fixture
def world(aws: Aws, restored: None) -> Associated:
    return Associated(aws)


def test_a_pod_gets_a_session_of_the_associations_role(world: Associated):
    association_id = world.associate()

    answer = world.ask()

    association = answer["podIdentityAssociation"]
    assert answer["subject"] == {"namespace": "dev", "serviceAccount": "reader"}
    assert answer["audience"] == "pods.eks.amazonaws.com"
    assert association["associationId"] == association_id
    assert re.fullmatch(
        rf"arn:aws:sts::{ACCOUNT_A}:assumed-role/{ROLE}/eks-production-reader-6d5-[0-9a-f-]{{36}}",
        answer["assumedRoleUser"]["arn"],
    )
    seconds = answer["credentials"]["expiration"].timestamp() - time.time()
    assert SESSION_SECONDS - 60 < seconds <= SESSION_SECONDS


@pytest.mark.parametrize("account", [OTHER, ServiceAccountRef("prod", "reader")])
def test_no_other_service_account_gets_one(world: Associated, account):
    world.associate()

    assert world.refused(pod_token(account))[:2] == (404, "ResourceNotFoundException")


def test_neither_another_nor_a_missing_cluster_has_the_association(world: Associated):
    world.associate()
    world.create_cluster("other")

    for name in ("other", "missing"):
        assert world.refused(cluster=name)[:2] == (404, "ResourceNotFoundException")


def test_a_role_that_trusts_another_cluster_is_not_assumed(world: Associated):
    world.create_cluster("other")
    associate(world.eks, "other", READER, world.role_arn)

    assert world.refused(cluster="other") == DENIED


def test_a_role_for_another_service_account_is_not_assumed(world: Associated):
    associate(world.eks, CLUSTER, OTHER, world.role_arn)

    assert world.refused(pod_token(OTHER)) == DENIED


@pytest.mark.parametrize(
    ("raw", "code", "words"),
    [
        (pod_token(aud=["sts.amazonaws.com"]), "InvalidTokenException", "Incorrect token audience"),
        (pod_token(exp=int(time.time()) - 3600), "ExpiredTokenException", "is expired: current"),
        (pod_token(key=STRANGER), "InvalidTokenException", "verification key"),
        (pod_token(iss="https://example.org"), "InvalidTokenException", "https://example.org"),
        (token(aud="pods.eks.amazonaws.com"), "InvalidTokenException", "bound to a Pod"),
        ("x.y.z", "InvalidTokenException", "not a valid JWT"),
        ("x", "InvalidParameterException", "regular expression pattern"),
    ],
)
def test_a_token_that_is_not_the_clusters_for_a_pod_is_refused(world: Associated, raw, code, words):
    world.associate()
    status, found, message = world.refused(raw)

    assert (status, found) == (400, code)
    assert words in message


def test_a_node_needs_the_permission(world: Associated):
    world.associate()
    arn = node_role(world.iam, "bare", may_ask=False)
    bare = world.aws.emulator.instance(arn)("eks-auth")

    status, code, message = refusal(
        bare.assume_role_for_pod_identity, clusterName=CLUSTER, token=pod_token()
    )
    assert (status, code) == (400, "AccessDeniedException")
    assert message.endswith(
        f"perform: eks-auth:AssumeRoleForPodIdentity on resource: {CLUSTER_ARN}"
    )


def test_a_trust_policy_without_tag_session_needs_tags_to_be_off(world: Associated):
    trust = json.dumps({
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Principal": {"Service": "pods.eks.amazonaws.com"},
            "Action": "sts:AssumeRole",
        },
    })  # fmt: skip
    # EKS refuses an association with such a role, and looks at no later change.
    world.associate()
    world.iam.update_assume_role_policy(RoleName=ROLE, PolicyDocument=trust)
    assert world.refused() == DENIED

    world.trust_without_tags()
    world.disable_session_tags()
    world.iam.update_assume_role_policy(RoleName=ROLE, PolicyDocument=trust)
    assert world.ask()["credentials"]


def test_a_bucket_policy_sees_the_tags_of_the_pod(world: Associated):
    world.associate()
    s3 = world.aws.emulator.client("s3", ACCOUNT_A)

    def protect(namespace: str) -> None:
        statement = {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:ListBucket",
            "Resource": f"arn:aws:s3:::{BUCKET}",
            "Condition": {
                "StringNotEquals": {"aws:PrincipalTag/kubernetes-namespace": namespace},
                "StringLike": {"aws:PrincipalArn": world.role_arn},
            },
        }
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        s3.put_bucket_policy(Bucket=BUCKET, Policy=document)

    protect("dev")
    assert world.session()("s3").list_objects_v2(Bucket=BUCKET)["KeyCount"] == 0
    protect("prod")
    assert refusal(world.session()("s3").list_objects_v2, Bucket=BUCKET)[1] == "AccessDenied"


NARROW = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"},
    }
)


def test_the_associations_policy_narrows_the_session(world: Associated):
    world.trust_without_tags()
    world.associate(policy=NARROW, disableSessionTags=True)
    s3 = world.session()("s3")

    assert s3.list_objects_v2(Bucket=BUCKET)["KeyCount"] == 0
    assert refusal(s3.put_object, Bucket=BUCKET, Key="x")[1] == "AccessDenied"


def test_with_a_target_role_the_session_is_the_targets(world: Associated):
    world.target()
    world.associate(targetRoleArn=TARGET_ARN)

    answer = world.ask()

    assert (
        f"::{ACCOUNT_B}:assumed-role/{TARGET}/eks-production-" in answer["assumedRoleUser"]["arn"]
    )
    seconds = answer["credentials"]["expiration"].timestamp() - time.time()
    assert TARGET_SESSION_SECONDS - 60 < seconds <= TARGET_SESSION_SECONDS


@pytest.mark.parametrize(
    "changed",
    [
        {"role_arn": f"arn:aws:iam::{ACCOUNT_A}:role/other"},
        {"cluster_arn": arn_of_cluster("other")},
        {"service_account": OTHER},
    ],
)
def test_a_target_role_trusts_one_association_only(world: Associated, changed):
    by = TargetedBy(world.role_arn, CLUSTER_ARN, READER)._replace(**changed)
    world.target(target_role_trust_policy([by]))
    world.associate(targetRoleArn=TARGET_ARN)

    assert world.refused() == DENIED


def test_a_target_role_holds_the_external_id_without_tags(world: Associated):
    def trust(account: ServiceAccountRef) -> dict[str, Any]:
        by = TargetedBy(world.role_arn, CLUSTER_ARN, account, disable_session_tags=True)
        return target_role_trust_policy([by])

    world.target(trust(READER))
    world.trust_without_tags()
    world.associate(targetRoleArn=TARGET_ARN, disableSessionTags=True)
    assert world.ask()["credentials"]

    world.iam_b.update_assume_role_policy(RoleName=TARGET, PolicyDocument=json.dumps(trust(OTHER)))
    assert world.refused() == DENIED


def test_the_associations_role_must_be_allowed_to_assume_the_target(world: Associated):
    world.target()
    world.associate(targetRoleArn=TARGET_ARN)
    allow(world.iam, ROLE, "sts:AssumeRole")

    assert world.refused() == DENIED


def test_the_boundary_of_the_associations_role_counts_for_the_target(world: Associated):
    world.target()
    world.associate(targetRoleArn=TARGET_ARN)
    made = world.iam.create_policy(PolicyName="narrow", PolicyDocument=NARROW)
    boundary = made["Policy"]["Arn"]
    world.iam.put_role_permissions_boundary(RoleName=ROLE, PermissionsBoundary=boundary)

    assert world.refused() == DENIED


def chained(world: Associated, namespace: str) -> None:
    """Role B, which a Pod of that namespace may assume by itself."""
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": root_arn(ACCOUNT_A)},
        "Action": ["sts:AssumeRole", "sts:TagSession"],
        "Condition": {"StringEquals": {"aws:RequestTag/kubernetes-namespace": namespace}},
    }
    world.target({"Version": "2012-10-17", "Statement": [statement]})


def test_a_session_passes_its_tags_on_to_the_next_role(world: Associated):
    chained(world, "dev")
    world.associate()
    sts = world.session()("sts")

    keys = sts.assume_role(RoleArn=TARGET_ARN, RoleSessionName="next")["Credentials"]

    given = Credentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
    again = world.aws.administrator().with_credentials(given)("sts")
    allow(world.iam_b, TARGET, "sts:*")
    refused = (400, "InvalidParameterValue", transitive_tag_is_set().message)
    for next_sts in (sts, again):
        for key in ("kubernetes-namespace", "Kubernetes-Namespace"):
            forged = {"Tags": [{"Key": key, "Value": "prod"}], "RoleSessionName": "next"}
            assert refusal(next_sts.assume_role, RoleArn=TARGET_ARN, **forged) == refused


def test_tags_cannot_be_forged_to_be_another_namespace(world: Associated):
    chained(world, "prod")
    world.associate()
    sts = world.session()("sts")

    assert refusal(sts.assume_role, RoleArn=TARGET_ARN, RoleSessionName="next")[1] == "AccessDenied"


def test_a_session_with_tags_needs_tag_session_on_its_own_side(world: Associated):
    chained(world, "dev")
    world.associate()
    sts = world.session()("sts")
    allow(world.iam, ROLE, "sts:AssumeRole")

    message = refusal(sts.assume_role, RoleArn=TARGET_ARN, RoleSessionName="next")[2]
    assert message.endswith(f"perform: sts:TagSession on resource: {TARGET_ARN}")


def test_eks_auth_needs_a_signature(world: Associated):
    path = f"/clusters/{CLUSTER}/assume-role-for-pod-identity"
    answer = world.aws.http(
        "POST", path, host="eks-auth.us-east-1.api.aws", json={"token": pod_token()}
    )

    assert answer.status_code == 403
    assert ISSUER not in answer.text
