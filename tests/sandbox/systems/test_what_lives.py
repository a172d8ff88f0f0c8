"""What lives stays: neighbours and data, in the real engine.

F1, F2 and F3 are the labels under which the losses were found.
"""

import json
from typing import Any

import pytest
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import ConfigMap, Namespace, Pod, ServiceAccount

from sandbox.aws.accounts import ACCOUNT_A
from sandbox.state import SandboxError
from tests.sandbox.support.namespaces import (
    BUCKET,
    NAMESPACES,
    refusal,
    reports,
    there,
    uids,
    with_workloads,
)

pytestmark = [pytest.mark.sandbox, pytest.mark.usefixtures("neighbours", "acme_goes")]


# F1: namespaces


def test_f1_removing_a_workload_takes_nothing_of_its_neighbours(session, open_stack):
    before = uids(session, Pod, "dev")
    config = with_workloads()
    first = config["irsa:workloads"].pop(0)
    assert first["name"] == "s3-app"

    open_stack(config).up()

    after = uids(session, Pod, "dev")
    assert after < before
    assert len(before - after) == 1


def test_f1_a_namespace_that_leaves_the_stack_stays_with_what_others_put_there(session, open_stack):
    open_stack(with_workloads(reports())).up()
    theirs = ConfigMap(metadata=ObjectMeta(name="theirs", namespace="acme"))
    session.cluster.create(theirs)

    lines: list[str] = []
    removed = open_stack(with_workloads(namespaces=NAMESPACES[:1]))
    removed.preview(on_output=lines.append)
    removed.up()

    [said] = [line for line in lines if "v1:Namespace acme" in line]
    assert "[retain]" in said
    assert there(session, ConfigMap, "theirs", "acme")
    assert not there(session, Deployment, "reports", "acme")


def test_f1_an_existing_namespace_is_refused_or_used_and_never_deleted(session, open_stack):
    session.cluster.create(Namespace(metadata=ObjectMeta(name="acme")))

    assert "namespace 'acme' exists already; use it as it is" in refusal(
        open_stack(with_workloads(reports()))
    )

    existing = [NAMESPACES[0], {"name": "acme", "existing": True}]
    assert "create" in open_stack(with_workloads(reports(), namespaces=existing)).up()
    open_stack(with_workloads(namespaces=NAMESPACES[:1])).up()
    assert there(session, Namespace, "acme")


def test_f1_a_namespace_said_to_exist_that_does_not_is_refused(open_stack):
    existing = [NAMESPACES[0], {"name": "acme", "existing": True}]

    assert "acme" in refusal(open_stack(with_workloads(reports(), namespaces=existing)))


# F2: renaming


def test_f2_a_renamed_workload_keeps_its_service_account_and_its_role(session, open_stack):
    kept = {"serviceAccount": "writer", "role": {"name": "writer"}}
    open_stack(with_workloads(reports(**kept))).up()
    account = session.cluster.get(ServiceAccount, "writer", namespace="acme").metadata.uid
    role = session.aws("iam").get_role(RoleName="writer")["Role"]["RoleId"]

    lines: list[str] = []
    stack = open_stack(with_workloads(reports(name="sales", **kept)))
    stack.up(on_output=lines.append)

    assert session.cluster.get(ServiceAccount, "writer", namespace="acme").metadata.uid == account
    assert session.aws("iam").get_role(RoleName="writer")["Role"]["RoleId"] == role
    text = "\n".join(lines)
    assert text.index("Deployment sales created") < text.index("Deployment reports deleted")
    assert stack.preview().keys() == {"same"}


def test_f2_a_renamed_workload_keeps_its_user(session, open_stack):
    key = {"accessKey": {"userName": "writer"}}
    open_stack(with_workloads(reports(**key))).up()
    iam = session.aws("iam")
    user = iam.get_user(UserName="writer")["User"]["UserId"]
    keys = iam.list_access_keys(UserName="writer")["AccessKeyMetadata"]

    open_stack(with_workloads(reports(name="sales", **key))).up()

    assert iam.get_user(UserName="writer")["User"]["UserId"] == user
    assert iam.list_access_keys(UserName="writer")["AccessKeyMetadata"] == keys


