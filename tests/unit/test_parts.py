"""Each part, installed alone: from its folder in a clone, from a release's tag, and from its sdist.

The environments have this one's packages behind their own, so that no index is asked. What `make
setup` installs has one version and its hashes.
"""

import json
import os
import re
import shutil
import sys
import sysconfig
import venv
import zipfile
from importlib.metadata import distribution, distributions, packages_distributions

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import irsa_components
from core.tests.decide.policies import document, trust
from irsa_components.package.provider import IrsaProvider
from irsa_core import REPOSITORY, __version__
from tests.sandbox.support.clone import newcomer
from tests.support import requirements
from tests.support.code_blocks import blocks
from tests.support.imports import imports_of
from tests.support.paths import ROOT
from tests.support.processes import program, ran

ISSUER = "oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE"
PARTS = {"core": "irsa_core", "command": "irsa", "components": "irsa_components"}
PARTS |= {"sandbox": "irsa_sandbox"}
BELOW = {"core": [], "command": ["core"], "components": ["core"], "sandbox": [*PARTS][:3]}
LOCKED = (ROOT / "tests/constraints.txt", ROOT / "sandbox/irsa_sandbox/tools/go.txt")
AUTHOR = "-c user.name=a -c user.email=a@b.c"
OFFLINE = ["--no-index", "--no-build-isolation"]
BUILD = "import sys; from setuptools import build_meta; build_meta.build_{}(sys.argv[1])"


def pip(*arguments, python=sys.executable, **options):
    command = (sys.executable, "-m", "pip", "-q", "--python", python, *arguments)
    ran(*command, check=True, **options)


def new_environment(folder):
    """Make an environment with this one's packages behind its own; returns where its own are."""
    venv.create(folder, with_pip=False)
    [site] = folder.glob("lib/python*/site-packages")
    (site / "others.pth").write_text(sysconfig.get_path("purelib"))
    return site


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """The four folders and what the programs import, in a repository without a tag."""
    copy = tmp_path_factory.mktemp("clone")
    for name in ("LICENSE", "pyproject.toml", "requirements.txt", "stack_config.py"):
        shutil.copy(ROOT / name, copy)
    kept = shutil.ignore_patterns("__pycache__", "*.egg-info", "build", "tests")
    for part in PARTS:
        shutil.copytree(ROOT / part, copy / part, ignore=kept, symlinks=True)
    for command in ("init -q", "add --all", f"{AUTHOR} commit -qm release"):
        ran("git", *command.split(), cwd=copy, check=True)
    return copy


@pytest.fixture(scope="module")
def environment(clone, tmp_path_factory):
    """The folder of an environment after `pip install ./sandbox`, and nothing else."""
    folder = tmp_path_factory.mktemp("environment")
    site = new_environment(folder)
    pip("install", *OFFLINE, clone / "sandbox", python=folder / "bin/python")
    own = {each.name.split("-")[0] for each in site.iterdir() if each.is_dir()}
    assert own == {*PARTS.values()}
    return folder


@pytest.fixture(scope="module")
def installed(environment):
    def run_in(program, *arguments):
        own = {"env": {"PATH": os.defpath, "HOME": str(environment)}, "cwd": environment}
        return ran(environment / "bin" / program, *arguments, timeout=1800, **own)

    return run_in


