"""The principals that can assume a role, in words, from its trust policy."""

from string import ascii_letters

import pytest

from irsa.callers.facts import RoleFacts
from irsa.callers.lines import callers_of
from irsa_core.identity import policies
from irsa_core.identity.pod_identity import TargetedBy, target_role_trust_policy
from irsa_core.identity.subjects import ServiceAccountPattern, ServiceAccountRef
from tests.support.world import ACCOUNT_A, ACCOUNT_B, CLUSTER_ARN, ISSUER, PROVIDER_ARN, ROLE_A_ARN

WEB = "sts:AssumeRoleWithWebIdentity"
WHOLE_ACCOUNT = f"every caller that account {ACCOUNT_A} allows"
EXACT = ServiceAccountRef("dev", "s3-app")
PATTERN = ServiceAccountPattern("crossplane-system", "aws-provider-*")
NAMES = "crossplane-system/aws-provider-*"
GITHUB = "token.actions.githubusercontent.com"
GITHUB_SUB, SUB = f"{GITHUB}:sub", f"{ISSUER}:sub"
REPOSITORY = "repo:org/repo:*"
EVERY = f"every service account of the cluster {ISSUER}"
OF_CLUSTER = f"of the cluster {ISSUER} if aud StringEquals sts.amazonaws.com"


def words(policy, account=""):
    callers = callers_of(policy, RoleFacts(account))
    return [*(each.text for each in callers.lines), *callers.notes]


def statement(principal, action="sts:AssumeRole", effect="Allow", **more):
    return {"Statement": {"Effect": effect, "Principal": principal, "Action": action, **more}}


def none(reason):
    return f"no caller: statement 1: {reason}"


def unmet(*conditions):
    named = " and ".join(conditions)
    return none(f"{named}, which no caller meets")


def powerless(principal):
    return none(f"{principal} cannot make the calls that it allows")


STAR = policies.irsa_trust_policy([PROVIDER_ARN], [EXACT])
STAR["Statement"][0]["Condition"]["StringEquals"][f"{ISSUER}:sub"] = EXACT.subject[:-6] + "*"
BY_TAGS = target_role_trust_policy([TargetedBy(ROLE_A_ARN, CLUSTER_ARN, EXACT)])["Statement"][1:]
OF_BOTH = policies.irsa_trust_policy([PROVIDER_ARN], [EXACT, PATTERN])
BY_ROLE = policies.role_trust_policy([policies.TrustedRole(ROLE_A_ARN, "A")], external_id="t-42")
NOTHING = "no caller: no statement allows"
BUT = {"Effect": "Deny", "NotPrincipal": {"AWS": [ROLE_A_ARN, ACCOUNT_B]}, "Action": "sts:*"}
FOREIGN = {"Federated": PROVIDER_ARN.replace(ACCOUNT_A, ACCOUNT_B)}
SAML = {"Federated": f"arn:aws:iam::{ACCOUNT_A}:saml-provider/idp"}
GOOGLE = {"Federated": "accounts.google.com"}
BY_ARN = f"{WHOLE_ACCOUNT} if aws:PrincipalArn ArnEquals {ROLE_A_ARN}"
ROOT_A = f"arn:aws:iam::{ACCOUNT_A}:root"
EC2, OWN = "ec2.amazonaws.com", f"service account dev/s3-app {OF_CLUSTER}"


@pytest.mark.cases(("policy", "expected"), {
    "exact subjects and patterns": (OF_BOTH, [OWN, f"service accounts {NAMES} {OF_CLUSTER}"]),
    "asterisk in an exact subject": (STAR, [unmet(f"StringEquals {SUB} is {EXACT.subject[:-6]}*")]),
    "role with an external id": (BY_ROLE, [f"{ROLE_A_ARN} if sts:ExternalId StringEquals t-42"]),
    "account, limited to an ARN": (policies.principal_arn_trust_policy([ROLE_A_ARN]), [BY_ARN]),
    "service": (policies.service_trust_policy(EC2), [f"the service {EC2}"]),
    "everyone": (statement("*"), ["everyone"]),
    "every principal, web identity": (statement({"AWS": "*"}, WEB), ["everyone"]),
    "deleted role": (statement({"AWS": "AROAGONE"}), [none("AROAGONE was deleted")]),
    "account id": (statement({"AWS": ACCOUNT_B}),
        [f"every caller that account {ACCOUNT_B} allows"]),
    "Google": (statement(GOOGLE, WEB), ["every application with Google sign-in"]),
    "provider without a condition": (statement({"Federated": PROVIDER_ARN}, WEB), [EVERY]),
    "everyone denied": (statement("*", effect="Deny"), [NOTHING, "denied: everyone"]),
    "all but two denied": ({"Statement": BUT},
        [NOTHING, f"denied: everyone except {ROLE_A_ARN}, {ACCOUNT_B}"]),
    # Actions that let no caller assume the role.
    "root, for tags alone": ({"Statement": BY_TAGS}, [powerless(ROOT_A)]),
    "role, for tags alone": (statement({"AWS": ROLE_A_ARN}, "sts:TagSession"),
        [powerless(ROLE_A_ARN)]),
    "provider, for AssumeRole": (statement({"Federated": PROVIDER_ARN}), [powerless(PROVIDER_ARN)]),
    "SAML, for web identity": (statement(SAML, WEB), [powerless(SAML["Federated"])]),
    "service, for web identity": (statement({"Service": EC2}, WEB), [powerless(EC2)]),
    "role, for web identity": (statement({"AWS": ROLE_A_ARN}, WEB), [powerless(ROLE_A_ARN)]),
    "provider of another account": (statement(FOREIGN, WEB),
        [none(f"a role trusts OIDC providers of its own account, not {FOREIGN['Federated']}")]),
})  # fmt: skip
def test_the_principals_of_a_trust_policy_in_words(policy, expected):
    assert words(policy, ACCOUNT_A) == expected


