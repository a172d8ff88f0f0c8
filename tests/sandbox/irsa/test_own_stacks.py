"""The repository's two stacks as they come up: `python -m irsa` on them, and the chain across them.

Every test but the last two finds both stacks as `up` left them.
"""

import json
import os
import shlex
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from lightkube.resources.core_v1 import Namespace, ServiceAccount

from core.tests.decide.policies import allow, document
from irsa_core.identity.arns import name_of
from irsa_core.identity.eks import ROLE_ARN_ANNOTATION
from irsa_sandbox.aws.accounts import ACCOUNT_A, ACCOUNT_B
from irsa_sandbox.demo import PROJECT_B, left_overs
from irsa_sandbox.demo.systems import BUCKET_B, ROLE_B
from irsa_sandbox.engine.stack import SandboxStack
from irsa_sandbox.snapshots import Snapshots
from tests.sandbox.support import programs
from tests.sandbox.support.cluster import eventually
from tests.sandbox.support.in_process import RegisteredCluster
from tests.sandbox.support.previews import preview
from tests.sandbox.support.programs import exported, ids
from tests.sandbox.support.remedies import nothing_gained
from tests.sandbox.support.workload import sdk_in, troubles

NAMESPACE, NAME = "dev", "s3-app"
PREVIEW = ("--json", "--show-sames")


@dataclass
class Stacks:
    """Both stacks, and the preview of account A's before it came up."""

    world: RegisteredCluster
    snapshots: Snapshots
    a: SandboxStack
    b: SandboxStack
    folder: Path
    first_preview: str
    outputs: dict[str, str]

    @property
    def session(self):
        return self.world.session

    def export(self) -> str:
        """The file of account A's state."""
        return exported(self.a, self.folder)

    def json(self, command, *options):
        """The answer of a command about account A's stack."""
        return self.world.irsa(command, "--stack", self.export(), "--output", "json", *options).json


@pytest.fixture(scope="module")
def both(session, tmp_path_factory):
    state, a = session.state, SandboxStack(session.state)
    with closing(Snapshots(state.path, state.snapshots)) as snapshots:
        a.destroy()  # an earlier module may have left it
        listed = session.cluster.list
        eventually(lambda: not any(e.metadata.deletionTimestamp for e in listed(Namespace)))
        first_preview = preview(a, *PREVIEW)
        a.up()
        b = SandboxStack(state, PROJECT_B)
        b.up()
        world, folder = RegisteredCluster(session), tmp_path_factory.mktemp("stacks")
        yield Stacks(world, snapshots, a, b, folder, first_preview, a.outputs())


@pytest.fixture
def stacks(both):
    both.snapshots.take()
    yield both
    both.snapshots.restore()


