"""Stacks of teams on the cluster of a platform stack: side by side, and out of each other's way."""

import pytest
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import Namespace

from sandbox.demo import left_overs
from sandbox.engine.stack import SandboxStack
from sandbox.state import SandboxError
from tests.sandbox.support.fleet import (
    CLUSTER,
    FULL_NAME,
    WITH_PODS,
    Fleet,
    bucket,
    names,
    workload,
)
from tests.sandbox.support.namespaces import refusal, there
from tests.unit.tools.docs.test_fleet import EXAMPLES, STACK, commands

pytestmark = pytest.mark.sandbox

TEAMS = ["team-1", "team-2", "team-3"]
ENTRIES = 10
NOT_EXPECTED = 7
"""How the CLI ends when there are changes, and none were expected."""
GONE = {"delete", "discard"}


@pytest.fixture(scope="module")
def fleet(session, tmp_path_factory):
    """The platform is up, and every team beside it; all are gone afterwards."""
    SandboxStack(session.state).destroy()  # the sandbox has one issuer, and so one provider
    found = Fleet(session, tmp_path_factory.mktemp("fleet"))
    found.platform().up()
    for team in TEAMS:
        found.write(team, ENTRIES)
    found.run(*(("up", team) for team in TEAMS))
    yield found
    found.run(*(("destroy", team) for team in TEAMS))
    found.platform().up()
    found.platform().destroy()
    assert left_overs(session) == []


def roles(session) -> set[str]:
    return {
        role["RoleName"]
        for page in session.aws("iam").get_paginator("list_roles").paginate()
        for role in page["Roles"]
    }


def of(team: str) -> set[str]:
    return set(names(team, ENTRIES))


def test_a_second_up_of_every_stack_is_empty(fleet):
    for team in TEAMS:
        assert fleet.team(team).up().keys() == {"same"}
    assert fleet.platform().preview().keys() == {"same"}
    assert fleet.team("team-1").refresh().keys() == {"same"}


def test_a_teams_pod_reads_its_own_bucket_and_no_other_teams(fleet):
    session = fleet.session
    for team in ("team-1", "team-2"):
        session.aws("s3").put_object(Bucket=f"bucket-{team}", Key=team, Body=b"x")

    def listing(bucket: str):
        return session.in_pod("team-1", "team-1-0", ["aws", "s3", "ls", f"s3://{bucket}"])

    assert listing("bucket-team-1").output.endswith(" team-1\n")
    assert "AccessDenied" in listing("bucket-team-2").output


def test_the_platforms_kubeconfig_is_a_secret_of_the_teams_state_too(fleet):
    server = fleet.session.state.kubernetes_server

    state = fleet.state_file("team-1").read_text()
    assert FULL_NAME in state
    assert "ciphertext" in state
    assert "certificate-authority-data" not in state
    assert server not in state


def test_the_nightly_run_fails_when_somebody_changed_a_role_and_writes_nothing(fleet):
    """The command of docs/examples/drift.yml, by the CLI itself."""
    [words] = [words for words in commands(EXAMPLES / "drift.yml") if words[0] == "pulumi"]
    nightly = ["team-1" if word == STACK else word for word in words[1:]]
    before = fleet.state_file("team-1").read_bytes()
    iam = fleet.session.aws("iam")

    assert "unchanged" in fleet.pulumi(*nightly, code=0)
    iam.update_role(RoleName="team-1-0", MaxSessionDuration=7200)
    assert "maxSessionDuration: 3600 => 7200" in fleet.pulumi(*nightly, code=NOT_EXPECTED)

    assert fleet.state_file("team-1").read_bytes() == before
    iam.update_role(RoleName="team-1-0", MaxSessionDuration=3600)


