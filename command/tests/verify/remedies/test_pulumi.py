"""Remedies for resources of a stack are `pulumi` commands; others do not change."""

from dataclasses import replace

import pytest

from command.tests.verify.chains import ALL, BARE, DENIED, ROLE, links
from irsa.observe.facts import Answer, PermissionsPolicy
from irsa.observe.stack_chains import Resource, Stack
from irsa.verify.link import Status
from tests.support.world import BUCKET, PROVIDER_ARN, ROLE_ARN

ROLE_RESOURCE = Resource("role", ROLE_ARN)
STACK = Stack("dev", frozenset({ROLE_RESOURCE, Resource("annotation", "dev/s3-app")}))
PULUMI = ("pulumi refresh --stack dev", "pulumi up --stack dev")
NO_BUCKET = Answer(allowed=False, code="NoSuchBucket", message="x")
NOT_TRUSTED = replace(ROLE, trust_policy={"Version": "2012-10-17", "Statement": []})


@pytest.mark.cases(("changes", "link", "owned"), {
    "no role": ({"role": None, "assumed": DENIED}, "role", ROLE_RESOURCE),
    "role that does not trust": ({"role": NOT_TRUSTED, "assumed": DENIED}, "trust", ROLE_RESOURCE),
    "role without permissions": ({"role": replace(ROLE, policies=())}, "permissions",
        ROLE_RESOURCE),
    "no provider": ({"providers": (), "assumed": DENIED}, "provider",
        Resource("OIDC provider", PROVIDER_ARN)),
    "no bucket": ({"data": NO_BUCKET}, "data", Resource("bucket", BUCKET)),
})  # fmt: skip
def test_what_the_stack_owns_it_puts_right(changes, link, owned):
    result = links(stack=Stack("dev", frozenset({owned})), **changes)[link]
    others = Stack("dev", frozenset({Resource(owned.kind, f"{owned.name}-2")}))

    assert result.status is Status.FAILED
    assert result.remedy.shell == PULUMI
    assert result.remedy.text.startswith(f"{owned} belongs to the stack dev: let it put that right")
    for stack in (others, None):
        by_hand = links(stack=stack, **changes)[link].remedy
        first = ["aws "] if stack or link != "data" else []
        assert [command[:4] for command in by_hand.shell[:1]] == first


def test_a_restart_stays():
    found = links(stack=STACK, service_account=BARE, expected_role=ROLE_ARN)["annotation"]
    restart = "kubectl rollout restart deployment/s3-app --namespace dev"
    assert found.remedy.shell == (*PULUMI, restart)
    assert "conflict with kubectl, add --skip-preview" in found.remedy.text


def test_what_others_put_beside_the_stack_is_removed_by_hand():
    stop = {"Statement": [{"Effect": "Deny", "Action": "s3:*", "Resource": "*"}]}
    both = replace(ROLE, policies=(*ALL, PermissionsPolicy("guard", stop)))
    command = "aws iam delete-role-policy --role-name s3-app --policy-name guard"
    assert links(stack=STACK, role=both)["permissions"].remedy.shell == (command,)


def test_without_the_stacks_name_there_is_no_command_to_paste():
    found = links(stack=replace(STACK, name=""), role=None, assumed=DENIED)["role"]
    assert found.remedy.shell == ()
    assert "with `pulumi refresh` and `pulumi up`" in found.remedy.text
