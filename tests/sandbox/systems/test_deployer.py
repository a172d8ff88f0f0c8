"""Both stacks, deployed by roles with the policies of docs/examples and no other permission."""

import json
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from core.tests.decide.policies import document, trust
from irsa_core.identity.arns import role_arn, root_arn
from irsa_core.identity.policy_json import as_list
from irsa_sandbox.aws.accounts import ACCOUNT_A, ACCOUNT_B
from irsa_sandbox.engine.stack import SandboxStack
from irsa_sandbox.session import Session
from tests.sandbox.support.authorizations import recording
from tests.sandbox.support.programs import ids, refusal, unchanged
from tests.sandbox.support.with_plugin import sandbox_with
from tests.support.code_blocks import blocks
from tests.support.paths import ROOT

ACCOUNTS = {"a": ACCOUNT_A, "b": ACCOUNT_B}
PROGRAMS = {"a": (ROOT, "irsa"), "b": (ROOT / "account_b", "irsa-account-b")}
POLICIES: dict[str, Any] = {
    each: json.loads((ROOT / f"docs/examples/deployer-{each}.json").read_text()) for each in "ab"
}
DATA = yaml.safe_load(Path(__file__).with_name("deployer.yaml").read_text())
MANAGED_POLICY_MAX = 6144  # of IAM; white space does not count


class Deployers(NamedTuple):
    """A sandbox with a role in each account, which its administrator assumes to deploy."""

    session: Session
    calls: Path
    plugin: str

    def permit(self, account: str, document: object) -> None:
        """Give the account's deployer this policy alone."""
        self.session.aws("iam", ACCOUNTS[account]).put_role_policy(
            RoleName="deployer", PolicyName="deployer", PolicyDocument=json.dumps(document)
        )

    def open(self, account: str, edits: Mapping[str, str] = {}, **config: Any) -> SandboxStack:
        """Open the account's stack, with changes of its program's text."""
        source, project = PROGRAMS[account]
        program = (source / "__main__.py").read_text()
        for before, after in edits.items():
            assert program.count(before) == 1
            program = program.replace(before, after)
        folder = self.calls.with_name(account)
        folder.mkdir(exist_ok=True)
        (folder / "__main__.py").write_text(program)
        (folder / "Pulumi.yaml").write_text(f"name: {project}\nruntime: python\n")
        (folder / "Pulumi.dev.yaml").write_text((source / "Pulumi.dev.yaml").read_text())
        config[f"{project}:assumeRoleArn"] = role_arn(ACCOUNTS[account], "deployer")
        return SandboxStack(self.session.state, folder, config=config)


@pytest.fixture(
    scope="module",
    params=[pytest.param("", id="sandbox"), pytest.param("aws", marks=pytest.mark.published)],
)
def deployers(request, tmp_path_factory):
    """Deployers with the sandbox's own providers, and with terraform-provider-aws."""
    by_a = json.dumps(document(trust({"AWS": root_arn(ACCOUNT_A)})))
    with (
        recording(tmp_path_factory.mktemp("deployers")) as calls,
        sandbox_with(request.param, tmp_path_factory.mktemp("sandbox")) as session,
    ):
        for number in ACCOUNTS.values():
            iam = session.aws("iam", number)
            iam.create_role(RoleName="deployer", AssumeRolePolicyDocument=by_a)
        yield Deployers(session, calls, request.param)


def test_both_stacks_live_with_the_policies_alone(deployers: Deployers):
    for account, policy in POLICIES.items():
        assert len(json.dumps(policy, separators=(",", ":"))) <= MANAGED_POLICY_MAX
        deployers.permit(account, policy)
        deployers.open(account).up()
    for account in ACCOUNTS:
        unchanged(deployers.open(account))
    for account, number in ACCOUNTS.items():
        changes = DATA["changes"][account]
        stack = deployers.open(account, changes["program"], **changes["config"])
        s3, iam = (deployers.session.aws(service, number) for service in ("s3", "iam"))
        for key in ("1", "2"):
            s3.put_object(Bucket=stack.outputs()["bucket"], Key=key, Body=b"1")
        for policy in ids(stack, "aws:iam/policy:Policy"):
            for _ in range(4):  # IAM keeps five versions
                iam.create_policy_version(
                    PolicyArn=policy, PolicyDocument=json.dumps(POLICIES["b"]), SetAsDefault=True
                )
        assert stack.up(refresh=True)["update"]
    for account in ACCOUNTS:
        config = DATA["changes"][account]["config"]
        kept = {key: config[key] for key in config if key == "irsa:cluster"}  # its version
        assert deployers.open(account, **kept).up()["update"]
    for account in reversed(ACCOUNTS):
        deployers.open(account).destroy()

    calls = [json.loads(line) for line in deployers.calls.read_text().splitlines()]
    by_deployers = [call for call in calls if ":assumed-role/deployer/" in call[0]]
    assert [call for call in by_deployers if not call[-1]] == []
    by_users = {action for caller, action, *_ in calls if caller.startswith("AKIA")}
    assert by_users <= {"sts:AssumeRole", "sts:GetCallerIdentity"}
    sources = ("pages", "sandbox" if deployers.plugin else "plugin")
    statements = [statement for policy in POLICIES.values() for statement in policy["Statement"]]
    for statement in statements:
        row = DATA["statements"][statement["Sid"]]
        actions, resources = as_list(statement["Action"]), as_list(statement["Resource"])
        used = {
            element
            for _, action, resource, _ in by_deployers
            for pattern in resources
            if action in actions and fnmatchcase(resource, pattern)
            for element in (action, pattern)
        }
        named = {*actions, *(used and resources)}
        explained = {element for source in sources for element in row.get(source, ())}
        assert named - used == named & explained, statement["Sid"]


def test_the_documents_statement_requires_the_boundary(deployers: Deployers):
    texts = [block.content for block in blocks() if '"iam:PermissionsBoundary"' in block.content]
    statement, document, alone = json.loads(texts[0]), POLICIES["b"], DATA["alone"]
    boundary = statement["Condition"]["StringNotEquals"]["iam:PermissionsBoundary"]
    deployers.session.aws("iam", ACCOUNT_B).create_policy(
        PolicyName=boundary.rpartition("/")[2], PolicyDocument=json.dumps(document)
    )
    deployers.permit("b", {**document, "Statement": [*document["Statement"], statement]})
    bounded = {"trusted_roles=": f'permissions_boundary="{boundary}", trusted_roles='}
    without = refusal(deployers.open("b", alone).up)
    assert deployers.open("b", alone | bounded).up()["create"]
    removed = refusal(deployers.open("b", alone).up)
    deployers.open("b", alone).destroy()

    assert "perform: iam:CreateRole with an explicit deny" in without
    assert "perform: iam:DeleteRolePermissionsBoundary " in removed
