"""Account A's program with the cross-account chain, direct federation and the access key."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from irsa.identity.policies import assume_role_permissions_policy, irsa_trust_policy
from irsa.identity.subjects import service_account_ref
from tests.support.engine import (
    ACCOUNT_A,
    ACCOUNT_B,
    PROVIDER_ARN,
    Engine,
    irsa_example,
    outputs_of,
    refusal,
    run_program,
    stack_file,
)

MISTAKES = yaml.safe_load(Path(__file__).with_name("account_a_systems_mistakes.yaml").read_text())
ROLE = "aws:iam/role:Role"
POLICY = "aws:iam/policy:Policy"
ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
SERVICE_ACCOUNT = "kubernetes:core/v1:ServiceAccount"
CONFIG_MAP = "kubernetes:core/v1:ConfigMap"
SECRET = "kubernetes:core/v1:Secret"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
ROLE_A = f"arn:aws:iam::{ACCOUNT_A}:role/chain-A"
ROLE_B = f"arn:aws:iam::{ACCOUNT_B}:role/chain-B"
CHAIN = {
    "name": "chain",
    "namespace": "dev",
    "crossAccount": {"accountId": ACCOUNT_B},
    "container": {"image": "app"},
}
FEDERATED = {
    **CHAIN,
    "name": "federated",
    "crossAccount": {"accountId": ACCOUNT_B, "via": "oidc-provider"},
}
KEY = {
    "name": "key",
    "namespace": "dev",
    "accessKey": {"userName": "s3-manager"},
    "bucket": {"name": "bucket-key", "permissions": "full"},
    "container": {"image": "app"},
}


def config(*workloads: dict[str, Any]) -> dict[str, Any]:
    """The example's configuration with further workloads."""
    found = irsa_example()
    found["irsa:workloads"].extend(workloads)
    return found


def test_the_example_holds_the_three_systems_side_by_side():
    workloads = outputs_of(stack_file())["workloads"]

    assert {name: found["access"] for name, found in workloads.items()} == {
        "s3-app": "irsa",
        "crossplane-aws-provider": "irsa",
        "s3-app-chain": "cross-account",
        "s3-app-key": "access-key",
    }
    assert workloads["s3-app-chain"]["role_arn"] == f"arn:aws:iam::{ACCOUNT_A}:role/s3-app-A"
    assert workloads["s3-app-chain"]["role_b_arn"] == f"arn:aws:iam::{ACCOUNT_B}:role/s3-app-B"
    assert workloads["s3-app-key"]["user_name"] == "s3-manager"


def test_role_a_may_assume_exactly_role_b_and_nothing_on_the_bucket():
    engine = run_program(config(CHAIN))

    role = engine.named(ROLE, "chain-A").inputs
    assert role["name"] == "chain-A"
    assert json.loads(role["assumeRolePolicy"]) == irsa_trust_policy(
        [PROVIDER_ARN], [service_account_ref("dev", "chain")]
    )
    policy = json.loads(engine.named(POLICY, "chain").inputs["policy"])
    assert policy == assume_role_permissions_policy(ROLE_B)
    attached = [r for r in engine.of(ATTACHMENT) if r.inputs["role"] == "chain-A"]
    assert [r.inputs["policyArn"] for r in attached] == [f"arn:aws:iam::{ACCOUNT_A}:policy/chain"]


def test_the_pod_of_the_chain_is_role_a_and_knows_the_way_to_role_b():
    engine = run_program(config(CHAIN))

    annotations = engine.named(SERVICE_ACCOUNT, "dev/chain").inputs["metadata"]["annotations"]
    assert annotations == {"eks.amazonaws.com/role-arn": ROLE_A}
    text = engine.named(CONFIG_MAP, "chain").inputs["data"]["config"]
    assert f"[profile A]\nrole_arn = {ROLE_A}\n" in text
    assert f"[profile B]\nrole_arn = {ROLE_B}\nsource_profile = A\n" in text


