"""`python -m irsa verify --stack`: what the stack owns, the stack puts right."""

import json
import os
import shlex
from pathlib import Path

import pytest
from lightkube.resources.core_v1 import ServiceAccount

from irsa.identity.eks import ROLE_ARN_ANNOTATION
from irsa_sandbox.aws.accounts import ACCOUNT_A, ACCOUNT_B
from tests.sandbox.support.remedies import nothing_gained
from tests.sandbox.support.workload import troubles
from tests.sandbox.support.world import RegisteredCluster

pytestmark = pytest.mark.sandbox

NAMESPACE, NAME = "dev", "s3-app"
ALLOW_S3 = json.dumps(
    {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}}
)


@pytest.fixture
def stack(open_stack):
    found = open_stack()
    found.up()
    return found


@pytest.fixture
def verify(session, stack, tmp_path):
    """Ask about the workload, as the stack's state names it."""

    def run(*more):
        file = tmp_path / "export.json"
        file.write_text(json.dumps({"version": 3, "deployment": stack.export()}))
        return RegisteredCluster(session).irsa("verify", "--stack", str(file), "--wait", "0", *more)

    return run


def test_what_the_stack_owns_is_put_right_by_its_program(session, stack, verify):
    iam = session.aws("iam")
    trust = json.dumps(iam.get_role(RoleName=NAME)["Role"]["AssumeRolePolicyDocument"])
    typo = trust.replace("dev:s3-app", "dev:s3app")
    iam.update_assume_role_policy(RoleName=NAME, PolicyDocument=typo)
    for policy in iam.list_attached_role_policies(RoleName=NAME)["AttachedPolicies"]:
        iam.detach_role_policy(RoleName=NAME, PolicyArn=policy["PolicyArn"])
    annotations = {ROLE_ARN_ANNOTATION: "arn:aws:iam::111122223333:role/another"}
    session.cluster.patch(
        ServiceAccount, NAME, {"metadata": {"annotations": annotations}}, namespace=NAMESPACE,
        field_manager="kubectl-annotate",
    )  # fmt: skip

    [result] = json.loads(verify("--workload", NAME, "--output", "json").out)

    failed = [each for each in result["links"] if each["status"] == "failed"]
    assert [each["link"] for each in failed[:1]] == ["annotation"]
    by_hand = [c for each in failed for c in each["commands"] if "pulumi" not in c]
    assert {shlex.split(command)[1] for command in by_hand} <= {"rollout"}, by_hand
    with nothing_gained(session, NAMESPACE, NAME):
        run_as_printed(stack, failed[0]["commands"])
    [result] = json.loads(verify("--workload", NAME, "--output", "json").out)
    assert troubles(result) == []
    assert session.in_pod(NAMESPACE, NAME, ["aws", "s3", "ls", "s3://bucket-s3-app"]).code == 0


def test_policies_that_others_gave_a_role_of_the_stack_are_named(session, stack, tmp_path):
    iam, file = session.aws("iam"), tmp_path / "export.json"
    file.write_text(json.dumps({"version": 3, "deployment": stack.export()}))
    world, options = RegisteredCluster(session), ("--stack", str(file), "--output", "json")

    def found() -> list[tuple[str, str]]:
        named = json.loads(world.irsa("audit", *options, "--drift").out)
        return [(each["rule"], each["found"]) for each in named if NAME in each["subject"]]

    arn = "arn:aws:iam::aws:policy/ReadOnlyAccess"
    inline = {"RoleName": NAME, "PolicyName": "more"}
    assert found() == []
    iam.attach_role_policy(RoleName=NAME, PolicyArn=arn)
    iam.put_role_policy(**inline, PolicyDocument=ALLOW_S3)
    try:
        assert found() == [("foreign-policy", f"{arn}, more")]
        rows = json.loads(world.irsa("list", *options, "--drift").out)["service_accounts"]
        assert {each["name"]: each["findings"] for each in rows}[NAME] == ["foreign-policy"]
    finally:
        iam.detach_role_policy(RoleName=NAME, PolicyArn=arn)
        iam.delete_role_policy(**inline)


def test_a_key_that_the_stack_does_not_have_is_named(session, stack, tmp_path):
    """As an answer of CreateAccessKey that was lost leaves one."""
    iam, file = session.aws("iam"), tmp_path / "export.json"
    file.write_text(json.dumps({"version": 3, "deployment": stack.export()}))
    world = RegisteredCluster(session)

    def found() -> list[str]:
        options = ("--stack", str(file), "--output", "json", "--drift")
        named = json.loads(world.irsa("audit", *options).out)
        return [each["found"] for each in named if each["rule"] == "foreign-key"]

    assert found() == []
    lost = iam.create_access_key(UserName="s3-manager")["AccessKey"]["AccessKeyId"]
    try:
        assert found() == [lost]
        # Another account's user may have the name of one here.
        file.write_text(file.read_text().replace(f"{ACCOUNT_A}:user/", f"{ACCOUNT_B}:user/"))
        assert found() == []
    finally:
        iam.delete_access_key(UserName="s3-manager", AccessKeyId=lost)


def run_as_printed(stack, commands):
    """Run the printed `pulumi` commands with the sandbox's engine."""
    found = [shlex.split(command) for command in commands if command.startswith("pulumi ")]
    assert found == [["pulumi", verb, "--stack", "dev"] for verb in ("refresh", "up")]
    stack.refresh()
    stack.up()


def test_a_stack_is_read_by_its_name(session, stack):
    pulumi = str(Path(session.state.pulumi).parent)
    found = RegisteredCluster(session).irsa(
        "verify", "--stack", "dev", "--workload", NAME, "--wait", "0",
        PATH=f"{pulumi}{os.pathsep}{os.environ['PATH']}",
    )  # fmt: skip
    assert found.out.endswith("\npassed\n"), found.err
