"""Previews by the real engine; tests/unit/policy_pack has every dangerous trust policy."""

import json
from pathlib import Path

import pulumi_aws as aws
import pytest
from pulumi import ResourceOptions

from irsa_sandbox.aws.accounts import ACCOUNT_A, REGION
from irsa_sandbox.engine.stack import SandboxStack
from irsa_sandbox.errors import SandboxError
from irsa_sandbox.session import Session
from tests.sandbox.support.policy_pack import PACK, previewed
from tests.sandbox.support.programs import stack_of

pytestmark = pytest.mark.sandbox


def account() -> ResourceOptions:
    """Options with a provider for account A alone."""
    provider = aws.Provider("own", region=REGION, allowed_account_ids=[ACCOUNT_A])
    return ResourceOptions(provider=provider)


def roles() -> None:
    own = account()
    trusting = "arn:aws:iam::444455556666:root"
    for name, principal in (("open", "*"), ("other-account", {"AWS": trusting})):
        statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
        trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        aws.iam.Role(name, name=name, assume_role_policy=trust, opts=own)


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


@pytest.fixture(scope="module")
def stack(session: Session) -> SandboxStack:
    return stack_of(session, "dangers", roles)


def test_a_dangerous_policy_is_reported_and_stops_the_preview(stack: SandboxStack):
    seen = previewed(stack)

    assert seen.rules == {("everyone", "open"), ("root-principal", "other-account")}
    assert seen.error.startswith("stopped by mandatory policies: everyone (aws:iam:Role: open)")


def test_levels_and_exceptions_come_from_a_file(stack: SandboxStack, tmp_path: Path):
    excepted = {"exceptions": [{"role": "other-*", "reason": "this test"}]}

    seen = previewed(stack, {"all": "advisory", "root-principal": excepted}, tmp_path)

    assert (seen.error, seen.rules) == ("", {("everyone", "open")})
    assert {each.level for each in seen.violations} == {"advisory"}


def test_a_configuration_against_the_schema_is_refused(stack: SandboxStack, tmp_path: Path):
    reason = {"reason": "TICKET-7"}
    wrong = [{"role": "a"}, {"role": "b", "urn": "b", **reason}, {"urn": "**", **reason}]
    wrong += [{"role": "c", "reason": " "}, {"role": "d", "arn": "d", **reason}, reason]

    seen = previewed(
        stack, {"no-sub": {"exceptions": wrong}, "trust-quota": {"quota": 9000}}, tmp_path
    )

    assert seen.violations == []
    said = ("0: reason is required", "1: ", "2.urn", "3.reason", "4: Additional", "5: role is")
    for part in (*(f"exceptions.{each}" for each in said), "quota"):
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
