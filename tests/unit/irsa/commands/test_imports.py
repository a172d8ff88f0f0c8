"""`python -m irsa import` from a state: what is printed, what is written, and when it stops."""

import json
from typing import Any

import pytest
import yaml

from irsa.__main__ import main
from tests.support.engine import ACCOUNT_A, PROVIDER_ARN
from tests.support.roles_of_others import (
    READ_ONLY,
    attachment,
    eksctl_tags,
    resource,
    role_attributes,
    state,
    terraform_trust,
    without_audience,
)

ARN = f"arn:aws:iam::{ACCOUNT_A}:role/loki"
OTHER = PROVIDER_ARN.replace("us-east-1", "eu-west-1")
OVER_BROAD = (
    "pattern 'system:serviceaccount:*:*' is over-broad: it trusts every namespace that matches; "
    "name one namespace exactly"
)
ELSEWHERE = "of other clusters or none"
MODULE = "module.loki.aws_iam_role.this[0]"


def role_of(trust: Any, arn: str = ARN, **more: Any) -> Any:
    attributes = role_attributes(arn, trust, **more)
    return resource(attributes["name"], "aws_iam_role", "this", {0: attributes})


def plain() -> Any:
    return state(
        role_of(terraform_trust(PROVIDER_ARN, "logs/loki")),
        resource(
            "loki", "aws_iam_role_policy_attachment", "this", {"s3": attachment("loki", READ_ONLY)}
        ),
    )


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Exit code, output and complaint of the command for a state; no AWS, no cluster."""
    monkeypatch.chdir(tmp_path)
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KUBECONFIG", "/nonexistent")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")

    def run_one(document: Any, *arguments: str) -> tuple[int, str, str]:
        (tmp_path / "state").write_text(json.dumps(document))
        code = main(["import", "--terraform-state", "state", *arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return run_one


WRITTEN = f"""\
# yaml-language-server: $schema=schemas/account-a.json
config:
  aws:region: us-east-1
  irsa:accountId: "{ACCOUNT_A}"
  irsa:cluster:
    name: dev
    existing: true
    providerArn: {PROVIDER_ARN}
  irsa:workloads: none
  irsa:roles:
  - name: loki
    namespace: logs
    serviceAccount: loki
    role:
      name: loki
      policyArns:
        s3: {READ_ONLY}
      imported: true
