"""The Pulumi CLI writes a log for every command: never into the user's own folder (L2)."""

from dataclasses import replace
from pathlib import Path

import pytest

from sandbox import toolchain
from sandbox.engine.stack import SandboxStack
from tests.support.fake_sandbox import STATE

CLI = """\
#!/bin/sh
echo "$PULUMI_HOME" >> "$0.homes"
if test "$1" = version; then echo v3.274.1; fi
"""


@pytest.fixture
def cli(tmp_path) -> Path:
    """A CLI that notes which folder it would write to, and does nothing."""
    program = tmp_path / "tools" / "bin" / "pulumi"
    program.parent.mkdir(parents=True)
    program.write_text(CLI)
    program.chmod(0o755)
    return program


def homes(cli: Path) -> list[str]:
    return cli.with_name("pulumi.homes").read_text().splitlines()


def test_l2_a_stack_makes_the_cli_write_into_the_sandbox_only(tmp_path, cli):
    project = tmp_path / "project"
    project.mkdir()
    (project / "Pulumi.yaml").write_text("name: project\nruntime: python\n")
    (project / "Pulumi.dev.yaml").write_text("config: {}\n")
    state = replace(STATE, folder=str(tmp_path / "sandbox"), pulumi=str(cli))

    SandboxStack(state, project)

    calls = homes(cli)
    assert len(calls) >= 2, "its version, and the stack"
    assert set(calls) == {str(tmp_path / "sandbox" / "pulumi-home")}


def test_l2_looking_for_the_cli_makes_it_write_into_the_cache_only(tmp_path, cli, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{cli.parent}:/usr/bin:/bin")

    assert toolchain.obtain_pulumi(print) == cli

    assert homes(cli) == [str(tmp_path / "cache" / "irsa-sandbox" / "pulumi-home")]
