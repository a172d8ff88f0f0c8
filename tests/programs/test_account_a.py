"""Account A's program: the whole of it, on the mock engine, from its own stack file."""

import json
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml

from irsa.identity.policies import bucket_permissions_policy, irsa_trust_policy
from irsa.identity.subjects import service_account_pattern, service_account_ref
from tests.support.engine import (
    ACCOUNT_A,
    ISSUER_URL,
    PROVIDER_ARN,
    Engine,
    irsa_example,
    outputs_of,
    refusal,
    run_program,
)

MISTAKES = yaml.safe_load(Path(__file__).with_name("account_a_mistakes.yaml").read_text())
READ_ONLY = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
ROLE = "aws:iam/role:Role"
POLICY = "aws:iam/policy:Policy"
ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
OIDC_PROVIDER = "aws:iam/openIdConnectProvider:OpenIdConnectProvider"
NAMESPACE = "kubernetes:core/v1:Namespace"
SERVICE_ACCOUNT = "kubernetes:core/v1:ServiceAccount"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
SUBNETS = ["subnet-0a1b2c3d", "subnet-0a1b2c3e"]
SECOND = {
    "name": "other",
    "namespace": "dev",
    "bucket": {"name": "bucket-s3-app", "permissions": "full", "forceDestroy": True},
    "container": {"image": "app"},
}


def config(**workload: Any) -> dict[str, Any]:
    """The example's configuration, with changes to workload `s3-app`."""
    found = irsa_example()
    found["irsa:workloads"][0].update(workload)
    return found


def with_second(**workload: Any) -> dict[str, Any]:
    """The example's configuration and another workload in the same namespace."""
    found = config()
    found["irsa:workloads"].append({**SECOND, **workload})
    return found


def test_the_example_is_the_missions():
    engine = run_program(irsa_example())

    assert engine.named(SERVICE_ACCOUNT, "dev/s3-app").inputs["metadata"] == {
        "name": "s3-app",
        "namespace": "dev",
        "annotations": {"eks.amazonaws.com/role-arn": f"arn:aws:iam::{ACCOUNT_A}:role/s3-app"},
    }
    role = json.loads(engine.named(ROLE, "s3-app").inputs["assumeRolePolicy"])
    assert role == irsa_trust_policy([PROVIDER_ARN], [service_account_ref("dev", "s3-app")])
    policy = json.loads(engine.one(POLICY).inputs["policy"])
    assert policy == bucket_permissions_policy("arn:aws:s3:::bucket-s3-app", "read")
    assert engine.named(ATTACHMENT, "s3-app-bucket").inputs == {
        "role": "s3-app",
        "policyArn": f"arn:aws:iam::{ACCOUNT_A}:policy/s3-app",
    }
    assert engine.one("eks:index:Cluster").inputs["name"] == "dev"


def with_role(**changes: Any) -> dict[str, Any]:
    """The example's configuration, with changes to the role of somebody else's service accounts."""
    found = irsa_example()
    found["irsa:roles"][0].update(changes)
    return found


def test_a_role_alone_is_a_role_and_nothing_in_the_cluster():
    engine = run_program(irsa_example())

    pattern = service_account_pattern("crossplane-system", "aws-provider-*")
    role = engine.named(ROLE, "crossplane-aws-provider").inputs
    assert json.loads(role["assumeRolePolicy"]) == irsa_trust_policy([PROVIDER_ARN], [pattern])
    assert [resource.name for resource in engine.of(DEPLOYMENT)] == ["s3-app"]
    assert [resource.name for resource in engine.of(SERVICE_ACCOUNT)] == ["dev/s3-app"]
    assert [resource.name for resource in engine.of(NAMESPACE)] == ["dev"]