CLASHES = {
    "role": (
        {"irsa:workloads": [{"name": "team-1-3", **workload("team-2")}]},
        "role 'arn:aws:iam::111122223333:role/team-1-3' exists already; choose another role.name",
    ),
    "bucket": (
        {"irsa:workloads": [{"name": "new", **workload("team-2", bucket=bucket("team-1"))}]},
        "bucket 'arn:aws:s3:::bucket-team-1' exists already; choose another bucket.name",
    ),
    "namespace": (
        {"irsa:namespaces": [{"name": "team-2"}, {"name": "team-1"}]},
        "namespace 'team-1' exists already; use it as it is",
    ),
}


@pytest.mark.parametrize("what", CLASHES)
def test_what_another_team_has_is_refused_by_name(fleet, what):
    changes, line = CLASHES[what]

    assert line in refusal(fleet.team("team-2", **changes))
    assert fleet.team("team-1").preview().keys() == {"same"}


def test_a_platform_that_does_not_exist_is_named(fleet):
    stack = fleet.team("team-2", **{"irsa:cluster": {"stack": "organization/irsa/nowhere"}})

    assert 'unknown stack "organization/irsa/nowhere"' in refusal(stack)


def test_a_stack_that_adopted_the_cluster_changes_nothing_in_it(fleet):
    """What docs/pulumi.md once said, and what it says now."""
    outputs = fleet.platform().outputs()
    adopted = {**CLUSTER, "existing": True, "providerArn": outputs["provider_arn"]}
    config = {
        "irsa:namespaces": [{"name": "team-4", "forceDestroy": True}],
        "irsa:workloads": [{"name": "team-4-0", **workload("team-4")}],
        "irsa:roles": "none",
    }
    fleet.team("team-4", **config, **{"irsa:cluster": adopted}).up()

    stack = fleet.team("team-4", **config)
    counts = stack.up()
    assert "replace" not in counts
    assert counts.get("delete", 0) + counts.get("discard", 0) <= 2, "component and cluster read"
    assert stack.up().keys() == {"same"}
    stack.destroy()


def test_one_team_changes_and_one_goes_and_the_third_sees_nothing(fleet):
    session = fleet.session
    before = roles(session)
    fleet.write("team-1", ENTRIES + 1)

    changed, gone = fleet.run(("up", "team-1"), ("destroy", "team-3"))

    assert changed.keys() == {"same", "create"}
    assert gone.keys() <= GONE
    assert roles(session) == (before | {f"team-1-{ENTRIES}"}) - of("team-3")
    assert not there(session, Namespace, "team-3")
    assert fleet.team("team-2").preview().keys() == {"same"}
    deployments = session.cluster.list(Deployment, namespace="team-2")
    assert {each.metadata.name for each in deployments} == set(names("team-2", WITH_PODS))


def test_a_protected_platform_stays_as_long_as_teams_are_on_it(fleet):
    """Without a preview the engine deletes what it can, and so far as the nodes."""
    protected = fleet.platform(controlPlane={"deletionProtection": True})
    protected.up()

    with pytest.raises(SandboxError, match="cannot be deleted because it is protected"):
        protected.destroy()
    outputs = fleet.platform().outputs()
    iam, eks = fleet.session.aws("iam"), fleet.session.aws("eks")
    assert iam.get_open_id_connect_provider(OpenIDConnectProviderArn=outputs["provider_arn"])
    assert eks.describe_cluster(name=CLUSTER["name"])["cluster"]["status"] == "ACTIVE"
    protected.up()
    assert fleet.team("team-1").up().keys() == {"same"}


def test_a_team_without_its_platform_ends_in_one_line_and_can_still_go(fleet):
    fleet.platform(controlPlane={"deletionProtection": False}).up()
    fleet.platform().destroy()

    assert refusal(fleet.team("team-1")) == (
        f"stack {FULL_NAME} exports no 'account_id' (it has []); run `pulumi up` there first, or "
        "point to the right stack"
    )
    assert of("team-1") < roles(fleet.session)
    # The API server of the sandbox outlives the cluster; a real one could not be reached.
    assert fleet.team("team-1").destroy().keys() <= GONE
    assert not of("team-1") & roles(fleet.session)
