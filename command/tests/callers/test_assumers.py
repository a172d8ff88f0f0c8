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


STAR = policies.irsa_trust_policy([PROVIDER_ARN], [EXACT])
STAR["Statement"][0]["Condition"]["StringEquals"][f"{ISSUER}:sub"] = EXACT.subject[:-6] + "*"
BY_TAGS = target_role_trust_policy([TargetedBy(ROLE_A_ARN, CLUSTER_ARN, EXACT)])["Statement"][1:]
OF_BOTH = policies.irsa_trust_policy([PROVIDER_ARN], [EXACT, PATTERN])
BY_ROLE = policies.role_trust_policy([policies.TrustedRole(ROLE_A_ARN, "A")], external_id="t-42")
BUT = {"Effect": "Deny", "NotPrincipal": {"AWS": ["a", "b"]}, "Action": "sts:*"}
FOREIGN = {"Federated": PROVIDER_ARN.replace(ACCOUNT_A, ACCOUNT_B)}
SAML = {"Federated": f"arn:aws:iam::{ACCOUNT_A}:saml-provider/idp"}
GOOGLE = {"Federated": "accounts.google.com"}
BY_ARN = f"{WHOLE_ACCOUNT} if aws:PrincipalArn ArnEquals {ROLE_A_ARN}"
EC2, OWN = "ec2.amazonaws.com", f"service account dev/s3-app {OF_CLUSTER}"


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (OF_BOTH, [OWN, f"service accounts {NAMES} {OF_CLUSTER}"]),
        # An exact subject with an asterisk is no pattern.
        (STAR, [f"service account dev/* {OF_CLUSTER}"]),
        (BY_ROLE, [f"{ROLE_A_ARN} if sts:ExternalId StringEquals t-42"]),
        (policies.principal_arn_trust_policy([ROLE_A_ARN]), [BY_ARN]),
        (policies.service_trust_policy(EC2), [f"the service {EC2}"]),
        (statement("*"), ["everyone"]),
        (statement({"AWS": "*"}, WEB), ["everyone"]),
        (statement({"AWS": "AROAGONE"}), ["no caller: AROAGONE was deleted"]),
        (statement({"AWS": ACCOUNT_B}), [f"every caller that account {ACCOUNT_B} allows"]),
        (statement(GOOGLE, WEB), ["every user who signs in at accounts.google.com"]),
        (statement({"Federated": PROVIDER_ARN}, WEB), [EVERY]),
        (statement("*", effect="Deny"), ["denied: everyone"]),
        ({"Statement": BUT}, ["denied: everyone except a, b"]),
        # Actions that let no caller assume the role.
        ({"Statement": BY_TAGS}, [NO_CALLER]),
        (statement({"AWS": ROLE_A_ARN}, "sts:TagSession"), [NO_CALLER]),
        (statement({"Federated": PROVIDER_ARN}), [NO_CALLER]),
        (statement(SAML, WEB), [NO_CALLER]),
        (statement({"Service": EC2}, WEB), [NO_CALLER]),
        (statement({"AWS": ROLE_A_ARN}, WEB), [NO_CALLER]),
        (statement(FOREIGN, WEB), [NO_CALLER]),
    ],
)
def test_the_principals_of_a_trust_policy_in_words(policy, expected):
    assert words(policy, ACCOUNT_A) == expected


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
