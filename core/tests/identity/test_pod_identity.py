"""Trust documents of EKS Pod Identity: role A's, the target role's, and both mechanisms on one."""

import pytest

from irsa_core.identity.pod_identity import (
    TargetedBy,
    check_role,
    external_id,
    pod_identity_trust_policy,
    service_account_trust_policy,
    session_tags,
    target_role_trust_policy,
)
from irsa_core.identity.policies import irsa_trust_policy, size
from irsa_core.identity.subjects import service_account_pattern, service_account_ref
from tests.support.refusal import refusal
from tests.support.world import ACCOUNT_A, CLUSTER_ARN, PROVIDER_ARN, ROLE_A_ARN

SECOND = "arn:aws:eks:eu-west-1:111122223333:cluster/prod"
S3_APP = service_account_ref("dev", "s3-app")
JOB = service_account_ref("jobs", "nightly")
TAGS = {
    "aws:RequestTag/eks-cluster-arn": CLUSTER_ARN,
    "aws:RequestTag/kubernetes-namespace": "dev",
    "aws:RequestTag/kubernetes-service-account": "s3-app",
}
EXTERNAL_ID = "us-east-1/111122223333/dev/dev/s3-app"
OF_ACCOUNT = {"aws:SourceAccount": ACCOUNT_A}
OF_CLUSTER = {"StringEquals": OF_ACCOUNT, "ArnEquals": {"aws:SourceArn": CLUSTER_ARN}}
BY_ROLE_A = {"ArnEquals": {"aws:PrincipalArn": ROLE_A_ARN}}
ASSUME = {
    "Effect": "Allow",
    "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT_A}:root"},
    "Action": "sts:AssumeRole",
    "Condition": {**BY_ROLE_A, "StringEquals": {**TAGS, "sts:ExternalId": EXTERNAL_ID}},
}
AWAY = "is not in account 444455556666 of the cluster; give a role of that account, and the other"
GOV = "is not in partition aws-us-gov of the cluster; begin its ARN with arn:aws-us-gov:"


@pytest.mark.cases("untagged", {"with tags": False, "without tags": True})
def test_trust_names_cluster_account_and_service_account_unless_tags_are_off(untagged):
    document = pod_identity_trust_policy([CLUSTER_ARN], [S3_APP], disable_session_tags=untagged)
    condition = {**OF_CLUSTER, "StringEquals": OF_ACCOUNT | ({} if untagged else TAGS)}
    [statement] = document["Statement"]
    assert (statement["Effect"], statement["Condition"]) == ("Allow", condition)
    assert statement["Principal"] == {"Service": "pods.eks.amazonaws.com"}
    assert untagged or statement["Action"] == ["sts:AssumeRole", "sts:TagSession"]


def test_each_namespace_and_each_pattern_has_a_statement_of_its_own():
    pattern = service_account_pattern("dev", "x-*")
    subjects = [JOB, S3_APP, service_account_ref("dev", "s3-b"), pattern]
    statements = pod_identity_trust_policy([CLUSTER_ARN, SECOND], subjects)["Statement"]

    namespace, name = list(TAGS)[1:]
    conditions = [statement["Condition"] for statement in statements]
    equals = [condition["StringEquals"] for condition in conditions]
    assert [keys[namespace] for keys in equals] == ["dev", "dev", "jobs"]
    assert [keys.get(name) for keys in equals] == [["s3-app", "s3-b"], None, "nightly"]
    assert [condition.get("StringLike") for condition in conditions] == [None, {name: "x-*"}, None]
    sources = [condition["ArnEquals"]["aws:SourceArn"] for condition in conditions]
    assert sources == [[CLUSTER_ARN, SECOND]] * 3


