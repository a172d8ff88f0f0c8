"""The repository as its users get it: by the address and the version that the documents name.

A git server on loopback answers for that address. The engine is the real one; where Pulumi's
language host is not on PATH, `tests.support.language_host` starts the plugin.
"""

import json
import os
import shutil
import ssl
import sys
import threading
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from pulumi import ComponentResource, ResourceOptions

from irsa_core import REPOSITORY, __version__
from irsa_sandbox.engine.stack import SandboxStack
from irsa_sandbox.serving.certificates import Authority
from irsa_sandbox.state import SandboxError
from tests.sandbox.support.clone import clone_in
from tests.sandbox.support.programs import refusal, stack_of, unchanged
from tests.support import language_host
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


@contextmanager
def git_server(repository: Path, address: str, folder: Path) -> Iterator[dict[str, str]]:
    """Serve a repository at its public address, by a proxy on loopback; gives the variables that
    lead clients there, and nowhere else."""
    host, path = urlsplit(address).hostname or "", urlsplit(address).path
    authority = Authority.create(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("git", host))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_CONNECT(self) -> None:
            if self.path != f"{host}:443":
                self.send_error(403)
                return
            self.send_response(200)
            self.end_headers()
            self.connection = context.wrap_socket(self.connection, server_side=True)
            self.rfile = self.connection.makefile("rb")
            self.wfile = self.connection.makefile("wb", buffering=0)
            self.close_connection = False

        def do_GET(self) -> None:
            asked, _, query = self.path.partition("?")
            variables = {
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "GIT_HTTP_EXPORT_ALL": "",
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                "PATH_TRANSLATED": asked.replace(".git/", "/").replace(path, f"{repository}/.git"),
                "QUERY_STRING": query,
                "REQUEST_METHOD": self.command,
            }
            sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            env = {**os.environ, **variables}
            done: Any = ran("git", "http-backend", env=env, input=sent, text=False)
            head, _, body = done.stdout.partition(b"\r\n\r\n")
            length = f"Content-Length: {len(body)}\r\n".encode()
            status = b"404 Not Found" if head.startswith(b"Status: ") else b"200 OK"
            self.wfile.write(b"HTTP/1.1 %b\r\n%b\r\n%b\r\n%b" % (status, head, length, body))

        do_POST = do_GET  # noqa: N815

        def finish(self) -> None:
            super().finish()
            self.connection.close()  # the tunnel's; the server closes the one below it

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        proxy = f"http://127.0.0.1:{server.server_port}"
        yield {"HTTPS_PROXY": proxy, "SSL_CERT_FILE": str(authority.ca_file)}
        server.shutdown()


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
    with git_server(repository, REPOSITORY, server) as variables:
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
