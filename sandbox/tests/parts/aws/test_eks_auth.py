"""EKS Auth: whose token gets a session of which role, and what the session may do.

Which trust policies let EKS in is tested in command/tests/decide/test_pod_identity.py.
"""

import json
import re
import time
from collections.abc import Callable

import pytest

from irsa.identity.arns import root_arn
from irsa.identity.errors import transitive_tag_is_set
from irsa.identity.pod_identity import (
    TargetedBy,
    pod_identity_trust_policy,
    target_role_trust_policy,
)
from irsa.identity.policies import service_trust_policy
from irsa.identity.subjects import ServiceAccountRef
from irsa_sandbox.aws.accounts import ACCOUNT_A, ACCOUNT_B
from irsa_sandbox.aws.clients import Credentials
from irsa_sandbox.aws.role_sessions import SESSION_SECONDS, TARGET_SESSION_SECONDS
from tests.sandbox.support.aws_harness import BUCKET, ISSUER, STRANGER, Aws, refusal, token
from tests.sandbox.support.aws_harness import allow as document
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

    associate(world.eks, "other", READER, world.role_arn)  # its trust policy names the first
    assert world.refused(cluster="other") == DENIED


def trust(role: str, document: object) -> Callable[[Associated], object]:
    """Rewrite the trust policy of one of the two roles."""

    def rewrite(world: Associated) -> None:
        iam = world.iam if role == ROLE else world.iam_b
        iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(document))

    return rewrite


def bound(world: Associated) -> None:
    made = world.iam.create_policy(PolicyName="narrow", PolicyDocument=NARROW)["Policy"]["Arn"]
    world.iam.put_role_permissions_boundary(RoleName=ROLE, PermissionsBoundary=made)


POD_ROLE_ARN = f"arn:aws:iam::{ACCOUNT_A}:role/{ROLE}"
NARROW = document("s3:ListBucket", "*")


@pytest.mark.parametrize(
    "change",
    [
        trust(ROLE, pod_identity_trust_policy([CLUSTER_ARN], [OTHER])),
        trust(ROLE, service_trust_policy("pods.eks.amazonaws.com")),  # without sts:TagSession
        *(
            trust(TARGET, target_role_trust_policy([TargetedBy(*by)]))
            for by in (
                (f"{POD_ROLE_ARN}-2", CLUSTER_ARN, READER),
                (POD_ROLE_ARN, arn_of_cluster("other"), READER),
                (POD_ROLE_ARN, CLUSTER_ARN, OTHER),
            )
        ),
        lambda world: allow(world.iam, ROLE, "sts:AssumeRole"),  # without sts:TagSession
        bound,
    ],
    ids=["account", "tags", "role", "cluster", "target's account", "permission", "boundary"],
)
def test_a_session_needs_every_policy_on_its_way(world: Associated, change):
    """EKS looks at both roles with an association, and STS at each call."""
    world.target()
    world.associate(targetRoleArn=TARGET_ARN)
    answer = world.ask()
    target = f"::{ACCOUNT_B}:assumed-role/{TARGET}/eks-production-"
    assert target in answer["assumedRoleUser"]["arn"]
    seconds = answer["credentials"]["expiration"].timestamp() - time.time()
    assert TARGET_SESSION_SECONDS - 60 < seconds <= TARGET_SESSION_SECONDS

    change(world)

    assert world.refused() == DENIED


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


def test_without_session_tags_a_target_role_is_given_the_external_id(world: Associated):
    def policy(account: ServiceAccountRef) -> object:
        by = TargetedBy(world.role_arn, CLUSTER_ARN, account, disable_session_tags=True)
        return target_role_trust_policy([by])

    world.target(policy(READER))
    world.trust_without_tags()
    world.associate(targetRoleArn=TARGET_ARN, disableSessionTags=True)
    trust(ROLE, service_trust_policy("pods.eks.amazonaws.com"))(world)  # EKS does not look again
    assert world.ask()["credentials"]

    trust(TARGET, policy(OTHER))(world)
    assert world.refused() == DENIED


def test_a_bucket_policy_sees_the_tags_of_the_pod(world: Associated):
    world.associate()
    s3 = world.aws.emulator.client("s3", ACCOUNT_A)
    for namespace in ("dev", "prod"):
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
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        s3.put_bucket_policy(Bucket=BUCKET, Policy=policy)
        if namespace == "dev":
            assert world.session()("s3").list_objects_v2(Bucket=BUCKET)["KeyCount"] == 0
    assert refusal(world.session()("s3").list_objects_v2, Bucket=BUCKET)[1] == "AccessDenied"


def test_the_associations_policy_narrows_the_session(world: Associated):
    world.trust_without_tags()
    world.associate(policy=NARROW, disableSessionTags=True)
    s3 = world.session()("s3")

    assert s3.list_objects_v2(Bucket=BUCKET)["KeyCount"] == 0
    assert refusal(s3.put_object, Bucket=BUCKET, Key="x")[1] == "AccessDenied"


def test_a_session_passes_its_tags_on_to_the_next_role(world: Associated):
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": root_arn(ACCOUNT_A)},
        "Action": ["sts:AssumeRole", "sts:TagSession"],
        "Condition": {"StringEquals": {"aws:RequestTag/kubernetes-namespace": "dev"}},
    }
    world.target({"Version": "2012-10-17", "Statement": [statement]})
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
