"""Each part, installed alone: from its folder in a clone, from a release's tag, and from its sdist.

The environments have this one's packages behind their own, so that no index is asked.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from email.parser import HeaderParser

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty
from packaging.requirements import Requirement
from pulumi.runtime.proto.analyzer_pb2_grpc import AnalyzerStub

from irsa import REPOSITORY, __version__
from irsa_components.package.provider import IrsaProvider
from irsa_policies.rules import PACK
from tests.support import requirements
from tests.support.locked import locked_versions
from tests.support.paths import ROOT

PARTS = {
    "command": ["irsa", "irsa_policies"],
    "components": ["irsa_components"],
    "sandbox": ["irsa_sandbox"],
}
NEEDS = {"command": [], "components": ["command"], "sandbox": ["command", "components"]}
"""The parts that each one stands on."""
AUTHOR = "-c user.name=a -c user.email=a@b.c"
BUILD = "import sys; from setuptools import build_meta; build_meta.build_sdist(sys.argv[1])"


def run(*command, **options):
    subprocess.run([*map(str, command)], check=True, capture_output=True, **options)


def pip(*arguments, python=sys.executable):
    run(sys.executable, "-m", "pip", "-q", "--python", python, *arguments)


def wheel_of(source, target):
    pip("wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", target, source)
    [wheel] = target.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """The three folders and what the programs import, in a repository without a tag."""
    copy = tmp_path_factory.mktemp("clone")
    for name in ("LICENSE", "pyproject.toml", "requirements.txt", "stack_config.py"):
        shutil.copy(ROOT / name, copy)
    kept = shutil.ignore_patterns("__pycache__", "*.egg-info", "build", "tests")
    for part in PARTS:
        shutil.copytree(ROOT / part, copy / part, ignore=kept, symlinks=True)
    for command in ("init -q", "add --all", f"{AUTHOR} commit -qm release"):
        run("git", *command.split(), cwd=copy)
    return copy


@pytest.fixture(scope="module", params=PARTS)
def part(request):
    return request.param


@pytest.fixture(scope="module")
def installed(part, clone, tmp_path_factory):
    """Return an environment after `pip install ./PART`, and nothing else."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    [site] = folder.glob("lib/python*/site-packages")
    (site / "others.pth").write_text(sysconfig.get_path("purelib"))
    pip("install", "--no-index", "--no-build-isolation", clone / part, python=folder / "bin/python")

    def run_in(program, *arguments):
        return subprocess.run(
            [folder / "bin" / program, *arguments], cwd=folder,
            env={"PATH": os.defpath, "HOME": str(folder)}, capture_output=True, text=True,
            check=False, timeout=60,
        )  # fmt: skip

    run_in.folder = folder
    run_in.packages = {each.name for each in site.iterdir() if each.is_dir()} - {"__pycache__"}
    return run_in


@pytest.fixture(scope="module")
def released(part, clone, tmp_path_factory):
    """Return the wheel of a part that `pip` builds of a tag."""
    tagged = tmp_path_factory.mktemp("tagged")
    run("git", "clone", "-q", clone, tagged)
    run("git", "tag", f"v{__version__}", cwd=tagged)
    line = getattr(requirements, part.upper()).replace(REPOSITORY, f"file://localhost{tagged}")
    return wheel_of(line, tmp_path_factory.mktemp("wheel"))


def metadata(wheel):
    [name] = [n for n in zipfile.ZipFile(wheel).namelist() if n.endswith("dist-info/METADATA")]
    return HeaderParser().parsestr(zipfile.ZipFile(wheel).read(name).decode())


def test_a_part_is_installed_with_the_parts_that_it_stands_on_and_no_other(part, installed):
    names = {each.split("-")[0] for each in installed.packages}
    assert names == {name for each in (part, *NEEDS[part]) for name in PARTS[each]}


def test_a_wheel_has_its_package_with_every_file_and_no_test(part, released):
    files = {
        str(each.relative_to(ROOT / part))
        for package in PARTS[part]
        for each in (ROOT / part / package).rglob("*")
        if each.is_file() and each.suffix != ".pyc"
    }
    names = {each for each in zipfile.ZipFile(released).namelist() if "dist-info/" not in each}

    assert names == files
    assert f"{PARTS[part][0]}/py.typed" in names


def test_an_sdist_builds_the_releases_wheel(part, clone, released, tmp_path):
    run(sys.executable, "-c", BUILD, tmp_path, cwd=clone / part)
    [sdist] = tmp_path.iterdir()

    wheel = zipfile.ZipFile(wheel_of(sdist, tmp_path))
    other = zipfile.ZipFile(released)
    assert {n: wheel.read(n) for n in wheel.namelist()} == {
        n: other.read(n) for n in other.namelist()
    }


def test_a_release_says_what_it_is_and_requires_its_own_tags_parts(part, released):
    facts = metadata(released)
    needed = {each for each in facts.get_all("Requires-Dist") if "@" in each}

    assert facts["Version"] == __version__
    assert facts["Project-URL"] == f"Repository, {REPOSITORY}"
    for header in ("Author", "Classifier", "Description-Content-Type", "Keywords", "License-File"):
        assert facts[header], header
    assert needed == {getattr(requirements, each.upper()) for each in NEEDS[part]}


