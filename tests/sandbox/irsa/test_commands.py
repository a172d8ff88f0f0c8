"""`python -m irsa credentials`, `explain`, `verify --exec` and `audit` on a running cluster."""

import getpass
import json
import re
import shlex
import sys

import pytest

from irsa_core.identity.arns import role_arn
from irsa_core.identity.pod_identity import pod_identity_trust_policy
from irsa_core.identity.policies import assume_role_permissions_policy, principal_arn_trust_policy
from irsa_sandbox import lifecycle
from irsa_sandbox.aws.accounts import ACCOUNT_B
from irsa_sandbox.testing.sandbox import CLUSTER
from tests.sandbox.support.pod_identity import associate
from tests.sandbox.support.workload import CLUSTER_ARN, NAME, link_of, troubles
from tests.support.paths import ROOT

NO_ROLE = "arn:aws:iam::444455556666:role/none"


def test_the_aws_cli_is_the_role_in_a_session_that_says_who_ran_the_command(workload, tmp_path):
    """By the AWS config file of the docs: a profile whose keys come from the command."""
    arguments = [sys.executable, "-m", "irsa", "credentials", f"{workload.namespace}/{NAME}"]
    script = f"cd {shlex.quote(str(lifecycle.ROOT))} && exec {shlex.join(arguments)}"
    command, file = shlex.join(["sh", "-c", script]), tmp_path / "config"
    file.write_text(f"[profile dev]\ncredential_process = {command}\n")
    environment = {
        "AWS_CONFIG_FILE": str(file),
        "AWS_PROFILE": "dev",
        "AWS_DEFAULT_REGION": "us-east-1",
        "KUBECONFIG": workload.session.state.kubeconfig,
        "AWS_EC2_METADATA_DISABLED": "true",
    }

    caller = workload.session.run(["aws", "sts", "get-caller-identity"], environment)

    assert caller.code == 0, caller.output
    assert json.loads(caller.output)["Arn"] == f"{workload.session_arn}irsa-{getpass.getuser()}"


def test_a_terminal_gets_no_credentials(workload):
    refused = workload.world.irsa("credentials", f"{workload.namespace}/{NAME}", terminal=True)
    assert (refused.code, refused.out) == (2, "")
    assert "or redirect its output" in refused.err


@pytest.mark.cases(("arguments", "code", "message"), {
    "no name of an account": (["verify"], 2, "is not NAMESPACE/SERVICE-ACCOUNT"),
    "unknown account": (["verify/gone"], 1, "there is no service account"),
    "account without a role": (["verify/default"], 1,
        "has no annotation eks.amazonaws.com/role-arn"),
    "unknown role B": (["verify/app", "--role-b", NO_ROLE], 1,
        f"AssumeRole of {NO_ROLE}: AccessDenied"),
    "unknown context": (["verify/app", "--context", "nowhere"], 2, "Context 'nowhere' not found"),
})  # fmt: skip
def test_what_cannot_be_had_is_one_line(workload, arguments, code, message):
    done = workload.world.irsa("credentials", *arguments)
    assert (done.code, done.out, done.err.count("\n")) == (code, "", 1)
    assert message in done.err


def nodes(tree):
    return [tree, *(node for child in tree["children"] for node in nodes(child))]


def test_the_chain_of_a_live_cluster_and_who_else_can_assume_the_role(workload, tmp_path):
    """Service accounts of the cluster, and principals of another account by its policies."""
    iam = workload.session.aws("iam", ACCOUNT_B)
    anyone = json.dumps(principal_arn_trust_policy([role_arn(ACCOUNT_B, "x")]))
    may = json.dumps(assume_role_permissions_policy(workload.role_arn))
    for name in ("operator", "reader"):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=anyone)
    iam.put_role_policy(RoleName="operator", PolicyName="a", PolicyDocument=may)
    root = {"AWS": f"arn:aws:iam::{ACCOUNT_B}:root"}
    statement = {"Effect": "Allow", "Principal": root, "Action": "sts:AssumeRole"}
    trust = json.dumps(workload.trust_policy).replace("StringEquals", "StringLike")
    trust = json.loads(trust.replace(f":{NAME}", ":*"))
    workload.set_trust({**trust, "Statement": [*trust["Statement"], statement]})
    workload.administer_b(tmp_path)

    done = workload.irsa("explain", "--trusting-profile", "b", AWS_CONFIG_FILE=workload.profiles)

    labels = [node["label"] for node in nodes(done.json["trees"][0])]
    assert (done.code, done.err) == (0, "")
    assert "✓ trust: trust policy, statement 1: allows it" in labels
    assert f"who can assume {workload.role_arn}" in labels
    at = labels.index("in this cluster")
    assert labels[at + 1 : at + 3] == [f"{workload.namespace}/{name}" for name in (NAME, "default")]
    assert role_arn(ACCOUNT_B, "operator") in labels
    assert not [label for label in labels if label.endswith("role/reader")]


def test_a_missing_service_account_is_one_line_and_no_tree(workload):
    done = workload.irsa("explain", "--service-account", "gone")
    gone = (
        f"service account {workload.namespace}/gone does not exist; correct the name, or create it"
    )
    assert (done.code, done.json) == (1, {"version": 1, "trees": [], "unchecked": [gone]})
    assert done.err == f"irsa explain: {gone}\n"


def test_inside_the_pod_the_aws_cli_is_asked(workload):
    done = workload.verify("--exec")
    [result] = done.chains
    assert (done.code, troubles(result)) == (0, [])
    assert link_of(result, "inside")["found"].startswith(workload.session_arn)


def test_the_documented_policy_is_enough_and_no_action_of_it_is_too_much(workload):
    irsa = workload.world.irsa
    text = (ROOT / "docs/commands.md").read_text()
    [block] = re.findall(r"```json\n(\{\n  \"Version\".*?)```", text, re.DOTALL)
    [statement] = json.loads(block)["Statement"]
    every = statement["Action"]
    trust = workload.trust_policy
    by_eks = pod_identity_trust_policy([CLUSTER_ARN], [workload.account])
    workload.set_trust({**trust, "Statement": trust["Statement"] + by_eks["Statement"]})
    associate(workload.session.aws("eks"), CLUSTER, workload.account, workload.role_arn)

    keys = workload.user_with(*every)
    done = irsa("list", "--output", "json", **keys)
    audit = irsa("audit", "--output", "json", **keys)
    less_eks = workload.user_with(*(action for action in every if "eks:" not in action))
    without_eks = irsa("audit", "--output", "json", **less_eks)

    assert not [note for note in done.json["notes"] if note.startswith("could not read")]
    [row] = [e for e in done.json["service_accounts"] if e["namespace"] == workload.namespace
             and e["name"] == NAME]  # fmt: skip
    associated, annotated = row["identities"]
    assert (associated["kind"], associated["source"]) == ("Pod Identity", workload.role_arn)
    assert annotated == {"kind": "IRSA", "source": workload.role_arn}
    assert row["findings"] == []
    assert audit.err == ""
    # Associations are read for a role that trusts EKS.
    [unchecked] = without_eks.err.splitlines()
    assert without_eks.code in (0, 1)
    assert "not checked: disabled-tags, no-agent: could not read Pod Identity assoc" in unchecked
    for denied in every:
        got = irsa("list", **workload.user_with(*(action for action in every if action != denied)))
        assert "could not read" in got.out + got.err, denied
