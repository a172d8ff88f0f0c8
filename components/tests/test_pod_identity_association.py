"""PodIdentityAssociation: its arguments, its replacement, and what it registers."""

import json
from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from irsa_components import PodIdentityAssociation, PodIdentityAssociationArgs, ServiceAccount
from tests.support.engine import Engine, deploy
from tests.support.refusal import refusal

ASSOCIATION = "aws:eks/podIdentityAssociation:PodIdentityAssociation"
NAME = "s3-app/dev/s3-app"
CLUSTER = "arn:aws:eks:us-east-1:111122223333:cluster/dev"
ROLE = "arn:aws:iam::111122223333:role/s3-app"
ROLE_B = "arn:aws:iam::444455556666:role/s3-app-B"
STATEMENT = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
POLICY = json.dumps({"Version": "2012-10-17", "Statement": [STATEMENT]})
ARGS = {
    "cluster_arn": CLUSTER,
    "service_account": ServiceAccount(namespace="dev", name="s3-app"),
    "role_arn": ROLE,
}


def association(engine: Engine | None = None, **changes: Any) -> Engine:
    args = PodIdentityAssociationArgs(**{**ARGS, **changes})
    return deploy(lambda: PodIdentityAssociation("s3-app", args), engine)


def test_the_association_gives_the_role_to_one_service_account():
    """In the region of the cluster's ARN, where the provider's may have a cluster of that name."""
    assert association().one(ASSOCIATION).inputs == {
        "clusterName": "dev",
        "region": "us-east-1",
        "namespace": "dev",
        "serviceAccount": "s3-app",
        "roleArn": ROLE,
        "disableSessionTags": False,
    }


def test_a_target_role_and_a_session_policy_are_passed_on():
    engine = association(target_role_arn=ROLE_B, session_policy=POLICY, disable_session_tags=True)

    inputs = engine.one(ASSOCIATION).inputs
    assert (inputs["targetRoleArn"], inputs["policy"]) == (ROLE_B, POLICY)
    assert inputs["disableSessionTags"]


@pytest.mark.parametrize(
    ("given", "replaced"),
    [
        ({}, ["policy", "targetRoleArn"]),
        ({"target_role_arn": ROLE_B}, ["policy"]),
        ({"session_policy": POLICY, "disable_session_tags": True}, ["targetRoleArn"]),
    ],
)
def test_only_a_removed_value_replaces_the_association(given, replaced):
    """EKS keeps what an update leaves out, and accepts one association for a service account."""
    options = association(**given).options(ASSOCIATION, NAME)

    assert options.deleteBeforeReplace
    assert list(options.replaceOnChanges) == replaced


def test_another_service_account_is_another_resource():
    """Its association exists, and its Pods are ready, before the old one is deleted."""
    options = association().options(ASSOCIATION, NAME)

    assert [each.spec.name for each in options.aliases] == ["s3-app"], "its name before"
    assert (
        association(service_account=ServiceAccount(namespace="dev", name="s3"))
        .one(ASSOCIATION)
        .name
        == "s3-app/dev/s3"
    )


def test_an_existing_association_is_imported_by_its_id():
    engine = association(imported_id="dev,a-0123456789abcdefg")

    assert engine.options(ASSOCIATION, NAME).importId == "dev,a-0123456789abcdefg"


def test_the_state_names_cluster_service_account_and_roles(
    registered_outputs: Callable[[str], dict[str, Any]],
):
    association(target_role_arn=ROLE_B)

    outputs = registered_outputs("irsa:index:PodIdentityAssociation")
    assert {**outputs, "association_id": None, "external_id": None} == {
        "cluster_arn": CLUSTER,
        "namespace": "dev",
        "service_account_name": "s3-app",
        "role_arn": ROLE,
        "target_role_arn": ROLE_B,
        "association_id": None,
        "external_id": None,
    }


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"session_policy": POLICY}, "set disable_session_tags=True"),
        (
            {"session_policy": "{", "disable_session_tags": True},
            "session_policy: it is not a policy (Expecting property name",
        ),
        (
            {"session_policy": json.dumps("x" * 2047), "disable_session_tags": True},
            "session_policy: it has 2049 characters; EKS accepts 2048",
        ),
        ({"cluster_arn": "dev"}, "is not the ARN of an EKS cluster"),
        ({"cluster_arn": CLUSTER.replace("arn:aws:", "arn:aws-cn:")}, "use IRSA"),
        ({"role_arn": ROLE_B}, "is not in account 111122223333 of the cluster"),
        ({"target_role_arn": "s3-app-B"}, "is not the ARN of a role"),
    ],
)
def test_what_eks_would_refuse_is_refused_before(changes, message):
    assert message in refusal(PodIdentityAssociationArgs, **{**ARGS, **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cluster_arn": "dev"}, "is not the ARN of an EKS cluster"),
        ({"role_arn": ROLE_B}, "is not in account 111122223333 of the cluster"),
        ({"target_role_arn": "s3-app-B"}, "is not the ARN of a role"),
        ({"session_policy": json.dumps("x" * 2047)}, "session_policy: it has 2049 characters"),
    ],
)
def test_an_output_is_refused_in_one_line_before_an_association_is_deleted(changes, message):
    outputs = {name: pulumi.Output.from_input(value) for name, value in changes.items()}

    with pytest.raises(pulumi.RunError, match=f"{message}"):
        association(**outputs, disable_session_tags=True)
