"""A team's stack: account A's program on the cluster of a platform stack."""

import json
from typing import Any

import pulumi
import pytest
import yaml
from jsonschema import Draft7Validator

from irsa.identity.kubeconfig import kubeconfig
from irsa.identity.policies import irsa_trust_policy
from irsa.identity.subjects import service_account_ref
from tests.support.engine import (
    ACCOUNT_A,
    ACCOUNT_B,
    ISSUER_URL,
    PROVIDER_ARN,
    REGION,
    Engine,
    irsa_example,
    outputs_of,
    refusal,
    run_program,
    secret,
)
from tests.support.paths import ROOT

STACKS = ("platform", "team-1")
PLATFORM = "organization/irsa/platform"
DEPLOYER = f"arn:aws:iam::{ACCOUNT_A}:role/deployer"
TEAM = f"arn:aws:iam::{ACCOUNT_A}:role/team-1"
CLUSTER_ARN = f"arn:aws:eks:{REGION}:{ACCOUNT_A}:cluster/shared"
KUBERNETES = "pulumi:providers:kubernetes"
ROLE = "aws:iam/role:Role"
STACK_REFERENCE = "pulumi:pulumi:StackReference"


def config_of(role_arn: str | None) -> str:
    """The cluster's kubeconfig as that role."""
    found = kubeconfig(CLUSTER_ARN, "shared", "https://shared.example", "Q0E=", role_arn=role_arn)
    return json.dumps(found)


def outputs(**changes: Any) -> dict[str, Any]:
    """What the platform stack exports; None takes an output away."""
    found = {
        "account_id": ACCOUNT_A,
        "region": REGION,
        "cluster_name": "shared",
        "issuer_url": ISSUER_URL,
        "provider_arn": PROVIDER_ARN,
        "audiences": ["sts.amazonaws.com"],
        "kubeconfig": secret(config_of(DEPLOYER)),
        "workloads": {},
        **changes,
    }
    return {name: value for name, value in found.items() if value is not None}


def config(**changes: Any) -> dict[str, Any]:
    """A team's configuration: the example's workloads, on the platform's cluster."""
    return {**irsa_example(), "irsa:cluster": {"stack": PLATFORM}, **changes}


def run(preview: bool = False, given: dict[str, Any] | None = None, **changes: Any) -> Engine:
    engine = Engine(preview=preview, stacks={PLATFORM: outputs() if given is None else given})
    return run_program(config(**changes), engine)


def refused(given: dict[str, Any], **changes: Any) -> str:
    """The line that ends the program, before anything but the reference is registered."""
    engine = Engine(stacks={PLATFORM: given})
    with pytest.raises(pulumi.RunError) as caught:
        run_program(config(**changes), engine)
    assert [each.typ for each in engine.registered] in ([], [STACK_REFERENCE])
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("preview", [False, True])
def test_a_teams_roles_trust_the_platforms_provider_and_no_cluster_is_made(preview):
    engine = run(preview)

    assert engine.one(STACK_REFERENCE).name == PLATFORM
    trust = json.loads(engine.named(ROLE, "s3-app").inputs["assumeRolePolicy"])
    assert trust == irsa_trust_policy([PROVIDER_ARN], [service_account_ref("dev", "s3-app")])
    types = {each.typ for each in engine.registered}
    assert not [typ for typ in types if "eks" in typ or "openIdConnectProvider" in typ]


def test_what_is_in_the_cluster_is_reached_by_the_platforms_kubeconfig():
    engine = run()

    provider = engine.one(KUBERNETES)
    assert provider.name == "shared"
    assert provider.inputs["clusterIdentifier"] == ISSUER_URL
    for resource in engine.registered:
        if resource.typ.startswith("kubernetes:"):
            assert f"{KUBERNETES}::shared::" in resource.provider, resource.name


@pytest.mark.parametrize("team", [TEAM, None])
def test_a_team_comes_to_the_cluster_as_itself_and_never_as_the_platforms_role(team):
    provider = run(**{"irsa:assumeRoleArn": team or ""}).one(KUBERNETES)

    given = provider.inputs["kubeconfig"]
    assert given == secret(config_of(team))
    assert DEPLOYER not in json.dumps(provider.inputs)


def test_a_team_that_adopted_the_cluster_before_keeps_its_provider():
    assert run().aliases(KUBERNETES, "shared") == [
        "urn:pulumi:dev::irsa::irsa:index:EksCluster$pulumi:providers:kubernetes::shared"
    ]


def test_a_teams_outputs_are_what_account_b_and_verify_read():
    found = outputs_of(config(), stacks={PLATFORM: outputs()})

    assert found.pop("workloads").keys() == {"s3-app", "crossplane-aws-provider"}
    assert json.loads(found.pop("kubeconfig"))["current-context"] == CLUSTER_ARN
    assert found == {
        "account_id": ACCOUNT_A,
        "region": REGION,
        "cluster_name": "shared",
        "issuer_url": ISSUER_URL,
        "provider_arn": PROVIDER_ARN,
        "audiences": ["sts.amazonaws.com"],
    }


def test_a_platform_has_a_cluster_and_nothing_that_runs_in_it():
    """The same program, and the audiences that the teams' pods ask for."""
    cluster = {"name": "shared", "audiences": ["vault"]}
    platform = {**irsa_example(), "irsa:cluster": cluster, "irsa:workloads": "none"}
    del platform["irsa:roles"]

    found = outputs_of(platform)
    assert found["workloads"] == {}
    assert found["audiences"] == ["sts.amazonaws.com", "vault"]
    provider = run_program(platform).one("aws:iam/openIdConnectProvider:OpenIdConnectProvider")
    assert provider.inputs["clientIdLists"] == ["sts.amazonaws.com", "vault"]


