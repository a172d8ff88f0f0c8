"""Names that a program leaves out, by the stack's `pulumi:autonaming`, and policies in a role."""

import re
from functools import partial
from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s

import irsa_components as irsa
from irsa_core.identity.arns import provider_arn_for
from irsa_sandbox.aws.accounts import ACCOUNT_A, REGION
from irsa_sandbox.engine.stack import SandboxStack
from tests.sandbox.support.programs import TRUST, refusal, stack_of

VERBATIM = {"mode": "verbatim"}
ENFORCED = {"pattern": "My-${project}+${name}", "enforce": True}
IN_AWS = {"pattern": "${name}.${hex(4)}", "resources": {"aws:iam/role:Role": ENFORCED}}


def resources(**more: Any) -> None:
    role = aws.iam.Role("web", assume_role_policy=TRUST, **more)
    bucket, account = aws.s3.Bucket("web"), k8s.core.v1.ServiceAccount("web")
    pulumi.export("names", [role.name, bucket.bucket, account.metadata.name])


def opened(session: Any, autonaming: Any, **more: Any) -> SandboxStack:
    config = {"aws:region": REGION, "pulumi:autonaming": autonaming}
    return stack_of(session, "names", partial(resources, **more), config=config)


def test_a_stack_names_its_resources_once_by_provider_and_type(session):
    stack = opened(session, {"providers": {"aws": IN_AWS, "kubernetes": VERBATIM}})
    stack.up()
    role, bucket, account = stack.outputs()["names"]
    assert (role, account) == ("My-names+web", "web")
    assert re.fullmatch(r"web\.[0-9a-f]{4}", bucket)
    assert opened(session, {"pattern": "other-${name}"}).up().keys() == {"same"}
    stack.destroy()


def test_a_name_that_leaves_the_program_is_replaced_unless_it_is_made_again(session):
    opened(session, VERBATIM, name="other").up()
    assert opened(session, VERBATIM).preview()["replace"] == 1
    assert opened(session, {"pattern": "other"}).up().keys() == {"same"}
    assert opened(session, {"pattern": "other"}, path="/x/").up()["replace"] == 1, "deleted first"
    opened(session, VERBATIM).destroy()


def test_two_components_whose_roles_are_one_name_fail_in_the_preview(session):
    """Children are named after the role's name, or else the component: both are `Role::web`."""
    url = f"oidc.eks.{REGION}.amazonaws.com/id/{'A' * 32}"
    trusting = {"provider_arns": [provider_arn_for(url, ACCOUNT_A)], "subjects": ["dev/app"]}

    def program() -> None:
        irsa.ServiceAccountRole("web", irsa.ServiceAccountRoleArgs(**trusting))
        irsa.ServiceAccountRole("other", irsa.ServiceAccountRoleArgs(role_name="web", **trusting))

    line = refusal(stack_of(session, "both", program).preview)
    assert "ServiceAccountRole$aws:iam/role:Role::web" in line
    assert "Duplicate resource URN" in line
