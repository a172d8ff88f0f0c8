"""`python -m irsa_sandbox`: its arguments; without a sandbox, one line and exit code 1."""

import json
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
from tests.support.processes import ran


@pytest.mark.parametrize("typo", ["parent/typo", "."])
@pytest.mark.parametrize(
    "command",
    ["status", "env -o json", "run -- true", "exec dev/s3-app -- true", "stack preview", "down"],
)
def test_a_folder_without_a_sandbox_is_named_and_nothing_made(tmp_path, capsys, command, typo):
    name, *more = command.split()
    folder = tmp_path / typo
    code = main([name, "--folder", str(folder), *more])
    start = f"start it with `python -m irsa_sandbox up --folder {folder}`"
    problem = f"no sandbox runs in {folder}; {start}"
    out = json.dumps({"version": 1, "problem": problem}, indent=1) + "\n"
    nothing = (1, out * ("json" in more), f"sandbox: {problem}\n")
    expected = (0, f"no sandbox ran in {folder}\n", "") if command == "down" else nothing
    assert (code, *capsys.readouterr()) == expected
    assert list(tmp_path.iterdir()) == []


def test_a_sandbox_or_project_of_a_folder_above_is_named(running, capsys, monkeypatch):
    docs = running.parent / "docs" / "forms"
    docs.mkdir(parents=True)
    monkeypatch.chdir(docs)
    (running.parent / "Pulumi.yaml").touch()
    for command, problem in {
        "status": f"no sandbox runs in {docs}/sandbox; one runs in {running.parent}: `",
        "stack preview": f"{docs} has no Pulumi.yaml; run `",
    }.items():
        assert main([*command.split(), "--folder", running.name]) == 1
        assert capsys.readouterr().err.startswith(f"sandbox: {problem}cd {running.parent}`")


@pytest.mark.parametrize("command", ["up", "demo"])
def test_a_folder_with_something_else_is_refused(tmp_path, capsys, monkeypatch, command):
    monkeypatch.setattr("irsa_sandbox.demo.PROJECT_B", tmp_path)  # an installed sandbox has none
    (tmp_path / "thesis.txt").write_text("data")
    assert main([command, "--folder", str(tmp_path)]) == 1
    err = capsys.readouterr().err
    assert err.startswith(f"sandbox: {tmp_path} holds something that is not a sandbox's")
    assert err.count("\n") == 1


def test_the_engines_work_goes_on_when_its_output_is_not_read_any_more():
    program = (
        "import sys; from irsa_sandbox.__main__ import _print_while_read as show\n"
        "for _ in range(9): show('x' * 100_000)\n"
        "print('finished', file=sys.stderr)"
    )
    done = ran("sh", "-c", '"$0" -c "$1" | true', sys.executable, program, cwd=ROOT)
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
    for words in ([], *(["--providers", name] for name in ("kubernetes", "attached", "published"))):
        monkeypatch.setenv("PULUMI_HOME", "/theirs/pulumi")
        assert main(["up", *words]) == 1
    home, every = Path("/theirs/pulumi"), {"aws", "eks", "kubernetes"}
    chosen = (None, frozenset({"kubernetes"}), frozenset(), frozenset(every))
    assert seen == [Choice(names, home) for names in chosen]


def test_a_sandbox_with_other_providers_or_of_another_version_is_refused(running, capsys):
    up = ["up", "--folder", str(running), "--providers"]
    stop = f"stop it with `python -m irsa_sandbox down --folder {running}`"
    assert main([*up, "attached"]) == 0
    capsys.readouterr()
    assert main([*up, "published"]) == 1
    runs = f"the sandbox in {running} runs with no provider left to plugins"
    assert capsys.readouterr().err == f"sandbox: {runs}; {stop} to start it with others\n"
    (running / STATE_FILE).write_text(json.dumps({"format": FORMAT + 1, "pid": 1}))
    started = f"another version of this program started the sandbox in {running}"
    for command in ("up", "status"):
        assert main([command, "--folder", str(running)]) == 1
        assert capsys.readouterr().err == f"sandbox: {started}; {stop}\n"


def test_options_stand_before_the_dashes_and_around_the_workload():
    command = ["aws", "--container", "x", "--folder", "y", "--", "z"]
    for line in (
        "dev/s3-app --container app --folder f",
        "dev/s3-app -c app --folder=f",
        "--container app --folder f dev/s3-app",
    ):
        options = parse(["exec", *line.split(), "--", *command])
        assert options.behind_dashes == command
        parts = (options.workload, options.container, options.folder)
        assert parts == ("dev/s3-app", "app", Path("f"))
    assert parse(["exec", "-n", "dev", "s3-app", "--", "z"]).namespace == "dev"
    options = parse(["run", "--folder", "f", "--", *command])
    assert (options.folder, options.behind_dashes) == (Path("f"), command)


@pytest.mark.parametrize(
    ("operation", "options", "line"),
    [
        ("destroy", ["--skip-preview"], "--skip-preview is for up, not for destroy; leave it out"),
        ("up", ["--show-secrets"], "--show-secrets is for outputs, not for up; leave it out"),
        (
            "preview",
            ["--config", "irsa:cluster={name: a, name: b}"],  # YAML, as Pulumi reads it
            "sandbox: --config irsa:cluster: not YAML: the key 'name' is given twice",
        ),
    ],
)
def test_options_of_other_operations_are_refused(running, capsys, operation, options, line):
    assert main(["stack", operation, "--folder", str(running), *options]) == 1
    assert line in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("exec dev/s3-app", "no command given; write it behind `--`"),
        ("exec dev/s3-app aws s3 ls", "write the command behind `--`: -- aws s3 ls"),
        ("up --providers gcp", "'gcp' is no provider; give attached, published, or some"),
        ("down -- now", "only `run` and `exec` take a command behind `--`"),
    ],
)
def test_wrong_usage_is_told_with_exit_code_2(given, message, capsys):
    assert main(given.split()) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert message in line
