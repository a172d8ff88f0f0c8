"""A sandbox in a shell with foreign environment variables; it writes nothing to the home folder."""

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from irsa_sandbox import lifecycle
from irsa_sandbox.cache import cache_folder
from irsa_sandbox.state import load
from tests.support.foreign_variables import table

pytestmark = pytest.mark.sandbox

HOSTILE_CONFIG = """\
[default]
endpoint_url = http://127.0.0.1:9
ignore_configured_endpoint_urls = true
role_arn = arn:aws:iam::999999999999:role/theirs
source_profile = default
"""


class Shell(NamedTuple):
    """A user's shell."""

    folder: Path
    environ: dict[str, str]
    home: Path

    def sandbox(self, command: str, *arguments: str) -> str:
        """Run a command of the sandbox; return its output."""
        return self.run(sys.executable, "-m", "irsa_sandbox", command, *self.where, *arguments)

    @property
    def where(self) -> list[str]:
        return ["--folder", str(self.folder)]

    def run(self, *command: str) -> str:
        done = subprocess.run(
            command,
            cwd=lifecycle.ROOT,
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def at_home(self) -> list[str]:
        return sorted(str(file.relative_to(self.home)) for file in self.home.rglob("*"))


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """A shell with every variable of the table and an AWS configuration, and a sandbox."""
    home = tmp_path_factory.mktemp("home")
    (home / ".aws").mkdir()
    (home / ".aws" / "config").write_text(HOSTILE_CONFIG)
    environ = {
        **os.environ,
        **table(tmp_path_factory.mktemp("theirs")),
        "HOME": str(home),
        "XDG_CACHE_HOME": str(cache_folder().parent),
    }
    made = Shell(tmp_path_factory.mktemp("sandbox"), environ, home)
    before = made.at_home()
    made.sandbox("up")
    yield made
    assert made.sandbox("down") == "stopped\n"
    assert made.at_home() == before


PROGRAM = """\
from pulumi import ResourceOptions

from irsa_components import (
    EksCluster,
    EksClusterArgs,
    ServiceAccount,
    ServiceAccountRole,
    ServiceAccountRoleArgs,
    Workload,
    WorkloadArgs,
)

account = ServiceAccount(namespace="default", name="s3-app")
cluster = EksCluster("dev", EksClusterArgs(cluster_name="dev"))
role = ServiceAccountRole(
    "s3-app",
    ServiceAccountRoleArgs(
        role_name="s3-app", provider_arns=[cluster.provider_arn], service_accounts=[account]
    ),
)
Workload(
    "s3-app",
    WorkloadArgs(
        service_account=account,
        role_arn=role.role_arn,
        pod_spec={"containers": [{"name": "app", "image": "app"}]},
    ),
    ResourceOptions(providers=[cluster.kubernetes_provider]),
)
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program with a cluster and one workload."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "Pulumi.yaml").write_text("name: foreign\nruntime: python\n")
    (folder / "Pulumi.dev.yaml").write_text("config: {aws:region: us-east-1}\n")
    (folder / "__main__.py").write_text(PROGRAM)
    return folder


def test_every_command_works_with_every_variable_set(shell, project):
    stack = ("stack", "--project", str(project))
    assert " created" in shell.sandbox(*stack, "up")
    preview = shell.sandbox(*stack, "preview")
    assert " unchanged" in preview
    assert " to " not in preview, "nothing to create, to update or to delete"

    caller = shell.sandbox("exec", "default/s3-app", "--", "aws", "sts", "get-caller-identity")
    assert ":assumed-role/s3-app/" in caller


WHO = "aws sts get-caller-identity --query Arn --output text"
BUCKETS = "aws s3api list-buckets --query Owner.ID --output text"


@pytest.mark.parametrize("mode", ["run", "eval"])
def test_a_command_reaches_the_sandbox_and_never_the_real_aws(shell, mode):
    pulumi = load(shell.folder).pulumi
    script = f"{WHO} && {BUCKETS} && {pulumi} whoami --verbose --non-interactive"
    if mode == "run":
        printed = shell.sandbox("run", "--", "sh", "-ec", script)
    else:
        env = shlex.join([sys.executable, "-m", "irsa_sandbox", "env", *shell.where])
        printed = shell.run("sh", "-ec", f'eval "$({env})"; {script}')

    assert "arn:aws:iam::111122223333:user/sandbox-administrator" in printed
    assert f"file://{shell.folder}/pulumi" in printed
