"""The chain across the repository's stacks in the real engine: order and recreation."""

from typing import NamedTuple

import pytest
import yaml

from irsa.identity.arns import name_of
from irsa_sandbox.aws.accounts import ACCOUNT_A, ACCOUNT_B
from irsa_sandbox.demo import PROJECT_B, left_overs
from irsa_sandbox.demo.systems import BUCKET_B, ROLE_B
from irsa_sandbox.engine.stack import SandboxStack
from irsa_sandbox.session import Session
from tests.sandbox.support.programs import changes_of, refusal, unchanged

pytestmark = pytest.mark.sandbox

APP, OBJECT = "s3-app-chain", "ledger/2026-11.csv"


def test_account_b_before_account_a_names_the_missing_stack(session: Session):
    """tests/programs/test_account_b.py has the stack that is there without an output."""
    config = yaml.safe_load((PROJECT_B / "Pulumi.dev.yaml").read_text())["config"]
    alone = SandboxStack(session.state, PROJECT_B, stack="alone", config=config)

    line = refusal(alone.preview)

    assert 'unknown stack "organization/irsa/alone"; bring that stack up first' in line


class Pair(NamedTuple):
    """The repository's two stacks."""

    session: Session
    a: SandboxStack
    b: SandboxStack
    role_a: str


@pytest.fixture(scope="module")
def both(session):
    a, b = SandboxStack(session.state), SandboxStack(session.state, PROJECT_B)
    for stack in (a, b):
        stack.up()
    session.aws("s3", ACCOUNT_B).put_object(Bucket=BUCKET_B, Key=OBJECT, Body=b"amount\n")
    yield Pair(session, a, b, a.outputs()["role_a_arn"])
    b.destroy()


def listing(session: Session) -> str:
    """The object in account B's bucket, as the Pod lists it, or the error."""
    command = ["aws", "s3", "ls", "--recursive", f"s3://{BUCKET_B}", "--profile", "B"]
    done = session.in_pod("dev", APP, command)
    return OBJECT if done.code == 0 and OBJECT in done.output else done.output


def test_a_recreated_role_a_is_refused_until_the_next_up_of_account_b(both: Pair):
    """Of a role A that is created later, test_several_accounts.py has the other form of trust."""
    unchanged(both.b)
    iam, role = both.session.aws("iam"), {"RoleName": name_of(both.role_a)}
    for policy in iam.list_attached_role_policies(**role)["AttachedPolicies"]:
        iam.detach_role_policy(**role, PolicyArn=policy["PolicyArn"])
    iam.delete_role(**role)  # behind Pulumi's back
    both.a.up(refresh=True)

    # Role A looks as before from outside, and the Pod still is it.
    assert "is not authorized to perform: sts:AssumeRole on resource: " in listing(both.session)
    assert changes_of(both.b) == {f"aws:iam/role:Role::{name_of(ROLE_B)}": ["assumeRolePolicy"]}
    assert both.b.up()["update"] == 1
    assert listing(both.session) == OBJECT


def test_account_a_destroyed_first_leaves_nothing_in_either_account(both: Pair):
    both.session.empty_bucket(BUCKET_B, ACCOUNT_B)

    for stack in (both.a, both.b):
        assert stack.destroy().keys() <= {"delete", "discard"}, "references are discarded"

    for account in (ACCOUNT_A, ACCOUNT_B):
        assert [each for each in left_overs(both.session, account) if "s3-" in each] == []
