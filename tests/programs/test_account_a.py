"""Account A's program: the three systems, and what they depend on."""

import json
from typing import Any

import pytest

from irsa.identity.policies import (
    assume_role_permissions_policy,
    bucket_permissions_policy,
    irsa_trust_policy,
)
from irsa.identity.subjects import Subject, parse_service_accounts
from tests.support.engine import Engine, outputs_of, run_program, stack_file
from tests.support.world import ACCOUNT_A, ACCOUNT_B, ISSUER_URL, PROVIDER_ARN

ROLE = "aws:iam/role:Role"
POLICY = "aws:iam/policy:Policy"
ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
OIDC_PROVIDER = "aws:iam/openIdConnectProvider:OpenIdConnectProvider"
NAMESPACE = "kubernetes:core/v1:Namespace"
SERVICE_ACCOUNT = "kubernetes:core/v1:ServiceAccount"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
ARN = f"arn:aws:iam::{ACCOUNT_A}:"
ROLE_B = f"arn:aws:iam::{ACCOUNT_B}:role/s3-app-B"


@pytest.fixture(scope="module")
def engine() -> Engine:
    """The program as the stack file configures it."""
    return run_program(stack_file())


def run(**changes: Any) -> Engine:
    return run_program({**stack_file(), **{f"irsa:{key}": each for key, each in changes.items()}})


@pytest.mark.parametrize(
    ("role", "subject"),
    [
        ("s3-app", "dev/s3-app"),
        ("s3-app-A", "dev/s3-app-chain"),
        ("crossplane-aws-provider", "crossplane-system/aws-provider-*"),
    ],
)
def test_each_role_trusts_its_own_service_accounts(engine, role, subject):
    trusted: Subject = parse_service_accounts(subject)

    policy = json.loads(engine.named(ROLE, role).inputs["assumeRolePolicy"])
    assert policy == irsa_trust_policy([PROVIDER_ARN], [trusted])


def test_system_1_gives_the_pod_the_key_of_a_user_who_reads_the_bucket(engine):
    assert engine.one("aws:iam/userPolicyAttachment:UserPolicyAttachment").inputs == {
        "user": "s3-manager",
        "policyArn": f"{ARN}policy/bucket-s3-app-read",
    }
    assert "annotations" not in engine.named(SERVICE_ACCOUNT, "dev/s3-app-key").inputs["metadata"]
    assert engine.one("kubernetes:core/v1:Secret").name == "s3-app-key"


def test_system_2_lets_the_pods_role_read_the_bucket(engine):
    annotations = engine.named(SERVICE_ACCOUNT, "dev/s3-app").inputs["metadata"]["annotations"]
    assert annotations == {"eks.amazonaws.com/role-arn": f"{ARN}role/s3-app"}
    policy = json.loads(engine.named(POLICY, "bucket-s3-app-read").inputs["policy"])
    assert policy == bucket_permissions_policy("arn:aws:s3:::bucket-s3-app", "read")
    assert engine.named(ATTACHMENT, "s3-app-bucket").inputs == {
        "role": "s3-app",
        "policyArn": f"{ARN}policy/bucket-s3-app-read",
    }


def test_system_3_lets_role_a_assume_role_b_and_nothing_else(engine):
    (attached,) = [r for r in engine.of(ATTACHMENT) if r.inputs["role"] == "s3-app-A"]
    assert attached.inputs["policyArn"] == f"{ARN}policy/s3-app-A-assume-role"
    policy = json.loads(engine.named(POLICY, "s3-app-A-assume-role").inputs["policy"])
    assert policy == assume_role_permissions_policy(ROLE_B)
    config = engine.one("kubernetes:core/v1:ConfigMap").inputs["data"]["config"]
    assert f"[profile B]\nrole_arn = {ROLE_B}\nsource_profile = A\n" in config
    assert "external_id" not in config


def test_the_pods_send_the_configured_external_id():
    config = run(externalId="tenant-42").one("kubernetes:core/v1:ConfigMap").inputs["data"]

    assert "external_id = tenant-42\n" in config["config"]


def test_the_computed_arns_keep_the_partition():
    engine = run_program({**stack_file(), "aws:region": "cn-north-1"})

    policy = json.loads(engine.named(POLICY, "s3-app-A-assume-role").inputs["policy"])
    assert policy == assume_role_permissions_policy(ROLE_B.replace("arn:aws:", "arn:aws-cn:"))


