"""The chain across two accounts in the real engine: order, recreation, privileges."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from botocore.exceptions import ClientError
from pulumi import ResourceOptions

from irsa.identity.arns import role_arn
from irsa_components.cross_account_role import (
    CrossAccountRole,
    CrossAccountRoleArgs,
    TrustedRoleArgs,
)
from irsa_sandbox.aws.accounts import ACCOUNT_A, ACCOUNT_B
from irsa_sandbox.aws.clients import AwsClients
from irsa_sandbox.demo import PROJECT_B, left_overs
from irsa_sandbox.engine.stack import ROOT, SandboxStack
from irsa_sandbox.session import Session
from tests.sandbox.support.chain import (
    BUCKET,
    LISTED,
    NAME_A,
    NAME_B,
    NAMESPACE,
    OBJECT,
    ROLE_A,
    ROLE_B,
    SESSION_A,
    WHO,
    Chain,
    account_b,
    changes_of,
)
from tests.sandbox.support.programs import refusal, stack_of, unchanged
from tests.sandbox.support.world import world

pytestmark = pytest.mark.sandbox

REFUSED = "is not authorized to perform: sts:AssumeRole on resource: "
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


def test_both_stacks_come_up_and_stay_as_they_are(chain: Chain):
    chain.up()

    unchanged(chain.stack_a())
    unchanged(chain.stack_b())


@pytest.fixture(scope="module")
def role_a(chain: Chain) -> AwsClients:
    chain.up()
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
    chain.up()
    chain.recreate_role_a()

    # Role A looks as before from outside.
    assert chain.in_pod(WHO).output.startswith(SESSION_A)
    refused, output = chain.listing()
    assert (refused, REFUSED in output) == (255, True), output

    stack = chain.stack_b()
    assert changes_of(stack) == {f"aws:iam/role:Role::{NAME_B}": ["assumeRolePolicy"]}
    assert stack.up()["update"] == 1
    assert chain.listing() == LISTED


def test_trust_by_principal_arn_survives_the_recreation_of_role_a(chain: Chain):
    chain.up("principal-arn")
    chain.recreate_role_a()

    assert changes_of(chain.stack_b("principal-arn")) == {}
    assert chain.listing() == LISTED


def test_trust_by_principal_arn_accepts_a_role_a_that_is_created_later(session: Session):
    later = TrustedRoleArgs(role_arn=role_arn(ACCOUNT_A, "later"))

    def program() -> None:
        args = CrossAccountRoleArgs(role_name="early", trusted_roles=[later], trust="principal-arn")
        CrossAccountRole("early", args, ResourceOptions(providers=[account_b()]))

    stack = stack_of(session, "early", program)
    assert stack.up().keys() == {"create"}
    assert stack.up().keys() == {"same"}
    stack.destroy()


def test_account_a_destroyed_first_leaves_nothing_in_either_account(chain: Chain):
    chain.up()
    chain.changed()
    chain.session.empty_bucket(BUCKET, ACCOUNT_B)

    assert chain.stack_a().destroy().keys() <= GONE
    assert chain.stack_b().destroy().keys() <= GONE

    for account in (ACCOUNT_A, ACCOUNT_B):
        left = left_overs(chain.session, account)
        assert [each for each in left if NAMESPACE in each] == []
