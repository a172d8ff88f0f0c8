"""What exists already is refused before anything is made, or used as it is (F6, P3)."""

import json
from typing import Any

import pytest
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap, Namespace, ServiceAccount

from irsa.identity.eks import ROLE_ARN_ANNOTATION
from sandbox.aws.accounts import ACCOUNT_A, REGION
from sandbox.demo import left_overs
from sandbox.state import SandboxError
from tests.sandbox.support.command import sandbox
from tests.sandbox.support.namespaces import (
    BUCKET,
    NAMESPACES,
    NEIGHBOURS,
    delete_namespace,
    refusal,
    reports,
    there,
    with_workloads,
)

pytestmark = [pytest.mark.sandbox, pytest.mark.usefixtures("neighbours", "acme_goes")]

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT_A}:root"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
)


def make_role(session: Any) -> None:
    session.aws("iam").create_role(RoleName="reports", AssumeRolePolicyDocument=TRUST)


def make_policy(session: Any) -> None:
    document = {"Version": "2012-10-17", "Statement": []}
    allow = {"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}
    document["Statement"] = [allow]
    session.aws("iam").create_policy(PolicyName="reports", PolicyDocument=json.dumps(document))


def make_user(session: Any) -> None:
    session.aws("iam").create_user(UserName="writer")


def make_bucket(session: Any) -> None:
    session.aws("s3").create_bucket(Bucket=BUCKET)


def make_service_account(session: Any) -> None:
    session.cluster.create(Namespace(metadata=ObjectMeta(name="acme")))
    session.cluster.create(ServiceAccount(metadata=ObjectMeta(name="reports", namespace="acme")))


def make_config_map(session: Any) -> None:
    session.cluster.create(Namespace(metadata=ObjectMeta(name="acme")))
    session.cluster.create(ConfigMap(metadata=ObjectMeta(name="reports", namespace="acme")))


def remove_all(session: Any) -> None:
    iam = session.aws("iam")
    if "reports" in [role["RoleName"] for role in iam.list_roles()["Roles"]]:
        iam.delete_role(RoleName="reports")
    for policy in iam.list_policies(Scope="Local")["Policies"]:
        if policy["PolicyName"] == "reports":
            iam.delete_policy(PolicyArn=policy["Arn"])
    if "writer" in [user["UserName"] for user in iam.list_users()["Users"]]:
        iam.delete_user(UserName="writer")


KEY = {"accessKey": {"userName": "writer"}}
CHAIN = {"crossAccount": {"accountId": "444455556666"}, "bucket": None}


@pytest.mark.parametrize(
    ("make", "changes", "line"),
    [
        (make_role, {}, "role 'arn:aws:iam::111122223333:role/reports' exists already"),
        (make_policy, {}, "policy 'arn:aws:iam::111122223333:policy/reports' exists already"),
        (make_user, KEY, "user 'arn:aws:iam::111122223333:user/writer' exists already"),
        (make_bucket, {}, f"bucket 'arn:aws:s3:::{BUCKET}' exists already"),
        (make_service_account, {}, "service account 'acme/reports' exists already; annotate it"),
        (make_config_map, CHAIN, "ConfigMap 'acme/reports' exists already; rename the workload"),
    ],
    ids=["role", "policy", "user", "bucket", "service-account", "config-map"],
)
def test_f6_what_exists_is_refused_before_anything_is_made(
    session, open_stack, make, changes, line
):
    make(session)
    namespaces = [NAMESPACES[0], {"name": "acme", "existing": there(session, Namespace, "acme")}]
    before = left_overs(session)

    stack = open_stack(with_workloads(reports(**changes), namespaces=namespaces))
    assert line in refusal(stack)
    with pytest.raises(SandboxError, match="exists already"):
        stack.up()

    open_stack(NEIGHBOURS).up()
    delete_namespace(session, "acme")
    assert set(before) - set(left_overs(session)) == set(), "something of others is gone"
    remove_all(session)


def test_f6_stack_up_previews_and_so_makes_nothing_before_it_refuses(session):
    make_bucket(session)
    before = left_overs(session)
    settings = with_workloads(reports()).items()
    config = [f"--config={key}={json.dumps(value)}" for key, value in settings]

    done = sandbox("stack", "up", "--folder", session.state.folder, *config)

    assert done.returncode == 1
    assert f"bucket 'arn:aws:s3:::{BUCKET}' exists already" in done.stderr
    assert left_overs(session) == before


def test_f6_an_existing_role_is_used_as_it_is_and_stays(session, open_stack):
    make_role(session)
    before = session.aws("iam").get_role(RoleName="reports")["Role"]

    used = reports(role={"existing": True}, bucket=None)
    open_stack(with_workloads(used)).up()
    account = session.cluster.get(ServiceAccount, "reports", namespace="acme")
    assert account.metadata.annotations[ROLE_ARN_ANNOTATION] == before["Arn"]
    open_stack(with_workloads()).up()

    assert session.aws("iam").get_role(RoleName="reports")["Role"] == before
    remove_all(session)
    missing = open_stack(with_workloads(used))
    assert "reports" in refusal(missing)


def test_f6_a_second_stack_on_the_cluster_is_told_the_providers_arn(session, open_stack):
    cluster = {"name": "dev", "existing": True}
    provider_arn = open_stack().outputs()["provider_arn"]
    role_only = {"name": "team", "namespace": "team", "serviceAccountPattern": "job-*"}
    team = {
        "aws:region": REGION,
        "irsa:accountId": ACCOUNT_A,
        "irsa:cluster": cluster,
        "irsa:workloads": "none",
        "irsa:roles": [role_only],
    }

    line = refusal(open_stack(team, stack="team"))

    assert f"OIDC provider '{provider_arn}' exists already; give its ARN as providerArn" in line
    known = {**team, "irsa:cluster": {**cluster, "providerArn": provider_arn}}
    second = open_stack(known, stack="team")
    second.up()
    second.destroy()
    assert open_stack(NEIGHBOURS).preview().keys() == {"same"}


def test_p3_a_service_account_said_to_exist_that_does_not_is_refused(session, open_stack):
    session.cluster.create(Namespace(metadata=ObjectMeta(name="acme")))
    existing = [NAMESPACES[0], {"name": "acme", "existing": True}]

    stack = open_stack(with_workloads(reports(existingServiceAccount=True), namespaces=existing))
    assert "acme/reports" in refusal(stack)

    assert not there(session, ServiceAccount, "reports", "acme")
