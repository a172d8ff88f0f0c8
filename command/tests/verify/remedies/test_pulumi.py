"""Remedies for resources of a stack are `pulumi` commands; others do not change."""

from dataclasses import replace

import pytest

from command.tests.verify.test_chain import (
    ALLOW_ALL,
    DENIED,
    PROVIDER_ARN,
    ROLE,
    ROLE_ARN,
    links,
)
from irsa.observe.facts import Answer, PermissionsPolicy, ServiceAccount
from irsa.observe.stack_chains import Resource, Stack
from irsa.verify.link import Status

ROLE_RESOURCE = Resource("role", ROLE_ARN)
STACK = Stack("dev", frozenset({ROLE_RESOURCE, Resource("annotation", "dev/s3-app")}))
PULUMI = ("pulumi refresh --stack dev", "pulumi up --stack dev")
NOT_TRUSTED = replace(ROLE, trust_policy={"Version": "2012-10-17", "Statement": []})


@pytest.mark.parametrize(
    ("changes", "link", "thing"),
    [
        ({"role": None, "assumed": DENIED}, "role", ROLE_RESOURCE),
        ({"role": NOT_TRUSTED, "assumed": DENIED}, "trust", ROLE_RESOURCE),
        ({"role": replace(ROLE, policies=())}, "permissions", ROLE_RESOURCE),
    ],
)
def test_what_the_stack_owns_it_puts_right(changes, link, thing):
    found = links(stack=STACK, **changes)[link]

    assert found.status is Status.FAILED
    assert found.remedy.shell == PULUMI
    assert found.remedy.text.startswith(f"{thing} belongs to the stack dev: let it put that right")
    assert links(**changes)[link].remedy.shell[0].startswith("aws iam ")


def test_a_restart_stays():
    account = ServiceAccount("dev", "s3-app", {})
    found = links(stack=STACK, service_account=account, expected_role=ROLE_ARN)["annotation"]
    restart = "kubectl rollout restart deployment/s3-app --namespace dev"
    assert found.remedy.shell == (*PULUMI, restart)
    assert "conflict with kubectl, add --skip-preview" in found.remedy.text


def test_what_others_put_beside_the_stack_is_removed_by_hand():
    stop = {"Statement": [{"Effect": "Deny", "Action": "s3:*", "Resource": "*"}]}
    both = (PermissionsPolicy("all", ALLOW_ALL), PermissionsPolicy("guard", stop))
    found = links(stack=STACK, role=replace(ROLE, policies=both))["permissions"]
    assert found.remedy.shell == (
        "aws iam delete-role-policy --role-name s3-app --policy-name guard",
    )


@pytest.mark.parametrize(
    "owned",
    [frozenset(), frozenset({Resource("role", ROLE_ARN.replace("s3-app", "another"))})],
)
def test_what_the_stack_does_not_own_is_changed_by_hand(owned):
    found = links(stack=Stack("dev", owned), role=None, assumed=DENIED)["role"]
    assert found.remedy.shell[0].startswith("aws iam create-role ")


def test_without_the_stacks_name_there_is_no_command_to_paste():
    found = links(stack=replace(STACK, name=""), role=None, assumed=DENIED)["role"]
    assert found.remedy.shell == ()
    assert "with `pulumi refresh` and `pulumi up`" in found.remedy.text


def test_the_provider_and_the_bucket_are_the_stacks_too():
    owned = frozenset({Resource("OIDC provider", PROVIDER_ARN), Resource("bucket", "bucket")})
    stack = Stack("dev", owned)
    no_bucket = Answer(allowed=False, code="NoSuchBucket", message="x")
    assert links(stack=stack, providers=(), assumed=DENIED)["provider"].remedy.shell == PULUMI
    assert links(stack=stack, data=no_bucket)["data"].remedy.shell == PULUMI
