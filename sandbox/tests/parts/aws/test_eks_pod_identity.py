"""EKS Pod Identity associations in the emulator: what EKS keeps, and what it refuses."""

import json
from typing import Any

import pytest

from irsa.identity.eks import POD_IDENTITY_SERVICE
from irsa.identity.pod_identity import pod_identity_trust_policy
from irsa.identity.subjects import service_account_ref
from irsa_sandbox.aws.accounts import ACCOUNT_A, REGION
from tests.sandbox.support.aws_harness import ROLE_ARN, ROLE_B_ARN, VPC, allow, refusal

pytestmark = pytest.mark.sandbox

NAME = "dev"
CLUSTER_ARN = f"arn:aws:eks:{REGION}:{ACCOUNT_A}:cluster/{NAME}"
ROLE = f"arn:aws:iam::{ACCOUNT_A}:role/pods/s3-app-pods"
TRUST = pod_identity_trust_policy([CLUSTER_ARN], [service_account_ref("dev", "s3-app")])
CLUSTER = {"name": NAME, "version": "1.34", "roleArn": ROLE_ARN, "resourcesVpcConfig": VPC}
CNI = {"clusterName": NAME, "addonName": "vpc-cni"}
WANTED = {"clusterName": NAME, "namespace": "dev", "serviceAccount": "s3-app", "roleArn": ROLE}
POLICY = allow("s3:GetObject", "*")
INVALID = (400, "InvalidParameterException")
NOT_FOUND = (404, "ResourceNotFoundException")
MISSING_ROLE = "Role provided in the request does not exist."
NODE_ROLE = [{"serviceAccount": "aws-node", "roleArn": ROLE}]


@pytest.fixture(autouse=True)
def cluster(restored: None, iam: Any, eks: Any) -> None:
    trust = json.dumps(TRUST)
    iam.create_role(RoleName="s3-app-pods", Path="/pods/", AssumeRolePolicyDocument=trust)
    eks.create_cluster(**CLUSTER)


def create(eks: Any, **changed: Any) -> dict[str, Any]:
    return eks.create_pod_identity_association(**{**WANTED, **changed})["association"]


def one(association: dict[str, Any]) -> dict[str, str]:
    return {"clusterName": NAME, "associationId": association["associationId"]}


def test_an_association_is_created_described_and_deleted(eks):
    made = create(eks, targetRoleArn=ROLE_B_ARN, tags={"team": "data"})
    id_ = made["associationId"]
    assert made == {
        **WANTED,
        "associationArn": f"arn:aws:eks:{REGION}:{ACCOUNT_A}:podidentityassociation/{NAME}/{id_}",
        "associationId": id_,
        "createdAt": made["createdAt"],
        "disableSessionTags": False,
        "externalId": f"{REGION}/{ACCOUNT_A}/{NAME}/dev/s3-app",
        "modifiedAt": made["createdAt"],
        "tags": {"team": "data"},
        "targetRoleArn": ROLE_B_ARN,
    }
    assert eks.describe_pod_identity_association(**one(made))["association"] == made
    again = (409, "ResourceInUseException", f"Association already exists: {id_}")
    assert refusal(eks.create_pod_identity_association, **WANTED) == again

    changed = eks.update_pod_identity_association(**one(made), targetRoleArn="")["association"]
    emptied = {name: made[name] for name in made.keys() - {"externalId", "targetRoleArn"}}
    assert {**changed, "modifiedAt": made["modifiedAt"]} == emptied

    eks.delete_pod_identity_association(**one(made))
    assert refusal(eks.describe_pod_identity_association, **one(made))[:2] == NOT_FOUND


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"roleArn": ROLE.replace("/pods/", "/")}, MISSING_ROLE),
        ({"roleArn": ROLE_B_ARN}, MISSING_ROLE),
        ({"roleArn": ROLE_ARN}, "Trust policy of the role provided is invalid."),
        ({"policy": POLICY}, "disableSessionTags must be set to true"),
        ({"policy": " " * 2049, "disableSessionTags": True}, "policy is longer than 2048"),
        ({"targetRoleArn": "s3-app-B"}, "The target role ARN is invalid"),
    ],
    ids=["path", "account", "trust", "policy with tags", "long policy", "target role"],
)
def test_what_eks_cannot_use_is_refused(eks, changed, message):
    refused = refusal(eks.create_pod_identity_association, **{**WANTED, **changed})
    assert refused[:2] == INVALID
    assert refused[2].startswith(message)

    made = create(eks)
    assert refusal(eks.update_pod_identity_association, **one(made), **changed) == refused
    assert eks.describe_pod_identity_association(**one(made))["association"] == made


