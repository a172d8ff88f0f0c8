"""The programs of examples/, brought up as they stand here and removed again.

Those in other languages have the SDK that Pulumi writes for each. Programs and SDKs lie in the
user's cache folder, once per version of their sources and the schema.
"""

import json
import os
import re
import runpy
import shutil
import sys
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest
from lightkube.resources.autoscaling_v2 import HorizontalPodAutoscaler
from lightkube.resources.batch_v1 import CronJob, Job
from lightkube.resources.core_v1 import Pod

from irsa_components.package.provider import IrsaProvider
from irsa_core.identity.arns import name_of
from irsa_core.identity.eks import ROLE_ARN_VARIABLE
from irsa_core.identity.subjects import ServiceAccountRef
from irsa_sandbox.aws.accounts import ACCOUNT_B
from irsa_sandbox.demo import left_overs
from irsa_sandbox.engine.stack import SandboxStack
from irsa_sandbox.environment_variables import go_build_environment
from irsa_sandbox.session import create_pod
from irsa_sandbox.toolchain.plugins import write_script
from tests.sandbox.support.cached_builds import cached_build, needed
from tests.sandbox.support.cluster import eventually
from tests.sandbox.support.in_process import RegisteredCluster
from tests.sandbox.support.programs import ids, stack_of, unchanged
from tests.sandbox.support.with_plugin import either_session
from tests.support import language_host
from tests.support.code_blocks import blocks
from tests.support.paths import ROOT
from tests.support.processes import ran
from tools.docs.components import COMPARED

pytestmark = pytest.mark.sandbox

SOURCES = Path(__file__).parent / "languages"
EXAMPLES = ROOT / "examples"
OBJECT = "november.csv"

session = either_session


@contextmanager
def running(session, example, **config):
    """Bring a Python example up, and once more, which changes nothing; remove it again."""
    project = {f"{example.replace('_', '-')}:{key}": value for key, value in config.items()}
    stack = SandboxStack(session.state, EXAMPLES / example, config=project)
    stack.up()
    try:
        unchanged(stack)
        yield stack
    finally:
        stack.destroy()


@pytest.fixture(scope="module")
def platform(session):
    """The outputs of the platform's stack. In the end, none of the examples left anything."""
    with running(session, "platform", deletionProtection=False) as stack:
        yield stack.outputs()
    assert left_overs(session) == []


def put_object(session, state):
    """Put an object into the bucket of a state; return the bucket's name."""
    resources = state["deployment"]["resources"] if "deployment" in state else state["resources"]
    [bucket] = [each["id"] for each in resources if each["type"] == "aws:s3/bucket:Bucket"]
    session.aws("s3").put_object(Bucket=bucket, Key=OBJECT, Body=b"x")
    return bucket


def lists(session, namespace, workload, bucket):
    """Return True once a Pod of the workload, which a controller may create later, lists it."""
    try:
        listed = session.in_pod(namespace, workload, ["aws", "s3", "ls", f"s3://{bucket}"])
    except LookupError:
        return False
    assert OBJECT in listed.output, listed.output
    return True


@contextmanager
def pod_of(session, namespace, account):
    """Create a Pod with a service account and its name, and delete it again."""
    create_pod(session.cluster, ServiceAccountRef(namespace, account), name=account)
    yield
    session.cluster.delete(Pod, account, namespace=namespace)


def test_the_block_of_the_fleet_page_runs_as_pasted(session, tmp_path):
    """Before another test has the platform: its cluster's OIDC provider exists once."""
    page = "docs/fleet.md"
    [text] = [b.content for b in blocks() if b.document == page and "--project" in b.first_line]
    for name, folder in ((".sandbox", session.state.path), ("examples", EXAMPLES)):
        (tmp_path / name).symlink_to(folder)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])

    done = ran("bash", "-ec", text, cwd=tmp_path, env={**os.environ, "PATH": path})

    assert done.returncode == 0, done.stdout + done.stderr
    assert left_overs(session) == []


def test_a_web_service_and_not_its_proxy_reaches_the_bucket(session, platform):
    with running(session, "web_service", certificate="x") as stack:
        bucket = put_object(session, stack.export())
        assert lists(session, "shop", "orders", bucket)
        with session.pod_process("shop", "orders", "web") as web:
            assert web.env["BUCKET"] == bucket
        with session.pod_process("shop", "orders", "proxy") as proxy:
            assert ROLE_ARN_VARIABLE not in proxy.env
            assert (proxy.root / "etc/tls/tls.crt").read_text() == "x"
        verified = RegisteredCluster(session).irsa("verify", "shop/orders", "--wait", "0")
        assert verified.code == 0, verified.out
        scaler = session.cluster.get(HorizontalPodAutoscaler, "orders", namespace="shop")
        assert scaler.spec.scaleTargetRef.name == "orders"


