"""docs/fleet.md: its numbers, its workflows, and its trust documents."""

import json
import re
import shlex
from importlib import import_module
from itertools import takewhile

import pytest
import yaml

from irsa.__main__ import COMMANDS
from irsa.decide.scenario import scenario_from
from irsa.decide.simulate import simulate
from irsa.identity.policies import irsa_trust_policy, size
from irsa.identity.subjects import service_account_ref
from tests.support.paths import ROOT
from tests.support.world import ACCOUNT_A, NOW, PROVIDER_ARN, ROLE_ARN

EXAMPLES = ROOT / "docs" / "examples"
WORKFLOWS = sorted(EXAMPLES.glob("*.yml"))
ISSUER = "token.actions.githubusercontent.com"
REPOSITORY = "repo:acme@1234567/irsa@7654321"
ENVIRONMENTS = {"trust-preview.json": "preview", "trust-deploy.json": "team-1"}


@pytest.mark.parametrize(("quota", "clusters"), [(2048, 4), (4096, 9), (8192, 18)])
def test_the_number_of_clusters_that_fit_into_a_trust_policy(quota, clusters):
    providers = [f"{PROVIDER_ARN[:-2]}{each:02X}" for each in range(clusters + 1)]
    own = [service_account_ref("dev", "s3-app")]

    assert size(irsa_trust_policy(providers[:-1], own, quota=quota)) <= quota
    with pytest.raises(ValueError, match="trust fewer subjects or clusters"):
        irsa_trust_policy(providers, own, quota=quota)
    assert f"| {quota:,} characters | {clusters} | " in (ROOT / "docs/fleet.md").read_text()


@pytest.mark.parametrize("trust", ENVIRONMENTS)
@pytest.mark.parametrize(
    ("claims", "decision"),
    [
        ({"sub": f"{REPOSITORY}:environment:{{own}}"}, "allow"),
        *(
            ({"sub": subject}, "deny")
            for subject in (
                f"{REPOSITORY}:environment:{{other}}",
                f"{REPOSITORY}:environment:team-2",
                f"{REPOSITORY}:environment:team-1-test",
                f"{REPOSITORY}:environment:*",
                f"{REPOSITORY}:pull_request",
                f"{REPOSITORY}:ref:refs/heads/main",
                f"{REPOSITORY}:ref:refs/heads/environment:team-1",
                "repo:mallory@666/irsa@7777777:environment:{own}",
                "repo:acme@666/irsa@7777777:environment:{own}",
                "repo:acme@1234567/irsa-2@7654321:environment:{own}",
                "repo:acme/irsa:environment:{own}",
                "repo:Acme@1234567/irsa@7654321:environment:{own}",
            )
        ),
        *(
            ({"sub": f"{REPOSITORY}:environment:{{own}}", **claims}, "deny")
            for claims in (
                {"aud": ["x"]},
                {"aud": ["https://github.com/acme"]},
                {"iss": "https://token.example.com"},
                {"exp": NOW - 600},
            )
        ),
    ],
)
def test_a_trust_document_lets_one_environment_of_one_repository_in(trust, claims, decision):
    own = ENVIRONMENTS[trust]
    [other] = {*ENVIRONMENTS.values()} - {own}
    claims = {"iss": f"https://{ISSUER}", "aud": ["sts.amazonaws.com"], **claims}
    times = {"exp": NOW + 300, "nbf": NOW, "iat": NOW}
    step = {
        "action": "sts:AssumeRoleWithWebIdentity",
        "resource": ROLE_ARN,
        "token": {**times, **claims, "sub": claims["sub"].format(own=own, other=other)},
        "trust_policy": json.loads((EXAMPLES / trust).read_text()),
        "role_session_name": "GitHubActions",
    }
    provider = {"account": ACCOUNT_A, "url": claims["iss"]}
    provider["client_ids"] = ["sts.amazonaws.com", "x"]

    scenario = {"now": NOW, "oidc_providers": [provider], "steps": [step]}
    assert simulate(scenario_from(scenario)).as_json()["decision"] == decision


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
        assert written <= {"id-token", "pull-requests", "security-events"}, name
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


def test_the_workflows_run_what_the_document_promises():
    run = {" ".join(words) for file in WORKFLOWS for words in commands(file)}
    pulumi = {line.removeprefix("pulumi ").split()[0] for line in run if line.startswith("pulumi ")}

    assert pulumi == {"install", "preview", "refresh", "stack", "up"}


@pytest.mark.parametrize("name", ["pull-request.yml", "up.yml"])
def test_a_preview_is_audited_and_refused_before_an_up(name):
    lines = [" ".join(words) for words in commands(EXAMPLES / name)]
    [at] = [n for n, line in enumerate(lines) if " > preview.json" in line]
    ups = [n for n, line in enumerate(lines) if line.startswith("pulumi up")]

    assert lines[at].startswith("pulumi preview --cwd PROGRAM --stack prod --json --show-sames")
    audits = [line for line in lines if "irsa audit --stack preview.json" in line]
    assert (len(audits), ups) == (1, [at + 2] if name == "up.yml" else [])
    if ups:
        assert lines[ups[0] + 1 :] == [
            "pulumi stack export --cwd PROGRAM --stack prod > state.json",
            "uvx --from $IRSA irsa audit --stack state.json",
        ]


def test_the_workflows_commands_of_ours_exist():
    found = [words[4:] for file in WORKFLOWS for words in commands(file) if words[:1] == ["uvx"]]

    assert found
    for name, *options in found:
        parser = import_module(COMMANDS[name].module).parser()
        parser.parse_args([*takewhile(lambda word: word not in (">", ">>", "||"), options)])
