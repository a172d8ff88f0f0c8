"""Account A's program: the three systems, and what they depend on."""

import json

import pytest

from irsa_core.identity import policies
from irsa_core.identity.names import shared_name
from irsa_core.identity.subjects import parse_service_accounts
from tests.support.engine import Engine, outputs_of, run_program, stack_file
from tests.support.world import ACCOUNT_A, ACCOUNT_B, CLUSTER_OUTPUTS, PROVIDER_ARN

ARN = f"arn:aws:iam::{ACCOUNT_A}:"
ROLE_B_NAME = shared_name("s3-app-B", "organization/irsa/dev")
ROLE_B = f"arn:aws:iam::{ACCOUNT_B}:role/{ROLE_B_NAME}"


@pytest.fixture(scope="module")
def engine() -> Engine:
    """The program as the stack file configures it."""
    return run_program(stack_file())


def run(**changes):
    return run_program({**stack_file(), **{f"irsa:{key}": each for key, each in changes.items()}})


def policy(engine, name):
    return json.loads(engine.one("Policy", name).inputs["policy"])


def config_file(engine: Engine) -> str:
    return engine.one("ConfigMap").inputs["data"]["config"]


PATTERN = "crossplane-system/aws-provider-*"
ROLES = {"s3-app": "dev/s3-app", "s3-app-A": "dev/s3-app-chain", "crossplane-aws-provider": PATTERN}


@pytest.mark.parametrize(("role", "subject"), ROLES.items())
def test_each_role_trusts_its_own_service_accounts(engine, role, subject):
    trust = json.loads(engine.one("Role", role).inputs["assumeRolePolicy"])
    assert trust == policies.irsa_trust_policy([PROVIDER_ARN], [parse_service_accounts(subject)])


def test_system_1_gives_the_pod_the_key_of_a_user_who_reads_the_bucket(engine):
    attachment = engine.one("UserPolicyAttachment").inputs
    assert attachment == {"user": "s3-manager", "policyArn": f"{ARN}policy/s3-app-read"}
    metadata = engine.one("ServiceAccount", "dev/s3-app-key").inputs["metadata"]
    assert "annotations" not in metadata
    assert engine.one("Secret").name == "s3-app-key"


def test_system_2_lets_the_pods_role_read_the_bucket(engine):
    annotations = engine.one("ServiceAccount", "dev/s3-app").inputs["metadata"]["annotations"]
    assert annotations == {"eks.amazonaws.com/role-arn": f"{ARN}role/s3-app"}
    read = policies.bucket_permissions_policy("arn:aws:s3:::s3-app", "read")
    embedded = engine.one("RolePolicy").inputs
    assert (embedded["role"], json.loads(embedded["policy"])) == ("s3-app", read)
    assert policy(engine, "s3-app-read") == read, "the user's, by attachment"


@pytest.mark.parametrize("external_id", ["tenant-42", None])
def test_system_3_lets_role_a_assume_role_b_and_nothing_else(external_id):
    engine = run(externalId=external_id) if external_id else run()

    assert policy(engine, "s3-app-A-assume-role") == policies.assume_role_permissions_policy(ROLE_B)
    assert f"[profile B]\nrole_arn = {ROLE_B}\nsource_profile = A\n" in config_file(engine)
    assert ("external_id = tenant-42\n" in config_file(engine)) == bool(external_id)


def test_the_computed_arns_keep_the_partition():
    engine = run_program({**stack_file(), "aws:region": "cn-north-1"}, Engine(partition="aws-cn"))

    in_china = policies.assume_role_permissions_policy(ROLE_B.replace("arn:aws:", "arn:aws-cn:"))
    assert policy(engine, "s3-app-A-assume-role") == in_china


