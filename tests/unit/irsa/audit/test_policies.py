"""Trust policies with the rules that they break, exactly."""

from typing import Any

import pytest

from irsa.audit.findings import AuditFacts, audit
from irsa.observe.facts import RegisteredProvider, Role, ServiceAccount

OWN, OTHER = "111122223333", "444455556666"
ISSUER = "oidc.eks.us-east-1.amazonaws.com/id/0123456789ABCDEF"
SECOND = "oidc.eks.us-east-1.amazonaws.com/id/FEDCBA9876543210"
GITHUB = "token.actions.githubusercontent.com"
ROLE_ARN = f"arn:aws:iam::{OWN}:role/s3-app"
SUBJECT = "system:serviceaccount:dev:s3-app"
ROOT, OTHER_ROOT = f"arn:aws:iam::{OWN}:root", f"arn:aws:iam::{OTHER}:root"
WEB = "sts:AssumeRoleWithWebIdentity"
BITBUCKET = "api.bitbucket.org/2.0/workspaces/team/pipelines-config/identity/oidc"
ISSUERS = (ISSUER, SECOND, GITHUB, "gitlab.com", "app.terraform.io", BITBUCKET, "id.example.com")


def provider(issuer: str, account: str = OWN) -> str:
    return f"arn:aws:iam::{account}:oidc-provider/{issuer}"


def rules(*statements: dict[str, Any], version: str = "2012-10-17", **facts: Any) -> list[str]:
    """The rules that a role with these statements breaks, whose own service account is left out."""
    document = {"Version": version, "Statement": [*statements]}
    role = facts.pop("role", ROLE_ARN)
    found = audit(
        AuditFacts(
            issuer_url=f"https://{ISSUER}",
            account=OWN,
            service_accounts=[ServiceAccount("dev", "s3-app", {
                "eks.amazonaws.com/role-arn": ROLE_ARN})],
            roles=[Role(role, "AROA1", document)],
            providers=[RegisteredProvider(provider(e), ("sts.amazonaws.com",)) for e in ISSUERS],
            now=1_795_561_309,
            **facts,
        )
    )  # fmt: skip
    return [each.rule for each in found if each.subject.startswith("role ")]


def allow(principal: Any, condition: Any = None, action: Any = "sts:AssumeRole", **more: Any):
    condition = {} if condition is None else {"Condition": condition}
    return {"Effect": "Allow", "Principal": principal, "Action": action, **condition, **more}


def tokens(condition: Any, issuer: str = ISSUER, action: Any = WEB, **more: Any):
    return allow({"Federated": provider(issuer)}, condition, action, **more)


def of(issuer: str, sub: Any, aud: Any = "sts.amazonaws.com", operator: str = "StringLike"):
    """A statement for an issuer, with aud under StringEquals."""
    keys = {"StringEquals": {f"{issuer}:aud": aud}}
    keys.setdefault(operator, {})[f"{issuer}:sub"] = sub
    return tokens(keys, issuer)


AUD = {f"{ISSUER}:aud": "sts.amazonaws.com"}
SUB = {f"{ISSUER}:sub": SUBJECT}
GOOD = {"StringEquals": {**AUD, **SUB}}


def arn_like(pattern: str) -> dict[str, Any]:
    return {"ArnLike": {"aws:PrincipalArn": pattern}}


