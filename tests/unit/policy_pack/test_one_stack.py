"""Findings of the pack for service accounts, roles and Pods of one stack."""

import json

import pytest

from irsa.identity.pod_identity import pod_identity_trust_policy
from irsa.identity.policies import (
    assume_role_permissions_policy,
    bucket_permissions_policy,
    irsa_trust_policy,
    principal_arn_trust_policy,
    service_trust_policy,
)
from irsa.identity.subjects import ServiceAccountRef
from tests.support.policy_pack import (
    ACCOUNT,
    DEPLOYMENT,
    ROLE,
    SERVICE_ACCOUNT,
    UNKNOWN,
    reports,
    resource,
    rules,
)
from tests.unit.policy_pack.test_one_resource import GOOD, PROVIDER_ARN, provider, role, without

ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/s3-app"
OTHER = f"arn:aws:iam::{ACCOUNT}:role/other"


def account(arn=ROLE_ARN, name="s3-app", **annotations):
    given = {f"eks.amazonaws.com/{key}": value for key, value in annotations.items()}
    metadata = {"namespace": "dev", "name": name, "annotations": given}
    if arn:
        given["eks.amazonaws.com/role-arn"] = arn
    return resource(SERVICE_ACCOUNT, f"dev/{name}", {"metadata": metadata})


def deployment(container, account_name="s3-app"):
    spec = {"serviceAccountName": account_name, "containers": [{"name": "main", **container}]}
    metadata = {"namespace": "dev", "name": "app"}
    return resource(DEPLOYMENT, "app", {"metadata": metadata, "spec": {"template": {"spec": spec}}})


def attached(policy, name="s3-app", role_name="s3-app"):
    text = json.dumps(policy)
    return resource(
        "aws:iam/rolePolicy:RolePolicy", name, {"name": name, "role": role_name, "policy": text}
    )


def test_an_account_whose_role_trusts_it_is_clean():
    assert reports(account(), role(GOOD)) == []


def test_one_whose_trust_only_a_call_decides_has_the_command_that_calls():
    [statement] = GOOD["Statement"]
    network = {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}
    trust = {"Statement": [{**statement, "Condition": {**statement["Condition"], **network}}]}

    [said] = reports(account(), role(trust))

    assert said.rule == "trust-unknown"
    assert "verify --namespace dev --service-account s3-app makes the call" in said.message


def test_one_whose_role_trusts_another():
    stage = irsa_trust_policy([PROVIDER_ARN], [ServiceAccountRef("stage", "s3-app")])

    [said] = reports(account(), role(stage))

    assert (said.rule, said.name) == ("trust-mismatch", "dev/s3-app")
    assert "the policy says 'system:serviceaccount:stage:s3-app'" in said.message
    assert "let the trust policy name system:serviceaccount:dev:s3-app" in said.message


def test_one_whose_role_trusts_no_token_at_all():
    said = reports(account(), role(service_trust_policy("ec2.amazonaws.com")))

    assert rules(said) == [("trust-mismatch", "dev/s3-app")]


def test_one_that_asks_for_an_audience_which_the_role_does_not_take():
    said = reports(account(audience="vault"), role(GOOD))

    assert rules(said) == [("trust-mismatch", "dev/s3-app")]


def test_one_of_the_clusters_that_the_role_trusts_is_enough():
    second = PROVIDER_ARN.replace("0123", "FEDC")
    other = irsa_trust_policy([second], [ServiceAccountRef("stage", "s3-app")])
    trust = {**GOOD, "Statement": [*other["Statement"], *GOOD["Statement"]]}

    assert reports(account(), role(trust)) == []
    assert rules(reports(account(), role(other))) == [("trust-mismatch", "dev/s3-app")]


def test_a_cluster_that_the_stack_registers_needs_no_name_of_eks():
    own = f"arn:aws:iam::{ACCOUNT}:oidc-provider/k8s.example.com"
    trust = irsa_trust_policy([own], [ServiceAccountRef("dev", "s3-app")])

    assert reports(account(), role(trust), provider("https://k8s.example.com")) == []
    said = reports(account(), role(without(trust, ":sub")), provider("https://k8s.example.com"))
    assert rules(said) == [("any-subject", "s3-app")]