@pytest.mark.parametrize("deployer", [f"{ARN}role/deployer", None])
def test_the_provider_works_in_one_account_and_assumes_a_given_role(deployer):
    role = {"assumeRoleArn": deployer} if deployer else {}
    engine = run(tags={"team": "x"}, **role)

    inputs = engine.one("aws").inputs
    assert inputs["region"] == "us-east-1"
    assert json.loads(inputs["allowedAccountIds"]) == [ACCOUNT_A]
    tags = {"project": "irsa", "stack": "dev", "team": "x"}
    assert json.loads(inputs["defaultTags"]) == {"tags": tags}
    assumed = json.loads(inputs.get("assumeRoles", "null"))
    assert assumed == (deployer and [{"roleArn": deployer, "sessionName": "irsa"}])
    cluster = engine.one("eks:index:Cluster").inputs.get("providerCredentialOpts")
    assert cluster == (deployer and {"roleArn": deployer})


def test_a_preview_shows_every_resource_with_its_explicit_provider(engine):
    assert run_program(stack_file(), Engine(preview=True)).tree() == engine.tree()
    for resource in engine.registered:
        package = resource.typ.split(":")[0]
        if package in ("aws", "kubernetes"):
            name = {"aws": "account-a", "kubernetes": "dev"}[package]
            assert f":providers:{package}::{name}::" in resource.provider, resource.name


def test_objects_wait_for_their_namespace_and_that_for_the_nodes(engine):
    assert engine.waits_for("ServiceAccount", "Namespace")
    assert engine.waits_for("Namespace", "NodeGroup")


def test_roles_of_service_accounts_wait_for_the_oidc_provider(engine):
    depends_on = engine.monitor.depends_on
    (provider,) = (urn for urn in depends_on if "OpenIdConnectProvider" in urn)
    roles = [urn for urn in depends_on if "ServiceAccountRole$aws:iam/role:Role" in urn]
    assert [provider in depends_on[role] for role in roles] == [True] * 3


def test_the_outputs_are_what_account_b_and_users_need():
    assert outputs_of({**stack_file(), "irsa:externalId": "tenant-42"}) == {
        **CLUSTER_OUTPUTS,
        "kubeconfig": '{"kind": "Config"}',
        "bucket": "s3-app",
        "role_arn": f"{ARN}role/s3-app",
        "pattern_role_arn": f"{ARN}role/crossplane-aws-provider",
        "role_a_arn": f"{ARN}role/s3-app-A",
        "role_a_unique_id": "AROAS3APPA",
        "external_id": "tenant-42",
    }


def test_a_cluster_is_created_in_given_subnets_or_used_with_its_provider():
    network = {"vpcId": "vpc-0a1b2c3d", "subnetIds": ["subnet-0a1b2c3d", "subnet-0a1b2c3e"]}
    inputs = run(cluster={"clusterName": "dev", **network}).one("eks:index:Cluster").inputs
    assert {key: inputs[key] for key in network} == network

    cluster = {"clusterName": "theirs", "existing": True, "providerArn": PROVIDER_ARN}
    engine = run(cluster=cluster)

    for created in ("eks:index:Cluster", "NodeGroup", "OpenIdConnectProvider"):
        assert engine.of(created) == []
    assert engine.one("aws:eks/cluster:Cluster").resource_id == "theirs"


def test_no_name_of_aws_is_in_the_program(engine):
    """Pulumi names them, but for the cluster, which the stack's configuration names."""
    for kind in ("aws:iam/role:Role", "User", "aws:iam/policy:Policy"):
        assert [each.name for each in engine.of(kind) if "name" in each.inputs] == [], kind
    assert "bucket" not in engine.one("Bucket").inputs


def test_the_pods_find_their_bucket_in_their_environment(engine):
    bucket_b = shared_name("s3-app-b", "organization/irsa/dev", ACCOUNT_B)
    for deployment in engine.of("Deployment"):
        [container] = deployment.inputs["spec"]["template"]["spec"]["containers"]
        bucket = bucket_b if deployment.name == "s3-app-chain" else "s3-app"
        assert {"name": "BUCKET", "value": bucket} in container["env"]