def test_the_job_of_a_cron_job_reaches_the_bucket(session, platform):
    with running(session, "cron_job") as stack:
        bucket = put_object(session, stack.export())
        found = session.cluster.get(CronJob, "invoices", namespace="billing").to_dict()
        metadata = {"name": "by-hand", "namespace": "billing"}  # kubectl create job --from
        job = Job.from_dict({"metadata": metadata, "spec": found["spec"]["jobTemplate"]["spec"]})
        session.cluster.create(job)
        eventually(lambda: lists(session, "billing", "by-hand", bucket))
        session.cluster.delete(Job, "by-hand", namespace="billing")


def test_a_stateful_set_reaches_the_bucket(session, platform):
    with running(session, "stateful_set") as stack:
        bucket = put_object(session, stack.export())
        eventually(lambda: lists(session, "ledger", "ledger-0", bucket))


def test_a_chart_reaches_the_bucket_by_its_values(session, platform):
    with running(session, "helm_chart") as stack:
        bucket = put_object(session, stack.export())
        account = stack.outputs()["values"]["serviceAccount"]
        assert not account["create"]
        with pod_of(session, "monitoring", account["name"]):  # as the chart's template does
            eventually(lambda: lists(session, "monitoring", account["name"], bucket))


def test_the_pods_of_a_team_reach_its_bucket_and_not_anothers(session, platform):
    with running(session, "teams", teams=["billing", "search"]) as stack:
        buckets = stack.outputs()["buckets"]
        session.aws("s3").put_object(Bucket=buckets["billing"], Key=OBJECT)
        with pod_of(session, "billing", "app"):
            eventually(lambda: lists(session, "billing", "app", buckets["billing"]))
            command = ["aws", "s3", "ls", f"s3://{buckets['search']}"]
            assert "(AccessDenied)" in session.in_pod("billing", "app", command).output
        assert SandboxStack(session.state, EXAMPLES / "teams").preview()["create"] == 23 * 15


def test_the_compared_program_reaches_its_bucket_in_account_b(session, platform):
    stack = stack_of(session, "orders", lambda: runpy.run_path(str(COMPARED / "components.py")))
    stack.up()
    [bucket] = ids(stack, "aws:s3/bucket:Bucket")
    s3 = session.aws("s3", ACCOUNT_B)
    s3.put_object(Bucket=bucket, Key=OBJECT)
    assert lists(session, "default", "orders", bucket)
    stack.destroy()
    session.empty_bucket(bucket, ACCOUNT_B)
    s3.delete_bucket(Bucket=bucket)


def test_each_controller_has_a_role_with_its_policy_on_one_zone(session, platform):
    config = {"providerArn": platform["provider_arn"], "zoneId": "Z0123456789ABCDEFGHIJ"}
    iam = session.aws("iam")
    with running(session, "controllers", **config) as stack:
        for account in ("kube-system:external-dns", "cert-manager:cert-manager"):
            name = name_of(stack.outputs()[account.partition(":")[2]])
            trust = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
            policy = iam.get_role_policy(RoleName=name, PolicyName="records")["PolicyDocument"]

            assert f"system:serviceaccount:{account}" in json.dumps(trust)
            assert "hostedzone/Z0123456789ABCDEFGHIJ" in json.dumps(policy)


def yaml() -> Path:
    """Return the folder of the example in Pulumi YAML; skip the test without its language host."""
    needed("pulumi-language-yaml")
    return EXAMPLES / "yaml"


