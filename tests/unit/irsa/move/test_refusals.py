"""Moves that are refused before the first change."""

from dataclasses import replace

import pytest

from irsa.identity.eks import FARGATE_LABEL
from irsa.identity.pod_identity import NAMESPACE_TAG
from irsa.move.refusals import refusals
from irsa.observe.facts import Owner, PermissionsPolicy, RegisteredProvider, Unread
from irsa.observe.pod_identity import EksCluster
from irsa.verify.facts import PodIdentity
from tests.unit.irsa.move.moves import (
    ASSOCIATION,
    BY_TOKEN,
    CLUSTER,
    IRSA,
    ISSUER,
    OWNER,
    PROVIDER,
    ROLE_ARN,
    TEMPLATE,
    pod,
    trusting,
    with_irsa,
    with_pod_identity,
)

OTHER = ROLE_ARN.replace("1111", "9999", 1)
BY_HAND = {"spec": {"containers": [{"name": "app", "env": [IRSA]}]}}
DENY = {"Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRole"}
BY_ROLE_TAG, TAGGED = (
    PermissionsPolicy("data", {"Resource": f"arn:aws:s3:::b/${{aws:PrincipalTag/{tag}}}"})
    for tag in ("team", NAMESPACE_TAG)
)
BY_ISSUER = PermissionsPolicy("data", {"Resource": f"arn:aws:s3:::b/${{{ISSUER}:sub}}/*"})
UNREAD = Unread("policies of role s3-app", "AccessDenied", "iam:GetRolePolicy")
PULUMI = {"app.kubernetes.io/managed-by": "pulumi"}


def labelled():
    found = with_irsa()
    return replace(found, account=replace(found.account, labels=PULUMI))


def without_agent():
    identity = PodIdentity(cluster=EksCluster(CLUSTER), association=None)
    return with_irsa(pod_identity=identity)


def with_profile(to, setting):
    spec = {
        "serviceAccountName": "s3-app",
        "volumes": [{"name": "aws", "configMap": {"name": "aws"}}],
        "containers": [
            {"name": "app"},
            {
                "name": "more",
                "env": [{"name": "AWS_CONFIG_FILE", "value": "/etc/aws/config"}],
                "volumeMounts": [{"name": "aws", "mountPath": "/etc/aws"}],
            },
        ],
    }
    objects = {("ConfigMap", "aws"): {"config": f"[profile A]\n{setting}\n"}}
    return with_irsa(to, owners=(OWNER, Owner("deployment", "b", {"spec": spec})), objects=objects)


def with_variables_of_a_secret():
    container = {"name": "app", "envFrom": [{"secretRef": {"name": "aws"}}]}
    owner = replace(OWNER, template={"spec": {"containers": [container]}})
    objects = {("Secret", "aws"): {"AWS_ROLE_ARN": None}}
    return with_irsa(pods=(pod(IRSA, owner),), objects=objects)


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (with_irsa(pods=(pod(IRSA, labels={FARGATE_LABEL: "a"}),)), "on Fargate, where no agent"),
        (without_agent(), "aws eks create-addon --cluster-name dev --addon-name"),
        (with_irsa(role=replace(trusting(BY_TOKEN), arn=OTHER)), "is not in account 111122223333"),
        (with_irsa(association=replace(ASSOCIATION, owner_arn="arn:addon")), "change the add-on"),
        (with_irsa(association=replace(ASSOCIATION, role_arn=OTHER)), "let both name the role"),
        (with_irsa(pods=(pod(IRSA, None),)), "no controller replaces it"),
        (with_irsa(pods=(pod(IRSA, Owner("job", "j", TEMPLATE)),)), "wait for its end"),
        (with_irsa(pods=(pod(IRSA, replace(OWNER, paused=True)),)), "resume its rollouts"),
        (with_irsa(owners=(replace(OWNER, template=BY_HAND),), pods=(
            pod(IRSA, replace(OWNER, template=BY_HAND)),)), "sets AWS_ROLE_ARN by hand"),
        (with_profile("pod-identity", "web_identity_token_file = /t"), "config file takes /t"),
        (with_profile("irsa", "credential_source = EcsContainer"), "file takes EcsContainer"),
        (with_variables_of_a_secret(), "container app sets AWS_ROLE_ARN by hand"),
        (with_irsa(role=trusting(BY_TOKEN, {"Statement": [DENY]})), "remove the condition or"),
        (
            with_pod_identity(association=replace(ASSOCIATION, target_role_arn=OTHER)),
            "no target role",
        ),
        (with_pod_identity(association=replace(ASSOCIATION, policy="{}")), "no session policy"),
        (with_pod_identity(providers=()), "aws iam create-open-id-connect-provider"),
        (with_pod_identity(providers=(RegisteredProvider(PROVIDER, ()),)), "is not a client id"),
        (
            with_pod_identity(role=replace(with_pod_identity().role, policies=(TAGGED,))),
            "asks for aws:PrincipalTag/kubernetes-namespace: IRSA has",
        ),
        (with_irsa(role=replace(with_irsa().role, policies=(BY_ISSUER,))), f"asks for {ISSUER}:"),
        (with_irsa(role=replace(with_irsa().role, boundary=BY_ISSUER)), f"asks for {ISSUER}:"),
        (with_irsa(role=replace(with_irsa().role, policies=UNREAD)), "grant iam:GetRolePolicy"),
        (labelled(), "Pulumi manages it; give --stack"),
        (
            with_irsa(role=replace(trusting(BY_TOKEN), tags={"project": "irsa", "stack": "dev"})),
            "(project irsa, stack dev); give --stack",
        ),
    ],
)  # fmt: skip
def test_a_move_is_refused_with_the_fix(found, text):
    [reason] = refusals(found)

    assert text in reason


@pytest.mark.parametrize(
    "found",
    [
        with_irsa(),
        with_pod_identity(),
        with_pod_identity(role=replace(with_pod_identity().role, policies=(BY_ROLE_TAG,))),
    ],
    ids=["irsa", "pod-identity", "tag-of-the-role"],
)
def test_a_plain_workload_is_not_refused(found):
    assert [*refusals(found)] == []
