"""`python -m irsa_sandbox`: its arguments; without a sandbox, one line and exit code 1."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from irsa_sandbox import lifecycle
from irsa_sandbox.__main__ import main, parse
from irsa_sandbox.folder import take
from irsa_sandbox.lifecycle import ROOT
from irsa_sandbox.state import FORMAT, STATE_FILE, SandboxError, save
from irsa_sandbox.toolchain.plugins import Choice
from tests.support.fake_sandbox import STATE


@pytest.mark.parametrize(
    ("command", "more"),
    [
        ("status", []),
        ("env", []),
        ("run", ["--", "true"]),
        ("exec", ["dev/s3-app", "--", "true"]),
        ("stack", ["preview"]),
        ("down", []),
    ],
)
def test_a_misspelt_folder_is_not_made(tmp_path, capsys, command, more):
    typo = tmp_path / "parent" / "typo"

    code = main([command, "--folder", str(typo), *more])

    start = f"start it with `python -m irsa_sandbox up --folder {typo}`"
    nothing = (1, "", f"sandbox: no sandbox runs in {typo}; {start}\n")
    expected = (0, f"no sandbox ran in {typo}\n", "") if command == "down" else nothing
    assert (code, *capsys.readouterr()) == expected
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["up", "demo"])
def test_a_folder_of_another_user_is_refused_in_one_line(tmp_path, capsys, monkeypatch, command):
    monkeypatch.setattr("irsa_sandbox.demo.PROJECT_B", tmp_path)  # an installed sandbox has none
    thesis = tmp_path / "thesis.txt"
    thesis.write_text("data")

    assert main([command, "--folder", str(tmp_path)]) == 1

    err = capsys.readouterr().err
    assert err.startswith(f"sandbox: {tmp_path} holds something that is not a sandbox's")
    assert err.count("\n") == 1
    assert thesis.read_text() == "data"


def test_the_engines_work_goes_on_when_its_output_is_not_read_any_more():
    program = (
        "import sys; from irsa_sandbox.__main__ import _print_while_read as show\n"
        "for _ in range(9): show('x' * 100_000)\n"
        "print('finished', file=sys.stderr)"
    )

    done = subprocess.run(
        ["sh", "-c", '"$0" -c "$1" | true', sys.executable, program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stderr == "finished\n"


@pytest.fixture
def running(tmp_path):
    """The folder of a sandbox that runs, as far as one can see from outside."""
    folder = tmp_path / "sandbox"
    with take(folder):
        save(replace(STATE, folder=str(folder)))
        yield folder


def test_published_providers_are_taken_when_they_are_asked_for(monkeypatch):
    seen: list[Choice] = []

    def up(folder, on_progress, providers):
        seen.append(providers)
        raise SandboxError("not started")

    monkeypatch.setattr(lifecycle, "up", up)
    for given in ([], *(["--providers", each] for each in ("kubernetes", "attached", "published"))):
        monkeypatch.setenv("PULUMI_HOME", "/theirs/pulumi")
        assert main(["up", *given]) == 1

    home = Path("/theirs/pulumi")
    assert seen == [
        Choice(None, home),
        Choice(frozenset({"kubernetes"}), home),
        Choice(frozenset(), home),
        Choice(frozenset({"aws", "eks", "kubernetes"}), home),
    ]


def test_the_users_own_pulumi_folder_is_not_the_engines(running, capsys, monkeypatch):
    monkeypatch.setenv("PULUMI_HOME", "/theirs/pulumi")

    assert main(["env", "--folder", str(running), "--output", "json"]) == 0

    assert json.loads(capsys.readouterr().out)["PULUMI_HOME"] == f"{running}/pulumi-home"


def test_a_running_sandbox_with_other_providers_is_refused(running, capsys):
    arguments = ["up", "--folder", str(running), "--providers"]

    assert main([*arguments, "attached"]) == 0
    capsys.readouterr()
    assert main([*arguments, "published"]) == 1

    assert capsys.readouterr().err == (
        f"sandbox: the sandbox in {running} runs with no provider left to plugins; stop it with "
        f"`python -m irsa_sandbox down --folder {running}` to start it with others\n"
    )


def test_a_sandbox_of_another_version_is_no_riddle(running, capsys):
    file = running / STATE_FILE
    file.write_text(json.dumps({"format": FORMAT + 1, "pid": 1}))

    for command in ("up", "status"):
        assert main([command, "--folder", str(running)]) == 1
        assert capsys.readouterr().err == (
            f"sandbox: another version of this program started the sandbox in {running}; stop it "
            f"with `python -m irsa_sandbox down --folder {running}`\n"
        )


@pytest.mark.parametrize(
    "given",
    [
        "dev/s3-app --container app --folder f",
        "dev/s3-app -c app --folder=f",
        "--container app --folder f dev/s3-app",
    ],
)
def test_exec_takes_its_options_before_and_behind_the_workload(given):
    behind_dashes = ["aws", "--container", "x", "--", "y"]
    options = parse(["exec", *given.split(), "--", *behind_dashes])

    assert (options.workload, options.container, str(options.folder)) == ("dev/s3-app", "app", "f")
    assert options.behind_dashes == behind_dashes


def test_run_takes_its_options_before_the_dashes_only():
    options = parse(["run", "--folder", "ours", "--", "pulumi", "--folder", "theirs"])

    assert str(options.folder) == "ours"
    assert options.behind_dashes == ["pulumi", "--folder", "theirs"]


@pytest.mark.parametrize(
    ("command", "options", "line"),
    [
        ("destroy", ["--skip-preview"], "--skip-preview is for up, not for destroy; leave it out"),
        (
            "preview",
            ["--config", "irsa:cluster={name: a, name: b}"],  # YAML, as Pulumi reads it
            "sandbox: --config irsa:cluster: not YAML: the key 'name' is given twice",
        ),
    ],
)
def test_options_that_an_operation_does_not_take_are_refused(
    running, capsys, command, options, line
):
    assert main(["stack", command, "--folder", str(running), *options]) == 1

    assert line in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["exec", "dev/s3-app"], "no command given; write it behind `--`"),
        (["run", "--"], "no command given; write it behind `--`"),
        (["exec", "dev/s3-app", "aws", "s3", "ls"], "unrecognized arguments: aws s3 ls"),
        (["up", "--providers", "gcp"], "'gcp' is no provider; give attached, published, or some"),
        (["down", "--", "now"], "only `run` and `exec` take a command behind `--`"),
    ],
)
def test_wrong_usage_is_told_with_exit_code_2(given, message, capsys):
    with pytest.raises(SystemExit) as ended:
        parse(given)

    assert ended.value.code == 2
    assert message in capsys.readouterr().err
