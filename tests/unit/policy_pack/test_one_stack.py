"""Findings of the pack for service accounts, associations, roles and Pods of one stack."""

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
from tests.support.world import CLUSTER_ARN, ROLE_ARN, ROLE_B_ARN
from tests.unit.policy_pack.test_one_resource import GOOD, PROVIDER_ARN, provider, role, without

OTHER = f"arn:aws:iam::{ACCOUNT}:role/other"
S3_APP = ServiceAccountRef("dev", "s3-app")
STAGE = irsa_trust_policy([PROVIDER_ARN], [ServiceAccountRef("stage", "s3-app")])
BY_EKS = pod_identity_trust_policy([CLUSTER_ARN], [S3_APP])


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


def attached(policy, name="own"):
    props = {"name": name, "role": "s3-app", "policy": json.dumps(policy)}
    return resource("aws:iam/rolePolicy:RolePolicy", name, props)


def association(**changed):
    props = {
        "associationArn": CLUSTER_ARN.replace("cluster/dev", "podidentityassociation/dev/a-1"),
        "namespace": "dev",
        "serviceAccount": "s3-app",
        "roleArn": ROLE_ARN,
    }
    kind = "aws:eks/podIdentityAssociation:PodIdentityAssociation"
    return resource(kind, "s3-app", props | changed)


def in_two_clusters(*statements):
    elsewhere = irsa_trust_policy(
        [PROVIDER_ARN.replace("0123", "FEDC")], [ServiceAccountRef("stage", "s3-app")]
    )
    return {**GOOD, "Statement": [*elsewhere["Statement"], *statements]}


OWN_ISSUER = irsa_trust_policy([f"arn:aws:iam::{ACCOUNT}:oidc-provider/k8s.example.com"], [S3_APP])
OWN_PROVIDER = provider("https://k8s.example.com")
MISMATCH = [("trust-mismatch", "dev/s3-app")]
UNCHECKED = [("not-checked", "dev/s3-app")]


@pytest.mark.parametrize(
    ("resources", "found"),
    [
        ([account(), role(GOOD)], []),
        ([account(), role(STAGE)], MISMATCH),
        ([account(), role(service_trust_policy("ec2.amazonaws.com"))], MISMATCH),
        ([account(audience="vault"), role(GOOD)], MISMATCH),
        # One of the clusters that the role trusts is enough.
        ([account(), role(in_two_clusters(*GOOD["Statement"]))], []),
        ([account(), role(in_two_clusters())], MISMATCH),
        # A cluster that the stack registers needs no name of EKS.
        ([account(), role(OWN_ISSUER), OWN_PROVIDER], []),
        (
            [account(), role(without(OWN_ISSUER, ":sub")), OWN_PROVIDER],
            [("any-subject", "s3-app")],
        ),
        ([account("s3-app")], [("annotation", "dev/s3-app")]),
        ([account("", "default")], []),
        ([account(OTHER), role(GOOD)], [("not-in-stack", "dev/s3-app")]),
        # While a role has no ARN, nothing is said of others.
        ([account(OTHER), role(GOOD, account="", arn=UNKNOWN)], UNCHECKED),
        ([account(), role(UNKNOWN)], [*UNCHECKED, ("not-checked", "s3-app")]),
        *(
            ([resource(SERVICE_ACCOUNT, "dev/s3-app", props), role(GOOD)], UNCHECKED)
            for props in (
                {},  # what the engine shows of a cluster's objects before there is a cluster
                {"metadata": UNKNOWN},
                {"metadata": {"name": "s3-app", "namespace": UNKNOWN}},
                {"metadata": {"name": "s3-app", "annotations": UNKNOWN}},
                {"metadata": {"annotations": {"eks.amazonaws.com/role-arn": UNKNOWN}}},
            )
        ),
        *(
            ([association(**changed), role(trust)], [(rule, "s3-app")] if rule else [])
            for changed, trust, rule in (
                ({}, BY_EKS, ""),
                ({"serviceAccount": "other"}, BY_EKS, "trust-mismatch"),
                ({"disableSessionTags": True}, BY_EKS, "disabled-tags"),
                ({}, GOOD, "trust-mismatch"),
                ({"associationArn": UNKNOWN}, BY_EKS, "not-checked"),
                ({"roleArn": OTHER}, BY_EKS, "not-in-stack"),
            )
        ),
    ],
)
def test_a_service_account_and_its_role_are_judged_together(resources, found):
    assert rules(reports(*resources)) == found