@pytest.mark.parametrize("platform", ["linux", "darwin"])
@pytest.mark.parametrize("machine", ["x86_64", "arm64"])
@pytest.mark.parametrize("python", ["3.11", "3.14"])
def test_what_a_part_requires_is_locked(released, platform, machine, python):
    environment, locked = locked_versions(platform, machine, python)
    for line in metadata(released).get_all("Requires-Dist"):
        wanted = Requirement(line)
        fits = wanted.marker is None or wanted.marker.evaluate({**environment, "extra": "policies"})
        if not wanted.url and fits:
            assert wanted.specifier.contains(locked[wanted.name]), wanted


@pytest.mark.parametrize("part", ["command"], indirect=True)
def test_doctor_names_the_installed_command(installed):
    done = installed("irsa", "doctor", "Not authorized to perform sts:AssumeRoleWithWebIdentity")
    assert done.returncode == 0, done.stderr
    assert "irsa verify" in done.stdout
    assert "python -m" not in done.stdout


@pytest.mark.parametrize("part", ["command"], indirect=True)
def test_the_installed_policy_pack_serves_the_rules(installed):
    """The engine starts it in the program's folder, where a module may have the same name."""
    (installed.folder / "irsa.py").write_text("raise SystemExit('the program was imported')")
    command = [installed.folder / "bin/irsa-policies", "127.0.0.1:1"]
    with subprocess.Popen(command, cwd=installed.folder, stdout=subprocess.PIPE) as pack:
        try:
            port = int(pack.stdout.readline())
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                served = AnalyzerStub(channel).GetAnalyzerInfo(Empty())
        finally:
            pack.terminate()
    assert [each.name for each in served.policies] == [*PACK]


@pytest.mark.parametrize("part", ["components"], indirect=True)
def test_the_installed_plugin_has_the_schema_of_the_repository(installed):
    code = "from irsa_components.package.provider import IrsaProvider; print(IrsaProvider().schema)"
    done = installed("python", "-c", code)
    assert done.stdout.strip() == IrsaProvider().schema, done.stderr


@pytest.mark.parametrize("part", ["components"], indirect=True)
@pytest.mark.parametrize(
    ("used", "most"),
    [
        ("irsa_components.ServiceAccountRole", 20),
        ("__import__('irsa.rules.further_statements')", 40),
    ],
)
def test_a_role_loads_few_modules_and_neither_audit_nor_aws_client(installed, used, most):
    code = f"""if True:
    import sys, contextlib, irsa_components
    with contextlib.suppress(ValueError):
        {used}
    print(*(m for m in sys.modules if m.partition(".")[0] in ("irsa", "irsa_components", "boto3")))
    """
    loaded = installed("python", "-c", code).stdout.split()
    assert 5 < len(loaded) <= most
    assert not {"boto3", "irsa.audit", "irsa.observe"} & {*loaded}


@pytest.mark.parametrize("part", ["sandbox"], indirect=True)
def test_the_sandbox_outside_of_a_checkout_has_no_demo(installed):
    [line] = installed("irsa-sandbox", "demo").stderr.splitlines()
    assert line == "sandbox: the demo brings up the repository's own stacks; run it in a checkout"
    status = installed("irsa-sandbox", "status")
    assert (status.returncode, "`irsa-sandbox up`" in status.stderr) == (1, True)


@pytest.mark.parametrize("part", ["sandbox"], indirect=True)
def test_pytest_finds_the_fixtures(installed):
    code = "import pytest; pytest.main(['--fixtures', '-q', '-p', 'no:cacheprovider'])"
    fixtures = installed("python", "-c", code).stdout
    for name in ("irsa_sandbox", "accounts", "pod"):
        assert f"\n{name} " in fixtures


@pytest.mark.parametrize("part", ["components"], indirect=True)
def test_the_programs_require_what_components_and_command_do(released, clone, tmp_path):
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    command = wheel_of(clone / "command", tmp_path)
    wanted = {
        str(Requirement(line))
        for wheel in (released, command)
        for line in metadata(wheel).get_all("Requires-Dist")
        if "@" not in line and "extra ==" not in line
    }

    assert {str(Requirement(line)) for line in lines if line[0].isalpha()} == wanted
    assert "-e ." in lines


def test_an_environment_of_pulumis_own_has_the_clone_as_it_stands(clone, tmp_path):
    """`requirements.txt`, whose packages are this environment's."""
    venv.create(tmp_path / "venv", with_pip=False)
    [site] = tmp_path.glob("venv/lib/python*/site-packages")
    (site / "others.pth").write_text(sysconfig.get_path("purelib"))
    python = tmp_path / "venv/bin/python"
    options = ["--no-index", "--no-build-isolation", "-r", "requirements.txt"]
    run(sys.executable, "-m", "pip", "-q", "--python", python, "install", *options, cwd=clone)

    code = "import irsa.verify.walk, irsa_components.values, stack_config;"
    code += "print(irsa.__file__, irsa_components.__file__, stack_config.__file__)"
    found = subprocess.check_output([python, "-c", code], cwd=tmp_path, text=True).split()
    assert [str(clone) == each[: len(str(clone))] for each in found] == [True] * 3


def test_both_setup_files_find_parts_in_the_same_way():
    """Each builds without the other, as from an sdist, so the lines stand in both."""
    one, other = ((ROOT / each / "setup.py").read_text() for each in ("components", "sandbox"))
    assert one.partition("\nsetup(")[0] == other.partition("\nsetup(")[0]


def test_a_part_has_the_repositorys_licence(part):
    assert (ROOT / part / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
