"""`python -m irsa explain` and `verify` on a running cluster."""

import json

import pytest

from irsa.identity.policies import assume_role_permissions_policy, principal_arn_trust_policy
from irsa.who.callers import UNLISTED
from irsa_sandbox.aws.accounts import ACCOUNT_B
from tests.sandbox.support.workload import (
    NAME,
    administrator_of_b,
    link_of,
    troubles,
)

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


def test_a_link_that_fails_is_exit_code_1(workload):
    workload.trust(Action="sts:TagSession")

    done = workload.irsa("explain", "--output", "text")

    assert done.code == 1
    assert "✗ trust" in done.out


def test_a_missing_service_account_is_one_line_and_no_tree(workload):
    done = workload.irsa("explain", "--service-account", "gone")

    assert (done.code, done.out) == (1, "")
    assert done.err == (
        f"irsa explain: service account {workload.namespace}/gone does not exist; correct the "
        "name, or create it\n"
    )


def test_the_principals_that_a_trusted_account_allows_are_listed(workload, tmp_path):
    iam = workload.session.aws("iam", ACCOUNT_B)
    anyone = json.dumps(principal_arn_trust_policy([f"arn:aws:iam::{ACCOUNT_B}:role/x"]))
    may = json.dumps(assume_role_permissions_policy(workload.role_arn))
    for name in ("operator", "reader"):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=anyone)
    iam.put_role_policy(RoleName="operator", PolicyName="a", PolicyDocument=may)
    iam.create_user(UserName="bob")
    iam.create_group(GroupName="team")
    iam.put_group_policy(GroupName="team", PolicyName="a", PolicyDocument=may)
    iam.add_user_to_group(GroupName="team", UserName="bob")
    root = {"AWS": f"arn:aws:iam::{ACCOUNT_B}:root"}
    statement = {"Effect": "Allow", "Principal": root, "Action": "sts:AssumeRole"}
    own = workload.trust_policy
    workload.set_trust({**own, "Statement": [*own["Statement"], statement]})
    profiles = administrator_of_b(workload.session, tmp_path)

    def allowed(*more):
        done = workload.irsa("explain", *more, AWS_CONFIG_FILE=profiles)
        assert (done.code, done.err) == (0, "")
        label = f"every caller that account {ACCOUNT_B} allows"
        found = [node for node in nodes(done.json[0]) if node["label"] == label]
        return [child["label"] for node in found for child in node["children"]]

    assert allowed("--trusting-profile", "b") == [
        f"arn:aws:iam::{ACCOUNT_B}:role/operator",
        f"arn:aws:iam::{ACCOUNT_B}:user/bob",
        # The emulator does not list the AWS managed policy that these have.
        f"perhaps arn:aws:iam::{ACCOUNT_B}:role/OrganizationAccountAccessRole: {UNLISTED}",
        f"perhaps arn:aws:iam::{ACCOUNT_B}:user/sandbox-administrator: {UNLISTED}",
    ]
    [unread] = allowed()
    assert unread == (
        f"could not read users and roles of account {ACCOUNT_B}: needs "
        "iam:GetAccountAuthorizationDetails there (the credentials are of 111122223333); name a "
        "profile of that account with --trusting-profile"
    )


def test_a_role_b_that_the_credentials_cannot_read_names_the_option(workload):
    role_b = f"arn:aws:iam::{ACCOUNT_B}:role/app-B"
    done = workload.irsa("explain", "--role-b", role_b, "--output", "text")

    assert "remedy: name a profile of that account with --trusting-profile" in done.out


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