def test_what_the_stack_owns_is_put_right_by_its_program(stacks):
    session, iam = stacks.session, stacks.session.aws("iam")
    role = name_of(stacks.outputs["role_arn"])
    before = json.dumps(iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"])
    drift = before.replace('"sts.amazonaws.com"', '"vault"')
    iam.update_assume_role_policy(RoleName=role, PolicyDocument=drift)
    for policy in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        iam.delete_role_policy(RoleName=role, PolicyName=policy)
    annotations = {ROLE_ARN_ANNOTATION: f"{stacks.outputs['role_arn']}-another"}
    body, where = {"metadata": {"annotations": annotations}}, {"namespace": NAMESPACE}
    session.cluster.patch(ServiceAccount, NAME, body, **where, field_manager="kubectl-annotate")
    ask = ("--workload", NAME, "--wait", "0")

    [result] = stacks.json("verify", *ask)["chains"]

    failed = [link for link in result["links"] if link["status"] == "failed"]
    assert [link["link"] for link in failed[:1]] == ["annotation"]
    by_hand = [c for link in failed for c in link["commands"] if "pulumi" not in c]
    assert {shlex.split(command)[1] for command in by_hand} <= {"rollout"}, by_hand
    printed = [c for c in failed[0]["commands"] if c.startswith("pulumi ")]
    assert printed == ["pulumi refresh --stack dev", "pulumi up --stack dev"]
    with nothing_gained(session, NAMESPACE, NAME, role):
        stacks.a.refresh()
        stacks.a.up()
    assert troubles(stacks.json("verify", *ask)["chains"][0]) == []
    with sdk_in(session, NAMESPACE, NAME) as sdk:
        sdk.client("s3").list_objects_v2(Bucket=stacks.outputs["bucket"])


def test_what_others_put_beside_the_stack_is_named(stacks):
    iam, role = stacks.session.aws("iam"), name_of(stacks.outputs["role_arn"])

    def findings() -> dict[str, str]:
        listed = stacks.json("audit", "--drift")["findings"]
        return {finding["rule"]: finding["found"] for finding in listed}

    assert findings().keys() & {"foreign-policy", "foreign-key"} == set()
    arn, every = "arn:aws:iam::aws:policy/ReadOnlyAccess", json.dumps(document(allow("s3:*", "*")))
    iam.attach_role_policy(RoleName=role, PolicyArn=arn)
    iam.put_role_policy(RoleName=role, PolicyName="more", PolicyDocument=every)
    # As an answer of CreateAccessKey that was lost leaves one.
    [user] = ids(stacks.a, "aws:iam/user:User")
    lost = iam.create_access_key(UserName=user)["AccessKey"]["AccessKeyId"]

    assert {"foreign-policy": f"{arn}, more", "foreign-key": lost}.items() <= findings().items()
    rows = stacks.json("list", "--drift")["service_accounts"]
    [account] = [row for row in rows if (row["namespace"], row["name"]) == (NAMESPACE, NAME)]
    assert account["findings"] == ["foreign-policy"]
    # Another account's user may have the name of one here.
    state = Path(stacks.export())
    state.write_text(state.read_text().replace(f"{ACCOUNT_A}:user/", f"{ACCOUNT_B}:user/"))
    other = stacks.world.irsa("audit", "--stack", str(state), "--drift", "--output", "json")
    assert "foreign-key" not in [finding["rule"] for finding in other.json["findings"]]


def test_a_stack_is_read_by_its_name(stacks):
    path = f"{Path(stacks.session.state.pulumi).parent}{os.pathsep}{os.environ['PATH']}"
    options = ("--stack", "dev", "--workload", NAME, "--wait", "0")
    found = stacks.world.irsa("verify", *options, PATH=path)
    assert "\npassed: s3:ListBucket, s3:GetObject, " in found.out, found.err


def ask(stacks, command, text):
    file = stacks.folder / "state.json"
    file.write_text(text)
    return stacks.world.irsa(command, "--stack", str(file))


@pytest.mark.parametrize("command", ["list", "audit"])
def test_a_command_says_of_the_real_preview_what_it_says_of_the_state(stacks, command):
    state = ask(stacks, command, Path(stacks.export()).read_text())

    assert (state.code, state.err) == (0, "")
    assert (NAME if command == "list" else "2 annotated service accounts and 6 roles") in state.out
    assert ask(stacks, command, preview(stacks.a, *PREVIEW)) == state
    changes_only = ask(stacks, command, preview(stacks.a, "--json"))
    assert changes_only.code == 3
    assert "unchanged resources out; `pulumi preview --json --show-sames` has" in changes_only.out


def test_a_first_preview_names_the_roles_whose_trust_policy_is_unknown(stacks):
    first = ask(stacks, "audit", stacks.first_preview)

    assert (first.code, first.err) == (3, "")
    for each in (NAME, "s3-app-A"):
        assert f"{each} (known after up), made from " in first.out
    # Account B's role trusts no cluster.
    other = ask(stacks, "audit", preview(stacks.b, *PREVIEW))
    assert (other.code, other.err) == (0, "")
    assert f"1 role of account {ACCOUNT_B}: no findings" in other.out


def test_a_real_preview_of_no_change_has_no_difference(stacks, tmp_path):
    """Changes: tests/unit/test_parts.py, by the commands of docs/examples/pull-request.yml."""
    file = tmp_path / "preview.json"
    file.write_text(preview(stacks.a, *PREVIEW))
    compared = stacks.world.irsa("diff", str(file))
    assert (compared.code, compared.out) == (0, "no caller gains or loses access\n")


def test_account_b_before_account_a_names_the_missing_stack(session):
    """tests/programs/test_account_b.py has the stack that is there without an output."""
    config = yaml.safe_load((PROJECT_B / "Pulumi.dev.yaml").read_text())["config"]
    line = programs.refusal(
        SandboxStack(session.state, PROJECT_B, stack="alone", config=config).preview
    )
    assert 'unknown stack "organization/irsa/alone"; bring that stack up first' in line


def test_a_recreated_role_a_is_refused_until_the_next_up_of_account_b(both):
    """Of a role A that is created later, test_several_accounts.py has the other form of trust."""
    session, key = both.session, "ledger/2026-11.csv"
    session.aws("s3", ACCOUNT_B).put_object(Bucket=BUCKET_B, Key=key, Body=b"amount\n")
    command = ["aws", "s3", "ls", "--recursive", f"s3://{BUCKET_B}", "--profile", "B"]
    programs.unchanged(both.b)
    iam, role = session.aws("iam"), {"RoleName": name_of(both.outputs["role_a_arn"])}
    for policy in iam.list_attached_role_policies(**role)["AttachedPolicies"]:
        iam.detach_role_policy(**role, PolicyArn=policy["PolicyArn"])
    iam.delete_role(**role)  # behind Pulumi's back
    both.a.up(refresh=True)

    # Role A looks as before from outside, and the Pod still is it.
    refused = session.in_pod(NAMESPACE, "s3-app-chain", command).output
    assert "is not authorized to perform: sts:AssumeRole on resource: " in refused
    assert programs.changes_of(both.b) == {
        f"aws:iam/role:Role::{name_of(ROLE_B)}": ["assumeRolePolicy"]
    }
    assert both.b.up()["update"] == 1
    assert key in session.in_pod(NAMESPACE, "s3-app-chain", command).output


def test_account_a_destroyed_first_leaves_nothing_in_either_account(both):
    both.session.empty_bucket(BUCKET_B, ACCOUNT_B)

    for stack in (both.a, both.b):
        assert stack.destroy().keys() <= {"delete", "discard"}, "references are discarded"

    for account in (ACCOUNT_A, ACCOUNT_B):
        assert [each for each in left_overs(both.session, account) if "s3-" in each] == []
