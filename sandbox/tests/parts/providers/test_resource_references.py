"""A program may pass a resource where a provider expects its name."""

import json

import pulumi_aws as aws
import pytest

from tests.sandbox.support.programs import stack_of

pytestmark = pytest.mark.sandbox

READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
STATEMENT = {
    "Effect": "Allow",
    "Principal": {"Service": "ec2.amazonaws.com"},
    "Action": "sts:AssumeRole",
}


def program() -> None:
    trust = json.dumps({"Version": "2012-10-17", "Statement": [STATEMENT]})
    role = aws.iam.Role("referred", name="referred", assume_role_policy=trust)
    aws.iam.RolePolicyAttachment("referred", role=role, policy_arn=READ_ONLY)


def test_the_engine_sends_a_resource_as_its_id(session):
    stack = stack_of(session, "references", program)
    stack.up()

    iam = session.aws("iam")
    [attached] = iam.list_attached_role_policies(RoleName="referred")["AttachedPolicies"]
    assert attached["PolicyArn"] == READ_ONLY
    assert stack.up().keys() == {"same"}
    stack.destroy()
