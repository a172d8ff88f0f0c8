"""Previews by the real engine; tests/unit/policy_pack has every dangerous trust policy."""

import json
from pathlib import Path
from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s
import pytest
from pulumi import ResourceOptions

from irsa.identity.eks import ROLE_ARN_ANNOTATION
from irsa.identity.policies import irsa_trust_policy
from irsa.identity.subjects import ServiceAccountRef
from irsa_sandbox.aws.accounts import ACCOUNT_A, REGION
from irsa_sandbox.engine.stack import SandboxStack
from irsa_sandbox.errors import SandboxError
from irsa_sandbox.session import Session
from tests.sandbox.support.policy_pack import PACK, previewed
from tests.sandbox.support.programs import in_cluster, stack_of
from tests.support.policy_pack import SERVICE_ACCOUNT

pytestmark = pytest.mark.sandbox

ISSUER = "oidc.eks.us-east-1.amazonaws.com/id/0123456789ABCDEF"


def role(name: str, trust: pulumi.Input[str], opts: ResourceOptions | None = None) -> aws.iam.Role:
    return aws.iam.Role(name, name=name, assume_role_policy=trust, opts=opts)


def document(principal: Any, action: str) -> str:
    statement = {"Effect": "Allow", "Principal": principal, "Action": action}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def own_account() -> ResourceOptions:
    """Options with a provider for account A alone."""
    provider = aws.Provider("own", region=REGION, allowed_account_ids=[ACCOUNT_A])
    return ResourceOptions(provider=provider)


def oidc_provider(opts: ResourceOptions | None = None) -> pulumi.Output[str]:
    return aws.iam.OpenIdConnectProvider(
        "late", url=f"https://{ISSUER}", client_id_lists=["sts.amazonaws.com"], opts=opts
    ).arn


@pytest.fixture(scope="module")
def stack(session: Session) -> SandboxStack:
    """A role for everyone, and one for another account."""

    def program() -> None:
        own, other = own_account(), {"AWS": "arn:aws:iam::444455556666:root"}
        for name, principal in (("open", "*"), ("other-account", other)):
            role(name, document(principal, "sts:AssumeRole"), own)

    return stack_of(session, "dangers", program)


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


def test_the_up_checks_what_its_preview_could_not(session: Session, irsa_sandbox):
    """A role whose trust policy is known only when the OIDC provider exists."""

    def program() -> None:
        own = own_account()

        def trust(arn: str) -> str:
            return document({"Federated": arn}, "sts:AssumeRoleWithWebIdentity")

        role("late-role", oidc_provider(own).apply(trust), own)

    late = stack_of(session, "late", program)
    first = previewed(late)
    assert (first.error, first.rules) == ("", {("not-checked", "late-role")})
    assert "not checked yet: its trust policy is known after `up`" in first.violations[0].message

    with pytest.raises(SandboxError, match="stopped by mandatory policies: no-sub"):
        late.up(policy_packs=[str(PACK)])
    iam = session.aws("iam")
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.get_role(RoleName="late-role")


@pytest.mark.parametrize("is_new", [False, True])
def test_a_trust_policy_that_names_another_account_stops_the_preview_or_up(
    session: Session, irsa_sandbox, is_new
):
    """In an `up` before the service account is made, where the OIDC provider is new."""

    def program() -> None:
        known = f"arn:aws:iam::{ACCOUNT_A}:oidc-provider/{ISSUER}"
        provider = oidc_provider() if is_new else pulumi.Output.from_input(known)
        # The trust policy names shop/orders; the cluster's own is default/orders.
        shop = [ServiceAccountRef("shop", "orders")]
        orders = role("orders", provider.apply(lambda a: json.dumps(irsa_trust_policy([a], shop))))
        metadata = {"name": "orders", "annotations": {ROLE_ARN_ANNOTATION: orders.arn}}
        k8s.core.v1.ServiceAccount("orders", metadata=metadata, opts=in_cluster(session))

    stack = stack_of(session, f"trust-{is_new}", program)
    seen = previewed(stack)
    assert seen.rules == {("not-checked" if is_new else "trust-mismatch", "orders")}
    if not is_new:
        assert "stopped by mandatory policies: trust-mismatch" in seen.error
        return

    with pytest.raises(SandboxError, match="stopped by mandatory policies: trust-mismatch"):
        stack.up(policy_packs=[str(PACK)])
    made = stack.export()["resources"]
    assert {each["urn"].rpartition("::")[2] for each in made} >= {"late", "orders"}
    assert not any(each["type"] == SERVICE_ACCOUNT for each in made)
