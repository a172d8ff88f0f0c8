"""A project's own virtual environment runs its program, which imports the installed name."""

import shutil
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from sandbox.engine.stack import SandboxStack
from sandbox.session import Session
from sandbox.state import SandboxError
from tests.sandbox.support.command import sandbox
from tests.support.paths import ROOT

pytestmark = pytest.mark.sandbox

PROGRAM = """
import sys

import pulumi
from irsa_components.access_key_user import AccessKeyUser, AccessKeyUserArgs

config = pulumi.Config()
if not config.require("user").islower():
    raise pulumi.RunError(f"user {config.require('user')!r}: not in lower case")
AccessKeyUser("user", AccessKeyUserArgs(user_name=config.require("user")))
pulumi.export("python", sys.prefix)
pulumi.export("stack", pulumi.get_stack())
pulumi.export("preview", pulumi.runtime.is_dry_run())
pulumi.export("file", __file__)
pulumi.export("password", config.require_secret("password"))
"""
CONFIG = {"own:user": "olga", "own:password": "hunter2"}
RUNTIME = "name: own\nruntime: {{name: python, options: {options}}}\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose environment has the installed packages, but for the sandbox."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "__main__.py").write_text(PROGRAM)
    (folder / "Pulumi.yaml").write_text(RUNTIME.format(options="{virtualenv: env}"))
    environment(folder / "env", sysconfig.get_path("purelib"), str(installed(tmp_path)))
    return folder


def environment(folder: Path, *paths: str) -> None:
    venv.create(folder, with_pip=False)
    [site] = folder.glob("lib/python*/site-packages")
    (site / "others.pth").write_text("\n".join(paths))


def installed(folder: Path) -> Path:
    """Return a folder with the components under their installed name."""
    site = folder / "site"
    site.mkdir()
    (site / "irsa").symlink_to(ROOT / "irsa")
    (site / "irsa_components").symlink_to(ROOT / "components")
    return site


def test_the_virtual_environment_of_a_project_runs_its_program(session: Session, project: Path):
    stack = SandboxStack(session.state, project, config=CONFIG)

    assert stack.preview() == {"create": 4}
    stack.up()
    outputs = stack.outputs()
    again = stack.preview()
    stack.destroy()

    assert outputs == {
        "python": str(project / "env"),
        "stack": "dev",
        "preview": False,
        "file": str(project / "__main__.py"),
        "password": "hunter2",
    }
    assert again.keys() == {"same"}


def test_an_error_in_a_projects_environment_is_one_line(session: Session, project: Path):
    lines: list[str] = []
    stack = SandboxStack(session.state, project, config={**CONFIG, "own:user": "Olga"})
    with pytest.raises(SandboxError, match=r"^user 'Olga': not in lower case$"):
        stack.up(on_output=lines.append)
    assert "\n".join(lines).count("not in lower case") <= 2

    shutil.rmtree(project / "env")
    environment(project / "env")
    python = project / "env/bin/python"
    with pytest.raises(SandboxError) as refused:
        stack.preview()
    assert str(refused.value) == f"{python}: ModuleNotFoundError: No module named 'pulumi'"

    shutil.rmtree(project / "env")
    options = ("--project", project, "--config", "own:user=Olga", "--config", "own:password=x")
    done = sandbox("stack", "preview", "--folder", session.state.folder, *options)
    assert done.stderr.splitlines() == [
        f"{project / 'env'} does not exist, so {sys.executable} runs the program",
        "sandbox: user 'Olga': not in lower case",
    ]

    (project / "env").mkdir()
    with pytest.raises(SandboxError, match=r"virtualenv: \S+/env/bin/python does not exist"):
        SandboxStack(session.state, project, config=CONFIG)
