"""The chain across two accounts in the real engine: order, recreation, federation, privileges."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from botocore.exceptions import ClientError
from pulumi import ResourceOptions

from components.cross_account_role import CrossAccountRole, CrossAccountRoleArgs, TrustedRoleArgs
from irsa.identity.arns import bucket_arn, role_arn
from sandbox.aws.accounts import ACCOUNT_A, ACCOUNT_B
from sandbox.aws.clients import AwsClients
from sandbox.demo import PROJECT_B, left_overs
from sandbox.engine.stack import ROOT, SandboxStack
from sandbox.session import Session
from tests.sandbox.support.chain import (
    AS_B,
    BUCKET,
    DIRECT,
    DIRECT_ROLE,
    LISTED,
    NAME_A,
    NAME_B,
    NAMESPACE,
    OBJECT,
    PROFILE_ONLY,
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
    assert line.startswith("stack organization/irsa/fresh exports no 'role_a_")
    assert "run `pulumi up` there first" in line
    assert 'unknown stack "organization/irsa/alone"; bring that stack up first' in preview("alone")


def test_both_stacks_come_up_and_stay_as_they_are(chain: Chain):
    chain.up()

    unchanged(chain.stack_a())
    unchanged(chain.stack_b())


def test_the_profile_only_layout_injects_nothing(chain: Chain):
    chain.up()

    env = chain.in_pod(["env"], PROFILE_ONLY).output
    assert "AWS_PROFILE=B\n" in env
    assert "AWS_ROLE_ARN" not in env
    assert "AWS_WEB_IDENTITY_TOKEN_FILE" not in env
    as_a = chain.in_pod([*WHO, "--profile", "A"], PROFILE_ONLY)
    assert as_a.output == f"{SESSION_A}xactarget\n"
    assert chain.listing(workload=PROFILE_ONLY) == LISTED


def test_direct_federation_makes_the_pod_a_role_of_account_b_at_once(chain: Chain):
    chain.up()

    env = chain.in_pod(["env"], DIRECT).output
    assert f"AWS_ROLE_ARN={DIRECT_ROLE}\n" in env
    assert "AWS_CONFIG_FILE" not in env
    assert chain.listing(workload=DIRECT) == LISTED


@pytest.mark.parametrize(
    ("namespace", "name", "audience", "expected"),
    [
        (NAMESPACE, DIRECT, "sts.amazonaws.com", "granted"),
        (NAMESPACE, "other", "sts.amazonaws.com", "AccessDenied"),
        ("stage", DIRECT, "sts.amazonaws.com", "AccessDenied"),
        (NAMESPACE, DIRECT, "https://vault.example.com", "InvalidIdentityToken"),
    ],
    ids=["its-own", "other-service-account", "other-namespace", "other-audience"],
)
def test_account_b_accepts_the_token_of_one_service_account(
    chain: Chain, namespace: str, name: str, audience: str, expected: str
):
    chain.up()
    session = chain.session
    if expected == "AccessDenied":
        session.service_account(namespace, name)
    token = session.token(namespace, name, audience=audience)

    request = {"RoleArn": DIRECT_ROLE, "RoleSessionName": "test", "WebIdentityToken": token}
    assert code(session.aws("sts"), "assume_role_with_web_identity", **request) == expected


def allowed(session: Session, role: str, account: str) -> dict[str, list[str]]:
    """Return all that a role's policies allow: resource to actions."""
    iam = session.aws("iam", account)
    assert iam.list_role_policies(RoleName=role)["PolicyNames"] == []
    found: dict[str, list[str]] = {}
    for attached in iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
        arn = attached["PolicyArn"]
        version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
        policy = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]
        for each in policy["Document"]["Statement"]:
            assert (each["Effect"], each["Resource"] in found) == ("Allow", False)
            actions = each["Action"]
            found[each["Resource"]] = [actions] if isinstance(actions, str) else sorted(actions)
    return found


READ = {
    bucket_arn(BUCKET): ["s3:GetBucketLocation", "s3:ListBucket"],
    f"{bucket_arn(BUCKET)}/*": ["s3:GetObject"],
}


@pytest.mark.parametrize(
    ("role", "account", "expected"),
    [
        (NAME_A, ACCOUNT_A, {ROLE_B: ["sts:AssumeRole"]}),
        (NAME_B, ACCOUNT_B, READ),
        (DIRECT, ACCOUNT_B, READ),
    ],
)
def test_a_role_has_the_permissions_of_its_pods_and_no_others(
    chain: Chain, role: str, account: str, expected: dict[str, list[str]]
):
    chain.up()

    assert allowed(chain.session, role, account) == expected


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
        (DIRECT_ROLE, "AccessDenied"),
        (role_arn(ACCOUNT_B, "OrganizationAccountAccessRole"), "AccessDenied"),
        (ROLE_B.lower(), "AccessDenied"),
    ],
    ids=["role-b", "itself", "another-of-b", "the-administrators-of-b", "other-case"],
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
    refused, output = chain.listing(*AS_B)
    assert (refused, REFUSED in output) == (255, True), output

    stack = chain.stack_b()
    assert changes_of(stack) == {f"aws:iam/role:Role::{NAME_B}": ["assumeRolePolicy"]}
    assert stack.up()["update"] == 1
    assert chain.listing(*AS_B) == LISTED


def test_trust_by_principal_arn_survives_the_recreation_of_role_a(chain: Chain):
    chain.up("principal-arn")
    chain.recreate_role_a()

    assert changes_of(chain.stack_b("principal-arn")) == {}
    assert chain.listing(*AS_B) == LISTED


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
        assert [each for each in left if NAMESPACE in each or DIRECT in each] == []
