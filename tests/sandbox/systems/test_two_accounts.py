"""The chain across two accounts in the real engine: order, recreation, layouts, destruction."""

import pytest

from components import cross_account_role
from irsa.identity import policies
from sandbox.aws.accounts import ACCOUNT_A, ACCOUNT_B
from sandbox.demo import PROJECT_B, left_overs
from sandbox.engine.project import read_settings
from sandbox.engine.stack import ROOT, SandboxStack
from sandbox.state import SandboxError
from tests.sandbox.support.two_accounts import (
    AS_B,
    CHAIN,
    LISTED,
    ROLE_A,
    SESSION_B,
    WHO,
    changes_of,
)

pytestmark = pytest.mark.sandbox

ASSUME_REFUSED = "is not authorized to perform: sts:AssumeRole on resource: "
GONE = {"delete", "discard"}
"""What a destroy does; references to other stacks are discarded."""
BY_CONDITION = {
    "trust": "principal-arn",
    "roleA": {"accountId": ACCOUNT_A, "name": "s3-app-A"},
}


def one_line(run) -> str:
    """What an operation refuses with."""
    with pytest.raises(SandboxError) as raised:
        run()
    assert "\n" not in str(raised.value)
    return str(raised.value)


def made_by(stack: SandboxStack) -> list[str]:
    """The AWS resources in a stack's state."""
    resources = stack.export().get("resources", [])
    return [found["urn"] for found in resources if found["type"].startswith(("aws:", "kubernetes"))]


@pytest.mark.parametrize("operation", ["preview", "up"])
def test_b_before_a_is_one_line_that_says_so_and_nothing_is_made(pair, operation):
    # A stack of account A that was made and never brought up, and account B's of the same name.
    SandboxStack(pair.session.state, stack="fresh", config=read_settings(ROOT))
    stack = SandboxStack(
        pair.session.state, PROJECT_B, stack="fresh", config=read_settings(PROJECT_B)
    )
    before = left_overs(pair.session, ACCOUNT_B)

    assert one_line(getattr(stack, operation)) == (
        f"stack organization/irsa/fresh exports no 'workloads.{CHAIN}.role_b_arn' (it has []); "
        "run `pulumi up` there first, or point to the right stack"
    )
    assert made_by(stack) == []
    assert left_overs(pair.session, ACCOUNT_B) == before


def test_a_stack_of_account_a_that_does_not_exist_is_named(pair):
    stack = SandboxStack(
        pair.session.state, PROJECT_B, stack="alone", config=read_settings(PROJECT_B)
    )

    assert 'unknown stack "organization/irsa/alone"' in one_line(stack.preview)
    assert made_by(stack) == []


def test_both_stacks_come_up_and_a_second_preview_is_empty(pair):
    pair.up()

    assert pair.open_a().preview().keys() == {"same"}
    assert pair.open_b().preview().keys() == {"same"}
    assert pair.open_a().refresh().keys() == {"same"}
    assert pair.open_b().refresh().keys() == {"same"}


def test_the_pod_is_role_a_and_lists_the_bucket_of_account_b_as_role_b_only(pair):
    pair.up()

    code, output = pair.listing()
    assert (code, "(AccessDenied) when calling the ListObjectsV2 operation" in output) == (
        255,
        True,
    )
    who = pair.in_pod(WHO)
    assert who.output.startswith(f"arn:aws:sts::{ACCOUNT_A}:assumed-role/s3-app-A/")
    assert pair.in_pod([*WHO, *AS_B]) == (0, f"{SESSION_B}\n")
    assert pair.listing(*AS_B) == LISTED


def test_a_recreated_role_a_is_another_principal_until_b_is_brought_up_again(pair):
    pair.up()
    before = pair.trust_of_b()
    pair.changed()
    pair.recreate_role_a()

    # Nothing in B was touched, and nothing about role A looks different from outside.
    assert pair.in_pod(WHO).output.startswith(f"arn:aws:sts::{ACCOUNT_A}:assumed-role/s3-app-A/")
    code, output = pair.listing(*AS_B)
    assert (code, ASSUME_REFUSED in output) == (255, True), output
    orphan = pair.trust_of_b()["Statement"][0]["Principal"]["AWS"]
    assert before["Statement"][0]["Sid"] == f"AssumeFrom{orphan}"

    stack = pair.open_b()
    assert changes_of(stack) == {"aws:iam/role:Role::s3-app-B": ["assumeRolePolicy"]}
    assert stack.up()["update"] == 1
    assert pair.listing(*AS_B) == LISTED
    assert stack.preview().keys() == {"same"}