STAGE = irsa_trust_policy([PROVIDER_ARN], [ServiceAccountRef("stage", "s3-app")])


@pytest.mark.parametrize("in_account", [ACCOUNT, ""])
@pytest.mark.parametrize(
    ("trusts", "expected"),
    [
        ([GOOD], []),
        ([STAGE], ["trust-mismatch"]),
        ([GOOD, STAGE], ["not-checked"]),
        ([], ["not-checked"]),
    ],
)
def test_an_annotation_taken_from_a_role_is_judged_before_it_has_an_arn(
    trusts, expected, in_account
):
    late = account(UNKNOWN)
    roles = [
        resource(ROLE, f"r{i}", {"name": f"r{i}", "assumeRolePolicy": json.dumps(each)}, in_account)
        for i, each in enumerate(trusts)
    ]
    late.property_dependencies["metadata"] = [*roles]

    said = rules(reports(late, *roles))

    assert [rule for rule, name in said if name == "dev/s3-app"] == expected


def test_a_role_that_is_not_in_the_stack_is_noted():
    said = reports(account(OTHER), role(GOOD))

    assert rules(said) == [("not-in-stack", "dev/s3-app")]
    assert OTHER in said[0].message


def test_while_a_role_has_no_arn_nothing_is_said_of_others():
    said = reports(account(OTHER), role(GOOD, account="", arn=UNKNOWN))

    assert rules(said) == [("not-checked", "dev/s3-app")]
    assert f"whether {OTHER} is a role of this stack" in said[0].message


def test_an_annotation_that_is_no_role():
    assert rules(reports(account("s3-app"))) == [("annotation", "dev/s3-app")]


@pytest.mark.parametrize(
    "props",
    [
        {},  # what the engine shows of a cluster's objects before there is a cluster
        {"metadata": UNKNOWN},
        {"metadata": {"name": "s3-app", "namespace": UNKNOWN}},
        {"metadata": {"name": "s3-app", "annotations": UNKNOWN}},
        {"metadata": {"name": "s3-app", "annotations": {"eks.amazonaws.com/role-arn": UNKNOWN}}},
    ],
)
def test_an_account_that_is_not_known_yet_is_said_to_be_unchecked(props):
    said = reports(resource(SERVICE_ACCOUNT, "dev/s3-app", props), role(GOOD))

    assert rules(said) == [("not-checked", "dev/s3-app")]


def test_an_unknown_trust_policy_is_unchecked_for_the_account_too():
    said = reports(account(), role(UNKNOWN))

    assert rules(said) == [("not-checked", "dev/s3-app"), ("not-checked", "s3-app")]


def test_accounts_without_annotation_are_left_alone():
    assert reports(account("", "default")) == []


KEYS = {
    "plain": {"env": [{"name": "AWS_ACCESS_KEY_ID", "value": "AKIA"}]},
    "of a Secret": {
        "env": [
            {
                "name": "AWS_ACCESS_KEY_ID",
                "valueFrom": {"secretKeyRef": {"name": "keys", "key": "id"}},
            }
        ]
    },
    "whole Secret": {"envFrom": [{"secretRef": {"name": "aws"}}]},
}
SECRET = resource(
    "kubernetes:core/v1:Secret",
    "aws",
    {
        "metadata": {"namespace": "dev", "name": "aws"},
        "stringData": {"AWS_ACCESS_KEY_ID": "AKIAHIDDEN"},
    },
)


@pytest.mark.parametrize("name", KEYS)
def test_a_key_beside_a_role(name):
    said = reports(account(), role(GOOD), deployment(KEYS[name]), SECRET)

    assert rules(said) == [("key-and-role", "app")]
    assert "container main has AWS_ACCESS_KEY_ID" in said[0].message
    assert "AKIA" not in said[0].message


def test_a_key_beside_an_association():
    said = reports(association(), role(BY_EKS), deployment(KEYS["plain"]))
    assert rules(said) == [("key-and-role", "app")]


