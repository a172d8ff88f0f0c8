"""Settings of people who use Pulumi for real, in the sandbox; errors of one line, shown once."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from sandbox import lifecycle
from sandbox.engine.stack import SandboxStack
from sandbox.state import SandboxError
from tests.sandbox.support.command import sandbox

pytestmark = pytest.mark.sandbox

SALT = "encryptionsalt: v1:GkMrwKcN0ZE=:v1:0MhRbvQ3mP8nLQ1x:2qk3y0m4Yc1h6JvXn1o8gqQbN0s5xA==\n"
CLOUD_KEY = "secretsprovider: awskms://alias/ours?region=eu-west-1\nencryptedkey: AQICAHg=\n"


@pytest.fixture
def projects(tmp_path):
    """A copy of both projects, whose files a test may change."""
    for name in (".", "account_b"):
        (tmp_path / name).mkdir(exist_ok=True)
        for file in ("Pulumi.yaml", "Pulumi.dev.yaml", "__main__.py"):
            shutil.copy(lifecycle.ROOT / name / file, tmp_path / name / file)
    return tmp_path


def contents(folder: Path) -> dict[Path, bytes]:
    return {
        file: file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }


def stack_command(session, *arguments) -> subprocess.CompletedProcess[str]:
    return sandbox("stack", "--folder", session.state.folder, *arguments)


@pytest.mark.parametrize("foreign", [SALT, CLOUD_KEY], ids=["salt", "cloud-key"])
def test_p2_settings_of_a_real_stack_work_and_stay_as_they_are(session, projects, foreign):
    for folder in (projects, projects / "account_b"):
        with (folder / "Pulumi.dev.yaml").open("a") as file:
            file.write(foreign)
    before = contents(projects)

    SandboxStack(session.state, projects).up()
    account_b = SandboxStack(session.state, projects / "account_b")
    account_b.up()

    assert SandboxStack(session.state, projects).preview().keys() == {"same"}
    assert SandboxStack(session.state, projects / "account_b").preview().keys() == {"same"}
    assert contents(projects) == before
    account_b.destroy()


def test_p2_secrets_of_a_stack_can_be_read_after_its_settings_were_copied_again(session, projects):
    SandboxStack(session.state, projects).up()

    outputs = SandboxStack(session.state, projects).outputs()

    assert json.loads(outputs["kubeconfig"])["kind"] == "Config"


def test_p2_the_salt_of_one_sandboxs_plain_pulumi_suits_the_next_sandbox(
    session, projects, tmp_path
):
    def plain(backend: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / backend).mkdir(exist_ok=True)
        return subprocess.run(
            [session.state.pulumi, *arguments, "--non-interactive", "--cwd", str(projects)],
            env={
                **session.state.environment(),
                "PULUMI_BACKEND_URL": f"file://{tmp_path / backend}",
                "PULUMI_HOME": str(tmp_path / "home"),
            },
            capture_output=True,
            text=True,
            check=False,
        )

    assert plain("first", "stack", "init", "dev").returncode == 0
    assert "encryptionsalt" in yaml.safe_load((projects / "Pulumi.dev.yaml").read_text())
    second = plain("second", "stack", "init", "dev")

    assert second.returncode == 0, second.stderr
    assert SandboxStack(session.state, projects).preview()


def test_p2_a_value_for_the_sandbox_can_be_given_on_the_command_line(session, projects):
    settings = projects / "Pulumi.dev.yaml"
    settings.write_text(settings.read_text() + "  irsa:tags: {secure: v1:aaaa}\n")

    refused = stack_command(session, "preview", "--project", str(projects))
    given = stack_command(
        session, "preview", "--project", str(projects), "--config", "irsa:tags={a: b}"
    )

    assert refused.returncode == 1
    assert refused.stderr == (
        f"sandbox: {settings}: irsa:tags is encrypted (`secure:`) with a key that the sandbox "
        "does not have; give the sandbox a value of its own: --config 'irsa:tags=VALUE'\n"
    )
    assert given.returncode == 0, given.stderr


def test_f4_malformed_settings_are_one_line_on_the_command_line(session, projects):
    settings = projects / "Pulumi.dev.yaml"
    settings.write_text("config:\n\taws:region: x\n")

    done = stack_command(session, "up", "--project", str(projects))

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"sandbox: {settings}, line 2: not YAML: found character '\\t' that cannot start any "
        "token; indent with spaces\n"
    )


def test_f4_an_error_of_the_configuration_is_shown_once(session, open_stack):
    lines: list[str] = []
    stack = open_stack({"irsa:cluster": {"nmae": "dev"}})

    with pytest.raises(SandboxError, match="unknown key 'nmae'"):
        stack.up(on_output=lines.append)

    _, _, diagnostics = "\n".join(lines).partition("Diagnostics:")
    assert diagnostics.count("unknown key 'nmae'") == 1
    assert "an unhandled error occurred" not in "\n".join(lines)


def test_f4_a_stack_that_another_command_changes_is_one_line(session, open_stack):
    stack = open_stack()
    lock = Path(session.state.folder, "pulumi/.pulumi/locks/organization/irsa/dev/held.json")
    with subprocess.Popen(["sleep", "60"]) as holder:
        lock.parent.mkdir(parents=True, exist_ok=True)
        lock.write_text(
            json.dumps(
                {
                    "pid": holder.pid,
                    "username": "ana",
                    "hostname": "laptop",
                    "timestamp": "2026-11-25T09:15:33Z",
                }
            )
        )
        try:
            with pytest.raises(SandboxError) as raised:
                stack.up()
        finally:
            lock.unlink()
            holder.kill()

    assert str(raised.value) == (
        f"process {holder.pid} (ana@laptop) is changing this stack; wait until it has ended, or "
        "end it and run this again"
    )