@pytest.mark.cases(("issuer", "condition", "expected"), {
    "GitHub": (GITHUB, {}, "every repository on GitHub"),
    "GitHub, one repository": (GITHUB, {"StringLike": {GITHUB_SUB: REPOSITORY}},
        f"tokens of GitHub Actions whose sub is {REPOSITORY}"),
    "EKS": (ISSUER, {}, EVERY),
    "sub like true": (ISSUER, {"StringLike": {SUB: True}}, unmet(f"StringLike {SUB} is true")),
    "sub not equal": (ISSUER, {"StringNotEquals": {SUB: "x"}}, f"{EVERY} if sub StringNotEquals x"),
    "sub absent": (ISSUER, {"Null": {SUB: True}}, unmet(f"Null {SUB} is true")),
    "IfExists, another issuer's key": (ISSUER, {"StringEqualsIfExists": {GITHUB_SUB: "x"}},
        f"{EVERY} if {GITHUB_SUB} StringEqualsIfExists x"),
    "sub equal to itself": (ISSUER, {"StringEquals": {SUB: f"${{{SUB}}}"}}, EVERY),
    "another issuer's key": (ISSUER, {"StringEquals": {GITHUB_SUB: "x"}},
        unmet(f"StringEquals {GITHUB_SUB} is x")),
    "values that exclude each other": (ISSUER,
        {"StringEquals": {SUB: "a"}, "StringLike": {SUB: "b*"}},
        unmet(f"StringEquals {SUB} is a", f"StringLike {SUB} is b*")),
    "exact sub and a pattern": (ISSUER, {"StringEquals": {SUB: EXACT.subject},
        "StringLike": {SUB: "*:dev:*"}},
        f"service account dev/s3-app of the cluster {ISSUER} if sub StringLike *:dev:*"),
})  # fmt: skip
def test_tokens_in_the_terms_of_their_issuers(issuer, condition, expected):
    principal = {"Federated": PROVIDER_ARN.replace(ISSUER, issuer)}
    policy = statement(principal, WEB, Condition=condition)
    assert words({"Version": "2012-10-17", **policy}) == [expected]


GITHUB_ACTIONS = {"Federated": PROVIDER_ARN.replace(ISSUER, GITHUB)}
SSO = f"arn:aws:iam::{ACCOUNT_A}:role/aws-reserved/sso.amazonaws.com/*/AWSReservedSSO_*"


@pytest.mark.cases(("principal", "action", "condition"), {
    "a path": ({"AWS": ROOT_A}, "sts:AssumeRole", {"ArnLike": {"aws:PrincipalArn": SSO}}),
    "a client beside an audience": (GOOGLE, WEB, {"StringEquals": {
        "accounts.google.com:aud": "1", "accounts.google.com:oaud": "2"}}),
    "tokens that are no JWTs": ({"Federated": "graph.facebook.com"}, WEB, {"StringEquals": {
        "graph.facebook.com:app_id": "1"}}),
    "a duration": ({"AWS": ROLE_A_ARN}, "sts:AssumeRole", {"NumericLessThanEquals": {
        "sts:DurationSeconds": "3600"}}),
    "names with dots": ({"Federated": PROVIDER_ARN}, WEB, {"StringLike": {
        SUB: "system:serviceaccount:dev:a.*.b"}}),
    "names of every letter": (GITHUB_ACTIONS, WEB, {"StringEquals": {
        GITHUB_SUB: f"repo:{ascii_letters}/app:ref:refs/heads/{ascii_letters}"}}),
    "MFA": ({"AWS": ROOT_A}, "sts:AssumeRole", {"Bool": {"aws:MultiFactorAuthPresent": "true"}}),
    "Roles Anywhere": ({"Service": "rolesanywhere.amazonaws.com"}, "sts:AssumeRole", {
        "StringEquals": {"aws:PrincipalTag/x509Subject/CN": "a"}}),
    "a vpc endpoint": ({"AWS": ROLE_A_ARN}, "sts:AssumeRole", {"StringEquals": {
        "aws:SourceVpce": "vpce-1"}, "IpAddress": {"aws:VpcSourceIp": "10.0.0.0/8"}}),
    "SAML": (SAML, "sts:AssumeRoleWithSAML", {"StringEquals": {"SAML:aud": "x"}}),
    "an organization": ({"AWS": "*"}, "sts:AssumeRole", {"ForAnyValue:StringLike": {
        "aws:PrincipalOrgPaths": "o-a/r-b/ou-c/*"}}),
    "China": ({"Service": "pods.eks.amazonaws.com"}, ["sts:AssumeRole", "sts:TagSession"], {
        "ArnEquals": {"aws:SourceArn": CLUSTER_ARN.replace(":aws:", ":aws-cn:")}}),
    "GovCloud": ({"AWS": f"arn:aws-us-gov:iam::{ACCOUNT_A}:root"}, "sts:AssumeRole", {
        "ArnLike": {"aws:PrincipalArn": f"arn:aws-us-gov:iam::{ACCOUNT_A}:role/x"}}),
})  # fmt: skip
def test_callers_who_can_come_are_never_said_to_be_none(principal, action, condition):
    policy = {"Version": "2012-10-17", **statement(principal, action, Condition=condition)}
    callers = callers_of(policy, RoleFacts(ACCOUNT_A))
    assert callers.lines
    assert not callers.notes
