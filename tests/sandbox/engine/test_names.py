"""Names that a program leaves out, by the stack's `pulumi:autonaming`, and policies in a role."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s
import pytest

from irsa.identity.policies import service_trust_policy
from irsa_sandbox.aws.accounts import REGION
from irsa_sandbox.engine.stack import SandboxStack
from tests.sandbox.support.programs import refusal, stack_of, unchanged

pytestmark = pytest.mark.sandbox

TRUST = json.dumps(service_trust_policy("ec2.amazonaws.com"))
ACCESS = "arn:aws:iam::aws:policy/"
TYPED = {
    "pattern": "${project}-${stack}-${name}",
    "providers": {
        "kubernetes": {"mode": "verbatim"},
        "aws": {
            "pattern": "${name}.${stack}",
            "resources": {"aws:iam/role:Role": {"pattern": "${name}+role", "enforce": True}},
        },
    },
}


RESOURCES = {
    "role": lambda logical, **more: aws.iam.Role(logical, assume_role_policy=TRUST, **more).name,
    "bucket": lambda name: aws.s3.Bucket(name).bucket,
    "account": lambda name: k8s.core.v1.ServiceAccount(name).metadata.name,
}


class Names:
    """A stack of resources without names."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self.resources: dict[str, dict[str, Any]] = {kind: {} for kind in RESOURCES}
        self.logical_name = "web"

    def stack(self, autonaming: Any = None) -> SandboxStack:
        naming = {"pulumi:autonaming": autonaming} if autonaming else {}
        config = {"aws:region": REGION, **naming}
        return SandboxStack(
            self._session.state, program=self._program, project_name="names", config=config
        )

    def _program(self) -> None:
        made = [RESOURCES[kind](self.logical_name, **more) for kind, more in self.resources.items()]
        pulumi.export("names", made)

    def up(self, autonaming: Any = None) -> list[str]:
        stack = self.stack(autonaming)
        stack.up()
        return stack.outputs()["names"]


@pytest.fixture
def names(session: Any) -> Iterator[Names]:
    names = Names(session)
    yield names
    names.stack().destroy()


@pytest.mark.parametrize(
    ("autonaming", "expected"),
    [
        (None, [r"web-[0-9a-f]{7}"] * 3),
        ({"mode": "verbatim"}, ["web"] * 3),
        ({"pattern": "${project}-${name}-${hex(4)}"}, [r"names-web-[0-9a-f]{4}"] * 3),
        ({"pattern": "${stack}-${name}", "enforce": True}, ["dev-web"] * 3),
        (TYPED, [r"web\+role", r"web\.dev", "web"]),
    ],
)
def test_a_stack_names_its_resources(names: Names, autonaming, expected):
    found = names.up(autonaming)

    assert all(map(re.fullmatch, expected, found)), found
    unchanged(names.stack(autonaming))
    assert names.up({"pattern": "other-${name}"}) == found, "a name that was made stays"


VERBATIM = {"mode": "verbatim"}


@pytest.mark.parametrize(
    ("kind", "autonaming", "logical_name", "line"),
    [
        ("role", {"mode": "disabled"}, "web", "automatic naming is disabled but no explicit name"),
        ("role", VERBATIM, "team/web", "role name 'team/web' may have letters, digits and any of"),
        ("role", None, "x" * 60, "has 68 characters; IAM accepts 64; set name, or change the log"),
        ("bucket", VERBATIM, "my_web", "bucket name 'my_web' is refused by S3"),
        ("bucket", {"pattern": "My-${name}", "enforce": True}, "web", "bucket name 'My-web' is re"),
        ("account", {"mode": "disabled"}, "web", "disabled but no explicit name was provided; set"),
        ("account", None, "default/web", "is not a DNS-1123 subdomain"),
    ],
)
def test_a_name_that_cannot_be_fails_the_preview(
    names: Names, kind, autonaming, logical_name, line
):
    names.resources = {kind: {}}
    names.logical_name = logical_name

    assert line in refusal(names.stack(autonaming).preview)


def test_a_name_that_leaves_the_program_is_replaced_unless_it_is_made_again(names: Names):
    """A Kubernetes object is replaced even then, as pulumi-kubernetes does it."""
    names.resources = {"role": {"name": "web"}}
    names.up()
    names.resources = {"role": {}}
    assert names.stack().preview()["replace"] == 1
    assert names.stack(VERBATIM).up().keys() == {"same"}
    names.resources = {"role": {"path": "/team/"}}
    assert names.stack(VERBATIM).up()["replace"] == 1, "the old one is deleted first"


def test_a_role_s_policies_come_change_and_go(session):
    given: dict[str, Any] = {}

    def program() -> None:
        aws.iam.Role("listed", name="listed", assume_role_policy=TRUST, **given)

    def policies() -> tuple[list[str], list[str]]:
        iam = session.aws("iam")
        attached = iam.list_attached_role_policies(RoleName="listed")["AttachedPolicies"]
        inline = iam.list_role_policies(RoleName="listed")["PolicyNames"]
        return inline, [each["PolicyName"] for each in attached]

    stack = stack_of(session, "listed", program)
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    given.update(
        managed_policy_arns=[f"{ACCESS}ReadOnlyAccess"],
        inline_policies=[{"name": "read", "policy": document}],
    )
    stack.up()
    unchanged(stack)
    assert policies() == (["read"], ["ReadOnlyAccess"])
    session.aws("iam").delete_role_policy(RoleName="listed", PolicyName="read")
    assert stack.refresh()["update"] == 1
    assert stack.up()["update"] == 1
    assert policies() == (["read"], ["ReadOnlyAccess"])

    given.clear()
    assert stack.preview().keys() == {"same"}, "what the program leaves out is not managed"
    given.update(managed_policy_arns=[], inline_policies=[{}])
    stack.up()
    unchanged(stack)
    assert policies() == ([], [])
    given.update(managed_policy_arns=[f"{ACCESS}IAMFullAccess"])
    stack.up()
    assert stack.destroy().keys() == {"delete"}
