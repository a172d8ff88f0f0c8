"""Workflows: the repository's own, and those of docs/fleet.md."""

import os
import re
import shlex
from itertools import takewhile

import pytest
import yaml

from irsa.commands import cli
from irsa_core import __version__
from tests.support.paths import ROOT
from tests.support.processes import ran

OWN, EXAMPLES = ROOT / ".github/workflows", ROOT / "docs/examples"
WORKFLOWS = sorted(EXAMPLES.glob("*.yml"))


def jobs(file):
    return yaml.safe_load(file.read_text())["jobs"]


def commands(file):
    """Return the commands of a workflow's steps, as words, with PROGRAM for its variable."""
    return [
        shlex.split(re.sub(r"\$\{\{ \w+\.program \}\}", "PROGRAM", line))
        for job in jobs(file).values()
        for step in job.get("steps", ())
        for line in step.get("run", "").splitlines()
    ]


@pytest.mark.parametrize("file", [*OWN.glob("*.yml"), *WORKFLOWS], ids=lambda file: file.name)
def test_a_workflow_may_only_read_and_a_job_that_writes_checks_nothing_out(file):
    is_ours = file.parent == OWN
    assert is_ours or file.read_text().startswith(f"# .github/workflows/{file.name}: ")
    assert yaml.safe_load(file.read_text())["permissions"] == {"contents": "read"}
    for name, job in jobs(file).items():
        if is_ours:
            checkouts = [step for step in job["steps"] if "checkout" in step.get("uses", "")]
            assert [s for s in checkouts if s["with"] != {"persist-credentials": False}] == []
            assert not checkouts or "permissions" not in job
        else:
            written = {key for key, right in job["permissions"].items() if right == "write"}
            assert written <= {"id-token", "pull-requests", "security-events"}, name
        if "steps" in job:
            assert job["timeout-minutes"] <= 90
            assert is_ours or "environment" in job, "the trust documents name environments"


@pytest.mark.parametrize(("tag", "code"), [(f"v{__version__}", 0), (__version__, 1), ("v9.9.9", 1)])
def test_a_release_is_the_version_of_its_tag(tag, code):
    steps = jobs(OWN / "release.yml")["build"]["steps"]
    [check] = [each["run"] for each in steps if each.get("run", "").startswith("test ")]
    done = ran("bash", "-c", check, cwd=ROOT, env={**os.environ, "GITHUB_REF_NAME": tag})
    assert done.returncode == code


def test_called_workflows_are_there_and_forks_run_nothing():
    called = [job["uses"] for file in WORKFLOWS for job in jobs(file).values() if "uses" in job]

    assert called == ["./.github/workflows/up.yml"] * 2
    assert EXAMPLES / "up.yml" in WORKFLOWS
    # A fork's would get no token, and fail.
    for job in jobs(EXAMPLES / "pull-request.yml").values():
        assert "head.repo.full_name == github.repository" in job["if"]


def test_a_preview_is_audited_and_refused_before_an_up():
    """That of a pull request: tests/unit/test_parts.py runs it."""
    lines = [" ".join(words) for words in commands(EXAMPLES / "up.yml")]
    [at] = [n for n, line in enumerate(lines) if " > preview.json" in line]

    assert lines[at].startswith("pulumi preview --cwd PROGRAM --stack prod --json --show-sames")
    assert lines[at + 1] == "uvx --from $IRSA irsa audit --stack preview.json || [ $? = 3 ]"
    assert lines[at + 2].startswith("pulumi up ")
    assert lines[at + 3 :] == [
        "pulumi stack export --cwd PROGRAM --stack prod > state.json",
        "uvx --from $IRSA irsa audit --stack state.json",
    ]


def test_the_workflows_commands_of_ours_exist():
    found = [words[4:] for file in WORKFLOWS for words in commands(file) if words[:1] == ["uvx"]]

    assert found
    for name, *options in found:
        cli.parser(name).parse_args(
            [*takewhile(lambda word: word not in (">", ">>", "||"), options)]
        )
