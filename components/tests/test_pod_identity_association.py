"""PodIdentityAssociation: its arguments, its replacement, and what it registers."""

import json
from functools import partial

import pulumi
import pytest

from irsa_components import ServiceAccount
from tests.support.engine import create
from tests.support.versions import SESSION_POLICY, needs_session_policy
from tests.support.world import CLUSTER_ARN as CLUSTER
from tests.support.world import ROLE_ARN as ROLE
from tests.support.world import ROLE_B_ARN as ROLE_B

ASSOCIATION = "PodIdentityAssociation"
NAME = "s3-app/dev/s3-app"
STATEMENT = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
POLICY = json.dumps({"Version": "2012-10-17", "Statement": [STATEMENT]})
ACCOUNT = ServiceAccount(namespace="dev", name="s3-app")
ARGS = {"cluster_arn": CLUSTER, "service_account": ACCOUNT, "role_arn": ROLE}
association = partial(create, ASSOCIATION, "s3-app", **ARGS)


@needs_session_policy
def test_the_association_gives_the_role_to_one_service_account():
    """In the region of the cluster's ARN, where the provider's may have a cluster of that name."""
    args = {"session_policy": POLICY, "disable_session_tags": True, "imported_id": "dev,a-01"}
    plain, engine = association(), association(target_role_arn=ROLE_B, **args)

    inputs = {"clusterName": "dev", "region": "us-east-1", "disableSessionTags": False}
    inputs |= {"namespace": "dev", "serviceAccount": "s3-app", "roleArn": ROLE}
    more = {"targetRoleArn": ROLE_B, "policy": POLICY, "disableSessionTags": True}
    assert plain.one(ASSOCIATION).inputs == inputs
    assert engine.one(ASSOCIATION).inputs == {**inputs, **more}
    assert engine.options(ASSOCIATION, NAME).importId == "dev,a-01"
    account = {"namespace": "dev", "service_account_name": "s3-app"}
    arns = {"cluster_arn": CLUSTER, "role_arn": ROLE, "target_role_arn": ROLE_B}
    ids = {"association_id": f"a-{NAME}", "external_id": f"{NAME}-id"}
    assert engine.outputs("PodIdentityAssociation") == {**account, **arns, **ids}


@pytest.mark.parametrize(("given", "replaced"), [
    pytest.param({}, ["policy", "targetRoleArn"], id="neither"),
    pytest.param({"target_role_arn": ROLE_B}, ["policy"], id="target role"),
    pytest.param({"session_policy": POLICY, "disable_session_tags": True}, ["targetRoleArn"],
        marks=needs_session_policy, id="session policy"),
])  # fmt: skip
def test_only_a_removed_value_replaces_the_association(given, replaced):
    """EKS keeps what an update leaves out, and accepts one association for a service account."""
    options = association(**given).options(ASSOCIATION, NAME)

    assert options.deleteBeforeReplace
    assert list(options.replaceOnChanges) == replaced


def test_another_service_account_is_another_resource():
    """Its association exists, and its Pods are ready, before the old one is deleted."""
    options = association().options(ASSOCIATION, NAME)
    other = association(service_account=ServiceAccount(namespace="dev", name="s3"))

    assert [each.spec.name for each in options.aliases] == ["s3-app"], "its name before"
    assert other.one(ASSOCIATION).name == "s3-app/dev/s3"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("cluster_arn", "dev", "is not the ARN of an EKS cluster"),
        ("role_arn", ROLE_B, "is not in account 111122223333 of the cluster"),
        ("target_role_arn", "s3-app-B", "is not the ARN of a role"),
        ("session_policy", json.dumps("x" * 2047), "session_policy: it has 2049 characters"),
    ],
)
def test_an_output_is_refused_in_one_line_before_an_association_is_deleted(name, value, message):
    if name == "session_policy" and not SESSION_POLICY:
        message = "needs pulumi-aws 7.40"
    with pytest.raises(pulumi.RunError, match=message):
        association(**{name: pulumi.Output.from_input(value)}, disable_session_tags=True)
