"""CrossAccountRole: the trust policy of role B."""

import json

import pulumi
import pulumi_aws as aws
import pytest

from irsa.identity.pod_identity import TargetedBy, target_role_trust_policy
from irsa.identity.policies import TrustedRole, principal_arn_trust_policy, role_trust_policy
from irsa.identity.subjects import service_account_ref
from irsa_components import ServiceAccount
from irsa_components.cross_account_role import CrossAccountRole, CrossAccountRoleArgs
from irsa_components.cross_account_role import TargetingAssociationArgs as Targeting
from irsa_components.cross_account_role import TrustedRoleArgs as Trusted
from tests.support.engine import Engine, deploy
from tests.support.world import CLUSTER_ARN
from tests.support.world import ROLE_A_ARN as ROLE_A

POLICY = "arn:aws:iam::444455556666:policy/s3-app"
TRUSTED = Trusted(role_arn=ROLE_A, unique_id="AROAEXAMPLE1")
ARGS = {"role_name": "s3-app-B", "trusted_roles": [TRUSTED]}
ASSOCIATION = {
    "cluster_arn": CLUSTER_ARN,
    "service_account": ServiceAccount(namespace="dev", name="s3-app"),
    "role_arn": ROLE_A,
}


def role_b(engine: Engine | None = None, **changes) -> Engine:
    args = CrossAccountRoleArgs(**{**ARGS, **changes})
    return deploy(lambda: CrossAccountRole("s3-app", args), engine)


def trust_of(engine: Engine) -> dict:
    return json.loads(engine.one("Role").inputs["assumeRolePolicy"])


def test_a_recreated_role_a_changes_the_trust_policy_and_nothing_else():
    recreated = Trusted(role_arn=ROLE_A, unique_id="AROARECREATED")
    before, after = (
        engine.one("Role").inputs for engine in (role_b(), role_b(trusted_roles=[recreated]))
    )
    assert {key for key in before if before[key] != after[key]} == {"assumeRolePolicy"}


def test_role_b_trusts_each_role_by_arn_with_its_unique_id():
    other = Trusted(role_arn=f"{ROLE_A}-2", unique_id="AROAEXAMPLE2")

    assert trust_of(role_b(trusted_roles=[other, TRUSTED])) == role_trust_policy(
        [TrustedRole(ROLE_A, "AROAEXAMPLE1"), TrustedRole(f"{ROLE_A}-2", "AROAEXAMPLE2")]
    )


def test_trust_by_principal_arn_needs_no_unique_id():
    engine = role_b(trust="principal-arn", trusted_roles=[Trusted(role_arn=ROLE_A)])

    assert trust_of(engine) == principal_arn_trust_policy([ROLE_A])


@pytest.mark.parametrize("trust", ["role-arn", "principal-arn"])
@pytest.mark.parametrize("form", [str, pulumi.Output.from_input], ids=["plain", "output"])
def test_both_forms_of_trust_require_the_external_id(trust, form):
    (statement,) = trust_of(role_b(trust=trust, external_id=form("tenant-42")))["Statement"]

    assert statement["Condition"]["StringEquals"] == {"sts:ExternalId": "tenant-42"}


def test_the_role_has_the_given_settings_and_its_arn_waits_for_the_policies():
    def program() -> None:
        given = {"path": "/team/", "permissions_boundary": POLICY, "max_session_duration": 7200}
        args = CrossAccountRoleArgs(**ARGS, **given, policy_arns={"bucket": POLICY})
        made = CrossAccountRole("s3-app", args)
        aws.ssm.Parameter("uses-the-arn", type="String", description=made.role_arn)

    engine = deploy(program)

    inputs = engine.one("Role").inputs
    del inputs["assumeRolePolicy"]
    assert inputs == {
        "name": "s3-app-B",
        "path": "/team/",
        "description": "Assumed from another account by role chaining",
        "permissionsBoundary": POLICY,
        "maxSessionDuration": 7200,
    }
    assert engine.waits_for("Parameter", "RolePolicyAttachment")
    assert engine.one("RolePolicyAttachment").inputs == {"role": "s3-app-B", "policyArn": POLICY}


@pytest.mark.parametrize("disabled", [False, True])
def test_a_target_role_trusts_an_association_that_does_not_exist_yet(disabled):
    given = Targeting(**ASSOCIATION, disable_session_tags=disabled)
    targeted = TargetedBy(ROLE_A, CLUSTER_ARN, service_account_ref("dev", "s3-app"), disabled)

    trust = trust_of(role_b(trusted_roles=[], associations=[given]))
    assert trust == target_role_trust_policy([targeted])


def test_a_trust_policy_above_the_quota_ends_in_one_line():
    accounts = [ServiceAccount(namespace=f"team-{n}", name="s3") for n in range(3)]
    given = [Targeting(**ASSOCIATION | {"service_account": each}) for each in accounts]
    with pytest.raises(pulumi.RunError, match=r"role 's3-app-B': .* characters; IAM accepts 2048"):
        role_b(trusted_roles=[], associations=given)
