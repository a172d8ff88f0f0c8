"""The chain across two accounts in the real engine: order, recreation, privileges."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from botocore.exceptions import ClientError

from irsa.identity.arns import role_arn
from irsa_sandbox.aws.accounts import ACCOUNT_A, ACCOUNT_B
from irsa_sandbox.aws.clients import AwsClients
from irsa_sandbox.demo import PROJECT_B, left_overs
from irsa_sandbox.engine.stack import ROOT, SandboxStack
from irsa_sandbox.session import Session
from tests.sandbox.support.chain import (
    BUCKET,
    NAME_A,
    NAME_B,
    NAMESPACE,
    OBJECT,
    ROLE_A,
    ROLE_B,
    Chain,
    changes_of,
)
from tests.sandbox.support.programs import refusal, unchanged
from tests.sandbox.support.world import world

pytestmark = pytest.mark.sandbox

GONE = {"delete", "discard"}
"""Operations of a destroy; references to other stacks are discarded."""


@pytest.fixture(scope="module")
def chain(session: Session) -> Iterator[Chain]:
    with world(session) as own:
        found = Chain(own)
        yield found
        found.destroy()


def test_account_b_before_account_a_names_the_missing_stack(session: Session):
    """The repository's own programs."""

    def config_of(project: Path) -> dict[str, Any]:
        return yaml.safe_load((project / "Pulumi.dev.yaml").read_text())["config"]

    SandboxStack(session.state, stack="fresh", config=config_of(ROOT))

    def preview(stack: str) -> str:
        config = config_of(PROJECT_B)
        return refusal(SandboxStack(session.state, PROJECT_B, stack=stack, config=config).preview)

    line = preview("fresh")
    assert line.startswith("TrustedRoleArgs.")
    assert line.endswith(
        " is an output without a value of stack organization/irsa/fresh; run `pulumi up` there "
        "first"
    )
    assert 'unknown stack "organization/irsa/alone"; bring that stack up first' in preview("alone")


@pytest.fixture(scope="module")
def role_a(chain: Chain) -> AwsClients:
    return chain.as_role_a()


def code(client: Any, operation: str, **request: Any) -> str:
    try:
        getattr(client, operation)(**request)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return "granted"


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        (ROLE_B, "granted"),
        (ROLE_A, "AccessDenied"),
        (role_arn(ACCOUNT_B, "OrganizationAccountAccessRole"), "AccessDenied"),
        (ROLE_B.lower(), "AccessDenied"),
    ],
    ids=["role-b", "itself", "the-administrators-of-b", "other-case"],
)
def test_role_a_may_assume_role_b_alone(role_a: AwsClients, role: str, expected: str):
    assert code(role_a("sts"), "assume_role", RoleArn=role, RoleSessionName="test") == expected


@pytest.mark.parametrize(
    ("service", "operation", "request_"),
    [
        ("iam", "list_roles", {}),
        ("iam", "create_access_key", {}),
        ("iam", "update_assume_role_policy", {"RoleName": NAME_A, "PolicyDocument": "{}"}),
        ("s3", "create_bucket", {"Bucket": "bucket-of-role-a"}),
        ("s3", "list_objects_v2", {"Bucket": BUCKET}),
        ("s3", "get_object", {"Bucket": BUCKET, "Key": OBJECT}),
        ("s3", "put_object", {"Bucket": BUCKET, "Key": "x", "Body": b"x"}),
        ("eks", "list_clusters", {}),
    ],
)
def test_role_a_may_call_nothing_else(
    role_a: AwsClients, service: str, operation: str, request_: dict[str, Any]
):
    assert code(role_a(service), operation, **request_).startswith("AccessDenied")


def test_a_recreated_role_a_is_refused_until_the_next_up_of_account_b(chain: Chain):
    unchanged(chain.stack_b())
    chain.delete_role_a()
    chain.create_role_a()

    # Role A looks as before from outside, and the Pod still is it.
    assert "is not authorized to perform: sts:AssumeRole on resource: " in chain.listing()
    stack = chain.stack_b()
    assert changes_of(stack) == {f"aws:iam/role:Role::{NAME_B}": ["assumeRolePolicy"]}
    assert stack.up()["update"] == 1
    assert chain.listing() == OBJECT


def test_trust_by_principal_arn_accepts_a_role_a_that_is_created_later_and_again(chain: Chain):
    stack = chain.stack_b("principal-arn")
    chain.delete_role_a()
    stack.up()
    chain.create_role_a()

    assert changes_of(stack) == {}
    assert chain.listing() == OBJECT


def test_account_a_destroyed_first_leaves_nothing_in_either_account(chain: Chain):
    assert all(done.keys() <= GONE for done in chain.destroy())

    for account in (ACCOUNT_A, ACCOUNT_B):
        left = left_overs(chain.session, account)
        assert [each for each in left if NAMESPACE in each] == []