def test_f2_a_renamed_service_account_and_role_stand_before_the_old_ones_go(session, open_stack):
    open_stack(with_workloads(reports())).up()
    lines: list[str] = []

    renamed = reports(serviceAccount="writer", role={"name": "writer"})
    open_stack(with_workloads(renamed)).up(on_output=lines.append)

    text = "\n".join(lines)
    created, used, gone = (
        text.index(moment)
        for moment in (
            "Role writer created",
            "Deployment reports updated",
            "Role reports deleted",
        )
    )
    assert created < used < gone
    assert text.index("acme/writer created") < used < text.index("acme/reports deleted")


def test_f2_a_role_that_is_renamed_leaves_its_service_account_alone(session, open_stack):
    open_stack(with_workloads(reports())).up()
    account = session.cluster.get(ServiceAccount, "reports", namespace="acme").metadata.uid
    lines: list[str] = []

    stack = open_stack(with_workloads(reports(role={"name": "writer"})))
    stack.up(on_output=lines.append)

    text = "\n".join(lines)
    assert text.index("Role writer created") < text.index("Role reports deleted")
    assert session.cluster.get(ServiceAccount, "reports", namespace="acme").metadata.uid == account
    assert session.in_pod("acme", "reports", ["aws", "s3", "ls", f"s3://{BUCKET}"]).code == 0
    assert stack.preview().keys() == {"same"}


def test_f2_a_role_that_would_have_to_go_to_make_room_is_refused(session, open_stack):
    open_stack(with_workloads(reports())).up()
    role = session.aws("iam").get_role(RoleName="reports")["Role"]["RoleId"]

    line = refusal(open_stack(with_workloads(reports(role={"path": "/team/"}))))

    assert "role 'arn:aws:iam::111122223333:role/reports' exists already" in line
    assert "role.name" in line
    assert session.aws("iam").get_role(RoleName="reports")["Role"]["RoleId"] == role


# F3: buckets


def protection(session: Any) -> tuple[Any, ...]:
    s3 = session.aws("s3")
    return (
        s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"],
        s3.get_bucket_policy(Bucket=BUCKET)["Policy"],
        s3.get_bucket_versioning(Bucket=BUCKET)["Status"],
        s3.get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"]["Rules"],
        s3.get_bucket_ownership_controls(Bucket=BUCKET)["OwnershipControls"]["Rules"],
    )


def test_f3_data_and_its_protection_outlive_the_workload(session, open_stack):
    open_stack(with_workloads(reports())).up()
    s3 = session.aws("s3")
    s3.put_object(Bucket=BUCKET, Key="2026.csv", Body=b"amount\n")
    before = protection(session)
    lines: list[str] = []

    stack = open_stack(with_workloads())
    stack.preview(on_output=lines.append)
    stack.up()

    [said] = [line for line in lines if f"s3:Bucket {BUCKET}" in line]
    assert "[retain]" in said
    assert protection(session) == before
    assert s3.get_object(Bucket=BUCKET, Key="2026.csv")["Body"].read() == b"amount\n"


def test_f3_a_bucket_comes_back_as_an_existing_one_and_stays(session, open_stack):
    open_stack(with_workloads(reports())).up()
    session.aws("s3").put_object(Bucket=BUCKET, Key="2026.csv", Body=b"amount\n")
    open_stack(with_workloads()).up()

    assert f"bucket 'arn:aws:s3:::{BUCKET}' exists already" in refusal(
        open_stack(with_workloads(reports()))
    )

    existing = reports(bucket={"name": BUCKET, "permissions": "read", "existing": True})
    open_stack(with_workloads(existing)).up()
    listed = session.in_pod("acme", "reports", ["aws", "s3", "ls", f"s3://{BUCKET}"])
    assert "2026.csv" in listed.output
    open_stack(with_workloads()).up()
    assert session.aws("s3").head_object(Bucket=BUCKET, Key="2026.csv")


def test_f3_a_bucket_that_cannot_be_deleted_is_not_left_open(session, open_stack):
    bucket = {"name": BUCKET, "forceDestroy": True}
    open_stack(with_workloads(reports(bucket=bucket))).up()
    s3 = session.aws("s3")
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:DeleteBucket",
        "Resource": f"arn:aws:s3:::{BUCKET}",
    }
    locked = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    s3.put_bucket_policy(Bucket=BUCKET, Policy=locked)
    blocked = s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"]

    with pytest.raises(SandboxError, match=BUCKET):
        open_stack(with_workloads()).up()

    assert s3.get_bucket_versioning(Bucket=BUCKET)["Status"] == "Enabled"
    after = s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"]
    assert after == blocked
    session.aws("s3", ACCOUNT_A).delete_bucket_policy(Bucket=BUCKET)
