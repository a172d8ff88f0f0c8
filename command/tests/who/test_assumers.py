"""The principals that can assume a role, in words, from its trust policy."""

import pytest

from irsa.identity.outputs import UNKNOWN_OUTPUT
from irsa.identity.pod_identity import TargetedBy, target_role_trust_policy
from irsa.identity.policies import (
    TrustedRole,
    irsa_trust_policy,
    principal_arn_trust_policy,
    role_trust_policy,
    service_trust_policy,
)
from irsa.identity.subjects import ServiceAccountPattern, ServiceAccountRef
from irsa.observe.pulumi_resources import LATER
from irsa.who.assumers import who_can_assume

ISSUER = "oidc.eks.us-east-1.amazonaws.com/id/0123456789ABCDEF"
PROVIDER = f"arn:aws:iam::111122223333:oidc-provider/{ISSUER}"
ROLE_A = "arn:aws:iam::111122223333:role/s3-app-A"
ACCOUNT, WEB = "111122223333", "sts:AssumeRoleWithWebIdentity"
NO_CALLER = "no caller: no statement lets one assume the role"
WHOLE_ACCOUNT = "every caller that account 111122223333 allows"
EXACT = ServiceAccountRef("dev", "s3-app")
PATTERN = ServiceAccountPattern("crossplane-system", "aws-provider-*")
NAMES = "crossplane-system/aws-provider-*"
GITHUB = "token.actions.githubusercontent.com"
GITHUB_SUB, SUB = f"{GITHUB}:sub", f"{ISSUER}:sub"
REPOSITORY = "repo:org/repo:*"
ACTIONS = "tokens of GitHub Actions"
EVERY = f"every service account of the cluster {ISSUER}"
AUDIENCE = "aud StringEquals sts.amazonaws.com"


def words(policy):
    return [each.text for each in who_can_assume(policy)]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (
            irsa_trust_policy([PROVIDER], [EXACT, PATTERN]),
            [
                f"service account dev/s3-app of the cluster {ISSUER} if {AUDIENCE}",
                f"service accounts {NAMES} of the cluster {ISSUER} if {AUDIENCE}",
            ],
        ),
        (
            role_trust_policy([TrustedRole(ROLE_A, "AROA1")], external_id="t-42"),
            [f"{ROLE_A} if sts:ExternalId StringEquals t-42"],
        ),
        (
            principal_arn_trust_policy([ROLE_A]),
            [f"{WHOLE_ACCOUNT} if aws:PrincipalArn ArnEquals {ROLE_A}"],
        ),
        (service_trust_policy("ec2.amazonaws.com"), ["the service ec2.amazonaws.com"]),
    ],
    ids=["subjects", "role", "account", "service"],
)
def test_the_trust_policies_of_the_components(policy, expected):
    assert words(policy) == expected


@pytest.mark.parametrize(
    ("principal", "expected"),
    [
        ("*", "everyone"),
        ({"AWS": "*"}, "everyone"),
        ({"AWS": "AROAGONE"}, "no caller: AROAGONE was deleted"),
        ({"AWS": "444455556666"}, "every caller that account 444455556666 allows"),
        ({"Federated": "accounts.google.com"}, "every user who signs in at accounts.google.com"),
        ({"Federated": UNKNOWN_OUTPUT}, LATER),
    ],
)
def test_principals_without_a_condition(principal, expected):
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:*"}

    assert words({"Statement": [statement]}) == [expected]


@pytest.mark.parametrize(
    ("issuer", "condition", "expected"),
    [
        (GITHUB, {}, "every repository on GitHub"),
        (GITHUB, {"StringLike": {GITHUB_SUB: REPOSITORY}}, f"{ACTIONS} whose sub is {REPOSITORY}"),
        (ISSUER, {}, EVERY),
        (ISSUER, {"StringLike": {SUB: True}}, f"tokens of the cluster {ISSUER} whose sub is true"),
        (ISSUER, {"StringNotEquals": {SUB: "x"}}, f"{EVERY} if sub StringNotEquals x"),
        (ISSUER, {"Null": {SUB: True}}, f"{EVERY} if sub Null true"),
        (ISSUER, {"StringEqualsIfExists": {GITHUB_SUB: "x"}},
         f"{EVERY} if {GITHUB_SUB} StringEqualsIfExists x"),
        (ISSUER, {"StringEquals": {SUB: f"${{{SUB}}}"}}, EVERY),
        (ISSUER, {"StringEquals": {GITHUB_SUB: "x"}}, NO_CALLER),
        (ISSUER, {"StringEquals": {SUB: "a"}, "StringLike": {SUB: "b*"}}, NO_CALLER),
        (ISSUER, {"StringEquals": {SUB: "a"}, "StringLike": {SUB: "a*"}},
         f"{EVERY} if sub StringEquals a and sub StringLike a*"),
    ],
)  # fmt: skip
def test_tokens_in_the_terms_of_their_issuers(issuer, condition, expected):
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": f"arn:aws:iam::111122223333:oidc-provider/{issuer}"},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": condition,
    }

    assert words({"Version": "2012-10-17", "Statement": statement}) == [expected]


NOT_A, NOT_B = f"arn:aws:iam::{ACCOUNT}:role/a", f"arn:aws:iam::{ACCOUNT}:user/b"


@pytest.mark.parametrize(
    ("principal", "action", "expected"),
    [
        ({"Federated": PROVIDER}, "sts:AssumeRole", NO_CALLER),
        ({"Federated": f"arn:aws:iam::{ACCOUNT}:saml-provider/idp"}, WEB, NO_CALLER),
        ({"Service": "ec2.amazonaws.com"}, WEB, NO_CALLER),
        ({"AWS": ROLE_A}, WEB, NO_CALLER),
        ({"AWS": "*"}, WEB, "everyone"),
        ({"AWS": ROLE_A}, "sts:TagSession", NO_CALLER),
        ({"Federated": PROVIDER.replace(ACCOUNT, "444455556666")}, WEB, NO_CALLER),
        ({"Federated": PROVIDER}, WEB, EVERY),
    ],
)
def test_who_cannot_come_is_not_named(principal, action, expected):
    statement = {"Effect": "Allow", "Principal": principal, "Action": action}

    found = who_can_assume({"Statement": [statement]}, ACCOUNT)
    assert [each.text for each in found] == [expected]


def test_those_that_are_excepted_are_named():
    statement = {"Effect": "Deny", "NotPrincipal": {"AWS": [NOT_A, NOT_B]}, "Action": "sts:*"}

    assert words({"Statement": [statement]}) == [f"denied: everyone except {NOT_A}, {NOT_B}"]


def test_an_exact_subject_with_an_asterisk_is_no_pattern():
    policy = irsa_trust_policy([PROVIDER], [EXACT])
    policy["Statement"][0]["Condition"]["StringEquals"][f"{ISSUER}:sub"] = EXACT.subject[:-6] + "*"

    [found] = who_can_assume(policy)

    assert (found.kind, found.name) == ("service account", "dev/*")


def test_a_deny_is_named():
    statement = {"Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRole"}

    assert words({"Statement": [statement]}) == ["denied: everyone"]


def test_a_statement_about_tags_alone_lets_no_caller_assume_the_role():
    association = TargetedBy(
        ROLE_A, "arn:aws:eks:us-east-1:111122223333:cluster/dev", ServiceAccountRef("dev", "s3-app")
    )
    [said] = words(target_role_trust_policy([association]))
    assert "sts:ExternalId StringEquals us-east-1/111122223333/dev/dev/s3-app" in said
