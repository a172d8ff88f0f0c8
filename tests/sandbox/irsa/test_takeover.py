"""A preview that would delete the role that it imports, by the real engine."""

import json

import pulumi
import pulumi_aws as aws
import pytest
from pulumi import ResourceOptions

import irsa_components as irsa
from irsa.identity.arns import provider_arn_for
from irsa.identity.policies import irsa_trust_policy
from irsa.identity.subjects import ServiceAccountRef
from irsa_sandbox.aws.accounts import ACCOUNT_A
from tests.sandbox.support.previews import preview
from tests.sandbox.support.programs import exported, stack_of

pytestmark = pytest.mark.sandbox

NAME, PROVIDER = "reports", provider_arn_for("oidc.example.com", ACCOUNT_A)
READ = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
OLD = "acme:aws:Irsa$aws:iam/role:Role::reports-role"
OLD_READ = "acme:aws:Irsa$aws:iam/rolePolicyAttachment:RolePolicyAttachment::reports-0"


def own_component():
    parent = pulumi.ComponentResource("acme:aws:Irsa", NAME)
    trust = irsa_trust_policy([PROVIDER], [ServiceAccountRef("dev", NAME)])
    opts = ResourceOptions(parent=parent)
    role = aws.iam.Role(f"{NAME}-role", name=NAME, assume_role_policy=json.dumps(trust), opts=opts)
    aws.iam.RolePolicyAttachment(f"{NAME}-0", role=role.name, policy_arn=READ, opts=opts)


def imports_it():
    args = {"provider_arns": [PROVIDER], "subjects": [f"dev/{NAME}"], "policy_arns": {"read": READ}}
    irsa.ServiceAccountRole(
        NAME, irsa.ServiceAccountRoleArgs(role_name=NAME, imported=True, **args)
    )


@pytest.mark.parametrize("flags", [(), ("--show-sames",)], ids=["changes", "sames"])
def test_audit_refuses_the_plan_with_both_urns_and_the_lines(irsa_world, tmp_path, flags):
    before = stack_of(irsa_world.session, "takeover", own_component)
    before.up()
    after, file = stack_of(irsa_world.session, "takeover", imports_it), tmp_path / "preview.json"
    file.write_text(preview(after, "--json", *flags))
    try:
        done = irsa_world.irsa("audit", "--stack", str(file), "--output", "json")
        lines = irsa_world.irsa("takeover", exported(before, tmp_path), "--output", "json")
    finally:
        before.destroy()

    errors = [each for each in done.json if each["severity"] == "error"]
    assert (done.code, len(errors)) == (1, 2)
    new = f"urn:pulumi:dev::takeover::irsa:index:ServiceAccountRole$aws:iam/role:Role::{NAME}"
    assert new in errors[0]["found"]
    assert f"urn:pulumi:dev::takeover::{OLD}" in errors[0]["found"]
    assert json.dumps({"role": OLD, "read": OLD_READ}) in errors[0]["remedy"]
    [component] = lines.json["components"]
    assert component["taken_over"] == {"role": OLD, "AmazonS3ReadOnlyAccess": OLD_READ}
    assert component["arguments"]["subjects"] == [f"dev/{NAME}"]