def test_the_options_of_the_chain_reach_its_resources():
    other = {
        "accountId": ACCOUNT_B,
        "roleName": "reader",
        "rolePath": "/team/",
        "profiles": {
            "own": "web",
            "target": "data",
            "sessionName": "s3-app",
            "externalId": "tenant-42",
            "durationSeconds": 1800,
            "layout": "profile-only",
        },
    }
    engine = run_program(config({**CHAIN, "crossAccount": other, "role": {"name": "mine"}}))

    role_b = f"arn:aws:iam::{ACCOUNT_B}:role/team/reader"
    policy = json.loads(engine.named(POLICY, "chain").inputs["policy"])
    assert policy == assume_role_permissions_policy(role_b)
    assert "annotations" not in engine.named(SERVICE_ACCOUNT, "dev/chain").inputs["metadata"]
    assert engine.named(CONFIG_MAP, "chain").inputs["data"]["config"].splitlines() == [
        "[profile web]",
        f"role_arn = arn:aws:iam::{ACCOUNT_A}:role/mine",
        "web_identity_token_file = /var/run/secrets/irsa/token",
        "role_session_name = s3-app",
        "region = us-east-1",
        "sts_regional_endpoints = regional",
        "",
        "[profile data]",
        f"role_arn = {role_b}",
        "source_profile = web",
        "external_id = tenant-42",
        "duration_seconds = 1800",
        "role_session_name = s3-app",
        "region = us-east-1",
        "sts_regional_endpoints = regional",
    ]


def test_the_computed_arn_keeps_the_partition():
    found = {**config(CHAIN), "aws:region": "cn-north-1"}

    policy = json.loads(run_program(found).named(POLICY, "chain").inputs["policy"])
    assert policy == assume_role_permissions_policy(f"arn:aws-cn:iam::{ACCOUNT_B}:role/chain-B")


def test_the_external_id_is_exported_for_account_b_to_compare():
    profiles = {"externalId": "tenant-42"}
    chain = {**CHAIN, "crossAccount": {"accountId": ACCOUNT_B, "profiles": profiles}}

    assert outputs_of(config(chain))["workloads"]["chain"]["external_id"] == "tenant-42"


def test_a_role_alone_may_assume_role_b_and_how_is_its_pods_business():
    found = config()
    found["irsa:roles"] = [
        {
            "name": "exporter",
            "namespace": "billing",
            "serviceAccount": "exporter",
            "crossAccount": {"accountId": ACCOUNT_B, "roleName": "reader"},
        }
    ]
    engine = run_program(found)

    role_b = f"arn:aws:iam::{ACCOUNT_B}:role/reader"
    policy = json.loads(engine.named(POLICY, "exporter").inputs["policy"])
    assert policy == assume_role_permissions_policy(role_b)
    assert engine.named(ATTACHMENT, "exporter-assume-role-b").inputs["role"] == "exporter"
    assert engine.of(CONFIG_MAP) == []
    assert outputs_of(found)["workloads"]["exporter"] == {
        "access": "cross-account",
        "via": "role-chaining",
        "namespace": "billing",
        "subjects": ["system:serviceaccount:billing:exporter"],
        "role_arn": f"arn:aws:iam::{ACCOUNT_A}:role/exporter",
        "role_name": "exporter",
        "role_unique_id": "AROAEXPORTER",
        "role_b_arn": role_b,
        "service_account": "exporter",
    }


def test_direct_federation_makes_no_role_here():
    engine = run_program(config(FEDERATED))

    annotations = engine.named(SERVICE_ACCOUNT, "dev/federated").inputs["metadata"]["annotations"]
    assert annotations == {
        "eks.amazonaws.com/role-arn": f"arn:aws:iam::{ACCOUNT_B}:role/federated-B"
    }
    for typ in (ROLE, POLICY, CONFIG_MAP):
        assert [r for r in engine.of(typ) if r.name.startswith("federated")] == []


