"""`python -m irsa explain` and `verify` on a running cluster."""

import json
import os
import sys
from pathlib import Path

import pytest

from irsa.identity.policies import (
    assume_role_permissions_policy,
    principal_arn_trust_policy,
)
from irsa.who.callers import UNLISTED
from irsa_sandbox import lifecycle
from irsa_sandbox.aws.accounts import ACCOUNT_B
from irsa_sandbox.toolchain.plugins import write_script
from tests.sandbox.support.kubectl import NAME
from tests.sandbox.support.workload import new_workload, troubles

pytestmark = pytest.mark.sandbox


def labels(tree):
    return [tree["label"], *(label for child in tree["children"] for label in labels(child))]


def test_the_chain_of_a_live_cluster_and_who_else_can_assume_the_role(workload):
    pattern = f"system:serviceaccount:{workload.namespace}:*"
    workload.condition(("StringEquals", "aud", "sts.amazonaws.com"), ("StringLike", "sub", pattern))

    done = workload.world.irsa(
        "explain", "--namespace", workload.namespace, "--service-account", NAME,
        "--output", "json",
    )  # fmt: skip

    workload.set_trust(workload.trust_policy)
    [tree] = done.json
    found = labels(tree)
    assert done.code == 0
    assert "✓ trust: trust policy, statement 1: allows it" in found
    assert f"who can assume {workload.role_arn}" in found
    at = found.index("in this cluster")
    assert found[at + 1 :] == [f"{workload.namespace}/app", f"{workload.namespace}/default"]


def test_a_link_that_fails_is_exit_code_1(workload):
    workload.trust(Action="sts:TagSession")

    done = workload.world.irsa(
        "explain", "--namespace", workload.namespace, "--service-account", NAME
    )

    workload.set_trust(workload.trust_policy)
    assert done.code == 1
    assert "✗ trust" in done.out


def test_a_missing_service_account_is_one_line_and_no_tree(workload):
    done = workload.world.irsa(
        "explain", "--namespace", workload.namespace, "--service-account", "gone",
    )  # fmt: skip

    assert (done.code, done.out) == (1, "")
    assert done.err == (
        f"irsa explain: service account {workload.namespace}/gone does not exist; correct the "
        "name, or create it\n"
    )


def test_each_workload_of_a_stack_has_its_tree(irsa_world, workload, tmp_path):
    other = new_workload(irsa_world)
    file = exported(tmp_path, app=workload, other=other, gone=workload)

    done = irsa_world.irsa("explain", "--stack", file)

    assert (done.code, done.err.count("\n")) == (1, 1)  # one of them does not exist
    for each in (workload, other):
        assert f"\n└── who can assume {each.role_arn}\n" in done.out


@pytest.fixture
def trusted_account(workload, tmp_path):
    """Trust account B, where some users and roles may assume the workload's role."""
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
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT_B}:root"},
        "Action": "sts:AssumeRole",
    }
    document = workload.trust_policy
    workload.set_trust({**document, "Statement": [*document["Statement"], statement]})
    profile = tmp_path / "profiles"
    profile.write_text(
        f"[profile b]\naws_access_key_id = {ACCOUNT_B}\n"
        f"aws_secret_access_key = {workload.session.state.root_secret}\n"
    )
    yield profile
    workload.set_trust(document)
    iam.delete_role_policy(RoleName="operator", PolicyName="a")
    for name in ("operator", "reader"):
        iam.delete_role(RoleName=name)
    iam.remove_user_from_group(GroupName="team", UserName="bob")
    iam.delete_group_policy(GroupName="team", PolicyName="a")
    iam.delete_group(GroupName="team")
    iam.delete_user(UserName="bob")


def lets(workload, profiles, *more):
    """Return the principals that account B allows, from the tree."""
    done = workload.world.irsa(
        "explain", "--namespace", workload.namespace, "--service-account", NAME,
        "--output", "json", *more, AWS_CONFIG_FILE=str(profiles),
    )  # fmt: skip
    [tree] = done.json
    assert (done.code, done.err) == (0, "")
    label = f"every caller that account {ACCOUNT_B} allows"
    found = [node for node in nodes(tree) if node["label"] == label]
    return [child["label"] for node in found for child in node["children"]]


def nodes(tree):
    return [tree, *(node for child in tree["children"] for node in nodes(child))]


