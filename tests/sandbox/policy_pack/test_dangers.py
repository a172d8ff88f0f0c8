"""Previews by the real engine; tests/unit/policy_pack has every dangerous trust policy."""

import json
from pathlib import Path

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


def oidc_provider(opts: ResourceOptions | None) -> aws.iam.OpenIdConnectProvider:
    audiences = ["sts.amazonaws.com"]
    return aws.iam.OpenIdConnectProvider(
        "late", url=f"https://{ISSUER}", client_id_lists=audiences, opts=opts
    )


def late_role() -> None:
    """A role whose trust policy is known only when the OIDC provider exists."""
    own = account()
    provider = oidc_provider(own)

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


def orders(provider: pulumi.Input[str], cluster: ResourceOptions) -> None:
    """`shop/orders` is what the trust policy names; the cluster's own is `default/orders`."""
    shop = ServiceAccountRef("shop", "orders")
    trust = pulumi.Output.from_input(provider).apply(
        lambda arn: json.dumps(irsa_trust_policy([arn], [shop]))
    )
    role = aws.iam.Role("orders", name="orders", assume_role_policy=trust)
    metadata = {"name": "orders", "annotations": {ROLE_ARN_ANNOTATION: role.arn}}
    k8s.core.v1.ServiceAccount("orders", metadata=metadata, opts=cluster)


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


def test_a_trust_policy_that_names_another_account_stops_the_first_preview(session: Session):
    provider = f"arn:aws:iam::{ACCOUNT_A}:oidc-provider/{ISSUER}"
    stack = stack_of(session, "known-trust", lambda: orders(provider, in_cluster(session)))

    seen = previewed(stack)

    assert seen.rules == {("trust-mismatch", "orders")}
    assert "stopped by mandatory policies: trust-mismatch" in seen.error


def test_or_the_up_before_the_service_account_where_the_provider_is_new(session: Session):
    stack = stack_of(
        session, "late-trust", lambda: orders(oidc_provider(None).arn, in_cluster(session))
    )
    assert previewed(stack).rules == {("not-checked", "orders")}

    with pytest.raises(SandboxError, match="stopped by mandatory policies: trust-mismatch"):
        stack.up(policy_packs=[str(PACK)])

    made = {each["urn"].rpartition("::")[2] for each in stack.export()["resources"]}
    assert made >= {"late", "orders"}
    assert not any(each["type"] == SERVICE_ACCOUNT for each in stack.export()["resources"])
    stack.destroy()