@pytest.mark.parametrize("named", ["default", None])
def test_a_key_beside_the_role_of_the_default_service_account(named):
    trust = irsa_trust_policy([PROVIDER_ARN], [ServiceAccountRef("dev", "default")])
    said = reports(account(name="default"), role(trust), deployment(KEYS["plain"], named))
    assert ("key-and-role", "app") in rules(said)


@pytest.mark.parametrize(
    ("container", "account_name"),
    [
        ({}, "s3-app"),
        ({"env": [{"name": "AWS_ACCESS_KEY_ID", "value": ""}]}, "s3-app"),
        ({"env": [{"name": "AWS_SECRET_ACCESS_KEY", "value": "x"}]}, "s3-app"),
        ({"envFrom": [{"secretRef": {"name": "elsewhere"}}]}, "s3-app"),
        (KEYS["plain"], "other"),
    ],
)
def test_pods_that_have_one_of_the_two(container, account_name):
    assert reports(account(), role(GOOD), deployment(container, account_name)) == []


def test_variables_that_are_not_known_yet_are_said_to_be_unchecked():
    said = reports(account(), role(GOOD), deployment({"env": UNKNOWN}))

    assert rules(said) == [("not-checked", "app")]
    assert "the variables of its containers are known after `up`" in said[0].message


CHAIN = assume_role_permissions_policy("arn:aws:iam::444455556666:role/b")
READ = bucket_permissions_policy("arn:aws:s3:::b")


def test_a_chaining_role_that_may_only_chain_is_clean():
    assert reports(role(GOOD), attached(CHAIN)) == []


def test_one_that_may_do_more():
    said = reports(role(GOOD), attached(CHAIN, "chain"), attached(READ, "read"))

    assert rules(said) == [("chaining-role", "s3-app")]
    assert "read allows s3:GetBucketLocation, read allows s3:ListBucket" in said[0].message


@pytest.mark.parametrize("principal", [{"AWS": ROLE_ARN}, None])
def test_one_that_another_role_of_the_stack_trusts(principal):
    trust = principal_arn_trust_policy([ROLE_ARN])
    if principal:
        [statement] = trust["Statement"]
        trust["Statement"] = [{**statement, "Principal": principal, "Condition": {}}]

    said = reports(role(GOOD), role(trust, "b"), attached(READ))

    assert rules(said) == [("chaining-role", "s3-app")]


def test_a_role_that_reads_data_itself_is_clean():
    assert reports(role(GOOD), attached(READ)) == []


CLUSTER = f"arn:aws:eks:us-east-1:{ACCOUNT}:cluster/dev"
BY_EKS = pod_identity_trust_policy([CLUSTER], [ServiceAccountRef("dev", "s3-app")])


def association(**changed):
    arn = f"arn:aws:eks:us-east-1:{ACCOUNT}:podidentityassociation/dev/a-1"
    fields = {
        "associationArn": arn,
        "namespace": "dev",
        "serviceAccount": "s3-app",
        "roleArn": ROLE_ARN,
    }
    return resource(
        "aws:eks/podIdentityAssociation:PodIdentityAssociation", "s3-app", fields | changed
    )


@pytest.mark.parametrize(
    ("changed", "trust", "expected"),
    [
        ({}, BY_EKS, []),
        ({"serviceAccount": "other"}, BY_EKS, ["trust-mismatch"]),
        ({"disableSessionTags": True}, BY_EKS, ["disabled-tags"]),
        ({}, GOOD, ["trust-mismatch"]),
        ({"associationArn": UNKNOWN}, BY_EKS, ["not-checked"]),
        ({"roleArn": OTHER}, BY_EKS, ["not-in-stack"]),
    ],
)
def test_an_association_whose_role_trusts_it_is_clean(changed, trust, expected):
    said = reports(association(**changed), role(trust))

    assert rules(said) == [(rule, "s3-app") for rule in expected]


def test_a_role_that_may_pass_any_role_to_pods_is_reported():
    statement = {
        "Effect": "Allow",
        "Action": ["iam:PassRole", "eks:CreatePodIdentityAssociation"],
        "Resource": "*",
    }

    said = reports(role(GOOD), attached({"Version": "2012-10-17", "Statement": [statement]}))

    assert rules(said) == [("pass-any-role", "s3-app")]
