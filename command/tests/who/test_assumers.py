"""The principals that can assume a role, in words, from its trust policy."""

import pytest

from irsa.identity import policies
from irsa.identity.pod_identity import TargetedBy, target_role_trust_policy
from irsa.identity.subjects import ServiceAccountPattern, ServiceAccountRef
from irsa.who.assumers import who_can_assume
from tests.support.world import ACCOUNT_A, ACCOUNT_B, CLUSTER_ARN, ISSUER, PROVIDER_ARN, ROLE_A_ARN

WEB = "sts:AssumeRoleWithWebIdentity"
NO_CALLER = "no caller: no statement lets one assume the role"
WHOLE_ACCOUNT = f"every caller that account {ACCOUNT_A} allows"
EXACT = ServiceAccountRef("dev", "s3-app")
PATTERN = ServiceAccountPattern("crossplane-system", "aws-provider-*")
NAMES = "crossplane-system/aws-provider-*"
GITHUB = "token.actions.githubusercontent.com"
GITHUB_SUB, SUB = f"{GITHUB}:sub", f"{ISSUER}:sub"
REPOSITORY = "repo:org/repo:*"
ACTIONS = "tokens of GitHub Actions"
EVERY = f"every service account of the cluster {ISSUER}"
AUDIENCE = "aud StringEquals sts.amazonaws.com"
OF_CLUSTER = f"of the cluster {ISSUER} if {AUDIENCE}"


def words(policy, account=""):
    return [each.text for each in who_can_assume(policy, account)]


def statement(principal, action="sts:AssumeRole", effect="Allow", **more):
    return {"Statement": {"Effect": effect, "Principal": principal, "Action": action, **more}}


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (policies.irsa_trust_policy([PROVIDER_ARN], [EXACT, PATTERN]),
         [f"service account dev/s3-app {OF_CLUSTER}", f"service accounts {NAMES} {OF_CLUSTER}"]),
        (policies.role_trust_policy([policies.TrustedRole(ROLE_A_ARN, "A")], external_id="t-42"),
         [f"{ROLE_A_ARN} if sts:ExternalId StringEquals t-42"]),
        (policies.principal_arn_trust_policy([ROLE_A_ARN]),
         [f"{WHOLE_ACCOUNT} if aws:PrincipalArn ArnEquals {ROLE_A_ARN}"]),
        (policies.service_trust_policy("ec2.amazonaws.com"), ["the service ec2.amazonaws.com"]),
        (statement("*"), ["everyone"]),
        (statement({"AWS": "AROAGONE"}), ["no caller: AROAGONE was deleted"]),
        (statement({"AWS": ACCOUNT_B}), [f"every caller that account {ACCOUNT_B} allows"]),
        (statement({"Federated": "accounts.google.com"}, WEB),
         ["every user who signs in at accounts.google.com"]),
        (statement("*", effect="Deny"), ["denied: everyone"]),
        ({"Statement": {"Effect": "Deny", "NotPrincipal": {"AWS": ["a", "b"]}, "Action": "sts:*"}},
         ["denied: everyone except a, b"]),
    ],
)  # fmt: skip
def test_the_principals_of_a_trust_policy_in_words(policy, expected):
    assert words(policy) == expected


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
    principal = {"Federated": PROVIDER_ARN.replace(ISSUER, issuer)}
    policy = statement(principal, WEB, Condition=condition)

    assert words({"Version": "2012-10-17", **policy}) == [expected]


@pytest.mark.parametrize(
    ("principal", "action", "expected"),
    [
        ({"Federated": PROVIDER_ARN}, "sts:AssumeRole", NO_CALLER),
        ({"Federated": f"arn:aws:iam::{ACCOUNT_A}:saml-provider/idp"}, WEB, NO_CALLER),
        ({"Service": "ec2.amazonaws.com"}, WEB, NO_CALLER),
        ({"AWS": ROLE_A_ARN}, WEB, NO_CALLER),
        ({"AWS": "*"}, WEB, "everyone"),
        ({"AWS": ROLE_A_ARN}, "sts:TagSession", NO_CALLER),
        ({"Federated": PROVIDER_ARN.replace(ACCOUNT_A, ACCOUNT_B)}, WEB, NO_CALLER),
        ({"Federated": PROVIDER_ARN}, WEB, EVERY),
    ],
)
def test_who_cannot_come_is_not_named(principal, action, expected):
    assert words(statement(principal, action), ACCOUNT_A) == [expected]


def test_an_exact_subject_with_an_asterisk_is_no_pattern():
    policy = policies.irsa_trust_policy([PROVIDER_ARN], [EXACT])
    policy["Statement"][0]["Condition"]["StringEquals"][f"{ISSUER}:sub"] = EXACT.subject[:-6] + "*"

    assert words(policy) == [f"service account dev/* {OF_CLUSTER}"]


def test_a_statement_about_tags_alone_lets_no_caller_assume_the_role():
    [said] = words(target_role_trust_policy([TargetedBy(ROLE_A_ARN, CLUSTER_ARN, EXACT)]))

    assert said.startswith(WHOLE_ACCOUNT)
