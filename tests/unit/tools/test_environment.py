"""The virtual environment of `make setup`."""

import os
import shutil
import sys
import venv
from pathlib import Path

import pytest

from tests.support.processes import ran
from tools import environment
from tools.environment import ROOT, environment_folder


@pytest.mark.cases(("oldest", "problem"), {
    "environment of another tool": (environment.OLDEST, "was not made by this set-up; remove it"),
    "old Python": ((4, 0), f"{sys.executable} is {sys.version.split()[0]}"),
})  # fmt: skip
def test_what_is_in_the_way_is_named(tmp_path, monkeypatch, capsys, oldest, problem):
    monkeypatch.setattr(environment, "LINK", tmp_path)
    monkeypatch.setattr(environment, "OLDEST", oldest)
    assert environment.main() == 2
    assert problem.replace("was not", f"{tmp_path} was not") in capsys.readouterr().err


@pytest.fixture
def shared(tmp_path):
    """The environment of `make setup` in the user's cache, which clones share."""
    venv.create(tmp_path / "shared", with_pip=False)
    environment.find_clone(tmp_path / "shared")
    return tmp_path / "shared"


def test_an_activated_environment_leads_to_itself():
    """`make` runs the first `python3` on PATH, which is then the environment's own."""
    script = "from tools.environment import environment_folder; print(environment_folder())"
    base = Path(sys.base_prefix) / "bin" / "python3"

    own = {"cwd": ROOT, "env": {**os.environ, "PYTHONPATH": "sandbox"}}
    folders = [ran(python, "-c", script, **own).stdout for python in (sys.executable, base)]
    assert folders == [f"{environment_folder()}\n"] * 2


def test_a_clones_own_python_imports_the_clones_components_anywhere(tmp_path, shared):
    package = tmp_path / "clone" / "components/irsa_components/__init__.py"
    package.parent.mkdir(parents=True)
    package.touch()
    (tmp_path / "clone" / ".venv").symlink_to(shared)

    code = "import irsa_components; print(irsa_components.__file__)"
    pythons = {"clone/.venv/bin/python": tmp_path, "shared/bin/python": tmp_path / "clone"}
    for python, folder in pythons.items():
        assert ran(tmp_path / python, "-c", code, cwd=folder).stdout == f"{package}\n"
    for program in ("python", shared / "bin/python"):  # the second is that of `pytest`
        activated = f'. .venv/bin/activate; cd /; {program} -c "{code}"'
        assert ran("bash", "-c", activated, cwd=tmp_path / "clone").stdout == f"{package}\n"


def test_a_shell_that_does_not_name_the_script_keeps_the_environment(tmp_path, shared):
    """In `sh`, the folder above the working one may have another Python."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    (tmp_path / "work").mkdir()
    activated = '. ../shared/bin/activate; echo "$VIRTUAL_ENV"'
    assert ran("sh", "-c", activated, cwd=tmp_path / "work").stdout == f"{shared}\n"


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")
def test_make_hands_on_nothing_that_is_another_pythons(tmp_path, monkeypatch):
    theirs = ("PYTHONPATH", "PYTHONHOME", "PIP_USER", "PIP_TARGET")
    for name in theirs:
        monkeypatch.setenv(name, "/theirs")
    monkeypatch.setenv("PIP_INDEX_URL", "https://index.example")
    makefile = tmp_path / "Makefile"
    ours = str(environment.ROOT / "Makefile").replace(" ", "\\ ")
    makefile.write_text(f"include {ours}\nshow: ; @env\n")

    shown = ran("make", "-s", "-f", makefile, "show", check=True).stdout
    names = {line.partition("=")[0] for line in shown.splitlines()}
    assert names & {*theirs, "PIP_INDEX_URL"} == {"PIP_INDEX_URL"}
