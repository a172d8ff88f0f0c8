"""One preview by the real engine, with a role for each dangerous trust policy."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi_aws as aws
import pytest
from pulumi import ResourceOptions

from policy_pack.rules import NEED_MORE
from sandbox.aws.accounts import ACCOUNT_A, REGION
from sandbox.engine.stack import SandboxStack
from sandbox.errors import SandboxError
from sandbox.session import Session
from tests.sandbox.support.policy_pack import PACK, Previewed, previewed
from tests.sandbox.support.programs import stack_of
from tests.support.mutated_trust import EFFECTS, mutated
from tests.unit.irsa.audit.test_policies import CASES

pytestmark = pytest.mark.sandbox


def account() -> ResourceOptions:
    """Options with a provider for account A alone."""
    provider = aws.Provider("own", region=REGION, allowed_account_ids=[ACCOUNT_A])
    return ResourceOptions(provider=provider)


def all_dangers() -> None:
    own = account()
    for name, (trust, _) in dangers().items():
        aws.iam.Role(name, name=name, assume_role_policy=json.dumps(trust), opts=own)


def late_role() -> None:
    """A role whose trust policy is known only when the OIDC provider exists."""
    own = account()
    issuer = "https://oidc.eks.us-east-1.amazonaws.com/id/0123456789ABCDEF"
    audiences = ["sts.amazonaws.com"]
    provider = aws.iam.OpenIdConnectProvider(
        "late", url=issuer, client_id_lists=audiences, opts=own
    )

    def trust(arn: str) -> str:
        statement = {
            "Effect": "Allow",
            "Principal": {"Federated": arn},
            "Action": "sts:AssumeRoleWithWebIdentity",
        }
        return json.dumps({"Version": "2012-10-17", "Statement": [statement]})

    aws.iam.Role(
        "late-role", name="late-role", assume_role_policy=provider.arn.apply(trust), opts=own
    )


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
def stack(session: Session) -> SandboxStack:
    return stack_of(session, "dangers", all_dangers)


@pytest.fixture(scope="module")
def seen(stack: SandboxStack) -> Previewed:
    return previewed(stack)


def rules_by_role(seen: Previewed) -> Mapping[str, set[str]]:
    found: dict[str, set[str]] = {}
    for each in seen.violations:
        found.setdefault(each.name, set()).add(each.rule)
    return found


def test_each_dangerous_policy_is_reported_and_stops_the_preview(seen: Previewed):
    found = rules_by_role(seen)
    wanted = {
        name: rules for name, (_, rules) in dangers().items() if name.startswith("case-") and rules
    }

    assert len(wanted) > 70
    assert {name: found.get(name, set()) for name in wanted} == wanted
    assert seen.error.startswith("stopped by mandatory policies: ")
    assert "no-sub (aws:iam:Role: case-" in seen.error


def test_harmless_policies_are_not_reported(seen: Previewed):
    harmless = {
        name for name, (_, rules) in dangers().items() if name.startswith("case-") and not rules
    }

    assert harmless
    assert harmless.isdisjoint(rules_by_role(seen))


def test_policies_of_broken_code_of_ours_are_reported(seen: Previewed):
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


def test_a_configuration_against_the_schema_is_refused(stack: SandboxStack, tmp_path: Path):
    reason = {"reason": "TICKET-7"}
    wrong = [{"role": "a"}, {"role": "b", "urn": "b", **reason}, {"urn": "**", **reason}]

    seen = previewed(
        stack, {"no-sub": {"exceptions": wrong}, "trust-quota": {"quota": 9000}}, tmp_path
    )

    assert seen.violations == []
    for part in ("exceptions.0: reason is required", "exceptions.1: ", "exceptions.2.urn", "quota"):
        assert part in seen.error


def test_the_up_checks_what_its_preview_could_not(session: Session):
    late = stack_of(session, "late", late_role)

    first = previewed(late)
    assert (first.error, first.rules) == ("", {("not-checked", "late-role")})
    assert "not checked yet: its trust policy is known after `up`" in first.violations[0].message

    with pytest.raises(SandboxError, match="stopped by mandatory policies: no-sub"):
        late.up(policy_packs=[str(PACK)])
    iam = session.aws("iam")
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.get_role(RoleName="late-role")
    late.destroy()
