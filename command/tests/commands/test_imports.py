"""`python -m irsa import` from a state: the program, the report, and the errors."""

import json
from typing import Any

import pytest
import yaml

from irsa.__main__ import main
from irsa.identity.pod_identity import pod_identity_trust_policy
from irsa.identity.subjects import ServiceAccountRef
from tests.support.roles_of_others import (
    READ_ONLY,
    attachment,
    resource,
    role_attributes,
    state,
    terraform_trust,
    without_audience,
)
from tests.support.world import ACCOUNT_A, CLUSTER_ARN, PROVIDER_ARN

ARN = f"arn:aws:iam::{ACCOUNT_A}:role/loki"
OTHER = PROVIDER_ARN.replace("us-east-1", "eu-west-1")
OVER_BROAD = (
    "pattern 'system:serviceaccount:*:*' is over-broad: it trusts every namespace that matches; "
    "name one namespace exactly"
)
TIGHTENED = "`pulumi up` limits its trust policy to the audience sts.amazonaws.com"
REWRITTEN = "`pulumi up` writes its trust policy in other words, for the same callers"
MODULE = "module.loki.aws_iam_role.this[0]"


def role_of(trust: Any, number: str = "", **more: Any) -> Any:
    attributes = role_attributes(ARN + number, trust, **more)
    return resource(attributes["name"], "aws_iam_role", "this", {0: attributes})


LOKI = role_of(terraform_trust(PROVIDER_ARN, "logs/loki"))
ATTACHMENT = resource(
    "loki", "aws_iam_role_policy_attachment", "this", {"s3": attachment("loki", READ_ONLY)}
)
PLAIN = state(LOKI, ATTACHMENT)


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Exit code, output and errors of the command for a state; no AWS, no cluster."""
    monkeypatch.chdir(tmp_path)
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KUBECONFIG", "/nonexistent")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")

    def run_one(document: Any, *arguments: str) -> tuple[int, str, str]:
        (tmp_path / "state").write_text(json.dumps(document))
        code = main(["import", "--terraform-state", "state", *arguments])
        return (code, *capsys.readouterr())

    return run_one


def test_the_program_goes_to_standard_output_and_the_report_to_stderr(run):
    code, python, err = run(PLAIN)
    properties = yaml.safe_load(run(PLAIN, "--format", "yaml")[1])["resources"]["loki"]

    assert (code, err) == (0, f"taken      {ARN} ({MODULE}), as loki\n1 role taken, 0 left out\n")
    assert f'        policy_arns={{"s3": "{READ_ONLY}"}},\n        imported=True,\n' in python
    assert properties["properties"]["policyArns"] == {"s3": READ_ONLY}


def test_the_report_has_a_line_for_each_role_and_each_rewritten_policy(run):
    document = state(
        role_of(terraform_trust(PROVIDER_ARN, "logs/loki", audience_test="StringLike")),
        role_of(terraform_trust(PROVIDER_ARN, "*:*", test="StringLike"), "-2"),
        role_of(terraform_trust(OTHER, "logs/loki"), "-3"),
        role_of(without_audience(terraform_trust(PROVIDER_ARN, "logs/x")), "-4"),
    )

    assert run(state(document["resources"][-1]))[:2] == (1, ""), "no role to import, no program"
    code, out, err = run(document, "--provider-arn", PROVIDER_ARN, "--add-audience")

    assert (code, out.count("ServiceAccountRole(\n")) == (1, 2)
    assert err.splitlines() == [
        f"taken      {ARN} ({MODULE}), as loki",
        f"taken      {ARN}-4 ({MODULE.replace('loki', 'loki-4')}), as x",
        f"rewritten  {ARN}: {REWRITTEN}",
        f"tightened  {ARN}-4: {TIGHTENED}",
        f"left out   {ARN}-2 ({MODULE.replace('loki', 'loki-2')}): {OVER_BROAD}",
        "2 roles taken, 1 left out; 1 role of other clusters or none",
    ]


def test_a_role_of_pod_identity_in_the_state_is_named(run):
    """A state does not show which further associations there are."""
    used = {"cluster_name": "dev", "namespace": "logs", "service_account": "agent"}
    by_eks = pod_identity_trust_policy([CLUSTER_ARN], [ServiceAccountRef("logs", "agent")])
    kind, association = "aws_eks_pod_identity_association", {0: used | {"role_arn": f"{ARN}-2"}}

    code, out, err = run(
        state(LOKI, role_of(by_eks, "-2"), resource("loki-2", kind, "this", association))
    )

    assert (code, out.count("ServiceAccountRole(\n")) == (1, 1)
    assert f"left out   {ARN}-2" in err
    assert ": EKS Pod Identity gives it to logs/agent of cluster dev, and a state does not" in err


PRIVATE = f"arn:aws:iam::{ACCOUNT_A}:oidc-provider/oidc.example.com/x"


@pytest.mark.parametrize(
    ("code", "document", "arguments", "line"),
    [
        (2, state(), (), "no role trusts an EKS cluster; --provider-arn names the cluster's"),
        (2, state(LOKI, role_of(terraform_trust(OTHER, "logs/loki"), "-2")), (),
         f"roles trust {OTHER}, {PROVIDER_ARN}; --provider-arn names the cluster's OIDC provider"),
        (1, PLAIN, ("--provider-arn", OTHER),
         f"no role trusts {OTHER}; --provider-arn names another one"),
        (2, PLAIN, ("--provider-arn", "dev"), "--provider-arn: 'dev' is not an OIDC provider ARN"),
        (2, state(role_of(terraform_trust(PRIVATE, "logs/loki"))), ("--provider-arn", PRIVATE),
         f"{PRIVATE} does not say which region the cluster is in; give --region"),
        (2, {"deployment": {}}, (), "not a state of Terraform or OpenTofu in version 4; give"),
    ],
    ids=["no role", "two clusters", "another provider", "no provider", "no region", "no state"],
)  # fmt: skip
def test_an_error_is_one_line_and_no_program_is_printed(run, code, document, arguments, line):
    found, out, err = run(document, *arguments)

    assert (found, out, err.count("\n")) == (code, "", 1)
    assert line in err


def test_an_account_that_cannot_be_read_is_undecided(run, monkeypatch, capsys):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")

    code = main(["import", "--provider-arn", PROVIDER_ARN])

    out, err = capsys.readouterr()
    assert (code, out, err.count("\n")) == (3, "", 1)
    assert err.startswith("irsa import: could not read Pod Identity associations: needs ")