def test_associations_are_listed_in_pages_and_without_their_roles(eks):
    made = [create(eks, serviceAccount=name) for name in ("a", "b", "c")]
    create(eks, namespace="other")

    pages = eks.get_paginator("list_pod_identity_associations").paginate(
        clusterName=NAME, namespace="dev", PaginationConfig={"PageSize": 2}
    )
    found = [page["associations"] for page in pages]
    assert [len(page) for page in found] == [2, 1]
    summary = {"associationArn", "associationId", "clusterName", "namespace", "serviceAccount"}
    listed = sorted((each for page in found for each in page), key=lambda e: e["serviceAccount"])
    assert listed == [{name: each[name] for name in summary} for each in made]


def test_a_caller_needs_permission_to_pass_the_role(aws, eks, iam):
    def allowed(service: str) -> str:
        passing = {"StringEquals": {"iam:PassedToService": service}}
        statements = [
            {"Effect": "Allow", "Action": "eks:*", "Resource": "*"},
            {"Effect": "Allow", "Action": "iam:PassRole", "Resource": ROLE, "Condition": passing},
        ]
        return json.dumps({"Version": "2012-10-17", "Statement": statements})

    of_workload = {"RoleName": "s3-app", "PolicyName": "eks"}
    workload = aws.session()("eks")
    iam.put_role_policy(**of_workload, PolicyDocument=allowed("ec2.amazonaws.com"))
    denied = refusal(workload.create_pod_identity_association, **WANTED)
    assert denied[:2] == (403, "AccessDeniedException")
    assert f"is not authorized to perform: iam:PassRole on resource: {ROLE}" in denied[2]
    assert refusal(workload.create_addon, **CNI, podIdentityAssociations=NODE_ROLE) == denied

    iam.put_role_policy(**of_workload, PolicyDocument=allowed(POD_IDENTITY_SERVICE))
    create(workload)


def test_an_add_on_owns_its_associations(eks):
    """Each update writes all of them, unless it says nothing of them."""
    addon = eks.create_addon(**CNI, podIdentityAssociations=NODE_ROLE)["addon"]
    (arn,) = addon["podIdentityAssociations"]
    at = {"clusterName": NAME, "associationId": arn.rpartition("/")[2]}
    made = eks.describe_pod_identity_association(**at)["association"]
    assert (made["namespace"], made["serviceAccount"]) == ("kube-system", "aws-node")
    assert (made["roleArn"], made["ownerArn"]) == (ROLE, addon["addonArn"])
    for call in (eks.update_pod_identity_association, eks.delete_pod_identity_association):
        refused = refusal(call, **at)
        assert refused[:2] == (400, "InvalidRequestException")
        assert f"is owned by {addon['addonArn']}" in refused[2]

    eks.update_addon(**CNI, configurationValues="{}")
    eks.update_addon(**CNI, podIdentityAssociations=NODE_ROLE)
    assert eks.describe_addon(**CNI)["addon"]["podIdentityAssociations"] == [arn]
    eks.update_addon(**CNI, podIdentityAssociations=[])
    assert eks.list_pod_identity_associations(clusterName=NAME)["associations"] == []

    eks.update_addon(**CNI, podIdentityAssociations=NODE_ROLE)
    eks.delete_addon(**CNI, preserve=True)
    assert eks.list_pod_identity_associations(clusterName=NAME)["associations"] == []


def test_an_add_on_takes_no_association_of_others(eks):
    create(eks, namespace="kube-system", serviceAccount="aws-node")
    refused = refusal(eks.create_addon, **CNI, podIdentityAssociations=NODE_ROLE)
    assert refused[:2] == (409, "ResourceInUseException")
    other = [{"serviceAccount": "s3-app", "roleArn": ROLE}]
    assert refusal(eks.create_addon, **CNI, podIdentityAssociations=other)[:2] == INVALID
    assert eks.list_addons(clusterName=NAME)["addons"] == []


def test_associations_are_deleted_with_their_cluster(eks):
    made = create(eks)
    eks.delete_cluster(name=NAME)
    assert refusal(eks.describe_pod_identity_association, **one(made))[:2] == NOT_FOUND
    eks.create_cluster(**CLUSTER)
    assert eks.list_pod_identity_associations(clusterName=NAME)["associations"] == []
