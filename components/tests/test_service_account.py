"""Roles, associations and workloads of one program that do not mean the same service account."""

from typing import Any

import pulumi
import pytest
from pulumi import Output

import irsa_components as irsa
from irsa_core.identity.policies import principal_arn_trust_policy
from tests.support.engine import Engine, deploy
from tests.support.refusal import refusal
from tests.support.world import CLUSTER_ARN, CLUSTER_OUTPUTS, ISSUER_URL, PROVIDER_ARN, ROLE_ARN

S3_APP = irsa.ServiceAccount(namespace="dev", name="s3-app")
RENAMED = irsa.ServiceAccount(namespace="dev", name="s3-app-2")
ELSEWHERE = irsa.ServiceAccount(namespace="prod", name="s3-app")
UNTAGGED = {"disable_session_tags": True}
FURTHER = principal_arn_trust_policy([ROLE_ARN])["Statement"]
PLATFORM = "acme/platform/dev"
ROLE = {
    "role_name": "s3-app",
    "provider_arns": [PROVIDER_ARN],
    "cluster_arns": [CLUSTER_ARN],
    "service_accounts": [S3_APP],
}


def role(**changes: Any) -> irsa.ServiceAccountRole:
    return irsa.ServiceAccountRole("s3-app", irsa.ServiceAccountRoleArgs(**{**ROLE, **changes}))


def by_irsa(account: irsa.ServiceAccount, **more: Any) -> None:
    irsa.WorkloadIdentity("s3-app", irsa.WorkloadIdentityArgs(service_account=account, **more))


def by_association(account: irsa.ServiceAccount, **more: Any) -> irsa.PodIdentityAssociation:
    args = {"cluster_arn": CLUSTER_ARN, "service_account": account, **more}
    return irsa.PodIdentityAssociation("s3-app", irsa.PodIdentityAssociationArgs(**args))


def outcome(program: Any) -> str:
    """Return the line that refuses a program, or nothing."""
    try:
        deploy(program, Engine(preview=True))
    except ValueError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("mechanism", [by_irsa, by_association])
@pytest.mark.cases(("account", "changes", "is_trusted"), {
    "another name": (RENAMED, {}, False),
    "another namespace": (ELSEWHERE, {}, False),
    "trusted alone": (S3_APP, {}, True),
    "trusted among others": (S3_APP, {"service_accounts": [ELSEWHERE, S3_APP]}, True),
    "trusted by a pattern": (S3_APP, {"service_accounts": [], "subjects": ["dev/s3-ap?"]}, True),
    # What further statements admit, this program need not know.
    "further statements": (S3_APP, {"service_accounts": [ELSEWHERE], "further_statements": FURTHER},
        True),
})  # fmt: skip
def test_only_a_service_account_that_the_role_trusts_is_accepted(
    mechanism, account, changes, is_trusted
):
    line = (
        f"role 's3-app' does not trust service account {account}: it trusts dev/s3-app; give both "
        "the same ServiceAccount"
    )
    assert outcome(lambda: mechanism(account, role=role(**changes))) == line * (not is_trusted)


def test_what_the_role_does_not_decide_is_accepted():
    """Of a role from elsewhere nothing is known; one without session tags admits all."""
    arns = (ROLE_ARN, Output.from_input(ROLE_ARN))
    assert [outcome(lambda arn=arn: by_irsa(RENAMED, role_arn=arn)) for arn in arns] == ["", ""]
    assert not outcome(lambda: by_association(RENAMED, role=role(**UNTAGGED), **UNTAGGED))


@pytest.mark.cases(("mechanism", "changes", "more", "message"), {
    "no provider": (by_irsa, {"provider_arns": []}, {},
        "trusts no OIDC provider, so dev/s3-app cannot assum"),
    "audience": (by_irsa, {}, {"token": irsa.TokenArgs(audience="vault")},
        "admits tokens for audience 'sts.amazonaws.com', and those of dev/s3"),
    "no Pod Identity": (by_association, {"cluster_arns": []}, {},
        "does not trust EKS Pod Identity, so no associ"),
    "no session tags": (by_association, {}, UNTAGGED,
        "admits associations with session tags only, and the one"),
})  # fmt: skip
def test_a_role_that_refuses_the_session_is_refused(mechanism, changes, more, message):
    text = outcome(lambda: mechanism(S3_APP, role=role(**changes), **more))
    assert text.startswith(f"role 's3-app' {message}")


