"""One preview by the real engine, with a role for each dangerous trust policy that we know."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from policy_pack.rules import NEED_MORE
from sandbox.engine.stack import SandboxStack
from sandbox.errors import SandboxError
from sandbox.session import Session
from tests.sandbox.support.policy_pack import PACK, Previewed, previewed
from tests.support.mutated_trust import EFFECTS, mutated
from tests.unit.irsa.audit.test_policies import CASES

pytestmark = pytest.mark.sandbox

PROGRAM = """
import json
from pathlib import Path

import pulumi
import pulumi_aws as aws

account = aws.Provider("own", region="us-east-1", allowed_account_ids=["111122223333"])
own = pulumi.ResourceOptions(provider=account)
for name, trust in json.loads((Path(__file__).parent / "roles.json").read_text()).items():
    aws.iam.Role(name, name=name, assume_role_policy=json.dumps(trust), opts=own)
"""

LATE = """
import json

import pulumi
import pulumi_aws as aws

account = aws.Provider("own", region="us-east-1", allowed_account_ids=["111122223333"])
own = pulumi.ResourceOptions(provider=account)
issuer = "https://oidc.eks.us-east-1.amazonaws.com/id/0123456789ABCDEF"
provider = aws.iam.OpenIdConnectProvider(
    "late", url=issuer, client_id_lists=["sts.amazonaws.com"], opts=own
)
trust = provider.arn.apply(
    lambda arn: json.dumps({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": {"Federated": arn},
            "Action": "sts:AssumeRoleWithWebIdentity",
        }],
    })
)
aws.iam.Role("late-role", name="late-role", assume_role_policy=trust, opts=own)
"""


def opened(session: Session, folder: Path, name: str, program: str) -> SandboxStack:
    """A stack of a program that a test has written."""
    folder.mkdir(exist_ok=True)
    (folder / "Pulumi.yaml").write_text(f"name: {name}\nruntime: python\n")
    (folder / "Pulumi.dev.yaml").write_text("config: {}\n")
    (folder / "__main__.py").write_text(program)
    return SandboxStack(session.state, folder)


def dangers() -> dict[str, tuple[Any, frozenset[str]]]:
    """Trust policies by the name of a role, and the rules that the pack has to report."""
    roles: dict[str, tuple[Any, frozenset[str]]] = {}
    for number, (statement, rules) in enumerate(CASES.values()):
        document = {"Version": "2012-10-17", "Statement": [statement]}
        roles[f"case-{number:03}"] = (document, frozenset(rules) - set(NEED_MORE))
    for name, documents in mutated().items():
        for number, document in enumerate(documents):
            roles[f"{name}-{number}"[-64:]] = (document, frozenset())
    return roles


@pytest.fixture(scope="module")
def stack(session: Session, tmp_path_factory: pytest.TempPathFactory) -> SandboxStack:
    folder = tmp_path_factory.mktemp("dangers")
    roles = {name: document for name, (document, _) in dangers().items()}
    (folder / "roles.json").write_text(json.dumps(roles))
    return opened(session, folder, "dangers", PROGRAM)


@pytest.fixture(scope="module")
def seen(stack: SandboxStack) -> Previewed:
    return previewed(stack)


def rules_by_role(seen: Previewed) -> Mapping[str, set[str]]:
    found: dict[str, set[str]] = {}
    for each in seen.violations:
        found.setdefault(each.name, set()).add(each.rule)
    return found


def test_every_policy_of_the_review_is_reported_and_stops_the_preview(seen: Previewed):
    found = rules_by_role(seen)
    wanted = {
        name: rules for name, (_, rules) in dangers().items() if name.startswith("case-") and rules
    }

    assert len(wanted) > 70
    assert {name: found.get(name, set()) for name in wanted} == wanted
    assert seen.error.startswith("stopped by mandatory policies: ")
    assert "no-sub (aws:iam:Role: case-" in seen.error


def test_harmless_ones_are_left_alone(seen: Previewed):
    harmless = {
        name for name, (_, rules) in dangers().items() if name.startswith("case-") and not rules
    }

    assert harmless
    assert harmless.isdisjoint(rules_by_role(seen))


def test_what_our_own_code_writes_when_it_is_broken_is_reported(seen: Previewed):
    found = rules_by_role(seen)

    for name, effect in EFFECTS.items():
        roles = [role for role in dangers() if role.startswith(f"{name}-"[-64:])]
        assert roles, name
        assert set().union(*(found.get(role, set()) for role in roles)) == effect.rules, name


def test_levels_and_exceptions_come_from_a_file(stack: SandboxStack, tmp_path: Path):
    config = {
        "all": "disabled",
        "no-sub": {
            "enforcementLevel": "advisory",
            "exceptions": [{"role": "case-*", "reason": "this test"}],
        },
    }

    seen = previewed(stack, config, tmp_path)

    assert (seen.error, {each.rule for each in seen.violations}) == ("", {"no-sub"})
    assert {each.level for each in seen.violations} == {"advisory"}
    assert not [each for each in seen.violations if each.name.startswith("case-")]


def test_a_configuration_that_means_nothing_is_refused_in_one_line(
    stack: SandboxStack, tmp_path: Path
):
    seen = previewed(stack, {"no-sbu": "advisory"}, tmp_path)

    assert seen.violations == []
    assert seen.error.count("\n") == 0
    assert "'no-sbu' is no rule of this pack; write 'no-sub'" in seen.error


def test_what_a_preview_cannot_know_is_said_and_the_up_checks_it_before_it_is_made(
    session: Session, tmp_path: Path
):
    late = opened(session, tmp_path, "late", LATE)

    first = previewed(late)
    assert (first.error, first.rules) == ("", {("not-checked", "late-role")})
    assert "not checked yet: its trust policy is known after `up`" in first.violations[0].message

    with pytest.raises(SandboxError, match="stopped by mandatory policies: no-sub"):
        late.up(policy_packs=[str(PACK)])
    iam = session.aws("iam")
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.get_role(RoleName="late-role")
    late.destroy()