@pytest.fixture(scope="module")
def tagged(clone, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tagged")
    ran("git", "clone", "-q", clone, folder, check=True)
    ran("git", "tag", f"v{__version__}", cwd=folder, check=True)
    return folder


@pytest.fixture(scope="module")
def released(tagged, tmp_path_factory):
    """The wheels of the parts, by name, that `pip` builds of a tag."""
    wheels = tmp_path_factory.mktemp("wheels")
    here = f"file://localhost{tagged}"
    lines = [getattr(requirements, part.upper()).replace(REPOSITORY, here) for part in PARTS]
    pip("wheel", "--no-deps", *OFFLINE, "-w", wheels, *lines)
    return {part: next(wheels.glob(f"{package}-[0-9]*")) for part, package in PARTS.items()}


def metadata(wheel):
    [content] = distributions(path=[str(wheel)])
    return content.metadata


def requirements_of(wheel):
    return [Requirement(line) for line in metadata(wheel).get_all("Requires-Dist") or ()]


@pytest.mark.parametrize("part", PARTS)
def test_a_wheel_has_its_package_with_every_file_and_no_test(part, released):
    found = (each for each in (ROOT / part / PARTS[part]).rglob("*") if each.is_file())
    files = {str(each.relative_to(ROOT / part)) for each in found if each.suffix != ".pyc"}
    names = {n for n in zipfile.ZipFile(released[part]).namelist() if "dist-info/" not in n}

    assert names == files
    assert f"{PARTS[part]}/py.typed" in names


@pytest.mark.parametrize("part", PARTS)
def test_an_sdist_builds_the_releases_wheel(part, clone, released, tmp_path):
    ran(sys.executable, "-c", BUILD.format("sdist"), tmp_path, cwd=clone / part, check=True)
    [sdist] = tmp_path.iterdir()
    (tmp_path / "unpacked").mkdir()
    ran("tar", "-xzf", sdist, "-C", tmp_path / "unpacked", check=True)
    [unpacked] = (tmp_path / "unpacked").iterdir()
    ran(sys.executable, "-c", BUILD.format("wheel"), tmp_path, cwd=unpacked, check=True)
    [wheel] = tmp_path.glob("*.whl")

    one, other = (zipfile.ZipFile(path) for path in (wheel, released[part]))
    assert {n: one.read(n) for n in one.namelist()} == {n: other.read(n) for n in other.namelist()}


@pytest.mark.parametrize("part", PARTS)
def test_a_release_says_what_it_is_and_requires_its_own_tags_parts(part, released):
    facts, needs = metadata(released[part]), BELOW[part]
    needed = {str(r).replace("[eks]", "") for r in requirements_of(released[part]) if r.url}

    assert facts["Version"] == __version__
    assert facts["Project-URL"] == f"Repository, {REPOSITORY}"
    for header in ("Author", "Classifier", "Description-Content-Type", "Keywords", "License-File"):
        assert facts[header], header
    assert needed == {getattr(requirements, name.upper()) for name in needs}
    assert (ROOT / part / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


def test_the_last_part_of_an_index_brings_those_below_it(clone, tmp_path):
    [lines] = re.findall(r"IRSA_INDEX=1 pip (wheel .+)", (ROOT / "docs/package.md").read_text())
    index = {"env": {**os.environ, "IRSA_INDEX": "1"}, "cwd": clone}
    pip(*lines.replace("dist", str(tmp_path)).split(), *OFFLINE, **index)
    names = {part: getattr(requirements, part.upper()).partition(" ")[0] for part in PARTS}
    for part in PARTS:
        [wheel] = tmp_path.glob(f"{PARTS[part]}-[0-9]*")
        needed = {str(r).replace("[eks]", "") for r in requirements_of(wheel)}
        assert needed >= {f"{names[below]}=={__version__}" for below in BELOW[part]}

    site = new_environment(tmp_path / "new")
    index = ("--no-index", "--find-links", tmp_path)
    pip("install", *index, names["sandbox"], python=tmp_path / "new/bin/python")
    assert [package for package in PARTS.values() if not (site / package).is_dir()] == []


@pytest.mark.parametrize("part", PARTS)
def test_a_part_requires_what_it_imports(part, released):
    """Itself, or by a part below it. pytest is there when its plugin is loaded."""
    names = imports_of(*(ROOT / part / PARTS[part]).rglob("*.py"))
    others = sys.stdlib_module_names | {PARTS[part], "pytest"}
    modules = {name.partition(".")[0] for name in names} - others
    parts = [*BELOW[part], part]
    required = {canonicalize_name(r.name) for p in parts for r in requirements_of(released[p])}
    owners = packages_distributions()
    owned = {m: {canonicalize_name(owner) for owner in owners.get(m, [m])} for m in modules}

    assert {m: by for m, by in owned.items() if not by & required} == {}


def installed_for(lines, extras=()):
    """Yield the installed distributions that requirements name, with all they require."""
    for package in map(Requirement, lines):
        marker = package.marker
        if package.url or (
            marker and not any(marker.evaluate({"extra": e}) for e in ("", *extras))
        ):
            continue
        installed = distribution(package.name)
        yield installed
        yield from installed_for(installed.requires or (), package.extras)


def test_the_components_add_themselves_and_the_core_to_pulumis_packages(released):
    wheels = [released["components"], released["core"]]
    lines = (str(requirement) for wheel in wheels for requirement in requirements_of(wheel))
    of_pulumi = installed_for(("pulumi", "pulumi-aws", "pulumi-kubernetes"))

    assert {e.name for e in installed_for(lines)} <= {e.name for e in of_pulumi}
    assert sum(file.file_size for w in wheels for file in zipfile.ZipFile(w).infolist()) < 3e6


def read_requirements(file):
    """Return the requirements of a file, without pip's options and comments."""
    lines = (re.split(r" #| --hash| \\", line)[0] for line in file.read_text().splitlines())
    return [Requirement(line) for line in lines if re.match(r"\w", line)]


@pytest.mark.parametrize("file", LOCKED, ids=lambda file: file.name)
def test_every_package_is_pinned_with_its_hashes_and_no_index_is_named(file):
    text = file.read_text()
    entries = re.split(r"\n(?=\w)", "\n".join(text.splitlines()[2:]))

    assert len(entries) == len(read_requirements(file))
    assert not re.search("://|index", text)
    for entry in entries:
        first, *hashes = entry.split(" \\\n")
        assert re.fullmatch(r"[\w.-]+==[\w.]+( ;.+)?", first)
        assert hashes
        digest = re.compile(r" {4}--hash=sha256:[0-9a-f]{64}")
        assert [line for line in hashes if not digest.fullmatch(line)] == []


@pytest.mark.parametrize("platform", ["linux", "darwin"])
@pytest.mark.parametrize("machine", ["x86_64", "arm64"])
@pytest.mark.parametrize("python", ["3.11", "3.14"])
def test_what_is_required_is_locked_in_a_version_that_fits(released, platform, machine, python):
    """By a part, or by a contributor's tools."""
    facts = {"sys_platform": platform, "platform_machine": machine, "python_version": python}
    facts |= {"python_full_version": f"{python}.0", "implementation_name": "cpython"}
    facts["platform_python_implementation"] = "CPython"

    def fits(package):
        return package.marker is None or package.marker.evaluate(facts)

    pinned = [*filter(fits, read_requirements(LOCKED[0]))]
    names = [package.name.lower().replace("_", "-") for package in pinned]
    locked = {n: next(iter(e.specifier)).version for n, e in zip(names, pinned, strict=True)}
    required = [package for wheel in released.values() for package in requirements_of(wheel)]
    for package in filter(fits, [*required, *read_requirements(ROOT / "tests/requirements.txt")]):
        assert package.url or package.specifier.contains(locked[package.name]), package


def test_doctor_names_the_installed_command(installed):
    done = installed("irsa", "doctor", "Not authorized to perform sts:AssumeRoleWithWebIdentity")
    assert done.returncode == 0, done.stderr
    assert "irsa verify" in done.stdout
    assert "python -m" not in done.stdout


def test_the_installed_plugin_has_the_schema_of_the_repository(installed):
    code = "from irsa_components.package.provider import IrsaProvider; print(IrsaProvider().schema)"
    done = installed("python", "-c", code)
    assert done.stdout.strip() == IrsaProvider().schema, done.stderr


RULES = "irsa_core.rules.further_statements"


def test_one_component_loads_few_modules(installed):
    """Asked of one process, which forgets the project's modules before each name."""
    code = f"""if True:
    import sys, json, importlib, pkgutil
    import irsa_components
    counts = {{}}
    for name in [*irsa_components.__all__, "{RULES}"]:
        for module in [m for m in sys.modules if m.startswith("irsa")]:
            del sys.modules[module]
        pkgutil.resolve_name(name if "." in name else f"irsa_components:{{name}}")
        counts[name] = len([m for m in sys.modules if m.startswith("irsa")])
    print(json.dumps(counts))
    """
    counts = json.loads(installed("python", "-c", code).stdout)
    assert counts.pop(RULES) in range(2, 41)
    assert counts.keys() == {*irsa_components.__all__}
    assert {name: count for name, count in counts.items() if not 1 < count <= 20} == {}


def test_the_sandbox_outside_of_a_checkout_has_no_demo(installed):
    [line] = installed("irsa-sandbox", "demo").stderr.splitlines()
    assert line == "sandbox: the demo brings up the repository's own stacks; run it in a checkout"
    status = installed("irsa-sandbox", "status")
    assert (status.returncode, "`irsa-sandbox up`" in status.stderr) == (1, True), status.stderr


def test_pytest_finds_the_fixtures(installed):
    code = "import pytest; pytest.main(['--fixtures', '-q', '-p', 'no:cacheprovider'])"
    fixtures = installed("python", "-c", code).stdout
    for name in ("irsa_sandbox", "accounts", "pod"):
        assert f"\n{name} " in fixtures


def test_the_programs_require_what_the_components_do(released):
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    both = [*requirements_of(released["components"]), *requirements_of(released["core"])]
    wanted = {str(each).partition(";")[0].rstrip() for each in both if not each.url}

    assert {str(Requirement(line)) for line in lines if line[0].isalpha()} == wanted
    assert "-e ." in lines


def test_an_environment_of_pulumis_own_has_the_clone_as_it_stands(clone, tmp_path):
    """`requirements.txt`, whose packages are this environment's."""
    python = tmp_path / "venv/bin/python"
    new_environment(tmp_path / "venv")
    pip("install", *OFFLINE, "-r", "requirements.txt", python=python, cwd=clone)

    code = "import irsa_core.decide, irsa_components.values, stack_config;"
    code += "print(irsa_core.__file__, irsa_components.__file__, stack_config.__file__)"
    found = ran(python, "-c", code, cwd=tmp_path).stdout.split()
    assert [str(clone) == each[: len(str(clone))] for each in found] == [True] * 3


def previewed(*claims, op="create"):
    """`pulumi preview --json` of a program with one role, whose trust policy tests these claims."""
    values = {"aud": "sts.amazonaws.com", "sub": "system:serviceaccount:shop:reports"}
    provider = {"Federated": f"arn:aws:iam::111122223333:oidc-provider/{ISSUER}"}
    asked = {"StringEquals": {f"{ISSUER}:{claim}": values[claim] for claim in claims}}
    statement = trust(provider, Action="sts:AssumeRoleWithWebIdentity", Condition=asked)
    kind = "aws:iam/role:Role"
    inputs = {"__defaults": ["name"], "name": "reports-1a2b3c4"}
    inputs["assumeRolePolicy"] = json.dumps(document(statement))
    new = {"urn": f"urn:pulumi:dev::shop::{kind}::reports", "type": kind, "inputs": inputs}
    states = {"newState": new} | ({"oldState": new} if op == "same" else {})
    return {"steps": [{"op": op, **states}], "changeSummary": {op: 1}}


def packed(folder, lines):
    """Write the installed distributions that requirements name as wheels, with all they require."""
    for installed in installed_for(lines):
        tag = re.findall("(?m)^Tag: (.+)$", installed.read_text("WHEEL"))[-1]
        name = f"{installed.name.replace('-', '_')}-{installed.version}-{tag}.whl"
        if not (folder / name).exists():
            with zipfile.ZipFile(folder / name, "w") as wheel:
                for file in installed.files:
                    if ".." not in file.parts and file.locate().is_file():
                        wheel.write(file.locate(), file)


@pytest.fixture(scope="module")
def folder_of_a_user(tagged, released, tmp_path_factory):
    """Run lines of a shell in an empty folder: the repository's address is the clone, the package
    index is this environment's packages, and `pulumi` prints a preview."""
    home = tmp_path_factory.mktemp("home")
    (home / "wheels").mkdir()
    lines = (r for part in ("core", "command") for r in requirements_of(released[part]))
    packed(home / "wheels", [*(str(line) for line in lines if not line.url), "setuptools"])
    (home / "uv.toml").write_text(f'no-index = true\nfind-links = ["{home}/wheels"]\n')
    for name, script in (("pulumi", "cat program.json"), ("gh", 'echo "$@"')):
        program(home / "bin" / name, script)
    environment = {
        "PATH": f"{home}/bin:{sysconfig.get_path('scripts')}:{os.defpath}",
        "HOME": str(home),
        "UV_CONFIG_FILE": f"{home}/uv.toml",
        "UV_PYTHON": sys.executable,
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.file://{tagged}.insteadOf",
        "GIT_CONFIG_VALUE_0": REPOSITORY,
    }

    def in_folder(lines, preview, folder, **variables):
        (folder / "program.json").write_text(json.dumps(preview))
        return ran("bash", "-ec", lines, cwd=folder, env=environment | variables, timeout=600)

    return in_folder


@pytest.mark.sandbox
def test_readmes_program_runs_from_an_empty_folder(environment, tmp_path):
    files = ("# reports/__main__.py", "> reports/Pulumi.yaml")
    program, commands = (block.content for block in blocks() if block.first_line.endswith(files))
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports/__main__.py").write_text(program)
    variables = newcomer(environment)
    # The AWS CLI of the sandbox's requirements, which are these tests' packages.
    variables["PATH"] = f"{environment}/bin:{sysconfig.get_path('scripts')}:{variables['PATH']}"

    lines = f"trap 'irsa-sandbox down' EXIT\n{commands}"  # also after a failure
    done = ran("bash", "-ec", lines, cwd=tmp_path, env=variables, timeout=600)

    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r'"Arn": "\S+:assumed-role/reports-\w+/', done.stdout), done.stdout


JUDGED = pytest.mark.cases(("claims", "code"), {
    "refused: aud alone": (["aud"], 1),
    "passed: aud and sub": (["aud", "sub"], 0),
})  # fmt: skip


@JUDGED
@pytest.mark.parametrize("page", ["README.md", "docs/fleet.md"])
def test_the_lines_of_a_page_judge_a_preview(folder_of_a_user, tmp_path, page, claims, code):
    commands = (pair for b in blocks() if b.document == page for pair in b.commands())
    [(lines, shown)] = (pair for pair in commands if pair[0].startswith("pulumi preview --json"))
    preview = previewed(*claims, op="create" if shown else "same")

    done = folder_of_a_user(lines, preview, tmp_path)

    assert done.returncode == code, done.stdout + done.stderr
    if shown and code:
        assert done.stdout == shown
    else:
        assert (": no findings\n" if shown else "reports") in done.stdout


@JUDGED
def test_the_step_of_a_pull_request_comments_and_refuses(folder_of_a_user, tmp_path, claims, code):
    workflow = (ROOT / "docs/examples/pull-request.yml").read_text()
    [job] = yaml.safe_load(workflow)["jobs"].values()
    [lines] = [step["run"] for step in job["steps"] if "gh pr" in step.get("run", "")]
    lines = re.sub(r"\$\{\{ github.event.number \}\}", "7", lines)
    lines = re.sub(r"\$\{\{ matrix.program \}\}", "shop", lines)
    (tmp_path / "irsa-known.yaml").write_text("[]")

    done = folder_of_a_user(lines, previewed(*claims), tmp_path, IRSA=job["env"]["IRSA"])

    assert done.returncode == code, done.stderr
    comment = (tmp_path / "access.md").read_text()
    assert done.stdout == "pr comment 7 --body-file -\n"
    assert ("| **error** | [no-sub](https://docs.aws.amazon.com/" in comment) == bool(code)
    assert "| `reports` | **gains** | `" in comment


def test_all_setup_files_find_parts_in_the_same_way():
    """Each builds without the others, as from an sdist, so the lines stand in all."""
    texts = [(ROOT / part / "setup.py").read_text() for part in PARTS if part != "core"]
    assert len({text.partition("\nsetup(")[0] for text in texts}) == 1
