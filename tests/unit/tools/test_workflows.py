"""The repository's own workflows."""

import os
import subprocess

import pytest
import yaml

from irsa import __version__
from tests.support.paths import ROOT

FOLDER = ROOT / ".github/workflows"
WORKFLOWS = sorted(FOLDER.glob("*.yml"))


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_a_workflow_may_only_read_and_a_job_that_writes_checks_nothing_out(file):
    found = yaml.safe_load(file.read_text())

    assert found["permissions"] == {"contents": "read"}
    for job in found["jobs"].values():
        assert job["timeout-minutes"] <= 90
        checkouts = [each for each in job["steps"] if "checkout" in each.get("uses", "")]
        assert all(each["with"] == {"persist-credentials": False} for each in checkouts)
        assert not checkouts or "permissions" not in job


@pytest.mark.parametrize(("tag", "code"), [(f"v{__version__}", 0), (__version__, 1), ("v9.9.9", 1)])
def test_a_release_is_the_version_of_its_tag(tag, code):
    jobs = yaml.safe_load((FOLDER / "release.yml").read_text())["jobs"]
    [check] = [
        each["run"] for each in jobs["build"]["steps"] if each.get("run", "").startswith("test ")
    ]
    environment = {**os.environ, "GITHUB_REF_NAME": tag}

    done = subprocess.run(["bash", "-c", check], cwd=ROOT, env=environment, check=False)

    assert done.returncode == code
