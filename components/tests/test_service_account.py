"""Roles, associations and workloads of one program that do not mean the same service account."""

from typing import Any

import pulumi
import pytest
from pulumi import Output

import irsa_components as irsa
from irsa.identity.policies import principal_arn_trust_policy
from tests.support.engine import Engine, deploy
from tests.support.world import CLUSTER_ARN, PROVIDER_ARN, ROLE_ARN

S3_APP = irsa.ServiceAccount(namespace="dev", name="s3-app")
RENAMED = irsa.ServiceAccount(namespace="dev", name="s3-app-2")
ELSEWHERE = irsa.ServiceAccount(namespace="prod", name="s3-app")
UNTAGGED = {"disable_session_tags": True}
FURTHER = principal_arn_trust_policy([ROLE_ARN])["Statement"]
VAULT = {"token": irsa.TokenArgs(audience="vault")}
ROLE = {
    "role_name": "s3-app",
    "provider_arns": [PROVIDER_ARN],
    "cluster_arns": [CLUSTER_ARN],
    "service_accounts": [S3_APP],
}


def role(**changes: Any) -> irsa.ServiceAccountRole:
    return irsa.ServiceAccountRole("s3-app", irsa.ServiceAccountRoleArgs(**{**ROLE, **changes}))


def by_irsa(account: irsa.ServiceAccount, role_arn: Any, **more: Any) -> None:
    args = {"service_account": account, "role_arn": role_arn, **more}
    irsa.WorkloadIdentity("s3-app", irsa.WorkloadIdentityArgs(**args))


def by_association(
    account: irsa.ServiceAccount, role_arn: Any, **more: Any
) -> irsa.PodIdentityAssociation:
    args = {"cluster_arn": CLUSTER_ARN, "service_account": account, "role_arn": role_arn, **more}
    return irsa.PodIdentityAssociation("s3-app", irsa.PodIdentityAssociationArgs(**args))


def refused(program: Any, *, preview: bool = True) -> str:
    with pytest.raises(pulumi.RunError) as caught:
        deploy(program, Engine(preview=preview))
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("preview", [True, False])
@pytest.mark.parametrize("mechanism", [by_irsa, by_association])
@pytest.mark.parametrize("account", [RENAMED, ELSEWHERE], ids=str)
def test_a_service_account_that_the_role_does_not_trust_is_refused(mechanism, account, preview):
    assert refused(lambda: mechanism(account, role().role_arn), preview=preview) == (
        f"role 's3-app' does not trust service account {account}: it trusts dev/s3-app; give both "
        "the same ServiceAccount"
    )


@pytest.mark.parametrize("preview", [True, False])
@pytest.mark.parametrize("mechanism", [by_irsa, by_association])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"service_accounts": [ELSEWHERE, S3_APP]},
        {"service_accounts": [], "subjects": ["dev/s3-ap?"]},
        # What further statements admit, this program need not know.
        {"service_accounts": [ELSEWHERE], "further_statements": FURTHER},
    ],
)
def test_a_service_account_that_the_role_trusts_is_accepted(mechanism, changes, preview):
    deploy(lambda: mechanism(S3_APP, role(**changes).role_arn), Engine(preview=preview))


def test_what_the_role_does_not_decide_is_accepted():
    """Of a role from elsewhere nothing is known; one without session tags admits all."""
    deploy(lambda: by_irsa(RENAMED, ROLE_ARN))
    deploy(lambda: by_irsa(RENAMED, Output.from_input(ROLE_ARN)))
    deploy(lambda: by_association(RENAMED, role(**UNTAGGED).role_arn, **UNTAGGED))


@pytest.mark.parametrize(
    ("mechanism", "changes", "more", "message"),
    [
        (by_irsa, {"provider_arns": []}, {}, "trusts no OIDC provider, so dev/s3-app cannot assum"),
        (by_irsa, {}, VAULT, "admits tokens for audience 'sts.amazonaws.com', and those of dev/s3"),
        (by_association, {"cluster_arns": []}, {}, "does not trust EKS Pod Identity, so no associ"),
        (by_association, {}, UNTAGGED, "admits associations with session tags only, and the one"),
    ],
)
def test_a_role_that_refuses_the_session_is_refused(mechanism, changes, more, message):
    text = refused(lambda: mechanism(S3_APP, role(**changes).role_arn, **more))
    assert text.startswith(f"role 's3-app' {message}")


@pytest.mark.parametrize("preview", [True, False])
def test_an_association_of_another_service_account_is_refused(preview):
    def program() -> None:
        association = by_association(S3_APP, role().role_arn)
        pods = irsa.PodIdentityArgs(association_id=association.association_id)
        args = irsa.WorkloadIdentityArgs(service_account=RENAMED, pod_identity=pods)
        irsa.WorkloadIdentity("s3-app", args)

    assert refused(program, preview=preview) == (
        "the association is that of service account dev/s3-app, and the pods run as dev/s3-app-2; "
        "give both the same ServiceAccount"
    )