def test_a_role_for_an_exact_service_account_has_its_bucket_and_its_audience():
    """Of Helm, in a namespace that nobody lists."""
    bucket = {"name": "bucket-s3-app", "permissions": "full", "forceDestroy": True}
    exact = {"serviceAccountPattern": None, "serviceAccount": "loki", "audience": "vault"}
    found = with_role(name="loki", namespace="logs", bucket=bucket, **exact)
    engine = run_program(found)

    role = json.loads(engine.named(ROLE, "loki").inputs["assumeRolePolicy"])
    assert role == irsa_trust_policy(
        [PROVIDER_ARN], [service_account_ref("logs", "loki")], audience="vault"
    )
    assert engine.one(OIDC_PROVIDER).inputs["clientIdLists"] == ["sts.amazonaws.com", "vault"]
    policy = json.loads(engine.named(POLICY, "loki").inputs["policy"])
    assert policy == bucket_permissions_policy("arn:aws:s3:::bucket-s3-app", "full")
    assert engine.named(ATTACHMENT, "loki-bucket").inputs["role"] == "loki"
    assert [resource.name for resource in engine.of(NAMESPACE)] == ["dev"]
    assert outputs_of(found)["workloads"]["loki"] == {
        "access": "irsa",
        "namespace": "logs",
        "role_arn": f"arn:aws:iam::{ACCOUNT_A}:role/loki",
        "role_name": "loki",
        "role_unique_id": "AROALOKI",
        "subjects": ["system:serviceaccount:logs:loki"],
        "service_account": "loki",
        "bucket": "bucket-s3-app",
    }


def test_the_aws_provider_works_in_one_account_and_tags_everything():
    found = {**config(), "irsa:tags": {"team": "x"}}

    inputs = run_program(found).one("pulumi:providers:aws").inputs
    assert inputs["region"] == "us-east-1"
    assert json.loads(inputs["allowedAccountIds"]) == [ACCOUNT_A]
    assert json.loads(inputs["defaultTags"]) == {
        "tags": {"project": "irsa", "stack": "dev", "team": "x"}
    }


def test_every_resource_has_its_explicit_provider():
    engine = run_program(irsa_example())

    for resource in engine.registered:
        package = resource.typ.split(":")[0]
        if package in ("aws", "kubernetes"):
            name = {"aws": "account-a", "kubernetes": "dev"}[package]
            assert f":providers:{package}::{name}::" in resource.provider, resource.name


@pytest.mark.parametrize(
    ("later", "earlier"),
    [
        (DEPLOYMENT, SERVICE_ACCOUNT),
        (DEPLOYMENT, "aws:eks/nodeGroup:NodeGroup"),
        (DEPLOYMENT, ATTACHMENT),
        (SERVICE_ACCOUNT, NAMESPACE),
        (SERVICE_ACCOUNT, "eks:index:Cluster"),
        (NAMESPACE, "aws:eks/nodeGroup:NodeGroup"),
        (OIDC_PROVIDER, "eks:index:Cluster"),
    ],
)
def test_creation_follows_the_chain_and_destruction_goes_back(later, earlier):
    assert run_program(irsa_example()).waits_for(later, earlier)


def test_workload_roles_wait_for_the_oidc_provider_and_go_before_it():
    engine = run_program(irsa_example())

    (provider,) = (urn for urn in engine.monitor.depends_on if OIDC_PROVIDER in urn)
    roles = [urn for urn in engine.monitor.depends_on if f"ServiceAccountRole${ROLE}" in urn]
    assert len(roles) == 2
    for role in roles:
        assert provider in engine.monitor.depends_on[role]


def test_a_preview_shows_everything_before_anything_exists():
    assert (
        run_program(irsa_example(), Engine(preview=True)).tree()
        == run_program(irsa_example()).tree()
    )


def test_the_outputs_are_what_the_other_programs_read():
    arn = f"arn:aws:iam::{ACCOUNT_A}:role/"

    assert outputs_of(irsa_example()) == {
        "account_id": ACCOUNT_A,
        "region": "us-east-1",
        "cluster_name": "dev",
        "issuer_url": ISSUER_URL,
        "provider_arn": PROVIDER_ARN,
        "audiences": ["sts.amazonaws.com"],
        "kubeconfig": '{"kind": "Config"}',
        "workloads": {
            "s3-app": {
                "access": "irsa",
                "namespace": "dev",
                "role_arn": f"{arn}s3-app",
                "role_name": "s3-app",
                "role_unique_id": "AROAS3-APP",
                "subjects": ["system:serviceaccount:dev:s3-app"],
                "bucket": "bucket-s3-app",
                "service_account": "s3-app",
                "deployment": "s3-app",
            },
            "crossplane-aws-provider": {
                "access": "irsa",
                "namespace": "crossplane-system",
                "role_arn": f"{arn}crossplane-aws-provider",
                "role_name": "crossplane-aws-provider",
                "role_unique_id": "AROACROSSPLANE-AWS-PROVIDER",
                "subjects": ["system:serviceaccount:crossplane-system:aws-provider-*"],
            },
        },
    }


