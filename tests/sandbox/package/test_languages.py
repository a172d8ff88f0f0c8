"""The components from programs in other languages: the examples of docs/package.md, as they are."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from sandbox.engine.stack import SandboxStack
from tests.sandbox.support import package_programs as programs
from tests.sandbox.support.namespaces import delete_namespace
from tests.support.paths import ROOT

pytestmark = pytest.mark.sandbox

NAMESPACE, NAME, BUCKET = "reporting", "reports", "acme-reports"
OBJECT = "november.csv"
OF_THIS_RUN = ("created", "modified", "id", "provider", "sourcePosition", "stackTrace")
"""What two runs of one program differ in."""


@pytest.fixture(scope="module")
def provider_arn(session, tmp_path_factory):
    """Of the cluster of a stack that has nothing else, but the namespace."""
    namespaces = [{"name": NAMESPACE, "forceDestroy": True}]
    platform = SandboxStack(
        session.state,
        config={"irsa:namespaces": namespaces, "irsa:workloads": "none", "irsa:roles": None},
    )
    platform.up()
    yield platform.outputs()["provider_arn"]
    platform.destroy()
    delete_namespace(session, NAMESPACE)


@pytest.fixture(scope="module")
def environment(session, tmp_path_factory):
    """As `sandbox env` gives it, with the plugin on PATH."""
    state = session.state
    plugin = programs.plugin(tmp_path_factory.mktemp("plugin"))
    path = [str(plugin), str(Path(state.pulumi).parent), os.environ["PATH"]]
    return {
        **state.engine_environment(),
        **state.aws_environment(),
        "PATH": os.pathsep.join(path),
        "HOME": str(tmp_path_factory.mktemp("home")),
    }


@pytest.fixture(scope="module")
def run(session, environment, provider_arn, tmp_path_factory):
    settings = {
        "providerArn": provider_arn,
        "aws:region": "us-east-1",
        # The sandbox's providers run in processes of their own, which have no KUBECONFIG.
        "kubernetes:kubeconfig": Path(session.state.kubeconfig).read_text(),
    }

    def run_one(command, operation, stack, *, code=0, **config):
        done = subprocess.run(
            [*command, operation, stack, json.dumps({**settings, **config})], env=environment,
            cwd=tmp_path_factory.getbasetemp(), capture_output=True, text=True, check=False,
            timeout=120,
        )  # fmt: skip
        output = done.stdout + done.stderr
        assert done.returncode == code, output
        return output

    return run_one


@pytest.fixture(scope="module")
def in_process(session, run):
    """The resources of the same system, made of the components themselves."""
    command = [*programs.plain_python(), programs.SOURCES / "python/in_process.py"]
    run(command, "up", "in-process")
    found = resources(session, "in-process")
    run(command, "destroy", "in-process")
    remove_bucket(session)
    return found


@pytest.fixture
def bucket_goes(session):
    yield
    remove_bucket(session)


def remove_bucket(session):
    """By default it outlives its stack."""
    session.empty_bucket(BUCKET)
    session.aws("s3").delete_bucket(Bucket=BUCKET)


LANGUAGES = {
    "python": lambda: [*programs.python(), programs.EXAMPLES / "program.py"],
    "typescript": programs.typescript,
    "go": programs.go,
    "yaml": programs.yaml,
}


@pytest.fixture
def command(language):
    """The language's example; the test is skipped where the language is missing."""
    return LANGUAGES[language]()


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_example_gives_a_pod_its_bucket(
    session, run, language, command, in_process, bucket_goes
):
    run(command, "up", language)

    try:
        found = resources(session, language)
        assert found.keys() == in_process.keys()
        for urn, resource in found.items():
            assert resource == in_process[urn], urn
        session.aws("s3").put_object(Bucket=BUCKET, Key=OBJECT, Body=b"x")
        listed = session.in_pod(NAMESPACE, NAME, ["aws", "s3", "ls", f"s3://{BUCKET}"])
        assert (listed.code, OBJECT in listed.output) == (0, True), listed.output
        again = run(command, "up", language)
        assert "unchanged" in again
        assert "created" not in again
    finally:
        run(command, "destroy", language)


def resources(session, stack):
    """Of a stack, by URN, without what differs from run to run."""
    file = session.state.path / f"pulumi/.pulumi/stacks/reports/{stack}.json"
    text = file.read_text().replace(f"urn:pulumi:{stack}::", "urn:pulumi:stack::")
    text = text.replace(f"::reports-{stack}", "::reports-stack")
    found = json.loads(text)["checkpoint"]["latest"]["resources"]
    parents = {each["urn"]: each.get("parent") for each in found}

    def on(resource, urns):
        """What a resource depends on: a set, which SDKs send in any order. Of another component
        only which one it is: an output of a remote one depends on the component, too."""
        if not resource["custom"]:
            return []  # to the engine, the inputs of a remote component are dependencies of its
        others = {urn: parents[urn] for urn in urns or [] if parents[urn] != resource["parent"]}
        return sorted({
            parent if (parent := others.get(urn)) and "irsa:index:" in parent else urn
            for urn in urns or []
        })  # fmt: skip

    return {
        each["urn"]: {
            **{key: value for key, value in each.items() if key not in OF_THIS_RUN},
            "outputs": sorted(each.get("outputs", {})),
            "dependencies": on(each, each.get("dependencies")),
            "propertyDependencies": {
                key: on(each, urns) for key, urns in each.get("propertyDependencies", {}).items()
            },
        }
        for each in found
        if each["type"] != "pulumi:pulumi:Stack" and not each["type"].startswith("pulumi:providers")
    }


@pytest.mark.parametrize("language", ["go", "typescript"])
def test_a_mistake_is_one_line_in_every_language(run, language, command):
    output = run(command, "preview", f"{language}-2", code=1, providerArn="nope")
    said = {line.partition("has a problem: ")[2] for line in output.splitlines()} - {""}
    expected = "arn:aws:iam::<account>:oidc-provider/<issuer without https://>"
    assert said == {f"role 'reports': 'nope' is not an OIDC provider ARN; expected {expected}"}
    assert ".py" not in output, "nothing of the plugin's insides"


def test_the_engine_gets_the_schema_without_a_word_beside_it(session, environment):
    done = subprocess.run(
        [session.state.pulumi, "package", "get-schema", plugin_of(environment)],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    kept = json.loads((ROOT / "schemas/package.json").read_text())
    assert without_empty(json.loads(done.stdout)) == without_empty(kept)


def without_empty(value):
    """The engine writes it anew, and some empty mappings and lists are not there any more."""
    if isinstance(value, dict):
        return {key: without_empty(each) for key, each in value.items() if each not in ({}, [])}
    return [without_empty(each) for each in value] if isinstance(value, list) else value


def plugin_of(environment):
    return str(Path(environment["PATH"].split(os.pathsep)[0]) / "pulumi-resource-irsa")
