"""`python -m irsa explain` and `verify` on a running cluster."""

import json

import pytest

from irsa.identity.arns import role_arn
from irsa.identity.policies import assume_role_permissions_policy, principal_arn_trust_policy
from irsa_sandbox.aws.accounts import ACCOUNT_B
from tests.sandbox.support.workload import NAME, administrator_of_b, link_of, troubles

pytestmark = pytest.mark.sandbox


def nodes(tree):
    return [tree, *(node for child in tree["children"] for node in nodes(child))]


def test_the_chain_of_a_live_cluster_and_who_else_can_assume_the_role(workload):
    trust = json.dumps(workload.trust_policy).replace("StringEquals", "StringLike")
    workload.set_trust(json.loads(trust.replace(f":{NAME}", ":*")))

    done = workload.irsa("explain")

    found = [node["label"] for node in nodes(done.json[0])]
    assert done.code == 0
    assert "✓ trust: trust policy, statement 1: allows it" in found
    assert f"who can assume {workload.role_arn}" in found
    at = found.index("in this cluster")
    assert found[at + 1 :] == [f"{workload.namespace}/app", f"{workload.namespace}/default"]


def test_a_missing_service_account_is_one_line_and_no_tree(workload):
    done = workload.irsa("explain", "--service-account", "gone")

    assert (done.code, done.out) == (1, "")
    assert done.err == (
        f"irsa explain: service account {workload.namespace}/gone does not exist; correct the "
        "name, or create it\n"
    )


def test_the_principals_that_a_trusted_account_allows_are_listed(workload, tmp_path):
    iam = workload.session.aws("iam", ACCOUNT_B)
    anyone = json.dumps(principal_arn_trust_policy([role_arn(ACCOUNT_B, "x")]))
    may = json.dumps(assume_role_permissions_policy(workload.role_arn))
    for name in ("operator", "reader"):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=anyone)
    iam.put_role_policy(RoleName="operator", PolicyName="a", PolicyDocument=may)
    root = {"AWS": f"arn:aws:iam::{ACCOUNT_B}:root"}
    statement = {"Effect": "Allow", "Principal": root, "Action": "sts:AssumeRole"}
    workload.set_trust({**workload.trust_policy, "Statement": [statement]})
    profiles = administrator_of_b(workload.session, tmp_path)

    done = workload.irsa("explain", "--trusting-profile", "b", AWS_CONFIG_FILE=profiles)

    labels = [node["label"] for node in nodes(done.json[0])]
    assert (done.code, done.err) == (1, ""), "the service account's own link fails"
    assert role_arn(ACCOUNT_B, "operator") in labels
    assert not [each for each in labels if each.endswith("role/reader")]


def test_inside_the_pod_the_aws_cli_is_asked(workload):
    done = workload.verify("--exec")

    [result] = done.json
    assert (done.code, troubles(result)) == (0, [])
    assert link_of(result, "inside")["found"].startswith(workload.session_arn)


def test_with_an_api_server_that_is_not_there_nothing_can_be_told(workload, tmp_path):
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "c",
    }
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(json.dumps(config))

    done = workload.irsa("verify", KUBECONFIG=str(kubeconfig))
    explained = workload.irsa("explain", KUBECONFIG=str(kubeconfig))

    [result] = done.json
    assert (done.code, result["verdict"]) == (3, "unknown")
    assert "a reachable API server" in result["links"][0]["found"]
    assert (explained.code, explained.out, explained.err.count("\n")) == (3, "", 1)
    assert f"could not read service account {workload.namespace}/{NAME}" in explained.err
