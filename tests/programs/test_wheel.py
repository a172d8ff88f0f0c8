"""`pip install` of the repository, used from an empty folder in an environment of its own.

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

from irsa import __version__
from irsa.__main__ import COMMANDS
from tests.support.paths import ROOT

SOURCES = ("pyproject.toml", "setup.py", "README.md", "LICENSE", "requirements.txt")
FOLDERS = ("irsa", "components", "sandbox")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built in a copy: setuptools leaves a folder beside what it builds."""
    copy, target = tmp_path_factory.mktemp("sources"), tmp_path_factory.mktemp("wheel")
    for name in SOURCES:
        shutil.copy(ROOT / name, copy)
    for name in FOLDERS:
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    pip(sys.executable, "wheel", "--no-deps", "--no-build-isolation", "-w", target, copy)
    [built] = target.iterdir()
    return built


def pip(python, *arguments):
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run(
        [*command, "--python", python, *map(str, arguments)], check=True, capture_output=True
    )


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """An environment that has this package alone."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    pip(str(folder / "bin/python"), "install", "--no-deps", wheel)
    return folder


@pytest.fixture(scope="module")
def complete(installed, tmp_path_factory):
    """The same, with the packages of this environment behind its own."""
    folder = tmp_path_factory.mktemp("complete")
    shutil.copytree(installed, folder, symlinks=True, dirs_exist_ok=True)
    [site] = folder.glob("lib/python*/site-packages")
    (site / "others.pth").write_text(sysconfig.get_path("purelib"))
    return folder


@pytest.fixture
def run(tmp_path):
    def run_one(environment, program, *arguments):
        return subprocess.run(
            [environment / "bin/python", environment / "bin" / program, *arguments], cwd=tmp_path,
            env={"PATH": os.defpath, "HOME": str(tmp_path)}, capture_output=True, text=True,
            check=False, timeout=60,
        )  # fmt: skip

    return run_one


def python(environment, code, folder):
    done = subprocess.run(
        [environment / "bin/python", "-c", code], cwd=folder, capture_output=True, text=True,
        check=False, env={"PATH": os.defpath, "HOME": str(folder)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def metadata(environment) -> Distribution:
    [folder] = environment.glob("lib/python*/site-packages/irsa-*.dist-info")
    return Distribution.at(folder)


def test_it_takes_no_name_that_others_could_have(installed):
    [site] = installed.glob("lib/python*/site-packages")
    names = {each.name for each in site.iterdir()}
    assert names == {"irsa", "irsa_components", "irsa_sandbox", f"irsa-{__version__}.dist-info"}
    programs = {each.name for each in (installed / "bin").iterdir()}
    assert programs >= {"irsa", "kubectl-irsa", "irsa-sandbox", "pulumi-resource-irsa"}


def test_everything_that_is_no_module_is_in_it(installed):
    [site] = installed.glob("lib/python*/site-packages")
    for ours, theirs, names in (
        ("sandbox/tools", "irsa_sandbox/tools", "*.*"),
        ("irsa/data", "irsa/data", "*.yaml"),
    ):
        wanted = {each.relative_to(ROOT / ours) for each in (ROOT / ours).rglob(names)}
        assert wanted
        assert wanted == {each.relative_to(site / theirs) for each in (site / theirs).rglob(names)}


def test_extras_are_the_requirements_of_the_rooms(installed):
    found = metadata(installed).requires or []
    for extra, files in {
        "command": ["irsa/requirements.txt"],
        "components": ["requirements.txt"],
        "sandbox": ["requirements.txt", "irsa/requirements.txt", "sandbox/requirements.txt"],
    }.items():
        lines = [line for file in files for line in (ROOT / file).read_text().splitlines()]
        wanted = {each for line in lines if (each := line.partition("#")[0].strip())}
        given = {each for each in found if f'extra == "{extra}"' in each}
        assert {name(each) for each in given} == {name(each) for each in wanted}
    assert [each for each in found if "extra ==" not in each] == ["pyyaml>=6"]


def name(requirement):
    return Requirement(requirement).name


def test_doctor_names_the_installed_command(complete, run):
    done = run(
        complete, "irsa", "doctor", "Not authorized to perform sts:AssumeRoleWithWebIdentity"
    )
    assert done.returncode == 0, done.stderr
    assert "irsa verify" in done.stdout
    assert "python -m" not in done.stdout


def test_decide_works_without_any_other_package(installed, run, tmp_path):
    scenario = {"principal": "x"}
    (tmp_path / "scenario.json").write_text(json.dumps(scenario))
    wrong = run(installed, "irsa", "decide", "scenario.json")
    assert wrong.returncode == 2
    assert len(wrong.stderr.splitlines()) == 1


def test_kubectl_finds_it_under_its_own_name(installed, run):
    done = run(installed, "kubectl-irsa", "--help")
    assert done.stdout.startswith("usage: kubectl irsa COMMAND")
    assert all(f"  {name}" in done.stdout for name in COMMANDS)


@pytest.mark.parametrize(
    ("program", "arguments", "extra"),
    [
        ("irsa", ["verify", "--namespace", "a", "--service-account", "b"], "irsa[command]"),
        ("pulumi-resource-irsa", ["127.0.0.1:1"], "irsa[components]"),
        ("irsa-sandbox", ["up"], "irsa[sandbox]"),
    ],
)
def test_what_needs_an_extra_says_which(installed, run, program, arguments, extra):
    done = run(installed, program, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    [line] = done.stderr.splitlines()
    assert f"pip install '{extra}'" in line


def test_the_components_are_importable(complete, tmp_path):
    code = (
        "from irsa_components.service_account_role import ServiceAccountRole as R; "
        "from irsa_components.package.provider import IrsaProvider as P; import sys; "
        "assert 'components' not in sys.modules; print(P().schema)"
    )
    schema = json.loads(python(complete, code, tmp_path))
    assert schema == json.loads((ROOT / "schemas/package.json").read_text())


def test_the_sandbox_says_what_it_cannot_do_outside_of_a_checkout(complete, run):
    assert run(complete, "irsa-sandbox", "status").returncode == 1
    [line] = run(complete, "irsa-sandbox", "demo").stderr.splitlines()
    assert line == "sandbox: the demo brings up the repository's own stacks; run it in a checkout"
    assert "python -m irsa_sandbox up" in run(complete, "irsa-sandbox", "status").stderr


def test_pytest_finds_the_fixtures(complete, tmp_path):
    code = "import pytest; pytest.main(['--fixtures', '-q', '-p', 'no:cacheprovider'])"
    fixtures = python(complete, code, tmp_path)
    for name in ("irsa_sandbox", "accounts", "pod"):
        assert f"\n{name} " in fixtures