"""


def test_the_configuration_goes_to_standard_output_and_what_happened_to_stderr(run):
    code, out, err = run(plain(), "--cluster", "dev")

    assert (code, out) == (0, WRITTEN)
    assert err == (
        f"taken      {ARN} ({MODULE}), as loki\n"
        "this is the configuration: 1 role taken, 0 left out\n"
    )


def test_what_is_rewritten_and_what_is_left_out_is_said(run):
    document = state(
        role_of(terraform_trust(PROVIDER_ARN, "logs/loki", audience_test="StringLike")),
        role_of(terraform_trust(PROVIDER_ARN, "*:*", test="StringLike"), f"{ARN}-2"),
        role_of(terraform_trust(OTHER, "logs/loki"), f"{ARN}-3"),
    )

    code, out, err = run(document, "--cluster", "dev", "--provider-arn", PROVIDER_ARN)

    assert code == 1
    assert [each["name"] for each in yaml.safe_load(out)["config"]["irsa:roles"]] == ["loki"]
    assert err.splitlines() == [
        f"taken      {ARN} ({MODULE}), as loki",
        f"rewritten  {ARN}: the trust policy will be written anew; the same callers",
        f"left out   {ARN}-2 ({MODULE.replace('loki', 'loki-2')}): {OVER_BROAD}",
        f"this is the configuration: 1 role taken, 1 left out; 1 role {ELSEWHERE}",
    ]


def test_what_is_tightened_is_said(run):
    trust = without_audience(terraform_trust(PROVIDER_ARN, "logs/loki"))
    document = state(role_of(trust))

    code, out, err = run(document, "--cluster", "dev", "--add-audience")
    said = json.loads(run(document, "--cluster", "dev", "--add-audience", "--output", "json")[1])

    assert (code, len(yaml.safe_load(out)["config"]["irsa:roles"])) == (0, 1)
    assert err.splitlines()[1] == (
        f"tightened  {ARN}: accepts every audience of the provider today, and then only "
        "sts.amazonaws.com"
    )
    assert [each["trust_policy"] for each in said["taken"]] == ["tightened"]
    assert run(document, "--cluster", "dev")[0] == 1


def test_the_same_as_json(run):
    document = state(
        role_of(terraform_trust(PROVIDER_ARN, "logs/loki")),
        role_of(terraform_trust(PROVIDER_ARN, "logs/x"), f"{ARN}-2", inline_policy=[{"name": "x"}]),
    )

    code, out, err = run(document, "--cluster", "dev", "--output", "json")

    said = json.loads(out)
    assert (code, err) == (1, "")
    assert said["configuration"]["irsa:roles"][0]["name"] == "loki"
    assert said["taken"] == [
        {"role": ARN, "origin": MODULE, "entry": "loki", "trust_policy": "unchanged"}
    ]
    assert [each["role"] for each in said["left_out"]] == [f"{ARN}-2"]
    assert said["others"] == 0


def test_a_file_is_written_whole_and_not_over_another_one(run, tmp_path):
    arguments = ("--cluster", "dev", "--file", "Pulumi.prod.yaml")
    file = tmp_path / "Pulumi.prod.yaml"

    code, out, err = run(plain(), *arguments)
    assert (code, out, file.read_text()) == (0, "", WRITTEN)
    assert err.endswith("wrote Pulumi.prod.yaml: 1 role taken, 0 left out\n")
    assert run(plain(), *arguments)[0] == 0, "it is the same"

    file.write_text("config: {}\n")
    code, out, err = run(plain(), *arguments)
    assert (code, out, file.read_text()) == (2, "", "config: {}\n")
    assert err == (
        "irsa import: Pulumi.prod.yaml is there and says something else; name another file, or "
        "replace it with --force\n"
    )
    assert run(plain(), *arguments, "--force")[0] == 0
    assert file.read_text() == WRITTEN
    assert sorted(each.name for each in tmp_path.iterdir()) == ["Pulumi.prod.yaml", "state"]


def test_a_file_that_cannot_be_written_is_one_line_and_nothing_is_left(run, tmp_path):
    (tmp_path / "folder").mkdir()

    for name in ("none/Pulumi.prod.yaml", "folder"):
        code, _, err = run(plain(), "--cluster", "dev", "--file", name, "--force")
        assert code == 2
        assert err.startswith(f"irsa import: {name}: cannot be written: ")
        assert err.count("\n") == 1
    assert sorted(each.name for each in tmp_path.iterdir()) == ["folder", "state"]


def test_the_cluster_is_called_as_eksctl_calls_it(run):
    tags = eksctl_tags("prod", "logs/loki")
    document = state(role_of(terraform_trust(PROVIDER_ARN, "logs/loki"), tags_all=tags))

    _, out, _ = run(document)

    assert yaml.safe_load(out)["config"]["irsa:cluster"]["name"] == "prod"


PRIVATE = f"arn:aws:iam::{ACCOUNT_A}:oidc-provider/oidc.example.com/x"
STOPS = {
    "no name": (plain(), (), "give --cluster: nothing says what the cluster is called in EKS"),
    "no role": (state(), (), "no role trusts an EKS cluster; --provider-arn names the cluster's"),
    "two clusters": (
        state(
            role_of(terraform_trust(PROVIDER_ARN, "logs/loki")),
            role_of(terraform_trust(OTHER, "logs/loki"), f"{ARN}-2"),
        ),
        (),
        f"roles trust {OTHER}, {PROVIDER_ARN}; --provider-arn names the cluster's OIDC provider",
    ),
    "another provider": (
        plain(),
        ("--provider-arn", OTHER),
        f"no role trusts {OTHER}; --provider-arn names another one",
    ),
    "no provider": (
        plain(), ("--provider-arn", "dev"), "--provider-arn: 'dev' is not an OIDC provider ARN",
    ),
    "no region": (
        state(role_of(terraform_trust(PRIVATE, "logs/loki"))),
        ("--provider-arn", PRIVATE),
        f"{PRIVATE} does not say which region the cluster is in; give --region",
    ),
    "no such region": (
        plain(), ("--cluster", "dev", "--region", "us-east-9"), "region 'us-east-9' is not one of",
    ),
    "json and a file": (
        plain(), ("--file", "x", "--output", "json"), "--file writes YAML; leave it or --output",
    ),
    "another tool's": (
        {"deployment": {}}, (), "state is the state of a Pulumi stack; `pulumi state move`",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", STOPS)
def test_what_stops_it_is_one_line_and_nothing_is_printed(run, tmp_path, name):
    document, arguments, line = STOPS[name]

    code, out, err = run(document, *arguments)

    assert code == (1 if name == "another provider" else 2)
    assert out == ""
    assert line in err
    assert err.count("\n") == 1
    assert [each.name for each in tmp_path.iterdir()] == ["state"]


def test_an_account_that_cannot_be_read_is_undecided(monkeypatch, capsys):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_REGION", "us-east-1")

    code = main(["import", "--provider-arn", PROVIDER_ARN, "--cluster", "dev"])

    out, err = capsys.readouterr()
    assert (code, out) == (3, "")
    assert err.startswith(f"irsa import: could not read roles that trust {PROVIDER_ARN}: needs ")
    assert err.count("\n") == 1