def test_an_association_of_another_service_account_is_refused():
    def program() -> None:
        pods = irsa.PodIdentityArgs(association=by_association(S3_APP, role=role()))
        by_irsa(RENAMED, pod_identity=pods)

    assert outcome(program) == (
        "the association is that of service account dev/s3-app, and the pods run as dev/s3-app-2; "
        "give both the same ServiceAccount"
    )


def test_a_component_gives_what_is_text_for_another_stacks():
    """The role trusts its clusters, and the pods have role and association, as with their ARNs."""

    def program() -> None:
        cluster = irsa.StackCluster("platform", pulumi.StackReference(PLATFORM))
        clusters = {"irsa_clusters": [cluster], "pod_identity_clusters": [cluster]}
        made = role(provider_arns=[], cluster_arns=[], **clusters)
        args = irsa.PodIdentityAssociationArgs(cluster=cluster, service_account=S3_APP, role=made)
        association = irsa.PodIdentityAssociation("s3-app", args)
        by_irsa(S3_APP, role=made, pod_identity=irsa.PodIdentityArgs(association=association))

    engine = deploy(program, Engine(stacks={PLATFORM: CLUSTER_OUTPUTS}))
    trust = engine.one("aws:iam/role:Role").inputs["assumeRolePolicy"]
    assert trust == deploy(role).one("aws:iam/role:Role").inputs["assumeRolePolicy"]
    assert engine.one("PodIdentityAssociation").inputs["roleArn"] == ROLE_ARN
    provider = engine.one("pulumi:providers:kubernetes").inputs
    assert provider["clusterIdentifier"] == ISSUER_URL
    assert provider["enableSecretMutable"] == provider["enableConfigMapMutable"] == "true"


@pytest.mark.cases("preview", {"up": False, "preview": True})
@pytest.mark.cases(("outputs", "listed"), {
    **{f"without {key}": ({name: CLUSTER_OUTPUTS[name] for name in CLUSTER_OUTPUTS.keys() - {key}},
        ", ".join(sorted(CLUSTER_OUTPUTS.keys() - {key})))
    for key in CLUSTER_OUTPUTS},
    "destroyed": ({}, "none"),
    "another program's": ({"vpc_id": "vpc-1", "bucket": "b"}, "bucket, vpc_id"),
    "with many outputs": ({f"output_{n:02}": "" for n in range(30)},
        "output_00, output_01, output_02, output_03, output_04, …"),
})  # fmt: skip
def test_a_stack_that_lacks_a_clusters_output_is_named_in_one_line(preview, outputs, listed):
    missing = next(name for name in CLUSTER_OUTPUTS if name not in outputs)

    def program() -> None:
        irsa.StackCluster("platform", pulumi.StackReference("p", PLATFORM))

    engine = Engine(preview=preview, stacks={"p": outputs, PLATFORM: outputs})
    up = "run `pulumi up` there, or correct the stack's name"
    fix = "give the stack that has it, or export it there" if outputs else up
    problem = f"stack {PLATFORM} has no output for StackCluster.{missing} (it has {listed})"
    assert refusal(deploy, program, engine, raised=pulumi.RunError) == f"{problem}; {fix}"


@pytest.mark.cases(("given", "said"), {
    "neither": (dict, "role_arn is missing; give role, or role_arn of another stack's"),
    "both": (lambda: {"role": role(), "role_arn": ROLE_ARN},
        "role and role_arn are both given; rem"),
    "text": (lambda: {"role": ROLE_ARN}, "role is the text 'arn:aws:iam::"),
})  # fmt: skip
def test_a_relation_is_one_component_or_one_text(given, said):
    assert said in outcome(lambda: by_association(S3_APP, **given()))


def test_an_output_of_the_program_without_a_value_names_no_other_stack():
    problem = r"\.role_arn is an output without a value; give another one$"
    with pytest.raises(pulumi.RunError, match=problem):
        deploy(lambda: by_association(S3_APP, role_arn=role().role_arn.apply(lambda _: None)))