def test_workloads_of_one_bucket_share_it():
    engine = run_program(with_second())

    assert engine.one("aws:s3/bucket:Bucket").inputs["bucket"] == "bucket-s3-app"
    assert {resource.name for resource in engine.of(POLICY)} == {"s3-app", "other"}


def test_workloads_of_one_namespace_wait_for_it():
    engine = run_program(with_second())

    assert engine.one(NAMESPACE)
    assert len(engine.of(SERVICE_ACCOUNT)) == 2
    assert engine.waits_for(SERVICE_ACCOUNT, NAMESPACE)


def test_an_adopted_cluster_is_left_alone():
    found = {
        **config(),
        "irsa:cluster": {"name": "theirs", "existing": True, "providerArn": PROVIDER_ARN},
    }
    engine = run_program(found)

    assert engine.of("eks:index:Cluster") == []
    assert engine.of("aws:eks/nodeGroup:NodeGroup") == []
    assert engine.of(OIDC_PROVIDER) == []
    assert engine.one("aws:eks/cluster:Cluster").resource_id == "theirs"


TWO_ZONES = {SUBNETS[0]: ("vpc-0a", "us-east-1a"), SUBNETS[1]: ("vpc-0a", "us-east-1b")}


def in_subnets(**cluster: Any) -> dict[str, Any]:
    """The example's configuration with the cluster in two subnets."""
    return {**config(), "irsa:cluster": {"name": "dev", "subnetIds": SUBNETS, **cluster}}


def test_p1_a_cluster_goes_into_the_vpc_of_its_subnets():
    """P1: the program says which VPC that is, so that a VPC that is not the default one works."""
    inputs = run_program(in_subnets(), Engine(subnets=TWO_ZONES)).one("eks:index:Cluster").inputs

    assert (inputs["vpcId"], inputs["subnetIds"]) == ("vpc-0a", SUBNETS)


IN_TWO_VPCS = (
    "subnet subnet-0a1b2c3d is in vpc-0a and subnet-0a1b2c3e in vpc-0b; "
    "cluster.subnetIds must be of one VPC"
)
IN_ONE_ZONE = (
    "subnets subnet-0a1b2c3d, subnet-0a1b2c3e are all in us-east-1a; EKS needs two availability "
    "zones: add a subnet of another one to cluster.subnetIds"
)
IN_ANOTHER_VPC = (
    "subnet subnet-0a1b2c3d is in vpc-0a, not in vpc-0000000c; "
    "correct cluster.subnetIds or cluster.vpcId"
)


@pytest.mark.parametrize(
    ("second", "vpc_id", "line"),
    [
        (("vpc-0b", "us-east-1b"), None, IN_TWO_VPCS),
        (("vpc-0a", "us-east-1a"), None, IN_ONE_ZONE),
        (("vpc-0a", "us-east-1b"), "vpc-0000000c", IN_ANOTHER_VPC),
    ],
    ids=["two VPCs", "one zone", "another VPC"],
)
@pytest.mark.parametrize("preview", [False, True])
def test_p1_subnets_that_eks_would_refuse_are_one_line(second, vpc_id, line, preview):
    engine = Engine(preview=preview, subnets={**TWO_ZONES, SUBNETS[1]: second})
    found = in_subnets(**({"vpcId": vpc_id} if vpc_id else {}))

    with pytest.raises(pulumi.RunError) as caught:
        run_program(found, engine)
    assert str(caught.value) == line
    assert engine.of("eks:index:Cluster") == []


def test_p1_a_subnet_that_does_not_exist_is_named():
    """pulumi-aws says "no matching EC2 Subnet found", of whichever."""
    engine = Engine(subnets={SUBNETS[0]: TWO_ZONES[SUBNETS[0]]})

    with pytest.raises(pulumi.RunError) as caught:
        run_program(in_subnets(), engine)
    assert str(caught.value) == (
        f"subnet {SUBNETS[1]} does not exist in the account and region of the cluster; "
        "correct cluster.subnetIds"
    )


