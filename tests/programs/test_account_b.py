"""Account B's program: what it builds from its configuration and account A's outputs."""

import json
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml

from irsa.identity.policies import (
    TrustedRole,
    bucket_permissions_policy,
    irsa_trust_policy,
    principal_arn_trust_policy,
    role_trust_policy,
)
from irsa.identity.subjects import service_account_ref
from tests.support.engine import (
    ACCOUNT_A,
    ACCOUNT_B,
    ISSUER,
    ISSUER_URL,
    REGION,
    Engine,
    outputs_of,
    refusal,
    run_program,
    secret,
    stack_file,
)

MISTAKES = yaml.safe_load(Path(__file__).with_name("account_b_mistakes.yaml").read_text())
FOLDER = "account_b"
STACK_A = "organization/irsa/dev"
ROLE = "aws:iam/role:Role"
ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
OIDC_PROVIDER = "aws:iam/openIdConnectProvider:OpenIdConnectProvider"
STACK_REFERENCE = "pulumi:pulumi:StackReference"
ROLE_A = f"arn:aws:iam::{ACCOUNT_A}:role/chain-A"
BUCKET = {"name": "bucket-b"}
CHAIN = {"name": "chain", "bucket": BUCKET}
BY_CONDITION = {**CHAIN, "trust": "principal-arn", "roleA": {"accountId": ACCOUNT_A}}
FEDERATED = {
    "name": "chain",
    "bucket": BUCKET,
    "via": "oidc-provider",
    "serviceAccount": {"namespace": "dev", "name": "chain"},
}


def config(*workloads: dict[str, Any], **keys: Any) -> dict[str, Any]:
    """Account B's configuration with these workloads."""
    found = {
        "aws:region": REGION,
        "irsa-account-b:accountId": ACCOUNT_B,
        "irsa-account-b:workloads": list(workloads),
    }
    return {**found, **{f"irsa-account-b:{key}": value for key, value in keys.items()}}


def outputs_a(**changes: Any) -> dict[str, Any]:
    """What account A's stack exports, as far as account B reads it."""
    workload = {
        "via": "role-chaining",
        "role_arn": ROLE_A,
        "role_unique_id": "AROAEXAMPLE1",
        "role_b_arn": f"arn:aws:iam::{ACCOUNT_B}:role/chain-B",
        "profile": "B",
        **changes,
    }
    return {
        "issuer_url": ISSUER_URL,
        "kubeconfig": secret("{}"),
        "workloads": {"chain": workload},
    }


def run(
    *workloads: dict[str, Any],
    account_a: dict[str, Any] | None = None,
    preview: bool = False,
    **keys: Any,
) -> Engine:
    """Run the program against these outputs of account A."""
    stacks = {STACK_A: outputs_a() if account_a is None else account_a}
    engine = Engine(preview=preview, stacks=stacks)
    return run_program(config(*workloads, **keys), engine, folder=FOLDER)


def half_made(engine: Engine) -> list[str]:
    """Resources of account B, beside the components that hold them."""
    return [r.typ for r in engine.registered if r.typ.startswith(("aws:", "pulumi:providers"))]


def trust_of(engine: Engine) -> dict[str, Any]:
    return json.loads(engine.one(ROLE).inputs["assumeRolePolicy"])


def test_role_b_trusts_role_a_of_account_as_stack():
    engine = run(CHAIN)

    assert engine.one(STACK_REFERENCE).name == STACK_A
    assert engine.one(ROLE).inputs["name"] == "chain-B"
    assert trust_of(engine) == role_trust_policy([TrustedRole(ROLE_A, "AROAEXAMPLE1")])


def test_role_b_opens_its_bucket_alone():
    engine = run({**CHAIN, "bucket": {"name": "bucket-b", "permissions": "read-write"}})

    policy = json.loads(engine.one("aws:iam/policy:Policy").inputs["policy"])
    assert policy == bucket_permissions_policy("arn:aws:s3:::bucket-b", "read-write")
    assert engine.one(ATTACHMENT).inputs["role"] == "chain-B"
    assert engine.one("aws:s3/bucket:Bucket").inputs == {
        "bucket": "bucket-b",
        "forceDestroy": False,
    }


def test_the_provider_assumes_a_role_of_account_b_and_works_there_only():
    arn = f"arn:aws:iam::{ACCOUNT_B}:role/OrganizationAccountAccessRole"
    inputs = run(CHAIN, assumeRoleArn=arn, tags={"team": "x"}).one("pulumi:providers:aws").inputs

    assert inputs["region"] == REGION
    assert json.loads(inputs["allowedAccountIds"]) == [ACCOUNT_B]
    assert json.loads(inputs["assumeRoles"]) == [{"roleArn": arn, "sessionName": "irsa-account-b"}]
    assert json.loads(inputs["defaultTags"]) == {
        "tags": {"project": "irsa-account-b", "stack": "dev", "team": "x"}
    }


