"""docs/fleet.md: its numbers, its workflows, and its trust documents."""

import json
import re
import shlex
from importlib import import_module
from typing import Any

import pytest
import yaml

from irsa.__main__ import COMMANDS
from irsa.decide.scenario import scenario_from
from irsa.decide.simulate import simulate
from irsa.identity.policies import irsa_trust_policy, size
from irsa.identity.subjects import service_account_ref
from tests.support.paths import ROOT

EXAMPLES = ROOT / "docs" / "examples"
WORKFLOWS = sorted(EXAMPLES.glob("*.yml"))
NOW = 1795561309
ISSUER = "token.actions.githubusercontent.com"
ROLE = "arn:aws:iam::111122223333:role/irsa"
REPOSITORY = "repo:acme@1234567/irsa@7654321"
ENVIRONMENTS = {"trust-preview.json": "preview", "trust-deploy.json": "team-1"}


@pytest.mark.parametrize(("quota", "clusters"), [(2048, 4), (4096, 9), (8192, 18)])
def test_the_number_of_clusters_that_fit_into_a_trust_policy(quota, clusters):
    providers = [
        f"arn:aws:iam::111122223333:oidc-provider/oidc.eks.us-east-1.amazonaws.com/id/{each:032X}"
        for each in range(clusters + 1)
    ]
    own = [service_account_ref("dev", "s3-app")]

    assert size(irsa_trust_policy(providers[:-1], own, quota=quota)) <= quota
    with pytest.raises(ValueError, match="trust fewer subjects or clusters"):
        irsa_trust_policy(providers, own, quota=quota)
    assert f"| {quota:,} characters | {clusters} | " in (ROOT / "docs/fleet.md").read_text()


def decided(trust: str, **claims: Any) -> str:
    """Return the decision on a token of GitHub with these claims."""
    token = {
        "iss": f"https://{ISSUER}", "aud": ["sts.amazonaws.com"], "sub": "", "exp": NOW + 300,
        "nbf": NOW, "iat": NOW, **claims,
    }  # fmt: skip
    step = {
        "action": "sts:AssumeRoleWithWebIdentity",
        "resource": ROLE,
        "token": token,
        "trust_policy": json.loads((EXAMPLES / trust).read_text()),
        "role_session_name": "GitHubActions",
    }
    providers = [
        {"account": "111122223333", "url": token["iss"], "client_ids": ["sts.amazonaws.com", "x"]}
    ]
    scenario = {"now": NOW, "oidc_providers": providers, "steps": [step]}
    return simulate(scenario_from(scenario)).as_json()["decision"]


@pytest.mark.parametrize("trust", ENVIRONMENTS)
def test_a_trust_document_lets_one_environment_of_one_repository_in(trust):
    assert decided(trust, sub=f"{REPOSITORY}:environment:{ENVIRONMENTS[trust]}") == "allow"


@pytest.mark.parametrize("trust", ENVIRONMENTS)
@pytest.mark.parametrize(
    "claims",
    [
        {"sub": f"{REPOSITORY}:environment:team-2"},
        {"sub": f"{REPOSITORY}:environment:team-1-test"},
        {"sub": f"{REPOSITORY}:pull_request"},
        {"sub": f"{REPOSITORY}:ref:refs/heads/main"},
        {"sub": f"{REPOSITORY}:ref:refs/heads/environment:team-1"},
        {"sub": "repo:mallory@666/irsa@7777777:environment:{own}"},
        {"sub": "repo:acme@666/irsa@7777777:environment:{own}"},
        {"sub": "repo:acme@1234567/irsa-2@7654321:environment:{own}"},
        {"sub": "repo:acme/irsa:environment:{own}"},
        {"sub": "repo:Acme@1234567/irsa@7654321:environment:{own}"},
        {"sub": f"{REPOSITORY}:environment:*"},
        {"sub": f"{REPOSITORY}:environment:{{own}}", "aud": ["x"]},
        {"sub": f"{REPOSITORY}:environment:{{own}}", "aud": ["https://github.com/acme"]},
        {"sub": f"{REPOSITORY}:environment:{{own}}", "iss": "https://token.example.com"},
        {"sub": f"{REPOSITORY}:environment:{{own}}", "exp": NOW - 600},
    ],
    ids=lambda claims: " ".join(map(str, claims.values())),
)
def test_a_trust_document_denies_all_other_tokens(trust, claims):
    given = {**claims, "sub": claims["sub"].replace("{own}", ENVIRONMENTS[trust])}

    assert decided(trust, **given) == "deny"


def test_the_role_of_one_environment_is_not_anothers():
    of_preview = {"sub": f"{REPOSITORY}:environment:preview"}

    assert decided("trust-deploy.json", **of_preview) == "deny"


def workflow(file: Any) -> dict[Any, Any]:
    return yaml.safe_load(file.read_text())


def jobs(file: Any) -> dict[str, Any]:
    return workflow(file)["jobs"]


def commands(file: Any) -> list[list[str]]:
    """Return the commands of a workflow's steps, as words, with PROGRAM for its variable."""
    return [
        shlex.split(re.sub(r"\$\{\{ \w+\.program \}\}", "PROGRAM", line))
        for job in jobs(file).values()
        for step in job.get("steps", ())
        for line in step.get("run", "").splitlines()
    ]


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_a_workflow_says_where_it_belongs_and_asks_for_little(file):
    found = workflow(file)

    assert file.read_text().startswith(f"# .github/workflows/{file.name}: ")
    assert found["permissions"] == {"contents": "read"}
    for name, job in jobs(file).items():
        granted = job["permissions"]
        assert {key for key, right in granted.items() if right == "write"} <= {
            "id-token", "security-events",
        }, name  # fmt: skip
        if "steps" in job:
            assert "timeout-minutes" in job, name
            assert "environment" in job, "the trust documents name environments"


def test_a_workflow_that_is_called_is_there():
    called = [job["uses"] for file in WORKFLOWS for job in jobs(file).values() if "uses" in job]

    assert called == ["./.github/workflows/up.yml"] * 2
    assert EXAMPLES / "up.yml" in WORKFLOWS


def test_pull_requests_of_forks_run_nothing():
    """They would get no token, and fail."""
    for job in jobs(EXAMPLES / "pull-request.yml").values():
        assert "head.repo.full_name == github.repository" in job["if"]


def test_the_workflows_run_what_the_document_promises():
    run = {" ".join(words) for file in WORKFLOWS for words in commands(file)}
    pulumi = {line.removeprefix("pulumi ").split()[0] for line in run if line.startswith("pulumi ")}

    assert pulumi == {"install", "preview", "refresh", "up"}
    for line in run:
        if line.startswith(("pulumi preview", "pulumi up")):
            assert "--policy-pack ../.irsa/bin/irsa-policies" in line


def test_the_workflows_commands_of_ours_exist():
    found = [
        words[1:] for file in WORKFLOWS for words in commands(file) if words[0] == ".irsa/bin/irsa"
    ]

    assert found
    for name, *options in found:
        parser = import_module(COMMANDS[name].module).parser()
        parser.parse_args(options[: options.index(">")] if ">" in options else options)