def test_a_static_key_opens_what_irsa_would():
    engine = run_program(config(KEY))
    irsa = run_program(config({**KEY, "accessKey": None}))

    assert engine.one("aws:iam/user:User").inputs["name"] == "s3-manager"
    assert engine.named(POLICY, "key").inputs == irsa.named(POLICY, "key").inputs
    assert engine.one("aws:iam/userPolicyAttachment:UserPolicyAttachment").inputs == {
        "user": "s3-manager",
        "policyArn": f"arn:aws:iam::{ACCOUNT_A}:policy/key",
    }
    assert [r for r in engine.of(ROLE) if r.name == "key"] == []
    assert "annotations" not in engine.named(SERVICE_ACCOUNT, "dev/key").inputs["metadata"]
    assert engine.one(SECRET).name == "key"


def test_the_user_of_a_static_key_is_named_as_the_workload_unless_told():
    engine = run_program(config({**KEY, "accessKey": {}}))

    assert engine.one("aws:iam/user:User").inputs["name"] == "key"


def test_a_static_key_is_announced_in_the_preview():
    (line,) = run_program(config(KEY), Engine(preview=True)).logged

    assert line.startswith("warning: user 's3-manager' has a static access key")


def test_the_next_key_version_makes_the_next_key_and_moves_the_secret():
    second = {**KEY, "accessKey": {"userName": "s3-manager", "keyVersion": 2}}
    engines = [run_program(config(workload)) for workload in (KEY, second)]

    keys = [engine.one("aws:iam/accessKey:AccessKey").name for engine in engines]
    assert keys == ["s3-manager-v1", "s3-manager-v2"]
    secrets = [engine.one(SECRET).inputs for engine in engines]
    assert secrets[0]["metadata"] == secrets[1]["metadata"]
    assert secrets[0]["data"] != secrets[1]["data"]
    assert engines[1].waits_for(SECRET, "aws:iam/accessKey:AccessKey")


@pytest.mark.parametrize("workload", [CHAIN, FEDERATED, KEY], ids=["chain", "federated", "key"])
def test_a_preview_shows_everything_before_anything_exists(workload):
    preview = run_program(config(workload), Engine(preview=True))

    assert preview.tree() == run_program(config(workload)).tree()


def test_the_outputs_say_what_account_b_and_the_tools_need():
    workloads = outputs_of(config(CHAIN, FEDERATED, KEY))["workloads"]

    shared = {"namespace": "dev"}
    assert workloads["chain"] == {
        **shared,
        "access": "cross-account",
        "via": "role-chaining",
        "subjects": ["system:serviceaccount:dev:chain"],
        "role_arn": ROLE_A,
        "role_name": "chain-A",
        "role_unique_id": "AROACHAIN-A",
        "role_b_arn": ROLE_B,
        "profile": "B",
        "service_account": "chain",
        "deployment": "chain",
    }
    assert workloads["federated"] == {
        **shared,
        "access": "cross-account",
        "via": "oidc-provider",
        "subjects": ["system:serviceaccount:dev:federated"],
        "role_b_arn": f"arn:aws:iam::{ACCOUNT_B}:role/federated-B",
        "service_account": "federated",
        "deployment": "federated",
    }
    assert workloads["key"] == {
        **shared,
        "access": "access-key",
        "subjects": ["system:serviceaccount:dev:key"],
        "user_name": "s3-manager",
        "bucket": "bucket-key",
        "service_account": "key",
        "deployment": "key",
    }


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake["line"][:70])
def test_a_mistake_is_one_line_before_anything_is_registered(mistake):
    workload = {"chain": CHAIN, "federated": FEDERATED, "key": KEY}[mistake["of"]]

    changed = {**workload, **mistake["changes"]}

    line = refusal(config(changed))
    assert line.removeprefix(f"irsa:workloads[{changed['name']}]") == mistake["line"]
