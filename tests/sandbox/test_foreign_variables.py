"""A sandbox in a shell with foreign environment variables; it writes nothing to the home folder."""

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
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

    def command(self, name: str, *arguments: str) -> list[str]:
        """Return a command of the sandbox."""
        where = ["--folder", str(self.folder)]
        return [sys.executable, "-m", "irsa_sandbox", name, *where, *arguments]

    def run(self, *command: str) -> str:
        done = subprocess.run(
            command, cwd=lifecycle.ROOT, env=self.environ, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


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
    made = Shell(tmp_path_factory.mktemp("sandbox"), environ)
    before = sorted(home.rglob("*"))
    made.run(*made.command("up"))
    yield made
    assert made.run(*made.command("down")) == "stopped\n"
    assert sorted(home.rglob("*")) == before


def test_every_command_works_with_every_variable_set(shell, tmp_path):
    (tmp_path / "Pulumi.yaml").write_text("name: foreign\nruntime: python\n")
    (tmp_path / "Pulumi.dev.yaml").write_text("config: {aws:region: us-east-1}\n")
    program = """
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
        pod_spec = {"containers": [{"name": "app", "image": "app"}]}
        Workload(
            "s3-app",
            WorkloadArgs(service_account=account, role_arn=role.role_arn, pod_spec=pod_spec),
            ResourceOptions(providers=[cluster.kubernetes_provider]),
        )
        """
    (tmp_path / "__main__.py").write_text(dedent(program))
    stack = shell.command("stack", "--project", str(tmp_path))
    assert " created" in shell.run(*stack, "up")
    preview = shell.run(*stack, "preview")
    assert " unchanged" in preview
    assert " to " not in preview, "nothing to create, to update or to delete"

    who = ("default/s3-app", "--", "aws", "sts", "get-caller-identity")
    assert ":assumed-role/s3-app/" in shell.run(*shell.command("exec", *who))


@pytest.mark.parametrize("mode", ["run", "eval"])
def test_a_command_reaches_the_sandbox_and_never_the_real_aws(shell, mode):
    pulumi = f"{load(shell.folder).pulumi} whoami --verbose --non-interactive"
    script = f"aws sts get-caller-identity && aws s3api list-buckets && {pulumi}"
    if mode == "run":
        printed = shell.run(*shell.command("run", "--", "sh", "-ec", script))
    else:
        printed = shell.run("sh", "-ec", f'eval "$({shlex.join(shell.command("env"))})"; {script}')

    assert "arn:aws:iam::111122223333:user/sandbox-administrator" in printed
    assert f"file://{shell.folder}/pulumi" in printed
