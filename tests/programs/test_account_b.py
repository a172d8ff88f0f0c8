"""Account B's program: its bucket, and role B that trusts role A of account A's stack."""

import json

import pulumi
import pytest

from irsa_core.identity.names import shared_name
from irsa_core.identity.policies import TrustedRole, bucket_permissions_policy, role_trust_policy
from tests.support.engine import Engine, outputs_of, run_program, secret, stack_file
from tests.support.refusal import refusal
from tests.support.world import ACCOUNT_A, ACCOUNT_B, ROLE_A_ARN

FOLDER = "account_b"
STACK_A = "organization/irsa/dev"
ROLE_B = shared_name("s3-app-B", STACK_A)
BUCKET_B = shared_name("s3-app-b", STACK_A, ACCOUNT_B)
OUTPUTS_A = {
    "kubeconfig": secret("{}"),  # a secret output must not make the others secret
    "role_a_arn": ROLE_A_ARN,
    "role_a_unique_id": "AROAEXAMPLE1",
}


def run(outputs_a=OUTPUTS_A, *, stack_a=STACK_A, preview=False, **changes):
    config = {f"irsa-account-b:{key}": value for key, value in changes.items()}
    engine = Engine(preview=preview, stacks={stack_a: outputs_a})
    return run_program({**stack_file(FOLDER), **config}, engine, folder=FOLDER)


@pytest.mark.parametrize("external_id", [None, "tenant-42"])
def test_role_b_trusts_role_a_of_account_as_stack_and_reads_the_bucket(external_id):
    engine = run({**OUTPUTS_A, **({"external_id": external_id} if external_id else {})})

    assert engine.one("StackReference").name == STACK_A
    role, inputs = engine.one("Role").inputs, engine.one("RolePolicy").inputs
    trusted = [TrustedRole(ROLE_A_ARN, "AROAEXAMPLE1")]
    trust = role_trust_policy(trusted, external_id=external_id)
    assert (role["name"], json.loads(role["assumeRolePolicy"])) == (ROLE_B, trust)
    read = bucket_permissions_policy(f"arn:aws:s3:::{BUCKET_B}", "read")
    assert (inputs["role"], json.loads(inputs["policy"])) == (ROLE_B, read)


def test_the_provider_assumes_a_role_of_account_b_and_works_there_only():
    inputs = run(tags={"team": "x"}).one("aws").inputs

    arn = f"arn:aws:iam::{ACCOUNT_B}:role/OrganizationAccountAccessRole"
    assert json.loads(inputs["allowedAccountIds"]) == [ACCOUNT_B]
    assert json.loads(inputs["assumeRoles"]) == [{"roleArn": arn, "sessionName": "irsa-account-b"}]
    tags = {"project": "irsa-account-b", "stack": "dev", "team": "x"}
    assert json.loads(inputs["defaultTags"]) == {"tags": tags}


def test_a_preview_shows_every_resource_with_its_explicit_provider():
    engine = run()

    assert run(preview=True).tree() == engine.tree()
    for resource in engine.registered:
        if resource.typ.startswith("aws:"):
            assert ":providers:aws::account-b::" in resource.provider, resource.name


def test_another_stack_of_account_a_can_be_configured():
    engine = run(stack_a="acme/irsa/prod", accountAStack="acme/irsa/prod")

    assert engine.one("StackReference").name == "acme/irsa/prod"
    assert engine.one("Role").inputs["name"] == shared_name("s3-app-B", "acme/irsa/prod")


@pytest.mark.cases("preview", {"up": False, "preview": True})
@pytest.mark.parametrize("missing", ["role_a_arn", "role_a_unique_id"])
def test_an_output_that_account_a_lacks_is_one_line(missing, preview):
    outputs = {key: value for key, value in OUTPUTS_A.items() if key != missing}

    argument = missing.removeprefix("role_a_").replace("arn", "role_arn")
    assert refusal(run, outputs, preview=preview, raised=pulumi.RunError) == (
        f"stack {STACK_A} has no output for TrustedRoleArgs.{argument} (it has "
        f"{', '.join(sorted(outputs))}); give the stack that has it, or export it there"
    )


def test_the_outputs_name_bucket_and_role():
    assert outputs_of(stack_file(FOLDER), folder=FOLDER, stacks={STACK_A: OUTPUTS_A}) == {
        "bucket": BUCKET_B,
        "role_b_arn": f"arn:aws:iam::{ACCOUNT_A}:role/{ROLE_B}",  # as the mock engine names it
    }