def test_the_principals_that_a_trusted_account_allows_are_listed(workload, trusted_account):
    found = lets(workload, trusted_account, "--trusting-profile", "b")

    assert found == [
        f"arn:aws:iam::{ACCOUNT_B}:role/operator",
        f"arn:aws:iam::{ACCOUNT_B}:user/bob",
        # The emulator does not list the AWS managed policy that this role has.
        f"perhaps arn:aws:iam::{ACCOUNT_B}:role/OrganizationAccountAccessRole: {UNLISTED}",
    ]


def exported(folder, **workloads):
    """A `pulumi stack export` with a Workload, a role and a bucket for each, by logical name."""
    resources = [each for name, of in workloads.items() for each in _resources(name, of)]
    file = folder / "export.json"
    file.write_text(json.dumps({"version": 3, "deployment": {"resources": resources}}))
    return str(file)


def _resources(name, workload):
    def resource(kind, parent="", **outputs):
        urn = f"urn:pulumi:dev::irsa::{kind}::{name}"
        return {"urn": urn, "type": kind, "parent": parent, "outputs": outputs}

    policy_arn, role_arn = f"{workload.role_arn}-policy", workload.role_arn
    role = resource("irsa:index:ServiceAccountRole", role_arn=role_arn)
    bucket = resource("irsa:index:DataBucket", bucket_name=workload.bucket)
    attachment = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
    return [
        role,
        bucket,
        resource("aws:iam/policy:Policy", bucket["urn"], arn=policy_arn),
        resource(attachment, role["urn"], policyArn=policy_arn),
        resource(
            "irsa:index:Workload",
            namespace=workload.namespace,
            service_account_name="gone" if name == "gone" else NAME,
            deployment_name=NAME,
            role_arn=role_arn,
        ),
    ]


def kubectl_in(folder: Path) -> str:
    """A PATH with a stand-in for kubectl, which may not be installed: the same exec, in Python."""
    command = [sys.executable, "-m", "tests.support.exec_client"]
    write_script(folder / "kubectl", "env", f"PYTHONPATH={lifecycle.ROOT}", *command)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


def test_inside_the_pod_the_aws_cli_is_asked(workload, tmp_path):
    done = workload.world.irsa(
        "verify", "--namespace", workload.namespace, "--service-account", NAME, "--exec",
        "--wait", "0", "--output", "json", PATH=kubectl_in(tmp_path),
    )  # fmt: skip

    [result] = done.json
    [inside] = [link for link in result["links"] if link["link"] == "inside"]
    session = f"arn:aws:sts::111122223333:assumed-role/{workload.role_name}/"
    assert (done.code, troubles(result)) == (0, [])
    assert inside["found"].startswith(session)


def test_with_an_api_server_that_is_not_there_nothing_can_be_told(workload, tmp_path):
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
                "users": [{"name": "u", "user": {"token": "t"}}],
                "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
                "current-context": "c",
            }
        )
    )

    done = workload.world.irsa(
        "verify", "--namespace", "dev", "--service-account", "app", "--output", "json",
        KUBECONFIG=str(kubeconfig),
    )  # fmt: skip

    [result] = done.json
    assert (done.code, result["verdict"]) == (3, "unknown")
    assert "a reachable API server" in result["links"][0]["found"]

    explained = workload.world.irsa(
        "explain", "--namespace", "dev", "--service-account", "app", KUBECONFIG=str(kubeconfig)
    )
    assert (explained.code, explained.out, explained.err.count("\n")) == (3, "", 1)
    assert "could not read service account dev/app" in explained.err


def test_an_account_that_cannot_be_read_says_what_it_takes(workload, trusted_account):
    [found] = lets(workload, trusted_account)

    assert found == (
        f"could not read users and roles of account {ACCOUNT_B}: needs "
        "iam:GetAccountAuthorizationDetails there (the credentials are of 111122223333); name a "
        "profile of that account with --trusting-profile"
    )


def test_a_role_b_that_the_credentials_cannot_read_names_the_option(workload):
    done = workload.world.irsa(
        "explain", "--namespace", workload.namespace, "--service-account", NAME,
        "--role-b", f"arn:aws:iam::{ACCOUNT_B}:role/app-B",
    )  # fmt: skip

    assert "remedy: name a profile of that account with --trusting-profile" in done.out
