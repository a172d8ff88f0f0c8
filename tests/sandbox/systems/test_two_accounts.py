"""The chain across the repository's stacks in the real engine: order, recreation, privileges."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from botocore.exceptions import ClientError

from irsa.identity.arns import role_arn
from irsa_sandbox.aws.accounts import ACCOUNT_A, ACCOUNT_B
from irsa_sandbox.aws.clients import AwsClients, Credentials
from irsa_sandbox.demo import PROJECT_B, left_overs
from irsa_sandbox.engine.stack import ROOT, SandboxStack
from irsa_sandbox.session import Session
from tests.sandbox.support.chain import changes_of
from tests.sandbox.support.programs import refusal, unchanged
from tests.sandbox.support.two_accounts import BUCKET_B, NAMESPACE, OBJECT, ROLE_A, Pair

pytestmark = pytest.mark.sandbox


APP = "s3-app-chain"
ROLE_B = role_arn(ACCOUNT_B, "s3-app-B")
GONE = {"delete", "discard"}
"""Operations of a destroy; references to other stacks are discarded."""


def test_account_b_before_account_a_names_the_missing_stack(session: Session):
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
def both(pair: Pair) -> Iterator[Pair]:
    pair.up()
    yield pair
    pair.changed()


@pytest.fixture(scope="module")
def role_a(both: Pair) -> AwsClients:
    """Clients with a session of role A, got with the Pod's kind of token."""
    session = both.session
    keys = session.aws("sts").assume_role_with_web_identity(
        RoleArn=ROLE_A, RoleSessionName="test", WebIdentityToken=session.token(NAMESPACE, APP)
    )["Credentials"]
    given = Credentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
    return AwsClients(given, session.state.aws_proxy, Path(session.state.aws_ca_bundle))


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
        ("iam", "update_assume_role_policy", {"RoleName": "s3-app-A", "PolicyDocument": "{}"}),
        ("s3", "create_bucket", {"Bucket": "bucket-of-role-a"}),
        ("s3", "list_objects_v2", {"Bucket": BUCKET_B}),
        ("s3", "get_object", {"Bucket": BUCKET_B, "Key": OBJECT}),
        ("s3", "put_object", {"Bucket": BUCKET_B, "Key": "x", "Body": b"x"}),
        ("eks", "list_clusters", {}),
    ],
)
def test_role_a_may_call_nothing_else(
    role_a: AwsClients, service: str, operation: str, request_: dict[str, Any]
):
    assert code(role_a(service), operation, **request_).startswith("AccessDenied")


def listing(both: Pair) -> str:
    """The object in account B's bucket, as the Pod lists it, or the error."""
    command = ["aws", "s3", "ls", "--recursive", f"s3://{BUCKET_B}", "--profile", "B"]
    done = both.in_pod(command, APP)
    return OBJECT if done.code == 0 and OBJECT in done.output else done.output


def delete_role_a(both: Pair) -> None:
    """Delete role A behind Pulumi's back."""
    iam, role = both.session.aws("iam"), {"RoleName": "s3-app-A"}
    for policy in iam.list_attached_role_policies(**role)["AttachedPolicies"]:
        iam.detach_role_policy(**role, PolicyArn=policy["PolicyArn"])
    iam.delete_role(**role)


def create_role_a(both: Pair) -> None:
    """Let Pulumi create it again."""
    stack = both.open_a()
    stack.refresh()
    stack.up()


def test_a_recreated_role_a_is_refused_until_the_next_up_of_account_b(both: Pair):
    stack = both.open_b()
    unchanged(stack)
    delete_role_a(both)
    create_role_a(both)

    # Role A looks as before from outside, and the Pod still is it.
    assert "is not authorized to perform: sts:AssumeRole on resource: " in listing(both)
    assert changes_of(stack) == {"aws:iam/role:Role::s3-app-B": ["assumeRolePolicy"]}
    assert stack.up()["update"] == 1
    assert listing(both) == OBJECT


def test_trust_by_principal_arn_accepts_a_role_a_that_is_created_later(both: Pair, tmp_path: Path):
    project = shutil.copytree(PROJECT_B, tmp_path / "account_b")
    program, name = project / "__main__.py", 'role_name="s3-app-B",'
    text = program.read_text()
    program.write_text(text.replace(name, f'{name} trust="principal-arn",'))
    assert text.count(name) == 1
    stack = SandboxStack(both.session.state, project)
    delete_role_a(both)
    stack.up()
    create_role_a(both)

    assert changes_of(stack) == {}
    assert listing(both) == OBJECT


def test_account_a_destroyed_first_leaves_nothing_in_either_account(both: Pair):
    both.empty_buckets()

    assert both.open_a().destroy().keys() <= GONE
    assert both.open_b().destroy().keys() <= GONE

    for account in (ACCOUNT_A, ACCOUNT_B):
        assert [each for each in left_overs(both.session, account) if "s3-" in each] == []