def test_the_options_of_a_cluster_reach_it():
    ann = f"arn:aws:iam::{ACCOUNT_A}:user/ann"
    engine = run_program(
        {
            **config(),
            "irsa:cluster": {
                "name": "dev",
                "controlPlane": {"logTypes": ["api"], "publicAccessCidrs": ["203.0.113.0/24"]},
                "accessEntries": [{"principalArn": ann, "policy": "AmazonEKSViewPolicy"}],
            },
        }
    )

    inputs = engine.one("eks:index:Cluster").inputs
    assert inputs["enabledClusterLogTypes"] == ["api"]
    assert inputs["publicAccessCidrs"] == ["203.0.113.0/24"]
    assert engine.one("aws:eks/accessEntry:AccessEntry").inputs["principalArn"] == ann


def test_a_deployment_role_is_assumed_in_aws_and_in_the_cluster():
    deployer = f"arn:aws:iam::{ACCOUNT_A}:role/deployer"
    engine = run_program({**config(), "irsa:assumeRoleArn": deployer})

    assumed = json.loads(engine.one("pulumi:providers:aws").inputs["assumeRoles"])
    assert assumed == [{"roleArn": deployer, "sessionName": "irsa"}]
    cluster = engine.one("eks:index:Cluster").inputs
    assert cluster["providerCredentialOpts"] == {"roleArn": deployer}


def test_the_options_of_a_workload_reach_its_resources():
    boundary = "arn:aws:iam::111122223333:policy/boundary"
    further = PROVIDER_ARN.replace("us-east-1", "eu-west-1")
    engine = run_program(
        config(
            serviceAccount="main",
            serviceAccountPattern="job-*",
            existingServiceAccount=True,
            replicas=2,
            token={"audience": "vault", "expiration": 3600, "stsRegionalEndpoints": False},
            role={
                "name": "reader",
                "path": "/team/",
                "permissionsBoundary": boundary,
                "maxSessionDuration": 7200,
                "policyArns": {"logs": "arn:aws:iam::aws:policy/Logs"},
                "providerArns": [further],
                "alsoTrusted": [{"namespace": "ci", "serviceAccount": "runner"}],
            },
        )
    )

    role = engine.named(ROLE, "team/reader").inputs
    subjects = [
        service_account_ref("dev", "main"),
        service_account_ref("ci", "runner"),
        service_account_pattern("dev", "job-*"),
    ]
    assert json.loads(role.pop("assumeRolePolicy")) == irsa_trust_policy(
        [PROVIDER_ARN, further], subjects, audience="vault"
    )
    assert role == {
        "name": "reader",
        "path": "/team/",
        "description": "IRSA for ci, dev",
        "permissionsBoundary": boundary,
        "maxSessionDuration": 7200,
    }
    assert engine.named(ATTACHMENT, "team/reader-logs")
    assert engine.one(OIDC_PROVIDER).inputs["clientIdLists"] == ["sts.amazonaws.com", "vault"]
    patch = engine.one("kubernetes:core/v1:ServiceAccountPatch").inputs["metadata"]
    assert patch == {
        "name": "main",
        "namespace": "dev",
        "annotations": {
            "eks.amazonaws.com/role-arn": f"arn:aws:iam::{ACCOUNT_A}:role/team/reader",
            "eks.amazonaws.com/audience": "vault",
            "eks.amazonaws.com/token-expiration": "3600",
            "eks.amazonaws.com/sts-regional-endpoints": "false",
        },
    }
    assert engine.one(DEPLOYMENT).inputs["spec"]["replicas"] == 2


def test_a_whole_namespace_is_announced_in_the_preview():
    found = with_role(serviceAccountPattern="*", allowWholeNamespace=True)

    (line,) = run_program(found, Engine(preview=True)).logged
    assert line.startswith(
        "warning: role 'crossplane-aws-provider' trusts every service account of namespace "
        "'crossplane-system'"
    )


