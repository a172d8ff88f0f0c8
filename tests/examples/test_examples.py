"""The programs of examples/, brought up as they stand here and removed again."""

import json
import os
import re
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest
from lightkube.resources.core_v1 import Namespace

from irsa.__main__ import main
from sandbox.demo import left_overs
from sandbox.engine.stack import SandboxStack
from sandbox.state import SandboxError
from tests.examples import programs
from tests.examples.programs import EXAMPLES
from tests.sandbox.support import in_process

pytestmark = pytest.mark.sandbox

OBJECT = "november.csv"


@contextmanager
def running(session, example, **config):
    """Bring a Python example up and remove it again; a second `up` must change nothing."""
    project = {f"{example.replace('_', '-')}:{key}": value for key, value in config.items()}
    stack = SandboxStack(session.state, EXAMPLES / example, config=project)
    stack.up()
    try:
        yield stack
        assert stack.up().keys() == {"same"}
    finally:
        stack.destroy()


@pytest.fixture(scope="module")
def platform(session):
    """The outputs of the platform's stack. In the end, none of the examples left anything."""
    with running(session, "platform") as stack:
        yield stack.outputs()
    assert left_overs(session) == []


def put_object(session, bucket):
    session.aws("s3").put_object(Bucket=bucket, Key=OBJECT, Body=b"x")


def lists(session, namespace, workload, bucket):
    listed = session.in_pod(namespace, workload, ["aws", "s3", "ls", f"s3://{bucket}"])
    return (listed.code, OBJECT in listed.output) == (0, True)


def test_a_team_deploys_to_the_cluster_of_the_platforms_stack(session, platform):
    with running(session, "team"):
        put_object(session, "acme-team-1-reports")
        assert lists(session, "team-1", "reports", "acme-team-1-reports")


def test_each_file_becomes_a_workload_with_its_access(session, platform):
    with running(session, "workloads_from_yaml"):
        put_object(session, "acme-team-2-reports")
        write = ["aws", "s3api", "put-object", "--key", OBJECT, "--bucket"]
        allowed = session.in_pod("team-2", "exporter", [*write, "acme-team-2-exporter"])
        denied = session.in_pod("team-2", "reports", [*write, "acme-team-2-reports"])

        assert allowed.code == 0, allowed.output
        assert "AccessDenied" in denied.output
        assert lists(session, "team-2", "reports", "acme-team-2-reports")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("image: app\nacess: read\n", "acess: Extra inputs are not permitted"),
        ("image: app\nimage: app\n", "image is given twice"),
    ],
)
def test_a_mistake_in_a_file_is_one_line(session, tmp_path, text, line):
    project = tmp_path / "workloads_from_yaml"
    shutil.copytree(EXAMPLES / project.name, project)
    (project / "workloads/exporter.yaml").write_text(text)

    with pytest.raises(SandboxError) as refused:
        SandboxStack(session.state, project, stack="mistake").preview()

    assert str(refused.value) == f"exporter.yaml: {line}"


def test_the_service_account_of_a_chart_gets_the_role(session, platform):
    with running(session, "own_chart", providerArn=platform["provider_arn"]) as stack:
        arn = stack.outputs()["role_arn"]
        who = ["aws", "sts", "get-caller-identity", "--query", "Arn", "--output", "text"]
        session.service_account("monitoring", "exporter")
        session.service_account("monitoring", "other")
        try:
            granted = session.assume(session.token("monitoring", "exporter"), arn, who)
            refused = session.assume(session.token("monitoring", "other"), arn, who)
        finally:
            session.cluster.delete(Namespace, "monitoring")

        assert ":assumed-role/exporter/" in granted.output
        assert "AccessDenied" in refused.output