def typescript() -> Path:
    """Return the folder of the example in TypeScript, with its packages."""
    node, npm = needed("node"), needed("npm")

    def make(folder: Path) -> None:
        _run((npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"), folder)
        compiler = str(folder / "node_modules/typescript/bin/tsc")
        package = folder / "node_modules/@irsa/irsa"
        shutil.copytree(_sdk("nodejs"), package)
        _run((node, compiler, "--skipLibCheck", "--noImplicitAny", "false"), package)
        shutil.copy(package / "package.json", package / "bin/package.json")

    files = ("Pulumi.yaml", "index.ts", "tsconfig.json")
    return _with_sdk("typescript", make, *(EXAMPLES / "typescript" / name for name in files))


def go() -> Path:
    """Return the folder of the example in Go, built."""

    def make(folder: Path) -> None:
        shutil.copytree(_sdk("go"), folder, dirs_exist_ok=True)
        _run((needed("go"), "build", "-o", "reports", "."), folder)

    return _with_sdk("go", make, *(EXAMPLES / "go" / name for name in ("Pulumi.yaml", "main.go")))


@cache
def _sdk(language: str) -> Path:
    """Return the package's SDK for a language, by Pulumi's own generator."""

    def make(folder: Path) -> None:
        _run((needed("go"), "build", "-o", "generate", "."), folder)

    generator = cached_build("package-sdk_generator", _sources("sdk_generator"), make) / "generate"

    def generate(folder: Path) -> None:
        file = folder / "schema.json"
        file.write_bytes(_schema())
        _run((str(generator), str(file), language, str(folder)), folder)
        file.unlink()

    return cached_build(f"irsa-sdk-{language}", [], generate, _schema(), generator.read_bytes())


def _with_sdk(name: str, make: Callable[[Path], None], *example: Path) -> Path:
    return cached_build(f"example-{name}", [*_sources(name), *example], make, _schema())


def _sources(name: str) -> list[Path]:
    return sorted(each for each in (SOURCES / name).iterdir() if each.is_file())


@cache
def _schema() -> bytes:
    return str(IrsaProvider().schema).encode()


def _run(command: Sequence[str], folder: Path) -> None:
    done = ran(*command, cwd=folder, env=go_build_environment(os.environ))
    if done.returncode:
        output = (done.stdout + done.stderr).strip()
        if "registry" in output and "ENOTFOUND" in output:
            pytest.skip(f"{command[0]}: {output.splitlines()[-1]}")
        pytest.fail(f"{' '.join(command[:2])} in {folder}: {output[-2000:]}")


LANGUAGES = {"yaml": yaml, "typescript": typescript, "go": go}


@pytest.fixture(scope="module")
def environment(session, tmp_path_factory):
    """As `sandbox env` gives it, with the plugin on PATH: this CLI has no language host to start
    it."""
    state, folder = session.state, tmp_path_factory.mktemp("plugin")
    plugin = folder / "pulumi-resource-irsa"
    write_script(plugin, sys.executable, "-u", ROOT / "components")
    language_host.put_into(folder, "nodejs", "go")
    path = [str(folder), str(Path(state.pulumi).parent), os.environ["PATH"]]
    return {
        **state.engine_environment(),
        **state.aws_environment(),
        "PATH": os.pathsep.join(path),
        "HOME": str(tmp_path_factory.mktemp("home")),
    }


@pytest.fixture
def run(session, platform, environment, language, tmp_path):
    """Runs an operation of the example in a language; gives the output."""
    built, project = LANGUAGES[language](), tmp_path / "project"
    shutil.copytree(built, project, ignore=shutil.ignore_patterns("node_modules"))
    (project / "node_modules").symlink_to(built / "node_modules")
    command = [sys.executable, str(SOURCES / "run_project.py"), str(project)]

    def run_one(operation, *, code=0, **config):
        settings = {"providerArn": platform["provider_arn"], "aws:region": "us-east-1", **config}
        options = {"env": environment, "cwd": tmp_path, "timeout": 1800}
        done = ran(*command, operation, json.dumps(settings), **options)
        output = done.stdout + done.stderr
        assert done.returncode == code, output
        return output

    return run_one


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_example_in_another_language(session, environment, run, language, tmp_path):
    def exported():
        stack = f"organization/reports-{language}/dev"
        command = [session.state.pulumi, "stack", "export", "--stack", stack]
        return json.loads(ran(*command, env=environment, check=True).stdout)

    run("up")
    try:
        bucket = put_object(session, exported())
        assert lists(session, "reporting", "reports", bucket)
        file = tmp_path / "export.json"
        file.write_text(json.dumps(exported()))
        irsa = RegisteredCluster(session).irsa
        verified = irsa("verify", "--stack", str(file), "--wait", "0")
        assert "\npassed: " in verified.out, verified.out + verified.err
        for command in ("audit", "explain", "list"):
            done = irsa(command, "--stack", str(file))
            assert done.code == 0, done.out + done.err
    finally:
        run("destroy")
    assert "resources" not in exported()["deployment"]


@pytest.mark.parametrize("language", ["go"])  # the line is the plugin's, for every language
def test_a_mistake_is_one_line_in_another_language(run, platform, language):
    for provider_arn, problem in {
        "nope": "'nope' is not an OIDC provider ARN; expected ",
        f"{platform['provider_arn'][:-4]}0000": "and the issuer of cluster 'platform' is ",
    }.items():
        output = run("preview", code=1, providerArn=provider_arn)
        assert [line for line in output.splitlines() if problem in line], output
        assert ".py" not in output, "nothing of the plugin's insides"


def test_the_engine_gets_the_schema_as_the_document_says(environment):
    text = (EXAMPLES.parent / "docs/package.md").read_text()
    [command] = re.findall("^pulumi package get-schema .*", text, re.MULTILINE)
    done = ran("sh", "-c", command, env=environment, check=True)

    schema = json.loads(done.stdout)
    assert done.stderr == ""
    assert "irsa:index:ServiceAccountRole" in schema["resources"]
