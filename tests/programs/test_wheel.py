"""`pip install` of the repository by its tag, used from an empty folder in its own environment.

First without any other package, then with this environment's behind it.
"""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from importlib.metadata import Distribution

import pytest
from packaging.requirements import Requirement

from irsa import REPOSITORY, __version__, requirement
from irsa_components.package.provider import IrsaProvider
from tests.support.paths import ROOT

SOURCES = ("pyproject.toml", "setup.py", "README.md", "LICENSE")
FOLDERS = ("irsa", "components", "sandbox")
AUTHOR = "-c user.name=a -c user.email=a@b.c"
EXTRAS = {
    "command": ["irsa/requirements.txt"],
    "components": ["components/requirements.txt"],
    "sandbox": [f"{part}/requirements.txt" for part in ("components", "irsa", "sandbox")],
}


def pip(python, *arguments):
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run(
        [*command, "--python", python, *map(str, arguments)], check=True, capture_output=True
    )


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """An environment that has this package alone."""
    copy, target = tmp_path_factory.mktemp("sources"), tmp_path_factory.mktemp("wheel")
    for name in SOURCES:
        shutil.copy(ROOT / name, copy)
    for name in FOLDERS:
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for command in ("init -q", "add --all", f"{AUTHOR} commit -qm release", f"tag v{__version__}"):
        subprocess.run(["git", *command.split()], cwd=copy, check=True)
    line = requirement("components").strip("'").replace(REPOSITORY, f"file://localhost{copy}")
    pip(sys.executable, "wheel", "--no-deps", "--no-build-isolation", "-w", target, line)
    [wheel] = target.iterdir()
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    pip(str(folder / "bin/python"), "install", "--no-deps", wheel)
    return folder


@pytest.fixture(scope="module")
def complete(installed, tmp_path_factory):
    """Return an environment with the packages of this one behind its own."""
    folder = tmp_path_factory.mktemp("complete")
    shutil.copytree(installed, folder, symlinks=True, dirs_exist_ok=True)
    (site_packages(folder) / "others.pth").write_text(sysconfig.get_path("purelib"))
    return folder


@pytest.fixture
def run(tmp_path):
    def run_one(environment, *arguments):
        return subprocess.run(
            [environment / "bin/python", *arguments], cwd=tmp_path,
            env={"PATH": os.defpath, "HOME": str(tmp_path)}, capture_output=True, text=True,
            check=False, timeout=60,
        )  # fmt: skip

    return run_one


def site_packages(environment):
    [site] = environment.glob("lib/python*/site-packages")
    return site


def test_the_wheel_has_three_packages_and_their_files(installed):
    site = site_packages(installed)
    tools = {each.relative_to(ROOT / "sandbox") for each in (ROOT / "sandbox/tools").rglob("*.*")}
    data = {each.relative_to(ROOT) for each in (ROOT / "irsa/data").rglob("*.yaml")}

    names = {each.name for each in site.iterdir()}
    assert names == {"irsa", "irsa_components", "irsa_sandbox", f"irsa-{__version__}.dist-info"}
    assert [each for each in tools if not (site / "irsa_sandbox" / each).exists()] == []
    assert [each for each in data if not (site / each).exists()] == []
    assert tools
    assert data


def test_extras_are_the_requirements_of_the_folders(installed):
    [folder] = site_packages(installed).glob("irsa-*.dist-info")
    found = [Requirement(each) for each in Distribution.at(folder).requires or []]

    for extra, files in EXTRAS.items():
        lines = [line for file in files for line in (ROOT / file).read_text().splitlines()]
        wanted = {Requirement(each).name for line in lines if (each := line.partition("#")[0])}
        assert wanted == {each.name for each in found if f'"{extra}"' in str(each.marker)}
    assert [str(each) for each in found if each.marker is None] == ["pyyaml>=6"]


def test_doctor_names_the_installed_command(complete, run):
    error = "Not authorized to perform sts:AssumeRoleWithWebIdentity"
    done = run(complete, complete / "bin/irsa", "doctor", error)
    assert done.returncode == 0, done.stderr
    assert "irsa verify" in done.stdout
    assert "python -m" not in done.stdout


def test_decide_works_without_any_other_package(installed, run, tmp_path):
    (tmp_path / "scenario.json").write_text(json.dumps({"principal": "x"}))
    wrong = run(installed, installed / "bin/irsa", "decide", "scenario.json")
    assert (wrong.returncode, len(wrong.stderr.splitlines())) == (2, 1)


@pytest.mark.parametrize(
    ("program", "arguments", "extra"),
    [
        ("kubectl-irsa", ["verify", "--namespace", "a", "--service-account", "b"], "command"),
        ("pulumi-resource-irsa", ["127.0.0.1:1"], "components"),
        ("irsa-sandbox", ["up"], "sandbox"),
    ],
)
def test_a_program_names_the_extra_that_it_needs(installed, run, program, arguments, extra):
    done = run(installed, installed / "bin" / program, *arguments)

    assert done.returncode != 0
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    assert f"pip install {requirement(extra)}" in line


def test_the_installed_plugin_has_the_schema_of_the_repository(complete, run):
    code = "from irsa_components.package.provider import IrsaProvider; print(IrsaProvider().schema)"
    done = run(complete, "-c", code)

    assert done.stdout.strip() == IrsaProvider().schema, done.stderr


def test_the_sandbox_outside_of_a_checkout_has_no_demo(complete, run):
    [line] = run(complete, complete / "bin/irsa-sandbox", "demo").stderr.splitlines()
    assert line == "sandbox: the demo brings up the repository's own stacks; run it in a checkout"
    status = run(complete, complete / "bin/irsa-sandbox", "status")
    assert (status.returncode, "`irsa-sandbox up`" in status.stderr) == (1, True)


def test_pytest_finds_the_fixtures(complete, run):
    code = "import pytest; pytest.main(['--fixtures', '-q', '-p', 'no:cacheprovider'])"
    fixtures = run(complete, "-c", code).stdout

    for name in ("irsa_sandbox", "accounts", "pod"):
        assert f"\n{name} " in fixtures
