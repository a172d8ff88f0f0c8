"""A sandbox in a shell with foreign environment variables; it writes nothing to the home folder."""

import json
import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from irsa_core.identity.arns import session_arn_prefix
from irsa_sandbox import lifecycle
from irsa_sandbox.cache import cache_folder
from tests.support.foreign_variables import table
from tests.support.processes import program, ran


class Shell(NamedTuple):
    """A user's shell."""

    folder: Path
    environ: dict[str, str]

    def command(self, name: str, *arguments: str) -> list[str]:
        """Return a command of the sandbox."""
        where = ["--folder", str(self.folder)]
        return [sys.executable, "-m", "irsa_sandbox", name, *where, *arguments]

    def run(self, *command: str) -> str:
        done = ran(*command, cwd=lifecycle.ROOT, env=self.environ)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def shell(tmp_path_factory):
    """A shell with every variable of the table and an AWS configuration, and a sandbox.

    A machine need not have an AWS CLI, and not every AWS CLI and Pulumi CLI will do.
    """
    home, theirs = (tmp_path_factory.mktemp(name) for name in ("home", "theirs"))
    (home / ".aws").mkdir()
    for name in ("aws", "pulumi"):
        program(theirs / name, "exit 9")
    variables = table(theirs)
    shutil.copy(variables["AWS_CONFIG_FILE"], home / ".aws")
    environ = {
        **os.environ,
        **variables,
        "HOME": str(home),
        "PATH": f"{theirs}{os.pathsep}{os.defpath}",
        "XDG_CACHE_HOME": str(cache_folder().parent),
    }
    made = Shell(tmp_path_factory.mktemp("sandbox"), environ)
    before = sorted(home.rglob("*"))
    made.run(*made.command("up"))
    yield made
    assert made.run(*made.command("down")) == "stopped\n"
    assert sorted(home.rglob("*")) == before


def test_every_command_works_with_every_variable_set(shell):
    assert " created" in shell.run(*shell.command("stack", "up"))
    preview = shell.run(*shell.command("stack", "preview", "--output", "json"))
    assert json.loads(preview[preview.index("{\n") :])["changes"].keys() == {"same"}

    who = ("dev/s3-app", "--", "aws", "sts", "get-caller-identity")
    role_arn = json.loads(shell.run(*shell.command("stack", "outputs")))["role_arn"]
    assert session_arn_prefix(role_arn) in shell.run(*shell.command("exec", *who))


@pytest.mark.parametrize("mode", ["run", "eval"])
def test_a_command_reaches_the_sandbox_and_never_the_real_aws(shell, mode, tmp_path):
    pulumi = "pulumi whoami --verbose --non-interactive"
    (tmp_path / "json.py").write_text("the AWS CLI must not import it")
    script = f"cd {tmp_path}; aws sts get-caller-identity && aws s3api list-buckets && {pulumi}"
    if mode == "run":
        printed = shell.run(*shell.command("run", "--", "sh", "-ec", script))
    else:
        printed = shell.run("sh", "-ec", f'eval "$({shlex.join(shell.command("env"))})"; {script}')

    assert "arn:aws:iam::111122223333:user/sandbox-administrator" in printed
    assert f"file://{shell.folder}/pulumi" in printed
