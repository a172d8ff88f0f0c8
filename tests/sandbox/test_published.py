"""The repository as its users get it: by the address and the version that the documents name.

A git server on loopback answers for that address. The engine is the real one; where Pulumi's
language host is not on PATH, `tests.support.language_host` starts the plugin.
"""

import json
import os
import shutil
import subprocess
import sysconfig
import venv
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from irsa import REPOSITORY, __version__
from sandbox.engine.stack import SandboxStack
from sandbox.session import Session
from tests.sandbox.support.clone import clone_in
from tests.support import git_server, language_host
from tests.support.code_blocks import blocks
from tests.support.paths import ROOT

pytestmark = pytest.mark.sandbox

TAG = f"v{__version__}"
PACKAGE = f"{REPOSITORY}/components/package"


@pytest.fixture(scope="module")
def repository(tmp_path_factory) -> Path:
    """A commit of the working tree with the version's tag, and one after it without the package."""
    clone = clone_in(tmp_path_factory.mktemp("published"))
    git(clone, "init", "-q")
    for message, command in ((TAG, ("tag", TAG)), ("later", ("log", "--oneline"))):
        git(clone, "add", "--all")
        git(clone, "-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-qm", message)
        git(clone, *command)
        shutil.rmtree(clone / "components/package", ignore_errors=True)
    return clone


def git(clone: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=clone, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


Pulumi = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def pulumi(session: Session, repository: Path, tmp_path_factory) -> Iterator[Pulumi]:
    """The CLI on a machine that reaches the repository alone."""
    home, tools = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("tools")
    language_host.put_into(tools)
    path = [os.environ["PATH"], str(tools), str(Path(session.state.pulumi).parent)]
    with git_server.serving(repository, REPOSITORY, tmp_path_factory.mktemp("server")) as variables:

        def run(*arguments: str, cwd: Path = home) -> "subprocess.CompletedProcess[str]":
            return subprocess.run(
                [session.state.pulumi, *arguments],
                env={
                    **os.environ, **variables, "HOME": str(home), "PATH": os.pathsep.join(path),
                    "PULUMI_BACKEND_URL": f"file://{home}", "PULUMI_CONFIG_PASSPHRASE": "x",
                },
                cwd=cwd, capture_output=True, text=True, check=False, timeout=300,
            )  # fmt: skip

        yield run


@pytest.mark.parametrize("form", ["tag", "commit", "newest tag"])
def test_the_engine_gets_the_package_from_git(pulumi, repository, form):
    commit = git(repository, "rev-parse", "--short", TAG)
    source, version = {
        "tag": (documented("pulumi package add ")[-1], __version__),
        "commit": (f"{PACKAGE}@{commit}", f"0.0.0-x{commit}"),
        "newest tag": (f"{REPOSITORY}.git/components/package", __version__),
    }[form]

    done = pulumi("package", "get-schema", source)

    assert done.returncode == 0, done.stderr
    schema = json.loads(done.stdout)
    assert (schema["name"], schema["namespace"], schema["version"]) == ("irsa", "irsa", version)
    assert schema["repository"] == REPOSITORY


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        (f"{PACKAGE}@v9.9.9", "couldn't find remote ref"),
        (f"{PACKAGE}@{'0' * 8}", "0" * 8),
        (f"{REPOSITORY}@{TAG}", "PulumiPlugin"),
    ],
    ids=["tag", "commit", "folder"],
)
def test_what_the_repository_does_not_have_is_refused(pulumi, source, problem):
    done = pulumi("package", "get-schema", source)

    assert done.returncode != 0
    assert problem in done.stderr


def documented(start: str) -> list[str]:
    """Return the one command of the documents that begins so, as words."""
    [found] = {
        line for block in blocks() for line in block.content.splitlines() if line.startswith(start)
    }
    return found.split()


@pytest.fixture
def cluster(open_stack) -> None:
    """Cluster `dev`, with its OIDC provider, of another stack."""
    open_stack().up()


def remove_bucket(session: Session, name: str) -> None:
    session.empty_bucket(name)
    session.aws("s3").delete_bucket(Bucket=name)


def test_the_template_works_in_its_own_environment(session, cluster, pulumi, tmp_path):
    project = tmp_path / "own"
    new = ["--generate-only", "--yes", "--name", "own", "--dir", str(project)]
    made = pulumi(*documented("pulumi new ")[1:], *new)
    assert made.returncode == 0, made.stderr
    assert (project / "requirements.txt").read_text() == f"{requirement_line()}\n"
    settings = yaml.safe_load((project / "Pulumi.yaml").read_text())
    assert "template" not in settings
    installed(project / settings["runtime"]["options"]["virtualenv"])

    config = {"cluster": "dev", "serviceAccount": "reports/nightly", "bucket": "acme-nightly"}
    stack = SandboxStack(session.state, project, config={f"own:{k}": v for k, v in config.items()})
    stack.up()
    try:
        role = stack.outputs()["role_arn"]
        session.aws("s3").put_object(Bucket="acme-nightly", Key="a", Body=b"x")
        session.service_account("reports", "nightly")
        listed = session.assume(
            session.token("reports", "nightly"), role, ["aws", "s3", "ls", "s3://acme-nightly"]
        )
        assert listed.code == 0, listed.output
        assert stack.up().keys() == {"same"}
    finally:
        stack.destroy()
        remove_bucket(session, "acme-nightly")
    assert session.aws("iam").list_open_id_connect_providers()["OpenIDConnectProviderList"]


def requirement_line() -> str:
    return f"irsa[components] @ git+{REPOSITORY}@{TAG}"


def installed(environment: Path) -> None:
    """Make a virtual environment with what the requirement brings."""
    venv.create(environment, with_pip=False)
    [site] = environment.glob("lib/python*/site-packages")
    (site / "others.pth").write_text(sysconfig.get_path("purelib"))
    (site / "irsa").symlink_to(ROOT / "irsa")
    (site / "irsa_components").symlink_to(ROOT / "components")


def test_the_readmes_program_runs_in_a_cluster_with_an_oidc_provider(session, cluster):
    [program] = [
        each.content
        for each in blocks()
        if each.document == "README.md" and each.language == "python"
    ]
    stack = SandboxStack(
        session.state,
        program=lambda: exec(program, {}),  # noqa: S102
        project_name="readme",
    )
    assert stack.up()
    try:
        session.aws("s3").put_object(Bucket="acme-reports", Key="a", Body=b"x")
        listed = session.in_pod("default", "reports", ["aws", "s3", "ls", "s3://acme-reports"])
        assert listed.code == 0, listed.output
        assert stack.up().keys() == {"same"}
    finally:
        stack.destroy()
        remove_bucket(session, "acme-reports")