def test_the_aws_provider_works_in_one_account_and_tags_everything():
    inputs = run(tags={"team": "x"}).one("pulumi:providers:aws").inputs

    assert inputs["region"] == "us-east-1"
    assert json.loads(inputs["allowedAccountIds"]) == [ACCOUNT_A]
    assert "assumeRoles" not in inputs
    assert json.loads(inputs["defaultTags"]) == {
        "tags": {"project": "irsa", "stack": "dev", "team": "x"}
    }


def test_a_deployment_role_is_assumed_in_aws_and_in_the_cluster():
    deployer = f"{ARN}role/deployer"
    engine = run(assumeRoleArn=deployer)

    assumed = json.loads(engine.one("pulumi:providers:aws").inputs["assumeRoles"])
    assert assumed == [{"roleArn": deployer, "sessionName": "irsa"}]
    cluster = engine.one("eks:index:Cluster").inputs
    assert cluster["providerCredentialOpts"] == {"roleArn": deployer}


def test_every_resource_has_its_explicit_provider(engine):
    for resource in engine.registered:
        package = resource.typ.split(":")[0]
        if package in ("aws", "kubernetes"):
            name = {"aws": "account-a", "kubernetes": "dev"}[package]
            assert f":providers:{package}::{name}::" in resource.provider, resource.name


@pytest.mark.parametrize(
    ("later", "earlier"),
    [
        (DEPLOYMENT, "aws:eks/nodeGroup:NodeGroup"),
        (SERVICE_ACCOUNT, NAMESPACE),
        (SERVICE_ACCOUNT, "eks:index:Cluster"),
        (NAMESPACE, "aws:eks/nodeGroup:NodeGroup"),
        (OIDC_PROVIDER, "eks:index:Cluster"),
    ],
)
def test_resources_wait_for_what_they_need(engine, later, earlier):
    assert engine.waits_for(later, earlier)


def test_roles_of_service_accounts_wait_for_the_oidc_provider(engine):
    (provider,) = (urn for urn in engine.monitor.depends_on if OIDC_PROVIDER in urn)
    roles = [urn for urn in engine.monitor.depends_on if f"ServiceAccountRole${ROLE}" in urn]
    assert len(roles) == 3
    for role in roles:
        assert provider in engine.monitor.depends_on[role]


def test_a_preview_shows_every_resource(engine):
    assert run_program(stack_file(), Engine(preview=True)).tree() == engine.tree()


def test_the_outputs_are_what_account_b_and_users_need():
    assert outputs_of({**stack_file(), "irsa:externalId": "tenant-42"}) == {
        "cluster_name": "dev",
        "issuer_url": ISSUER_URL,
        "cluster_arn": "arn:aws:eks:us-east-1:111122223333:cluster/dev",
        "provider_arn": PROVIDER_ARN,
        "kubeconfig": '{"kind": "Config"}',
        "role_arn": f"{ARN}role/s3-app",
        "pattern_role_arn": f"{ARN}role/crossplane-aws-provider",
        "role_a_arn": f"{ARN}role/s3-app-A",
        "role_a_unique_id": "AROAS3APPA",
        "external_id": "tenant-42",
    }


def test_an_existing_cluster_and_its_provider_are_used():
    cluster = {"clusterName": "theirs", "existing": True, "providerArn": PROVIDER_ARN}
    engine = run(cluster=cluster)

    assert engine.of("eks:index:Cluster") == []
    assert engine.of("aws:eks/nodeGroup:NodeGroup") == []
    assert engine.of(OIDC_PROVIDER) == []
    assert engine.one("aws:eks/cluster:Cluster").resource_id == "theirs"


def test_a_new_cluster_goes_into_the_configured_subnets():
    subnets = ["subnet-0a1b2c3d", "subnet-0a1b2c3e"]
    cluster = {"clusterName": "dev", "vpcId": "vpc-0a1b2c3d", "subnetIds": subnets}

    inputs = run(cluster=cluster).one("eks:index:Cluster").inputs
    assert (inputs["vpcId"], inputs["subnetIds"]) == ("vpc-0a1b2c3d", subnets)
