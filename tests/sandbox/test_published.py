"""The repository as its users get it: by the address and the version that the documents name.

A git server on loopback answers for that address. The engine is the real one; where Pulumi's
language host is not on PATH, `tests.support.language_host` starts the plugin.
"""

import json
import os
import shutil
import sys
import venv

import pytest
import yaml
from pulumi import ComponentResource, ResourceOptions

from irsa_core import REPOSITORY, __version__
from irsa_sandbox.engine.stack import SandboxStack
from irsa_sandbox.state import SandboxError
from tests.sandbox.support.clone import clone_in
from tests.sandbox.support.programs import refusal, stack_of, unchanged
from tests.support import git_server, language_host
from tests.support.code_blocks import blocks
from tests.support.paths import ROOT
from tests.support.processes import ran
from tests.support.requirements import WITH_EKS
from tests.unit.test_parts import new_environment
from tests.unit.tools.test_workflows import WORKFLOWS, commands

TAG = f"v{__version__}"


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """A commit of the working tree with the version's tag, and one after it without the package."""
    clone = clone_in(tmp_path_factory.mktemp("published"))
    git(clone, "init", "-q")
    for message in (TAG, "later"):
        git(clone, "add", "--all")
        git(clone, "-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-qm", message)
        shutil.rmtree(clone / "components", ignore_errors=True)
    git(clone, "tag", TAG, "HEAD~")
    return clone


def git(clone, *arguments):
    return ran("git", *arguments, cwd=clone, check=True).stdout.strip()


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def pulumi(session, repository, home, tmp_path_factory):
    """The CLI on a machine that reaches the repository alone."""
    tools, server = (tmp_path_factory.mktemp(name) for name in ("tools", "server"))
    language_host.put_into(tools, "python")
    environment = {
        **os.environ,
        "HOME": str(home),
        "PATH": f"{os.environ['PATH']}:{tools}",
        "PULUMI_HOME": str(home / ".pulumi"),  # the engine asks the system for the user's, not HOME
        "PULUMI_BACKEND_URL": f"file://{home}",
    }
    with git_server.serving(repository, REPOSITORY, server) as variables:
        options = {"env": {**environment, **variables}, "cwd": home, "timeout": 1800}
        yield lambda *arguments: ran(session.state.pulumi, *arguments, **options)


def documented(start: str) -> str:
    """Return what follows in the one command of the documents that begins so."""
    lines = {line for block in blocks() for line in block.content.splitlines()}
    [found] = [line.removeprefix(start) for line in lines if line.startswith(start)]
    return found


@pytest.mark.parametrize("form", ["tag", "commit", "newest tag"])
def test_the_engine_gets_the_package_from_git(pulumi, repository, form):
    commit = git(repository, "rev-parse", TAG)
    source, version = {
        "tag": (documented("pulumi package add "), __version__),
        "commit": (f"{REPOSITORY}/components@{commit}", f"0.0.0-x{commit}"),
        "newest tag": (f"{REPOSITORY}.git/components", __version__),
    }[form]

    done = pulumi("package", "get-schema", source)

    assert done.returncode == 0, done.stderr
    schema = json.loads(done.stdout)
    assert (schema["name"], schema["namespace"], schema["version"]) == ("irsa", "irsa", version)


def test_a_package_that_was_added_is_in_the_sandbox(session, pulumi, home, tmp_path, monkeypatch):
    """Nothing is fetched there: no git server answers."""
    added = documented("pulumi package add ")
    done = pulumi("package", "get-schema", added)
    assert done.returncode == 0, done.stderr

    def program():
        address, version = added.removeprefix("https://").split("@v")
        where = {"plugin_download_url": f"git://{address}", "version": version}
        ComponentResource(
            "irsa:index:DataBucket", "data", {}, ResourceOptions(**where), remote=True
        )

    language_host.put_into(tmp_path, "python")
    monkeypatch.setenv("PATH", f"{os.environ['PATH']}:{tmp_path}")
    stack = stack_of(session, "added", program)
    assert "install resource plugin 'pulumi-resource-irsa'" in refusal(stack.preview)

    command = [sys.executable, "-m", "irsa_sandbox", "env", "--folder", session.state.path]
    ran(*command, env={**os.environ, "PULUMI_HOME": str(home / ".pulumi")}, check=True)

    assert stack.preview()["create"] > 1


@pytest.fixture
def project(pulumi, tmp_path):
    """A project from the template, and its environment with what its requirement brings."""
    project, source = tmp_path / "own", documented("pulumi new ")
    options = ["--generate-only", "--yes", "--name", "own", "--dir", str(project)]
    made = pulumi("new", source, *options)
    assert made.returncode == 0, made.stderr
    assert (project / "requirements.txt").read_text().strip() == WITH_EKS
    runtime = yaml.safe_load((project / "Pulumi.yaml").read_text())["runtime"]
    site = new_environment(project / runtime["options"]["virtualenv"])
    (site / "irsa_core").symlink_to(ROOT / "core/irsa_core")
    (site / "irsa_components").symlink_to(ROOT / "components/irsa_components")
    return project


def test_the_template_runs_in_its_own_environment(session, irsa_sandbox, project, pod):
    with (project / "__main__.py").open("a") as program:
        program.write("import sys\npulumi.export('ran', [sys.prefix, __file__])\n")
    cluster = irsa_sandbox.cluster_name
    config = {"cluster": cluster, "serviceAccount": "reports/nightly", "bucket": "acme-nightly"}
    stack = SandboxStack(session.state, project, config={f"own:{k}": v for k, v in config.items()})

    stack.up()

    outputs = stack.outputs()
    assert outputs["ran"] == [str(project / "venv"), str(project / "__main__.py")]
    s3 = pod("reports/nightly", outputs["role_arn"]).boto3().client("s3")
    s3.list_objects_v2(Bucket="acme-nightly")
    unchanged(stack)


def test_an_error_in_its_own_environment_is_one_line(session, project):
    stack = SandboxStack(session.state, project, stack="mistake")
    (project / "__main__.py").write_text("import pulumi\nraise pulumi.RunError('not today')\n")
    assert refusal(stack.preview) == "not today"

    python = project / "venv/bin/python"
    shutil.rmtree(project / "venv")
    venv.create(project / "venv", with_pip=False)
    line = refusal(stack.preview)
    assert line == f"{python}: ModuleNotFoundError: No module named 'pulumi'"

    python.unlink()
    with pytest.raises(SandboxError, match=r"virtualenv: \S+/venv/bin/python does not exist"):
        SandboxStack(session.state, project)


def test_every_option_of_a_workflows_pulumi_is_one_of_the_cli(session):
    found = [words for file in WORKFLOWS for words in commands(file) if words[0] == "pulumi"]

    assert len(found) == 9
    for _, operation, *words in found:
        asked = ran(session.state.pulumi, operation, "--help", check=True).stdout
        for option in (word for word in words if word.startswith("--")):
            assert f" {option} " in asked, f"pulumi {operation} has no {option}"