@pytest.mark.parametrize(
    ("resources", "words"),
    [
        (
            [account(), role(STAGE)],
            "the policy says 'system:serviceaccount:stage:s3-app'",
        ),
        ([account(), role(STAGE)], "let the trust policy name system:serviceaccount:dev:s3-app"),
        ([account(OTHER), role(GOOD)], OTHER),
        (
            [account(OTHER), role(GOOD, account="", arn=UNKNOWN)],
            f"whether {OTHER} is a role of this stack",
        ),
    ],
)
def test_the_message_says_what_was_found_and_the_remedy(resources, words):
    assert words in reports(*resources)[0].message


def test_a_trust_that_only_a_call_decides_has_the_command_that_calls():
    [statement] = GOOD["Statement"]
    network = {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}
    trust = {"Statement": [{**statement, "Condition": {**statement["Condition"], **network}}]}

    [said] = reports(account(), role(trust))

    assert said.rule == "trust-unknown"
    assert "verify --namespace dev --service-account s3-app makes the call" in said.message


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


PLAIN = {"env": [{"name": "AWS_ACCESS_KEY_ID", "value": "AKIA"}]}
REFERENCE = {"secretKeyRef": {"name": "keys", "key": "id"}}
SECRET = resource(
    "kubernetes:core/v1:Secret",
    "aws",
    {
        "metadata": {"namespace": "dev", "name": "aws"},
        "stringData": {"AWS_ACCESS_KEY_ID": "AKIAHIDDEN"},
    },
)
BY_DEFAULT = irsa_trust_policy([PROVIDER_ARN], [ServiceAccountRef("dev", "default")])
WITH_ROLE = [account(), role(GOOD), SECRET]


@pytest.mark.parametrize(
    "resources",
    [
        [*WITH_ROLE, deployment(PLAIN)],
        [*WITH_ROLE, deployment({"env": [{"name": "AWS_ACCESS_KEY_ID", "valueFrom": REFERENCE}]})],
        [*WITH_ROLE, deployment({"envFrom": [{"secretRef": {"name": "aws"}}]})],
        [association(), role(BY_EKS), deployment(PLAIN)],
        [account(name="default"), role(BY_DEFAULT), deployment(PLAIN, "default")],
        [account(name="default"), role(BY_DEFAULT), deployment(PLAIN, None)],
    ],
    ids=["plain", "of a Secret", "whole Secret", "association", "default", "no name"],
)
def test_a_key_beside_a_role_is_named_and_not_shown(resources):
    [said] = [each for each in reports(*resources) if each.name == "app"]

    assert said.rule == "key-and-role"
    assert "container main has AWS_ACCESS_KEY_ID" in said.message
    assert "AKIA" not in said.message


@pytest.mark.parametrize(
    "running",
    [
        deployment({}),
        deployment({"env": [{"name": "AWS_ACCESS_KEY_ID", "value": ""}]}),
        deployment({"env": [{"name": "AWS_SECRET_ACCESS_KEY", "value": "x"}]}),
        deployment({"envFrom": [{"secretRef": {"name": "elsewhere"}}]}),
        deployment(PLAIN, "other"),
    ],
)
def test_pods_that_have_one_of_the_two_are_clean(running):
    assert reports(*WITH_ROLE, running) == []


def test_variables_that_are_not_known_yet_are_said_to_be_unchecked():
    [said] = reports(account(), role(GOOD), deployment({"env": UNKNOWN}))

    assert (said.rule, said.name) == ("not-checked", "app")
    assert "the variables of its containers are known after `up`" in said.message


CHAIN = assume_role_permissions_policy(ROLE_B_ARN)
READ = bucket_permissions_policy("arn:aws:s3:::b")
BY_CONDITION = principal_arn_trust_policy([ROLE_ARN])
DIRECT = {**BY_CONDITION["Statement"][0], "Principal": {"AWS": ROLE_ARN}, "Condition": {}}
PASSING = {
    "Effect": "Allow",
    "Action": ["iam:PassRole", "eks:CreatePodIdentityAssociation"],
    "Resource": "*",
}


@pytest.mark.parametrize(
    ("further", "found"),
    [
        ([attached(CHAIN)], ""),
        ([attached(READ)], ""),
        ([attached(CHAIN), attached(READ, "read")], "chaining-role"),
        # Another role of the stack trusts it.
        ([role(BY_CONDITION, "b"), attached(READ)], "chaining-role"),
        ([role({**GOOD, "Statement": [DIRECT]}, "b"), attached(READ)], "chaining-role"),
        ([attached({"Version": "2012-10-17", "Statement": [PASSING]})], "pass-any-role"),
    ],
)
def test_a_role_that_chains_may_do_no_more_and_none_may_pass_any_role(further, found):
    said = reports(role(GOOD), *further)

    assert rules(said) == ([(found, "s3-app")] if found else [])
    if len(further) > 1 and found == "chaining-role":
        assert "allows s3:GetBucketLocation" in said[0].message
