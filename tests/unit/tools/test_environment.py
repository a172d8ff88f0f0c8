"""Which virtual environment `make setup` takes, what of the user's it refuses, and without one."""

import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tools import environment
from tools.environment import ROOT, environment_folder

REQUIREMENTS = {
    **dict.fromkeys(environment.REQUIREMENTS, ""),
    "requirements.txt": "run-time>=1,<2\n",
    "requirements-dev.txt": "Dev_tool==3\n",
}


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A project with a virtual environment of the user's, without any package."""
    for name, text in REQUIREMENTS.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"# comment\n{text}-r other.txt\n")
    folder = tmp_path / ".venv"
    venv.create(folder, symlinks=True)
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    monkeypatch.setattr(environment, "LINK", folder)
    return folder


def install(folder, *names: str) -> None:
    [site] = folder.glob("lib/python*/site-packages")
    for name in names:
        info = site / f"{name.replace('-', '_')}-1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")


@pytest.mark.parametrize(
    ("packages", "code", "printed"),
    [
        (["run-time", "dev-tool"], 0, "is used as it is"),
        (
            ["Run_Time"],
            2,
            (
                "lacks Dev_tool; remove it and set up again, or complete it: .venv/bin/python -m "
                "pip install -r constraints.txt, and then --no-deps -r policy_pack/locked.txt"
            ),
        ),
    ],
    ids=["complete", "incomplete"],
)
def test_an_own_environment_is_used_or_refused_as_it_is(own, capsys, packages, code, printed):
    install(own, *packages)

    assert environment.main() == code

    assert capsys.readouterr().err == f"{own} is your own and {printed}\n"


def test_an_own_environment_without_a_python_is_refused(own, capsys):
    (own / "bin" / "python").unlink()

    assert environment.main() == 2

    assert f"{own} is your own and lacks a Python that runs; remove it" in capsys.readouterr().err


def test_the_python_that_runs_these_tests_has_what_set_up_checks_for(monkeypatch):
    monkeypatch.setattr(environment, "LINK", environment.Path(sys.prefix))

    assert environment._missing_from_own() == ""


def test_an_activated_environment_leads_to_itself():
    """`make` runs the first `python3` on PATH, which is then the environment's own."""
    script = "from tools.environment import environment_folder; print(environment_folder())"
    base = Path(sys.base_prefix) / "bin" / "python3"

    folders = [
        subprocess.run(
            [python, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.strip()
        for python in (sys.executable, base)
    ]

    assert folders == [str(environment_folder())] * 2


def test_a_python_without_the_packages_is_told_what_to_do_in_one_line():
    without = [sys.executable, "-S", "-m", "sandbox"]  # no site, so no site-packages

    done = subprocess.run(
        [*without, "exec", "dev/s3-app", "--", "true"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"sandbox: {sys.executable} has no package 'httpx2'; in a checkout run `make setup`, and "
        "then `. .venv/bin/activate`; elsewhere pip install 'irsa[sandbox]'\n"
    )


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")
def test_make_hands_on_nothing_that_is_another_pythons(tmp_path, monkeypatch):
    theirs = ("PYTHONPATH", "PYTHONHOME", "PIP_USER", "PIP_TARGET")
    for name in theirs:
        monkeypatch.setenv(name, "/theirs")
    monkeypatch.setenv("PIP_INDEX_URL", "https://index.example")
    makefile = tmp_path / "Makefile"
    makefile.write_text(f"include {environment.ROOT / 'Makefile'}\nshow: ; @env\n")

    shown = subprocess.run(
        ["make", "-s", "-f", makefile, "show"], capture_output=True, text=True, check=True
    ).stdout

    names = {line.partition("=")[0] for line in shown.splitlines()}
    assert names & {*theirs, "PIP_INDEX_URL"} == {"PIP_INDEX_URL"}


def test_a_venv_that_is_a_link_is_left_out_of_the_repository(tmp_path):
    shutil.copy(ROOT / ".gitignore", tmp_path)
    (tmp_path / ".venv").symlink_to(tmp_path.parent)
    git = ["git", "-C", str(tmp_path)]

    subprocess.run([*git, "init", "-q"], check=True)
    status = subprocess.run(
        [*git, "status", "--porcelain"], capture_output=True, text=True, check=True
    )

    assert status.stdout == "?? .gitignore\n"