def test_each_controller_has_a_role_with_its_policy_on_one_zone(session, platform):
    provider_arn = platform["provider_arn"]
    config = {"providerArn": provider_arn, "zoneId": "Z0123456789ABCDEFGHIJ"}
    iam = session.aws("iam")
    with running(session, "controllers", **config) as stack:
        for account in ("kube-system:external-dns", "cert-manager:cert-manager"):
            name = account.partition(":")[2]
            trust = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
            [attached] = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
            version = iam.get_policy_version(PolicyArn=attached["PolicyArn"], VersionId="v1")

            assert stack.outputs()[name].endswith(f":role/{name}")
            assert f"system:serviceaccount:{account}" in json.dumps(trust)
            assert "hostedzone/Z0123456789ABCDEFGHIJ" in json.dumps(
                version["PolicyVersion"]["Document"]
            )


@pytest.fixture(scope="module")
def environment(session, tmp_path_factory):
    """As `sandbox env` gives it, with the plugin on PATH."""
    state = session.state
    plugin = programs.plugin(tmp_path_factory.mktemp("plugin"))
    path = [str(plugin.parent), str(Path(state.pulumi).parent), os.environ["PATH"]]
    return {
        **state.engine_environment(),
        **state.aws_environment(),
        "PATH": os.pathsep.join(path),
        "HOME": str(tmp_path_factory.mktemp("home")),
    }


@pytest.fixture
def run(session, platform, environment, language, tmp_path):
    """Runs an operation of the example in a language; gives the output."""
    command = programs.LANGUAGES[language]()

    def run_one(operation, *, code=0, **config):
        settings = {
            "providerArn": platform["provider_arn"],
            "aws:region": "us-east-1",
            **config,
        }
        done = subprocess.run(
            [*command, operation, f"reports-{language}", json.dumps(settings)],
            env=environment, cwd=tmp_path, capture_output=True, text=True, check=False,
            timeout=120,
        )  # fmt: skip
        output = done.stdout + done.stderr
        assert done.returncode == code, output
        return output

    return run_one


@pytest.fixture
def exported(session, environment, language):
    """Gives what `pulumi stack export` prints for the example's stack."""

    def export():
        stack = f"organization/reports-{language}/dev"
        command = [session.state.pulumi, "stack", "export", "--stack", stack]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    return export


@pytest.mark.parametrize("language", programs.LANGUAGES)
def test_the_example_in_another_language(session, run, exported, language, tmp_path):
    run("up")
    try:
        put_object(session, "acme-reports")
        assert lists(session, "reporting", "reports", "acme-reports")
        again = run("up")
        assert "unchanged" in again
        assert "created" not in again

        file = tmp_path / "export.json"
        file.write_text(json.dumps(exported()))
        verify = ["verify", "--stack", str(file), "--wait", "0"]
        verified = in_process.run(main, verify, session.state, {})
        assert verified.out.endswith("\npassed\n"), verified.out + verified.err
        for command in ("audit", "explain", "list"):
            done = in_process.run(main, [command, "--stack", str(file)], session.state, {})
            assert done.code == 0, done.out + done.err
    finally:
        run("destroy")
    assert "resources" not in exported()["deployment"]


@pytest.mark.parametrize("language", ["go"])  # the line is the plugin's, for every language
def test_a_mistake_is_one_line_in_another_language(run, platform, language):
    other = f"{platform['provider_arn'][:-4]}0000"

    for provider_arn, problem in {
        "nope": "'nope' is not an OIDC provider ARN; expected ",
        other: f"OIDC provider {other} is not the one of cluster 'platform', whose issuer is ",
    }.items():
        output = run("preview", code=1, providerArn=provider_arn)
        lines = [line for line in output.splitlines() if problem in line]
        assert lines, output
        assert ".py" not in output, "nothing of the plugin's insides"


def test_the_engine_gets_the_schema_as_the_document_says(environment):
    text = (EXAMPLES.parent / "docs/package.md").read_text()
    [command] = re.findall("^pulumi package get-schema .*", text, re.MULTILINE)
    done = subprocess.run(
        ["sh", "-c", command], env=environment, capture_output=True, text=True, check=True
    )

    schema = json.loads(done.stdout)
    assert done.stderr == ""
    assert "irsa:index:ServiceAccountRole" in schema["resources"]