def test_without_a_role_to_assume_the_credentials_are_account_bs_own():
    inputs = run(CHAIN, assumeRoleArn="").one("pulumi:providers:aws").inputs

    assert "assumeRoles" not in inputs


def test_every_resource_has_the_explicit_provider():
    for workload in (CHAIN, FEDERATED):
        account_a = outputs_a(via=workload.get("via", "role-chaining"))
        for resource in run(workload, account_a=account_a).registered:
            if resource.typ.startswith("aws:"):
                assert ":providers:aws::account-b::" in resource.provider, resource.name


def test_a_recreated_role_a_changes_the_trust_policy_and_nothing_else():
    before = run(CHAIN)
    after = run(CHAIN, account_a=outputs_a(role_unique_id="AROARECREATED"))

    inputs = [{(r.typ, r.name): r.inputs for r in engine.registered} for engine in (before, after)]
    for found in inputs:
        del found[STACK_REFERENCE, STACK_A]
    changed = {key for key in inputs[0] if inputs[0][key] != inputs[1][key]}
    assert changed == {(ROLE, "chain-B")}


def test_trust_by_condition_reads_nothing_of_account_a_so_that_b_can_come_first():
    engine = run(BY_CONDITION, account_a={})

    assert engine.of(STACK_REFERENCE) == []
    assert trust_of(engine) == principal_arn_trust_policy([ROLE_A])


def test_trust_by_condition_computes_the_arn_of_role_a():
    role_a = {"accountId": ACCOUNT_A, "name": "mine", "path": "/team/"}
    engine = run({**BY_CONDITION, "roleA": role_a, "externalId": "tenant-42"})

    assert trust_of(engine) == principal_arn_trust_policy(
        [f"arn:aws:iam::{ACCOUNT_A}:role/team/mine"], external_id="tenant-42"
    )


def test_the_external_id_is_asked_for():
    workload = {**CHAIN, "externalId": "tenant-42"}

    assert trust_of(run(workload, account_a=outputs_a(external_id="tenant-42"))) == (
        role_trust_policy([TrustedRole(ROLE_A, "AROAEXAMPLE1")], external_id="tenant-42")
    )


def test_direct_federation_trusts_the_service_account_through_a_provider_of_account_b():
    engine = run(FEDERATED, account_a=outputs_a(via="oidc-provider"))

    assert engine.one(OIDC_PROVIDER).inputs == {
        "url": ISSUER_URL,
        "clientIdLists": ["sts.amazonaws.com"],
    }
    own_provider = f"arn:aws:iam::{ACCOUNT_A}:oidc-provider/{ISSUER}"  # the mock's only account
    assert trust_of(engine) == irsa_trust_policy(
        [own_provider], [service_account_ref("dev", "chain")]
    )


def test_no_oidc_provider_is_made_for_a_chain():
    assert run(CHAIN).of(OIDC_PROVIDER) == []


def test_the_options_of_role_b_reach_it():
    boundary = f"arn:aws:iam::{ACCOUNT_B}:policy/boundary"
    role = {
        "name": "reader",
        "path": "/team/",
        "permissionsBoundary": boundary,
        "maxSessionDuration": 7200,
    }
    arn = f"arn:aws:iam::{ACCOUNT_B}:role/team/reader"
    engine = run({**CHAIN, "role": role}, account_a=outputs_a(role_b_arn=arn))

    inputs = engine.one(ROLE).inputs
    assert {key: inputs[key] for key in role} == role


def test_a_federated_role_b_has_the_options_too():
    boundary = f"arn:aws:iam::{ACCOUNT_B}:policy/boundary"
    workload = {**FEDERATED, "role": {"permissionsBoundary": boundary}}
    engine = run(workload, account_a=outputs_a(via="oidc-provider"))

    assert engine.one(ROLE).inputs["permissionsBoundary"] == boundary


def test_account_a_does_not_know_the_external_id_of_pods_that_somebody_else_runs():
    account_a = outputs_a()
    del account_a["workloads"]["chain"]["profile"]
    workload = {**CHAIN, "externalId": "tenant-42"}

    assert trust_of(run(workload, account_a=account_a)) == (
        role_trust_policy([TrustedRole(ROLE_A, "AROAEXAMPLE1")], external_id="tenant-42")
    )


@pytest.mark.parametrize("workload", [CHAIN, FEDERATED], ids=["chain", "federated"])
def test_a_preview_shows_everything_before_anything_exists(workload):
    account_a = outputs_a(via=workload.get("via", "role-chaining"))

    assert (
        run(workload, account_a=account_a, preview=True).tree()
        == run(workload, account_a=account_a).tree()
    )


def test_the_stack_of_the_same_name_is_read_unless_another_is_configured():
    stack = "acme/irsa/prod"
    engine = Engine(stacks={stack: outputs_a()})
    run_program(config(CHAIN, accountAStack=stack), engine, folder=FOLDER)

    assert engine.one(STACK_REFERENCE).name == stack