def test_a_target_role_trusts_one_association_by_its_external_id_and_tags():
    one = TargetedBy(ROLE_A_ARN, CLUSTER_ARN, S3_APP)
    assume, tag = target_role_trust_policy([one])["Statement"]
    [only] = target_role_trust_policy([one._replace(disable_session_tags=True)])["Statement"]

    for cluster in (CLUSTER_ARN, CLUSTER_ARN.replace("aws", "aws-cn", 1)):
        assert external_id(cluster, S3_APP) == EXTERNAL_ID
    assert assume == ASSUME
    assert tag["Action"] == "sts:TagSession"
    assert tag["Condition"] == {**ASSUME["Condition"], "StringEquals": TAGS}
    by_id = {"StringEquals": {"sts:ExternalId": EXTERNAL_ID}}
    assert only["Condition"] == {**ASSUME["Condition"], **by_id}


def test_clusters_of_one_association_share_statements_for_the_quota():
    clusters = [CLUSTER_ARN.replace("/dev", f"/dev-{number}") for number in range(1, 6)]
    document = target_role_trust_policy([TargetedBy(ROLE_A_ARN, each, S3_APP) for each in clusters])

    assume, tag = (each["Condition"]["StringEquals"] for each in document["Statement"])
    assert assume["aws:RequestTag/eks-cluster-arn"] == clusters
    assert assume["sts:ExternalId"] == [external_id(each, S3_APP) for each in clusters]
    assert tag["aws:RequestTag/eks-cluster-arn"] == clusters
    assert size(document) < 2048


def test_a_target_role_trusts_no_combination_that_is_no_association():
    """Lists of one statement combine freely: together they would trust one more."""
    both = [(CLUSTER_ARN, S3_APP), (SECOND, service_account_ref("dev", "other")), (SECOND, S3_APP)]
    three = [TargetedBy(ROLE_A_ARN, *each) for each in both]

    alone = [target_role_trust_policy([each])["Statement"] for each in sorted(three)]
    for given in (three, three[::-1]):  # in any order the same
        assert target_role_trust_policy(given)["Statement"] == [each for s in alone for each in s]


def test_a_role_with_both_mechanisms_has_the_statements_of_both():
    sources = {"provider_arns": [PROVIDER_ARN], "cluster_arns": [CLUSTER_ARN]}
    assert service_account_trust_policy([S3_APP], **sources)["Statement"] == [
        *irsa_trust_policy([PROVIDER_ARN], [S3_APP])["Statement"],
        *pod_identity_trust_policy([CLUSTER_ARN], [S3_APP])["Statement"],
    ]
    many = [service_account_ref(f"team-{n}", "app") for n in range(5)]
    message = refusal(service_account_trust_policy, many, cluster_arns=[CLUSTER_ARN])
    assert "the quota is 2048" in message


def test_impossible_trust_is_refused():
    def refused(*clusters, subjects=(S3_APP,)):
        return refusal(pod_identity_trust_policy, clusters, subjects)

    assert "clusters of 0 accounts" in refused()
    assert "and 0 subjects" in refused(CLUSTER_ARN, subjects=())
    assert "clusters of 2 accounts" in refused(CLUSTER_ARN, SECOND.replace("1111", "9999"))
    assert "'dev' is not the ARN of an EKS cluster" in refused("dev")


def test_a_role_of_another_account_or_partition_cannot_be_passed_to_eks():
    away = CLUSTER_ARN.replace(ACCOUNT_A, "444455556666")
    gov = f"arn:aws-us-gov:eks:us-gov-west-1:{ACCOUNT_A}:cluster/dev"
    assert check_role(ROLE_A_ARN, CLUSTER_ARN) == ROLE_A_ARN
    for cluster, problem in ((away, f"{AWAY} one as target role"), (gov, GOV)):
        assert refusal(check_role, ROLE_A_ARN, cluster) == f"role {ROLE_A_ARN} {problem}"


def test_a_session_has_six_tags():
    own = {tag.removeprefix("aws:RequestTag/"): value for tag, value in TAGS.items()}
    of_pod = {"kubernetes-pod-name": "s3-app-1", "kubernetes-pod-uid": "u"}
    tags = session_tags(CLUSTER_ARN, S3_APP, pod_name="s3-app-1", pod_uid="u")
    assert tags == {**own, **of_pod, "eks-cluster-name": "dev"}