EVERYONE = {
    "no condition": (allow("*"), ["everyone"]),
    "SecureTransport": (allow("*", {"Bool": {"aws:SecureTransport": True}}), ["everyone"]),
    "SourceIp /0": (allow("*", {"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}), ["everyone"]),
    "SourceIp /0 in a list": (
        allow("*", {"IpAddress": {"aws:SourceIp": ["203.0.113.0/24", "::/0"]}}),
        ["everyone"],
    ),
    "SourceIp": (
        allow("*", {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}),
        ["everyone-by-network"],
    ),
    "SourceVpce": (
        allow({"AWS": "*"}, {"StringEquals": {"aws:SourceVpce": "vpce-1"}}),
        ["everyone-by-network"],
    ),
    "ForAllValues OrgID": (
        allow({"AWS": "*"}, {"ForAllValues:StringEquals": {"aws:PrincipalOrgID": "o-1"}}),
        ["everyone"],
    ),
    "OrgID IfExists": (
        allow("*", {"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-1"}}),
        ["everyone"],
    ),
    "OrgID like *": (allow("*", {"StringLike": {"aws:PrincipalOrgID": "o-*"}}), ["everyone"]),
    "OrgID, its own": (
        allow("*", {"StringEquals": {"aws:PrincipalOrgID": "${aws:PrincipalOrgID}"}}),
        ["everyone"],
    ),
    "ExternalId only": (allow("*", {"StringEquals": {"sts:ExternalId": "t-42"}}), ["everyone"]),
    "session name": (allow("*", {"StringEquals": {"sts:RoleSessionName": "me"}}), ["everyone"]),
    "PrincipalTag": (
        allow("*", {"StringEquals": {"aws:PrincipalTag/team": "me"}}),
        ["everyone"],
    ),
    "PrincipalArn of any account": (
        allow("*", arn_like("arn:aws:iam::*:role/admin")),
        ["everyone"],
    ),
    "PrincipalArn of any account, as text": (
        # A star runs across colons, and a path may have them: arn:aws:iam::9:role/:111122223333:x
        allow("*", {"StringLike": {"aws:PrincipalArn": f"arn:aws:*:{OWN}:role/x"}}),
        ["everyone"],
    ),
    "OrgID": (allow("*", {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}), []),
    "OrgPaths": (
        allow("*", {"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-1/r-1/*"}}),
        [],
    ),
    "PrincipalAccount": (allow("*", {"StringEquals": {"aws:PrincipalAccount": [OTHER]}}), []),
    "PrincipalArn": (allow("*", arn_like(f"arn:aws:iam::{OTHER}:role/app-*")), []),
    "SourceAccount": (allow("*", {"StringEquals": {"aws:SourceAccount": OWN}}), []),
    "SourceArn of a bucket": (
        allow("*", {"ArnEquals": {"aws:SourceArn": "arn:aws:s3:::bucket"}}),
        [],
    ),
    "beginning of a userid": (allow("*", {"StringLike": {"aws:userid": "AROAE*"}}), ["everyone"]),
    "userid": (allow("*", {"StringLike": {"aws:userid": "AROAEXAMPLE:*"}}), []),
    "web identity, sub and aud": (allow("*", GOOD, WEB), ["any-provider"]),
    "AWS *, web identity, broad sub": (
        allow({"AWS": "*"}, {"StringEquals": AUD, "StringLike": {f"{ISSUER}:sub": "*:app"}}, WEB),
        ["broad-sub", "any-provider"],
    ),
    "Federated *, no sub": (
        allow({"Federated": "*"}, {"StringEquals": AUD}, WEB),
        ["no-sub", "any-provider"],
    ),
    "Federated *": (allow({"Federated": "*"}, None, WEB), ["everyone"]),
    "FederatedProvider": (
        allow("*", {"StringEquals": {"aws:FederatedProvider": provider(ISSUER), **SUB}}, WEB),
        ["any-provider", "no-aud"],
    ),
    "SAML, any provider": (
        allow({"Federated": "*"}, {"StringEquals": {"SAML:aud": "https://x"}},
              "sts:AssumeRoleWithSAML"),
        ["everyone"],
    ),
    "tags only": (allow("*", None, "sts:TagSession"), []),
    "NotPrincipal": (
        {"Effect": "Allow", "NotPrincipal": {"AWS": ROOT}, "Action": "sts:AssumeRole"},
        ["not-principal"],
    ),
}  # fmt: skip

ACCOUNTS = {
    "other root": (allow({"AWS": OTHER_ROOT}), ["root-principal"]),
    "other root, PrincipalArn *": (allow({"AWS": OTHER_ROOT}, arn_like("*")), ["no-external-id"]),
    "other root, PrincipalArn role/*": (
        allow({"AWS": OTHER}, arn_like(f"arn:aws:iam::{OTHER}:role/*")),
        ["no-external-id"],
    ),
    "other root, ExternalId *": (
        allow({"AWS": OTHER_ROOT}, {"StringLike": {"sts:ExternalId": "*"}}),
        ["no-external-id"],
    ),
    "other root, any ExternalId": (
        allow({"AWS": OTHER_ROOT}, {"Null": {"sts:ExternalId": False}}),
        ["no-external-id"],
    ),
    "other root, ExternalId": (
        allow({"AWS": OTHER_ROOT}, {"StringEquals": {"sts:ExternalId": ["t-1", "t-2"]}}),
        [],
    ),
    "other root, PrincipalArn": (
        allow({"AWS": OTHER_ROOT}, arn_like(f"arn:aws:iam::{OTHER}:role/app")),
        [],
    ),
    "other role without ExternalId": (allow({"AWS": f"arn:aws:iam::{OTHER}:role/app"}), []),
    "own root": (allow({"AWS": ROOT}), ["root-principal"]),
    "own root, own organization": (
        allow({"AWS": ROOT}, {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}),
        ["root-principal"],
    ),
    "own root, PrincipalTag": (
        allow({"AWS": ROOT}, {"StringEquals": {"aws:PrincipalTag/team": "me"}}),
        [],
    ),
    "own root, PrincipalArn": (allow({"AWS": ROOT}, arn_like(f"arn:aws:iam::{OWN}:role/app")), []),
    "own root, path trick": (
        allow({"AWS": ROOT}, arn_like(f"arn:aws:iam::{OWN}:role/*admin")),
        ["path-pattern"],
    ),
    "own root, SSO path": (
        allow({"AWS": ROOT}, arn_like(
            f"arn:aws:iam::{OWN}:role/aws-reserved/sso.amazonaws.com/*/AWSReservedSSO_Admin_*")),
        [],
    ),
    "own root, session of a service account": (allow({"AWS": ROOT}, {"StringEquals": SUB}), []),
    "deleted role": (allow({"AWS": "AROAEXAMPLE"}), ["orphaned-principal"]),
    "service without source": (allow({"Service": "codebuild.amazonaws.com"}), ["service-source"]),
    "service with source": (
        allow({"Service": "codebuild.amazonaws.com"}, {"StringEquals": {"aws:SourceAccount": OWN}}),
        [],
    ),
    "service without a documented source": (
        allow({"Service": ["ec2.amazonaws.com", "lambda.amazonaws.com"]}),
        [],
    ),
    "Pod Identity": (
        allow({"Service": "pods.eks.amazonaws.com"}, {
            "StringEquals": {"aws:RequestTag/kubernetes-namespace": "dev"}}, [
            "sts:AssumeRole", "sts:TagSession"]),
        [],
    ),
    "Pod Identity, any namespace": (
        allow({"Service": "pods.eks.amazonaws.com"}, {
            "StringLike": {"aws:RequestTag/kubernetes-namespace": "*"}}, [
            "sts:AssumeRole", "sts:TagSession"]),
        ["pod-identity-any"],
    ),
    "Pod Identity without tags": (
        allow({"Service": "pods.eks.amazonaws.com"}, {
            "ArnEquals": {"aws:SourceArn": f"arn:aws:eks:us-east-1:{OWN}:cluster/dev"}}),
        ["pod-identity-tags"],
    ),
    "sts:*": (allow({"AWS": f"arn:aws:iam::{OTHER}:role/app"}, None, "sts:*"), ["wide-action"]),
    "NotAction": (
        {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{OWN}:role/app"},
         "NotAction": "sts:TagSession"},
        ["wide-action"],
    ),
    "a wildcard for one call": (
        allow({"AWS": f"arn:aws:iam::{OTHER}:role/app"}, None, ["sts:AssumeRol?", "sts:Tag*"]),
        [],
    ),
}  # fmt: skip

TOKENS = {
    "exact": (tokens(GOOD), []),
    "no sub": (tokens({"StringEquals": AUD}), ["no-sub"]),
    "no aud": (tokens({"StringEquals": SUB}), ["no-aud"]),
    "*:*": (of(ISSUER, "*:*"), ["broad-sub"]),
    "*": (of(ISSUER, "*"), ["broad-sub"]),
    "dev*": (of(ISSUER, "system:serviceaccount:dev*"), ["broad-sub"]),
    "list with one broad entry": (of(ISSUER, [SUBJECT, "system:*"]), ["broad-sub"]),
    "whole namespace": (of(ISSUER, "system:serviceaccount:dev:*"), ["whole-namespace"]),
    "ForAllValues": (
        tokens({"StringEquals": AUD, "ForAllValues:StringEquals": SUB}),
        ["weak-operator"],
    ),
    "IfExists": (tokens({"StringEquals": AUD, "StringEqualsIfExists": SUB}), ["weak-operator"]),
    "ForAllValues aud": (
        tokens({"StringEquals": SUB, "ForAllValues:StringEquals": AUD}),
        ["weak-operator"],
    ),
    "Not": (tokens({"StringEquals": AUD, "StringNotEquals": SUB}), ["weak-operator"]),
    "Not, beside a pattern": (
        tokens({"StringEquals": AUD, "StringNotEquals": SUB,
                "StringLike": {f"{ISSUER}:sub": "system:serviceaccount:dev:s3-*"}}),
        [],
    ),
    "deleted provider": (of(ISSUER.replace("0123", "9999"), SUBJECT), ["deleted-provider"]),
    "provider in another account": (
        allow({"Federated": provider(ISSUER, OTHER)}, GOOD, WEB),
        ["foreign-provider"],
    ),
    "sub is true": (tokens({"StringEquals": AUD, "StringLike": {f"{ISSUER}:sub": True}}), []),
    "aud like *": (
        tokens({"StringEquals": SUB, "StringLike": {f"{ISSUER}:aud": "*"}}),
        ["broad-aud"],
    ),
    "several audiences": (of(ISSUER, SUBJECT, ["sts.amazonaws.com", "vault"]), ["broad-aud"]),
    "one audience of their own": (of(ISSUER, SUBJECT, "vault"), []),
    "Null sub": (tokens({"StringEquals": AUD, "Null": {f"{ISSUER}:sub": "false"}}), ["no-sub"]),
    "sub is its own variable": (of(ISSUER, f"${{{ISSUER}:sub}}", operator="StringEquals"),
                                ["no-sub"]),
    "a star under StringEquals": (
        of(ISSUER, "system:serviceaccount:dev:*", operator="StringEquals"),
        ["literal-wildcard"],
    ),
    "a question mark under StringNotEquals": (
        tokens({"StringEquals": {**AUD, **SUB}, "StringNotEquals": {f"{ISSUER}:sub": "de?"}}),
        ["literal-wildcard"],
    ),
    "IgnoreCase": (of(ISSUER, SUBJECT, operator="StringEqualsIgnoreCase"), []),
    "prefix pattern": (of(ISSUER, "system:serviceaccount:dev:app-*"), []),
    "exact and pattern": (
        tokens({"StringEquals": {**AUD, **SUB}, "StringLike": {f"{ISSUER}:sub": "*"}}),
        [],
    ),
    "exact, and a pattern for others": (
        tokens({"StringEquals": {**AUD, **SUB},
                "StringLike": {f"{ISSUER}:sub": "system:serviceaccount:ci:runner-*"}}),
        ["anded-conditions"],
    ),
    "two exact ones": (
        tokens({"StringEquals": {**AUD, **SUB},
                "ForAnyValue:StringEquals": {f"{ISSUER}:sub": [SUBJECT, "x"]}}),
        ["anded-conditions"],
    ),
    "dual-stack issuer": (
        of("oidc-eks.us-east-1.api.aws/id/0123456789ABCDEF", SUBJECT),
        ["dual-stack-issuer"],
    ),
    "another issuer's key, exact": (
        tokens({"StringEquals": {**AUD, f"{SECOND}:sub": SUBJECT}}),
        ["other-issuer"],
    ),
    "another issuer's key, IfExists": (
        tokens({"StringEquals": AUD, "StringEqualsIfExists": {f"{SECOND}:sub": SUBJECT}}),
        ["weak-operator", "other-issuer"],
    ),
    "key with https://": (
        tokens({"StringEquals": {**AUD, f"https://{ISSUER}:sub": SUBJECT}}),
        ["other-issuer"],
    ),
    "default service account": (
        of(ISSUER, "system:serviceaccount:dev:default", operator="StringEquals"),
        ["default-account"],
    ),
    "every action": (tokens(GOOD, action="sts:*"), ["wide-action"]),
    "SAML without aud": (
        allow({"Federated": f"arn:aws:iam::{OWN}:saml-provider/idp"}, None,
              "sts:AssumeRoleWithSAML"),
        ["saml-no-aud"],
    ),
    "SAML": (
        allow({"Federated": f"arn:aws:iam::{OWN}:saml-provider/idp"},
              {"StringEquals": {"SAML:aud": "https://signin.aws.amazon.com/saml"}},
              "sts:AssumeRoleWithSAML"),
        [],
    ),
    "Cognito guests of any pool": (
        allow({"Federated": "cognito-identity.amazonaws.com"}, {"ForAnyValue:StringLike": {
            "cognito-identity.amazonaws.com:amr": "unauthenticated"}}, WEB),
        ["any-customer"],
    ),
    "Cognito guests of a pool": (
        allow({"Federated": "cognito-identity.amazonaws.com"}, {
            "StringEquals": {"cognito-identity.amazonaws.com:aud": "us-east-1:pool"},
            "ForAnyValue:StringLike": {"cognito-identity.amazonaws.com:amr": "unauthenticated"},
        }, WEB),
        [],
    ),
    "unknown issuer, no sub": (
        tokens({"StringEquals": {"id.example.com:aud": "app"}}, "id.example.com"),
        ["any-subject"],
    ),
    "unknown issuer, sub *": (of("id.example.com", "*"), ["any-subject"]),
    "unknown issuer": (of("id.example.com", "auth0|*"), []),
}  # fmt: skip

CI = {
    "repo:org/repo:*": (of(GITHUB, "repo:org/repo:*"), []),
    "repo:org/repo*": (of(GITHUB, "repo:org/repo*"), ["whole-organization"]),
    "repo:org/*": (of(GITHUB, "repo:org/*"), ["whole-organization"]),
    "repo:org*": (of(GITHUB, "repo:org*"), ["any-customer"]),
    "*": (of(GITHUB, "*"), ["any-customer"]),
    "one of two": (of(GITHUB, ["repo:org/repo:*", "repo:*"]), ["any-customer"]),
    "GitHub without sub": (
        tokens({"StringEquals": {f"{GITHUB}:aud": "sts.amazonaws.com"}}, GITHUB),
        ["any-customer"],
    ),
    "GitHub without aud": (
        tokens({"StringEquals": {f"{GITHUB}:sub": "repo:o/r:environment:p"}}, GITHUB),
        ["no-aud"],
    ),
    "GitHub, weak": (
        of(GITHUB, "repo:org/repo:*", operator="StringLikeIfExists"),
        ["weak-operator"],
    ),
    "GitHub, repository": (
        tokens({"StringEquals": {f"{GITHUB}:aud": "sts.amazonaws.com",
                                 f"{GITHUB}:repository_id": "42"}}, GITHUB),
        [],
    ),
    "GitHub, owner": (
        tokens({"StringEquals": {f"{GITHUB}:aud": "sts.amazonaws.com",
                                 f"{GITHUB}:repository_owner_id": "42"}}, GITHUB),
        ["whole-organization"],
    ),
    "GitLab project": (of("gitlab.com", "project_path:group/sub/app:ref_type:branch:ref:*"), []),
    "GitLab group": (of("gitlab.com", "project_path:group/*"), ["whole-organization"]),
    "GitLab": (of("gitlab.com", "project_path:*"), ["any-customer"]),
    "HCP Terraform workspace": (
        of("app.terraform.io", "organization:o:project:*:workspace:w:run_phase:*"), []
    ),
    "HCP Terraform organization": (
        of("app.terraform.io", "organization:o:project:*:workspace:*:run_phase:*"),
        ["whole-organization"],
    ),
    "HCP Terraform": (of("app.terraform.io", "organization:*"), ["any-customer"]),
    "Bitbucket repository": (of(BITBUCKET, "{11111111-2222-3333-4444-555555555555}:*"), []),
    "Bitbucket without sub": (
        tokens({"StringEquals": {f"{BITBUCKET}:aud": "ari:cloud:bitbucket::workspace/1"}},
               BITBUCKET),
        ["whole-organization"],
    ),
}  # fmt: skip

CASES = {
    f"{group}: {name}": case
    for group, cases in
    {"everyone": EVERYONE, "account": ACCOUNTS, "token": TOKENS, "CI": CI}.items()
    for name, case in cases.items()
}  # fmt: skip


def known(found: list[str]) -> list[str]:
    """Without the note that a role which trusts the cluster is not annotated."""
    return [rule for rule in found if rule != "unused-role"]


@pytest.mark.parametrize("name", CASES)
def test_a_policy_breaks_these_rules_and_no_others(name):
    statement, expected = CASES[name]
    assert known(rules(statement)) == expected


def test_a_second_statement_without_sub():
    assert known(rules(tokens(GOOD), tokens({"StringEquals": AUD}))) == ["no-sub"]


def test_the_same_service_account_of_a_second_cluster():
    statements = [of(each, SUBJECT, operator="StringEquals") for each in (ISSUER, SECOND)]

    assert known(rules(*statements)) == ["other-cluster"]
    assert known(rules(statements[1])) == []
    assert known(rules(statements[0], of(SECOND, "system:serviceaccount:dev:other-*"))) == []


def test_a_variable_is_a_text_in_policies_of_the_old_version():
    assert known(rules(of(ISSUER, f"${{{ISSUER}:sub}}"), version="2008-10-17")) == []


DENIED = {"Effect": "Deny", "Principal": "*", "Action": "sts:*"}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"StringNotEquals": {"aws:PrincipalOrgID": "o-1"}}, []),
        ({"StringNotEqualsIfExists": {"aws:PrincipalOrgID": "o-1"}}, []),
        ({"ForAnyValue:StringNotEquals": {"aws:PrincipalOrgID": "o-1"}}, ["everyone"]),
        ({"StringEquals": {"aws:PrincipalOrgID": "o-1"}}, ["everyone"]),
        ({"StringNotEquals": {"aws:PrincipalOrgID": "o-1"}, "Bool": {"aws:SecureTransport": True}},
         ["everyone"]),
        ({"Null": {"aws:PrincipalOrgID": True}}, ["everyone"]),
    ],
)  # fmt: skip
def test_a_denial_for_all_others_is_a_condition(condition, expected):
    assert rules(allow("*"), {**DENIED, "Condition": condition}) == expected


def test_a_denial_of_another_call_guards_nothing():
    denied = {**DENIED, "Action": WEB}
    condition = {"StringNotEquals": {"aws:PrincipalOrgID": "o-1"}}
    assert rules(allow("*"), {**denied, "Condition": condition}) == ["everyone"]


def test_roles_that_aws_made_are_left_alone():
    role = f"arn:aws:iam::{OWN}:role/aws-service-role/fis.amazonaws.com/AWSServiceRoleForFIS"
    assert rules(allow({"Service": "fis.amazonaws.com"}), role=role) == []