def test_without_the_unique_id_in_the_sid_b_sees_no_change_and_stays_refused(pair, monkeypatch):
    def without_sid(roles, *, external_id=None):
        document = policies.role_trust_policy(roles, external_id=external_id)
        for statement in document["Statement"]:
            del statement["Sid"]
        return document

    pair.up()
    pair.changed()
    with monkeypatch.context() as patch:
        patch.setattr(cross_account_role, "role_trust_policy", without_sid)
        pair.open_b().up()
        assert pair.listing(*AS_B) == LISTED
        pair.recreate_role_a()

        assert changes_of(pair.open_b()) == {}
        assert "update" not in pair.open_b().up()
        code, output = pair.listing(*AS_B)
        assert (code, ASSUME_REFUSED in output) == (255, True), output

    assert changes_of(pair.open_b()) == {"aws:iam/role:Role::s3-app-B": ["assumeRolePolicy"]}
    pair.open_b().up()
    assert pair.listing(*AS_B) == LISTED


def test_trust_by_condition_survives_the_recreation_of_role_a(pair):
    pair.up(b=BY_CONDITION)
    assert pair.listing(*AS_B) == LISTED
    pair.changed()
    pair.recreate_role_a()

    assert changes_of(pair.open_b(BY_CONDITION)) == {}
    assert pair.listing(*AS_B) == LISTED


def test_trust_by_condition_lets_b_go_first(pair):
    [workload] = read_settings(PROJECT_B)["irsa-account-b:workloads"]
    bucket = {"name": "early-b", "forceDestroy": True}
    first = {**workload, **BY_CONDITION, "name": "early", "bucket": bucket}
    first["role"], first["roleA"] = {}, {"accountId": ACCOUNT_A, "name": "not-there-yet"}
    config = {**read_settings(PROJECT_B), "irsa-account-b:workloads": [first]}
    stack = SandboxStack(pair.session.state, PROJECT_B, stack="early", config=config)

    assert stack.preview().keys() == {"create"}
    assert stack.up().keys() == {"create"}
    assert stack.up().keys() == {"same"}
    assert stack.destroy().keys() <= GONE


def test_the_profile_only_layout_injects_nothing_and_is_role_b_without_being_asked(pair):
    pair.up(a={"crossAccount": {"profiles": {"layout": "profile-only"}}})

    env = pair.in_pod(["env"]).output
    assert "AWS_PROFILE=B\n" in env
    assert "AWS_ROLE_ARN" not in env
    assert "AWS_WEB_IDENTITY_TOKEN_FILE" not in env
    assert pair.in_pod(WHO) == (0, f"{SESSION_B}\n")
    assert pair.listing() == LISTED
    assert pair.in_pod([*WHO, "--profile", "A"]).output == (
        f"{ROLE_A.replace(':iam:', ':sts:').replace(':role/', ':assumed-role/')}/xactarget\n"
    )


def test_a_destroyed_before_b_leaves_nothing_either_and_b_says_that_it_is_first(pair):
    pair.up()
    pair.changed()
    pair.empty_buckets()

    assert pair.open_a().destroy().keys() <= GONE
    assert left_overs(pair.session) == []
    assert one_line(pair.open_b().up) == (
        f"stack organization/irsa/dev exports no 'workloads.{CHAIN}.role_b_arn' (it has []); "
        "run `pulumi up` there first, or point to the right stack"
    )
    assert pair.open_b().destroy().keys() <= GONE
    assert left_overs(pair.session, ACCOUNT_B) == []


def test_b_destroyed_before_a_leaves_nothing_in_either_account(pair):
    pair.up()
    pair.changed()
    pair.empty_buckets()

    assert pair.open_b().destroy().keys() <= GONE
    code, output = pair.listing(*AS_B)
    assert (code, ASSUME_REFUSED in output) == (255, True), output
    assert pair.open_a().destroy().keys() <= GONE
    assert left_overs(pair.session) + left_overs(pair.session, ACCOUNT_B) == []