@pytest.mark.parametrize("preview", [False, True])
@pytest.mark.parametrize(
    ("account_a", "line"),
    [
        (
            {},
            f"stack {STACK_A} exports no 'workloads.chain.role_b_arn' (it has []); run `pulumi up`",
        ),
        (
            {"workloads": {}},
            f"stack {STACK_A} exports no 'workloads.chain.role_b_arn' (workloads has []); run",
        ),
        (
            {"workloads": {"chain": "x"}},
            f"stack {STACK_A} exports no 'workloads.chain.role_b_arn' (workloads.chain has x); run",
        ),
        (
            outputs_a(role_b_arn="arn:aws:iam::444455556666:role/x"),
            "workload 'chain': account A uses role_b_arn 'arn:aws:iam::444455556666:role/x' and",
        ),
        (
            outputs_a(via="oidc-provider"),
            "workload 'chain': account A uses via 'oidc-provider' and this stack 'role-chaining'",
        ),
        (
            outputs_a(external_id="tenant-42"),
            "workload 'chain': account A uses external_id 'tenant-42' and this stack None; make",
        ),
    ],
    ids=["not-up", "no-workload", "wrong-type", "other-role", "other-way", "external-id"],
)
def test_what_does_not_fit_account_a_is_one_line_and_nothing_is_half_made(account_a, line, preview):
    engine = Engine(preview=preview, stacks={STACK_A: account_a})

    with pytest.raises(pulumi.RunError) as caught:
        run_program(config(CHAIN), engine, folder=FOLDER)
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)
    assert half_made(engine) == []


@pytest.mark.parametrize("missing", ["role_arn", "role_unique_id"])
def test_an_output_that_account_a_lacks_is_named(missing):
    account_a = outputs_a()
    del account_a["workloads"]["chain"][missing]
    engine = Engine(stacks={STACK_A: account_a})

    with pytest.raises(pulumi.RunError) as caught:
        run_program(config(CHAIN), engine, folder=FOLDER)
    assert f"exports no 'workloads.chain.{missing}'" in str(caught.value)


def test_the_outputs_name_bucket_and_role():
    found = outputs_of(config(CHAIN), folder=FOLDER, stacks={STACK_A: outputs_a()})

    assert found == {
        "account_id": ACCOUNT_B,
        "region": REGION,
        "workloads": {
            "chain": {
                "bucket": "bucket-b",
                "role_arn": f"arn:aws:iam::{ACCOUNT_A}:role/chain-B",  # the mock's only account
                "role_name": "chain-B",
            }
        },
    }


def test_the_example_fits_account_as_example():
    exported = outputs_of(stack_file())
    engine = Engine(stacks={STACK_A: exported})
    run_program(stack_file(FOLDER), engine, folder=FOLDER)

    assert engine.one(ROLE).inputs["name"] == "s3-app-B"


def test_a_role_alone_of_account_a_is_named_like_a_workload():
    found = stack_file()
    found["irsa:roles"] = [
        {
            "name": "exporter",
            "namespace": "billing",
            "serviceAccount": "exporter",
            "crossAccount": {"accountId": ACCOUNT_B},
        }
    ]
    engine = Engine(stacks={STACK_A: outputs_of(found)})
    workload = {"name": "exporter", "bucket": BUCKET, "externalId": "tenant-42"}
    run_program(config(workload), engine, folder=FOLDER)

    role_a = TrustedRole(f"arn:aws:iam::{ACCOUNT_A}:role/exporter", "AROAEXPORTER")
    assert trust_of(engine) == role_trust_policy([role_a], external_id="tenant-42")


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake["line"][:70])
def test_a_mistake_is_one_line_before_anything_is_registered(mistake):
    workloads = {"chain": CHAIN, "condition": BY_CONDITION, "federated": FEDERATED}
    workload = {**workloads[mistake.get("of", "chain")], **mistake.get("workload", {})}
    found = {**config(workload), **mistake.get("stack", {})}

    line = refusal({k: v for k, v in found.items() if v is not None}, folder=FOLDER)
    assert line.startswith(mistake["line"])


@pytest.mark.parametrize(
    ("second", "line"),
    [
        ({}, "irsa-account-b: workload 'chain' is configured 2 times; remove one"),
        (
            {"name": "other", "role": {"name": "CHAIN-B"}},
            "irsa-account-b: role 'chain-b' is configured 2 times; set role.name",
        ),
        (
            {"name": "other"},
            "irsa-account-b: bucket 'bucket-b' is configured 2 times; rename one",
        ),
    ],
    ids=["workload", "role", "bucket"],
)
def test_workloads_that_contradict_each_other_are_one_line(second, line):
    assert refusal(config(CHAIN, {**CHAIN, **second}), folder=FOLDER) == line