@pytest.mark.parametrize("output", sorted(outputs().keys() - {"workloads"}))
def test_an_output_that_is_missing_is_one_line(output):
    there = sorted(outputs().keys() - {output})

    line = refused(outputs(**{output: None}))
    assert line.startswith(f"stack {PLATFORM} exports no {output!r} (it has ")
    assert line.endswith("; run `pulumi up` there first, or point to the right stack")
    assert all(name in line for name in there if name != "kubeconfig")


ONE_PLACE = "a cluster, its OIDC provider and the roles that trust it are in one place"
NOT_ACCEPTED = (
    "has an OIDC provider that does not accept the audience 'sts.amazonaws.com'; add it to "
    "irsa:cluster.audiences there, and bring that stack up first"
)
MISTAKES = {
    "another account": (
        {"account_id": ACCOUNT_B},
        f"is of account {ACCOUNT_B}, and this one of account {ACCOUNT_A}; {ONE_PLACE}",
    ),
    "another region": (
        {"region": "eu-west-1"},
        f"is of region eu-west-1, and this one of region {REGION}; {ONE_PLACE}",
    ),
    "an audience": ({"audiences": ["vault"]}, NOT_ACCEPTED),
    "no kubeconfig": (
        {"kubeconfig": secret("apiVersion: v1")},
        "exports a 'kubeconfig' that is not JSON; run `pulumi up` there",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_platform_that_is_not_for_this_stack_is_one_line(mistake):
    changes, line = MISTAKES[mistake]

    assert refused(outputs(**changes)) == f"irsa:cluster.stack: stack {PLATFORM} {line}"


def test_no_message_shows_a_secret():
    line = refused(outputs(kubeconfig=secret({"token": "hush"})))

    assert line.startswith(f"stack {PLATFORM} exports no 'kubeconfig'")
    assert "hush" not in line


def test_a_stack_is_no_platform_of_its_own():
    """A stack that has a cluster, and is told to take its own, would delete it."""
    line = refused({}, **{"irsa:cluster": {"stack": "organization/irsa/dev"}})

    assert line == (
        "irsa:cluster.stack: stack organization/irsa/dev is this stack itself; name the one that "
        "has the cluster"
    )


def test_what_is_the_platforms_to_say_is_one_line():
    cluster = {"stack": PLATFORM, "version": "1.34"}

    assert refusal(config(**{"irsa:cluster": cluster})) == (
        "irsa:cluster: unknown key 'version'; the cluster is another stack's (stack): configure it "
        "there"
    )


EXAMPLES = ROOT / "docs" / "examples"


def test_the_documents_stacks_are_a_platform_and_a_team():
    platform, team = (
        yaml.safe_load((EXAMPLES / f"Pulumi.{name}.yaml").read_text()) for name in STACKS
    )
    schema = Draft7Validator(json.loads((ROOT / "schemas" / "account-a.json").read_text()))
    assert [schema.is_valid(platform), schema.is_valid(team)] == [True, True]

    made = run_program(platform["config"])
    assert made.options("eks:index:Cluster", "shared").protect
    assert [each.name for each in made.of("kubernetes:core/v1:Namespace")] == ["team-1"]
    folder = {"irsa:workloads": str(EXAMPLES / "workloads")}
    found = run_program({**team["config"], **folder}, Engine(stacks={PLATFORM: outputs()}))
    assert {each.name for each in found.of(ROLE)} == {"reports", "exporter"}
    assert found.one("aws:s3/bucket:Bucket").name == "acme-team-1-reports"


FURTHER = [PROVIDER_ARN.replace("/0123", f"/{number:04d}") for number in range(1, 5)]


def one_role(*providers: str) -> dict[str, Any]:
    """The example's workload, whose role trusts further clusters."""
    found = config()
    found["irsa:workloads"][0]["role"] = {"providerArns": list(providers)}
    return found


def test_a_role_for_a_few_clusters_is_made_by_one_stack_and_used_by_the_others():
    made = run_program(one_role(*FURTHER[:3]), Engine(stacks={PLATFORM: outputs()}))
    trust = json.loads(made.named(ROLE, "s3-app").inputs["assumeRolePolicy"])
    assert len(trust["Statement"]) == 4

    other = config()
    other["irsa:workloads"][0].update(role={"name": "s3-app", "existing": True}, bucket=None)
    engine = run_program(other, Engine(stacks={PLATFORM: outputs(provider_arn=FURTHER[0])}))
    assert [each.name for each in engine.of(ROLE) if not each.resource_id] == [
        "crossplane-aws-provider"
    ]
    account = engine.one("kubernetes:core/v1:ServiceAccount").inputs["metadata"]
    assert account["annotations"]["eks.amazonaws.com/role-arn"].endswith(":role/s3-app")


def test_a_cluster_too_many_for_a_role_is_one_line():
    assert refusal(one_role(*FURTHER)).startswith("irsa: workload 's3-app': the trust policy has 2")


def test_a_stacks_short_name_is_one_line():
    assert refusal(config(**{"irsa:cluster": {"stack": "platform"}})) == (
        "irsa:cluster.stack: stack 'platform' is not spelt <organization>/<project>/<stack>"
    )