def begins(mistake: dict[str, Any]) -> str:
    """The name of a test case."""
    return mistake["line"][:60]


@pytest.mark.parametrize("mistake", MISTAKES["stack"], ids=begins)
def test_a_mistake_in_the_stack_is_one_line_before_anything_is_registered(mistake):
    found = {**config(), **mistake["changes"]}

    line = refusal({key: value for key, value in found.items() if value is not None})
    assert line.startswith(mistake["line"])


@pytest.mark.parametrize("mistake", MISTAKES["workload"], ids=begins)
def test_a_mistake_in_a_workload_is_one_line_before_anything_is_registered(mistake):
    assert refusal(config(**mistake["changes"])).startswith(mistake["line"])


@pytest.mark.parametrize("mistake", MISTAKES["role"], ids=begins)
def test_a_mistake_in_a_role_is_one_line_before_anything_is_registered(mistake):
    assert refusal(with_role(**mistake["changes"])).startswith(mistake["line"])


@pytest.mark.parametrize("mistake", MISTAKES["second_workload"], ids=begins)
def test_workloads_that_contradict_each_other_are_one_line(mistake):
    assert refusal(with_second(**mistake["changes"])) == mistake["line"]


def test_the_providers_and_the_engine_have_keys_of_their_own():
    """F i."""
    others = {"aws:profile": "x", "kubernetes:namespace": "x", "eks:x": "x", "pulumi:tags": "{}"}

    assert run_program({**config(), **others}).named(ROLE, "s3-app")


def test_a_trust_policy_above_the_quota_is_one_line_before_anything_is_registered():
    trusted = [{"namespace": "dev", "serviceAccount": f"service-account-{n}"} for n in range(50)]

    assert refusal(config(role={"alsoTrusted": trusted})) == (
        "irsa: workload 's3-app': the trust policy has 2813 characters and the quota is 2048: "
        "trust fewer subjects or clusters, use a pattern, or have the quota raised by AWS and set "
        "trustPolicyQuota"
    )


def test_a_quota_that_aws_raised_lets_more_subjects_in():
    trusted = [{"namespace": "dev", "serviceAccount": f"service-account-{n}"} for n in range(50)]
    found = {**config(role={"alsoTrusted": trusted}), "irsa:trustPolicyQuota": "4096"}

    assert run_program(found).named(ROLE, "s3-app")


IMPORTED = {"name": "loki-2024", "imported": True, "policyArns": {"s3": READ_ONLY}}


def test_a_role_is_imported_with_its_policies_and_keeps_what_it_has():
    given = {**IMPORTED, "description": "Logs", "tags": {"team": "x"}, "path": "/team/"}
    entry = {"name": "loki", "namespace": "logs", "serviceAccount": "loki", "role": given}

    engine = run_program({**config(), "irsa:roles": [entry]})

    assert engine.options(ROLE, "team/loki-2024").importId == "loki-2024"
    assert engine.options(ATTACHMENT, "team/loki-2024-s3").importId == f"loki-2024/{READ_ONLY}"
    inputs = engine.named(ROLE, "team/loki-2024").inputs
    assert (inputs["description"], inputs["tags"]) == ("Logs", {"team": "x"})


def test_a_role_that_becomes_a_workloads_stays_the_same_resource():
    """docs/import.md: roles are imported as entries of irsa:roles."""
    entry = {"name": "loki", "namespace": "dev", "serviceAccount": "loki", "role": IMPORTED}
    as_role = run_program({**config(), "irsa:roles": [entry]})
    workload = {**entry, "container": {"image": "app"}}
    as_workload = run_program({**config(), "irsa:workloads": [workload], "irsa:roles": []})

    for kind, name in ((ROLE, "loki-2024"), (ATTACHMENT, "loki-2024-s3")):
        before, after = as_role.options(kind, name), as_workload.options(kind, name)
        assert (before.parent, before.object) == (after.parent, after.object)
    assert as_role.options(ROLE, "loki-2024").parent.endswith("ServiceAccountRole::loki")


def test_what_is_used_as_it_is_cannot_be_imported_too():
    role = {"name": "loki", "existing": True, "imported": True}

    assert "only its name and path are given here" in refusal(config(role=role, bucket=None))
