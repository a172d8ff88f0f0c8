"""docs/fleet.md: its numbers, its workflows, and its trust documents."""

import json
import re
import shlex
from importlib import import_module
from itertools import takewhile

import pytest
import yaml

from irsa.__main__ import COMMANDS
from irsa.callers.lines import callers_of
from irsa.callers.ways import Known
from irsa.identity.policies import irsa_trust_policy, size
from irsa.identity.subjects import service_account_ref
from tests.support.paths import ROOT
from tests.support.world import ACCOUNT_A, PROVIDER_ARN

EXAMPLES = ROOT / "docs" / "examples"
WORKFLOWS = sorted(EXAMPLES.glob("*.yml"))
ENVIRONMENTS = {"trust-preview.json": "preview", "trust-deploy.json": "team-1"}


@pytest.mark.parametrize(("quota", "clusters"), [(2048, 4), (4096, 9), (8192, 18)])
def test_the_number_of_clusters_that_fit_into_a_trust_policy(quota, clusters):
    providers = [f"{PROVIDER_ARN[:-2]}{each:02X}" for each in range(clusters + 1)]
    own = [service_account_ref("dev", "s3-app")]

    assert size(irsa_trust_policy(providers[:-1], own, quota=quota)) <= quota
    with pytest.raises(ValueError, match="trust fewer subjects or clusters"):
        irsa_trust_policy(providers, own, quota=quota)
    assert f"| {quota:,} characters | {clusters} | " in (ROOT / "docs/fleet.md").read_text()


@pytest.mark.parametrize(("trust", "environment"), ENVIRONMENTS.items())
def test_a_trust_document_lets_one_environment_of_one_repository_in(trust, environment):
    callers = callers_of(json.loads((EXAMPLES / trust).read_text()), Known(ACCOUNT_A))

    sub = f"repo:acme@1234567/irsa@7654321:environment:{environment}"
    only = f"tokens of GitHub Actions whose sub is {sub} if aud StringEquals sts.amazonaws.com"
    assert ([each.text for each in callers.lines], callers.notes) == ([only], [])


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


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_a_workflow_says_where_it_belongs_and_asks_for_little(file):
    assert file.read_text().startswith(f"# .github/workflows/{file.name}: ")
    assert yaml.safe_load(file.read_text())["permissions"] == {"contents": "read"}
    for name, job in jobs(file).items():
        written = {key for key, right in job["permissions"].items() if right == "write"}
        assert written <= {"id-token", "security-events"}, name
        if "steps" in job:
            assert "timeout-minutes" in job, name
            assert "environment" in job, "the trust documents name environments"


def test_called_workflows_are_there_and_forks_run_nothing():
    called = [job["uses"] for file in WORKFLOWS for job in jobs(file).values() if "uses" in job]

    assert called == ["./.github/workflows/up.yml"] * 2
    assert EXAMPLES / "up.yml" in WORKFLOWS
    # A fork's would get no token, and fail.
    for job in jobs(EXAMPLES / "pull-request.yml").values():
        assert "head.repo.full_name == github.repository" in job["if"]


@pytest.mark.parametrize("name", ["pull-request.yml", "up.yml"])
def test_a_preview_is_audited_and_refused_before_an_up(name):
    lines = [" ".join(words) for words in commands(EXAMPLES / name)]
    [at] = [n for n, line in enumerate(lines) if " > preview.json" in line]
    ups = [n for n, line in enumerate(lines) if line.startswith("pulumi up")]

    assert lines[at].startswith("pulumi preview --cwd PROGRAM --stack prod --json --show-sames")
    assert lines[at + 1] == ".irsa/bin/irsa audit --stack preview.json || [ $? = 3 ]"
    assert ups == ([at + 2] if name == "up.yml" else [])
    if ups:
        assert lines[ups[0] + 1 :] == [
            "pulumi stack export --cwd PROGRAM --stack prod > state.json",
            ".irsa/bin/irsa audit --stack state.json",
        ]


def test_the_workflows_commands_of_ours_exist():
    found = [
        words[1:] for file in WORKFLOWS for words in commands(file) if words[0] == ".irsa/bin/irsa"
    ]

    assert found
    for name, *options in found:
        parser = import_module(COMMANDS[name].module).parser()
        parser.parse_args([*takewhile(lambda word: word not in (">", ">>", "||"), options)])
