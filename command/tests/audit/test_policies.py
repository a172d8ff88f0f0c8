"""Trust policies with the rules that they break, exactly."""

from typing import Any

import pytest

from command.tests.audit.audited import facts, role
from command.tests.verify.chains import ACCOUNT, BY_ASSOCIATION
from irsa.audit.findings import audit
from irsa.observe.facts import PermissionsPolicy, RegisteredProvider
from irsa_core.identity.pod_identity import pod_identity_trust_policy, target_role_trust_policy
from irsa_core.rules import issuers
from tests.support.world import ACCOUNT_A as OWN
from tests.support.world import ACCOUNT_B as OTHER
from tests.support.world import ISSUER, ROLE_ARN, SUBJECT

SECOND = ISSUER.replace("0123456789ABCDEF", "FEDCBA9876543210")
GITHUB = "token.actions.githubusercontent.com"
ROOT, OTHER_ROOT = f"arn:aws:iam::{OWN}:root", f"arn:aws:iam::{OTHER}:root"
WEB = "sts:AssumeRoleWithWebIdentity"
BITBUCKET = "api.bitbucket.org/2.0/workspaces/team/pipelines-config/identity/oidc"
VERCEL, PULUMI, SCALR = "oidc.vercel.com", "api.pulumi.com/oidc", "scalr.io"
TERRAFORM = "app.terraform.io"
CODEFRESH, UPBOUND, TEAM = "oidc.codefresh.io", "proidc.upbound.io", f"{VERCEL}/team"
BUILDKITE, GHE, SENTINEL = "agent.buildkite.com", "token.actions.acme.ghe.com", issuers.SENTINEL[0]
ISSUERS = (ISSUER, SECOND, GITHUB, "gitlab.com", TERRAFORM, BITBUCKET, "id.example.com",
           VERCEL, TEAM, PULUMI, SCALR, CODEFRESH, UPBOUND, BUILDKITE, GHE,
           f"{GITHUB}/acme", SENTINEL)  # fmt: skip
AUD = {f"{ISSUER}:aud": "sts.amazonaws.com"}
SUB = {f"{ISSUER}:sub": SUBJECT}
GOOD = {"StringEquals": {**AUD, **SUB}}
CLUSTERS = f"arn:aws:eks:us-east-1:{OWN}:cluster"
ASSOCIATIONS = f"arn:aws:eks:us-east-1:{OWN}:podidentityassociation/dev/*"
IN_DEV = {"StringEquals": {"aws:RequestTag/kubernetes-namespace": "dev"}}
CALLER, ORG = "aws:PrincipalArn", "aws:PrincipalOrgID"
BUILD, PODS = "codebuild.amazonaws.com", "pods.eks.amazonaws.com"
ANYWHERE = "rolesanywhere.amazonaws.com"
ANCHOR = f"arn:aws:rolesanywhere:us-east-1:{OWN}:trust-anchor"
NAMESPACE = "aws:RequestTag/kubernetes-namespace"
TAGGED, OF_NAME = ["sts:AssumeRole", "sts:TagSession"], "aws:RequestTag/eks-cluster-name"
OF_OWN, OF_OTHER = f"arn:aws:iam::{OWN}:role", f"arn:aws:iam::{OTHER}:role"
SSO = f"{OF_OWN}/aws-reserved/sso.amazonaws.com/*/AWSReservedSSO_Admin_*"
COGNITO, IDP = "cognito-identity.amazonaws.com", f"arn:aws:iam::{OWN}:saml-provider/idp"
SAML = "sts:AssumeRoleWithSAML"
SIGN_IN = {"StringEquals": {"SAML:aud": "https://signin.aws.amazon.com/saml"}}
GUESTS = {"ForAnyValue:StringLike": {f"{COGNITO}:amr": "unauthenticated"}}
POOL = {"StringEquals": {f"{COGNITO}:aud": "us-east-1:pool"}}
SA = "system:serviceaccount"
OF_CLUSTER = {"ArnEquals": {"aws:SourceArn": f"{CLUSTERS}/dev"}}
OF_RESOURCE = {"StringEquals": {"aws:SourceAccount": "${aws:ResourceAccount}"}}
FAR = f"{CLUSTERS}/dev".replace(OWN, OTHER)
BROAD = {"StringEquals": AUD, "StringLike": {f"{ISSUER}:sub": "*:app"}}
ANY_PULUMI = {f"{PULUMI}:sub": "pulumi:deploy:org:*"}
TO_ASSUME = {"Effect": "Allow", "Action": "sts:AssumeRole"}
OWN_APP = {"Principal": {"AWS": f"{OF_OWN}/app"}}
SENTINEL_SESSION = {f"{SENTINEL}:aud": "api://1", "sts:RoleSessionName": "Sentinel_1"}
FAR_AND_UNTAGGED = {"role_arn": f"{OF_OTHER}/app", "cluster_arn": FAR, "disable_session_tags": True}
OUTSIDE = {"StringNotEqualsIfExists": {ORG: "o-1"}}
BY_SERVICE = "aws:PrincipalIsAWSService"
SERVICES, NO_SERVICES = ({"BoolIfExists": {BY_SERVICE: each}} for each in ("false", "true"))


def provider(issuer: str, account: str = OWN) -> str:
    return f"arn:aws:iam::{account}:oidc-provider/{issuer}"


def rules(*statements: dict[str, Any], version="2012-10-17", arn: str = ROLE_ARN) -> list[str]:
    """The rules that a role with these statements breaks, whose own service account is left out."""
    trusting = role({"Version": version, "Statement": [*statements]}, arn, unique_id="")
    given = facts(trusting, providers=[RegisteredProvider(provider(each), ()) for each in ISSUERS])
    found = [each.rule for each in audit(given) if each.subject.startswith("role ")]
    # No note that a role which trusts the cluster is not annotated.
    return [rule for rule in found if rule != "unused-role"]


def allow(principal: Any, condition: Any = None, action: Any = "sts:AssumeRole", **more: Any):
    condition = {} if condition is None else {"Condition": condition}
    principal = {"AWS": "*"} if principal == "*" else principal
    return {"Effect": "Allow", "Principal": principal, "Action": action, **condition, **more}


def tokens(condition: Any, issuer: str = ISSUER, action: Any = WEB, **more: Any):
    return allow({"Federated": provider(issuer)}, condition, action, **more)


def of(issuer: str, sub: Any, aud: Any = "sts.amazonaws.com", operator="StringLike", **more: Any):
    """A statement for an issuer, with aud under StringEquals."""
    keys = {"StringEquals": {f"{issuer}:aud": aud}} | more
    keys.setdefault(operator, {})[f"{issuer}:sub"] = sub
    return tokens(keys, issuer)


def claims(issuer: str, **values: str):
    """A statement for an issuer, with these claims under StringEquals."""
    return tokens({"StringEquals": {f"{issuer}:{name}": v for name, v in values.items()}}, issuer)


def exact_and(operator: str, sub: Any):
    """A statement for the subject that has another test of it."""
    return tokens({**GOOD, operator: {f"{ISSUER}:sub": sub}})


def anyone(operator: str, key: str, value: Any, principal: Any = "*"):
    return allow(principal, {operator: {key: value}})


def root_of(account: str, operator: str, key: str, value: Any):
    return anyone(operator, key, value, {"AWS": f"arn:aws:iam::{account}:root"})


def service(name: str | list[str], condition: Any = None, action: Any = "sts:AssumeRole"):
    return allow({"Service": name}, condition, action)


def certificate(operator: str, key: str, value: str):
    return anyone(operator, key, value, {"Service": ANYWHERE})


def by_eks(**condition: Any):
    return service("pods.eks.amazonaws.com", condition, ["sts:AssumeRole", "sts:TagSession"])


def target(**changes: Any):
    """The statements of a target role for the association of the chains, or a changed one."""
    return target_role_trust_policy([BY_ASSOCIATION._replace(**changes)])["Statement"]


def from_source(arn: Any, operator: str = "ArnEquals"):
    """A statement for EKS Pod Identity whose aws:SourceArn is tested so."""
    return by_eks(**{**IN_DEV, operator: {"aws:SourceArn": arn}})


def but(condition: Any, action: Any = "sts:*"):
    """Everyone, but for those that a Deny under the condition names."""
    return [allow("*"), allow("*", condition, action, Effect="Deny")]


def but_of_eks(principal: Any):
    """A whole cluster's associations, but for those of other namespaces and this principal."""
    outside = {"StringNotEquals": {NAMESPACE: "dev"}}
    return [by_eks(**OF_CLUSTER), allow(principal, outside, TAGGED, Effect="Deny")]


def with_key(key: str, actions: list[str], *more: str):
    """A role of the other account under a key of AssumeRole, and further actions without it."""
    role_a = {"AWS": f"{OF_OTHER}/a"}
    tagging = [allow(role_a, None, [*more])] if more else []
    return [allow(role_a, {"StringEquals": {key: "t-42"}}, actions), *tagging]


def role_a(key: str, value: str):
    """A statement for a role of the other account under one condition."""
    return allow({"AWS": f"{OF_OTHER}/a"}, {"StringEquals": {key: value}})


OF_PROVIDER = {"aws:FederatedProvider": provider(ISSUER)}
EXACT, EXACT_2 = (of(each, SUBJECT, operator="StringEquals") for each in (ISSUER, SECOND))
CALLERS_ACCOUNT, TAG = "aws:PrincipalAccount", "sts:TagSession"

BROKEN = {
    "everyone": {
        "no condition": allow("*"),
        "SecureTransport": anyone("Bool", "aws:SecureTransport", True),
        "SourceIp /0": anyone("IpAddress", "aws:SourceIp", "0.0.0.0/0"),
        "SourceIp /0 in a list": anyone("IpAddress", "aws:SourceIp", ["203.0.113.0/24", "::/0"]),
        "ForAllValues OrgID": allow({"AWS": "*"}, {"ForAllValues:StringEquals": {ORG: "o-1"}}),
        "OrgID IfExists": anyone("StringEqualsIfExists", ORG, "o-1"),
        "OrgID like *": anyone("StringLike", ORG, "o-*"),
        "OrgID, its own": anyone("StringEquals", ORG, f"${{{ORG}}}"),
        "ExternalId only": anyone("StringEquals", "sts:ExternalId", "t-42"),
        "session name": anyone("StringEquals", "sts:RoleSessionName", "me"),
        "PrincipalTag": anyone("StringEquals", "aws:PrincipalTag/team", "me"),
        "PrincipalArn of any account": anyone("ArnLike", CALLER, "arn:aws:iam::*:role/admin"),
        # A star runs across colons, and a path may have them: arn:aws:iam::9:role/:111122223333:x
        "PrincipalArn of any text": anyone("StringLike", CALLER, f"arn:aws:*:{OWN}:role/x"),
        "beginning of a userid": anyone("StringLike", "aws:userid", "AROAE*"),
        "Federated *": allow({"Federated": "*"}, None, WEB),
        "SAML, any provider": allow({"Federated": "*"}, SIGN_IN, SAML),
        "Deny of services alone": but(OUTSIDE | NO_SERVICES),
        "Deny under a second condition": but(OUTSIDE | {"Bool": {"aws:SecureTransport": True}}),
        "Deny of another call": but(OUTSIDE, WEB),
        "Deny ForAnyValue": but({"ForAnyValue:StringNotEquals": {ORG: "o-1"}}),
        "Deny of those within": but({"StringEquals": {ORG: "o-1"}}),
        "Deny of those without": but({"Null": {ORG: True}}),
    },
    "everyone-by-network": {
        "SourceIp": anyone("IpAddress", "aws:SourceIp", "203.0.113.0/24"),
        "SourceVpce": allow({"AWS": "*"}, {"StringEquals": {"aws:SourceVpce": "vpce-1"}}),
    },
    "any-provider": {"web identity, sub and aud": allow("*", GOOD, WEB)},
    "broad-sub any-provider": {"broad sub": allow("*", BROAD, WEB)},
    "no-sub any-provider": {"no sub": allow({"Federated": "*"}, {"StringEquals": AUD}, WEB)},
    "any-provider no-aud": {
        "sub, and the name of the provider": allow("*", {"StringEquals": SUB | OF_PROVIDER}, WEB)
    },
    # IAM stores it no more.
    "malformed not-principal": {"NotPrincipal": {**TO_ASSUME, "NotPrincipal": {"AWS": ROOT}}},
    "root-principal": {"other root": allow({"AWS": OTHER_ROOT})},
    "own-account": {
        "own root": allow({"AWS": ROOT}),
        "own root, own organization": root_of(OWN, "StringEquals", ORG, "o-1"),
    },
    "no-external-id": {
        "other root, PrincipalArn *": root_of(OTHER, "ArnLike", CALLER, "*"),
        "other root, PrincipalArn role/*": root_of(OTHER, "ArnLike", CALLER, f"{OF_OTHER}/*"),
        "other root, ExternalId *": root_of(OTHER, "StringLike", "sts:ExternalId", "*"),
        "other root, any ExternalId": root_of(OTHER, "Null", "sts:ExternalId", False),
        "other root, ExternalId by pattern": root_of(OTHER, "StringLike", "sts:ExternalId", "a*"),
        "other root, its own tag": root_of(OTHER, "StringEquals", "aws:PrincipalTag/team", "me"),
    },
    "path-pattern": {"own root, path trick": root_of(OWN, "ArnLike", CALLER, f"{OF_OWN}/*admin")},
    "orphaned-principal": {"deleted role": allow({"AWS": "AROAEXAMPLE"})},
    "service-source": {"CodeBuild": service(BUILD), "ECS": service("ecs-tasks.amazonaws.com")},
    "issuer-url": {"the host of EKS": of("oidc.eks.us-east-1.amazonaws.com", SUBJECT)},
    "malformed": {
        "a provider as a user": allow({"AWS": provider(GITHUB)}, None, WEB),
        "an account of 11 digits": allow({"Federated": provider(ISSUER, OWN[1:])}, GOOD, WEB),
        "no such operator": of(ISSUER, SUBJECT, operator="StringLikes"),
        "Sid with a hyphen": tokens(GOOD, Sid="by-token"),
        "Sid twice": [tokens(GOOD, Sid="A"), allow(OWN_APP["Principal"], Sid="A")],
    },
    "malformed everyone": {"a bare star": {**TO_ASSUME, "Principal": "*"}},
    "provider-arn": {"ARN with https://": of(f"https://{ISSUER}", SUBJECT)},
    "any-certificate": {
        "Roles Anywhere": service(ANYWHERE),
        "any anchor of the account": certificate("StringEquals", "aws:SourceAccount", OWN),
        "any anchor": certificate("ArnLike", "aws:SourceArn", f"{ANCHOR}/*"),
        "any name": certificate("StringLike", "aws:PrincipalTag/x509Subject/CN", "*"),
    },
    "pod-identity-any": {
        "Pod Identity, any namespace": service(PODS, {"StringLike": {NAMESPACE: "*"}}, TAGGED),
        "Pod Identity, any cluster": by_eks(ArnLike={"aws:SourceArn": f"{CLUSTERS}/*"}),
    },
    "pod-identity-cluster": {"Pod Identity, namespace alone": by_eks(**IN_DEV)},
    "pod-identity-account": {
        "Pod Identity, cluster alone": by_eks(**OF_CLUSTER),
        "Pod Identity, Deny of another service": but_of_eks({"Service": BUILD}),
    },
    "pod-identity-tags": {
        "Pod Identity without tags": service(PODS, {**IN_DEV, **OF_CLUSTER}),
        "target role without tags": target()[0],
        "a role by the tags of its Pods": role_a("aws:PrincipalTag/kubernetes-namespace", "dev"),
    },
    "pod-identity-source": {
        "Pod Identity, an association": from_source(ASSOCIATIONS, "ArnLike"),
        "Pod Identity, no ARN": from_source("dev"),
        "Pod Identity, another service": from_source(f"arn:aws:s3:us-east-1:{OWN}:cluster/dev"),
        "Pod Identity, another account's cluster": from_source(FAR),
        "another account": by_eks(StringEquals={NAMESPACE: "dev", "aws:SourceAccount": OTHER}),
        "another tag": by_eks(StringEquals={"aws:RequestTag/kubernetes-serviceaccount": "app"}),
        "a tag of a session": [
            by_eks(**IN_DEV, **OF_CLUSTER),
            by_eks(StringEquals={"aws:PrincipalTag/kubernetes-namespace": "dev"}),
        ],
    },
    "wide-action": {
        "sts:*": allow({"AWS": f"{OF_OTHER}/app"}, None, "sts:*"),
        "NotAction": {"Effect": "Allow", "NotAction": "sts:TagSession"} | OWN_APP,
        "every action": tokens(GOOD, action="sts:*"),
    },
    "no-sub": {
        "no sub": tokens({"StringEquals": AUD}),
        "Null sub": of(ISSUER, "false", operator="Null"),
        "sessions of any account by tokens": allow("*", {"StringEquals": AUD}),
        "sub is its own variable": of(ISSUER, f"${{{ISSUER}:sub}}", operator="StringEquals"),
        "one statement of two": [tokens(GOOD), tokens({"StringEquals": AUD})],
    },
    "no-aud": {
        "sub alone": tokens({"StringEquals": SUB}),
        "GitHub sub alone": claims(GITHUB, sub="repo:o/r:ref:r"),
    },
    "other-cluster": {"exact subs of two clusters": [EXACT, EXACT_2]},
    "tag-session-keys": {
        "ExternalId": with_key("sts:ExternalId", TAGGED),
        "RoleSessionName": with_key("sts:RoleSessionName", TAGGED),
    },
    "broad-sub": {
        "any subject of two parts": of(ISSUER, "*:*"),
        "any subject": of(ISSUER, "*"),
        "namespaces of a prefix": of(ISSUER, f"{SA}:dev*"),
        "unknown cluster, no namespace": of("id.example.com", "system:serviceaccount*"),
        "list with one broad entry": of(ISSUER, [SUBJECT, "system:*"]),
    },
    "whole-namespace": {"whole namespace": of(ISSUER, f"{SA}:dev:*")},
    "weak-operator": {
        "ForAllValues": of(ISSUER, SUBJECT, operator="ForAllValues:StringEquals"),
        "IfExists": of(ISSUER, SUBJECT, operator="StringEqualsIfExists"),
        "ForAllValues aud": tokens({"StringEquals": SUB, "ForAllValues:StringEquals": AUD}),
        "StringNotEquals": of(ISSUER, SUBJECT, operator="StringNotEquals"),
        "GitHub, weak": of(GITHUB, "repo:org/repo:*", operator="StringLikeIfExists"),
    },
    "deleted-provider": {"deleted provider": of(ISSUER.replace("0123", "9999"), SUBJECT)},
    "foreign-provider": {
        "foreign provider": allow({"Federated": provider(ISSUER, OTHER)}, GOOD, WEB)
    },
    "broad-aud": {
        "aud like *": tokens({"StringEquals": SUB, "StringLike": {f"{ISSUER}:aud": "*"}}),
        "several audiences": of(ISSUER, SUBJECT, ["sts.amazonaws.com", "vault"]),
    },
    "literal-wildcard": {
        "a star under StringEquals": of(ISSUER, f"{SA}:dev:*", operator="StringEquals"),
        "a question mark under StringNotEquals": exact_and("StringNotEquals", "de?"),
    },
    "anded-conditions": {
        "exact, and a pattern for others": exact_and("StringLike", f"{SA}:ci:runner-*"),
        "two exact ones": exact_and("ForAnyValue:StringEquals", [SUBJECT, "x"]),
    },
    "dual-stack-issuer": {"dual stack": of("oidc-eks.us-east-1.api.aws/id/0123456789AB", SUBJECT)},
    "other-issuer": {
        "another issuer's key, exact": tokens({"StringEquals": {**AUD, f"{SECOND}:sub": SUBJECT}}),
        "key with https://": tokens({"StringEquals": {**AUD, f"https://{ISSUER}:sub": SUBJECT}}),
    },
    "weak-operator other-issuer": {
        "IfExists on another issuer's sub": tokens(
            {"StringEquals": AUD, "StringEqualsIfExists": {f"{SECOND}:sub": SUBJECT}}
        )
    },
    "default-account": {
        "default service account": of(ISSUER, f"{SA}:dev:default", operator="StringEquals")
    },
    "saml-no-aud": {"SAML without aud": allow({"Federated": IDP}, None, SAML)},
    "any-customer": {
        "Cognito guests of any pool": allow({"Federated": COGNITO}, GUESTS, WEB),
        "repo:org*": of(GITHUB, "repo:org*"),
        "GitHub *": of(GITHUB, "*"),
        "GitHub, one of two": of(GITHUB, ["repo:org/repo:*", "repo:*"]),
        "GitHub without sub": claims(GITHUB, aud="sts.amazonaws.com"),
        "GitLab": of("gitlab.com", "project_path:*"),
        "HCP Terraform": of(TERRAFORM, "organization:*"),
        "Scalr": of(SCALR, "account:*:environment:prod:workspace:app"),
        "Vercel": of(VERCEL, "owner:*:project:web:environment:production"),
        "Vercel, no team": claims(VERCEL, aud="https://vercel.com"),
        "Codefresh": of(CODEFRESH, "account:*:pipeline:2:*"),
        "Upbound": of(UPBOUND, "mcp:*/plane:provider:provider-aws"),
    },
    "any-customer no-aud": {"Pulumi": tokens({"StringLike": ANY_PULUMI}, PULUMI)},
    "any-subject": {
        "Microsoft Sentinel without a session name": claims(SENTINEL, aud="api://1"),
        "unknown issuer, no sub": claims("id.example.com", aud="app"),
        "unknown issuer, sub *": of("id.example.com", "*"),
    },
    "whole-organization": {
        "repo:org/repo*": of(GITHUB, "repo:org/repo*"),
        "repo:org/*": of(GITHUB, "repo:org/*"),
        "repo:org@*/*": of(GITHUB, "repo:org@*/*"),
        "GitHub, owner": claims(GITHUB, aud="sts.amazonaws.com", repository_owner_id="42"),
        "GitLab group": of("gitlab.com", "project_path:group/*"),
        "GitLab group, by id": claims("gitlab.com", aud="sts.amazonaws.com", namespace_id="1"),
        "Buildkite": claims(BUILDKITE, aud="sts.amazonaws.com", organization_slug="acme"),
        "Scalr account": of(SCALR, "account:a:environment:*:workspace:*"),
        "Codefresh account": of(CODEFRESH, "account:1:*"),
        "GitHub of an enterprise": claims(f"{GITHUB}/acme", aud="sts.amazonaws.com"),
        "GHE.com": of(GHE, "*"),
        "Terraform organization": of(TERRAFORM, "organization:o:project:*:workspace:*:run_phase:*"),
        "Bitbucket without sub": claims(BITBUCKET, aud="ari:cloud:bitbucket::workspace/1"),
        "Vercel team": of(VERCEL, "owner:team:*"),
        "Vercel, audience": claims(VERCEL, aud="https://vercel.com/team"),
        "issuer of a Vercel team": claims(TEAM, aud="https://vercel.com/team"),
        "Pulumi organization": of(PULUMI, "pulumi:deploy:org:o:*", "o"),
        "Pulumi, audience": claims(PULUMI, aud="aws:o"),
        "Upbound organization": of(UPBOUND, "mcp:o/*"),
    },
    "": {
        "organization": anyone("StringEquals", ORG, "o-1"),
        "own organization": anyone("StringEquals", ORG, "${aws:ResourceOrgID}"),
        "OrgPaths": anyone("ForAnyValue:StringLike", "aws:PrincipalOrgPaths", "o-1/r-1/*"),
        "caller's account": anyone("StringEquals", CALLERS_ACCOUNT, [OTHER]),
        "account IfExists": anyone("StringEqualsIfExists", CALLERS_ACCOUNT, [OTHER]),
        "account ForAllValues": anyone("ForAllValues:StringEquals", CALLERS_ACCOUNT, [OTHER]),
        "Deny of those outside": but({"StringNotEquals": {ORG: "o-1"}}),
        "Deny of those outside or without": but(OUTSIDE),
        "Deny, services spared": but(OUTSIDE | SERVICES),
        "a Deny of others of the service": but_of_eks({"Service": PODS}),
        "a Deny of others of everyone": but_of_eks("*"),
        "exact sub of one cluster": EXACT_2,
        "exact and a pattern in two clusters": [EXACT, of(SECOND, f"{SA}:dev:other-*")],
        "ExternalId, tags without it": with_key("sts:ExternalId", TAGGED, TAG),
        "RoleSessionName, tags without it": with_key("sts:RoleSessionName", TAGGED[:1], TAG),
        "ExternalId, no tags": with_key("sts:ExternalId", TAGGED[:1]),
        "PrincipalArn": anyone("ArnLike", CALLER, f"{OF_OTHER}/app-*"),
        "SourceAccount": anyone("StringEquals", "aws:SourceAccount", OWN),
        "SourceArn of a bucket": anyone("ArnEquals", "aws:SourceArn", "arn:aws:s3:::bucket"),
        "role by its userid": anyone("StringLike", "aws:userid", "AROAEXAMPLE:*"),
        "tags alone": allow("*", None, "sts:TagSession"),
        "other root, ExternalId": root_of(OTHER, "StringEquals", "sts:ExternalId", ["t-1", "t-2"]),
        "other root, PrincipalArn": root_of(OTHER, "ArnLike", CALLER, f"{OF_OTHER}/app"),
        "other role without ExternalId": allow({"AWS": f"{OF_OTHER}/app"}),
        "own root, PrincipalTag": root_of(OWN, "StringEquals", "aws:PrincipalTag/team", "me"),
        "own root, PrincipalArn": root_of(OWN, "ArnLike", CALLER, f"{OF_OWN}/app"),
        "own root, SSO path": root_of(OWN, "ArnLike", CALLER, SSO),
        "own root, session of a service account": allow({"AWS": ROOT}, {"StringEquals": SUB}),
        "service with source": service(BUILD, {"StringEquals": {"aws:SourceAccount": OWN}}),
        "service for the own account": service(BUILD, OF_RESOURCE),
        "service without a documented source": service(["ec2.amazonaws.com"]),
        "Pod Identity": pod_identity_trust_policy([f"{CLUSTERS}/dev"], [ACCOUNT])["Statement"][0],
        "Pod Identity, by pattern": from_source([ASSOCIATIONS, f"{CLUSTERS}/d*"], "ArnLike"),
        "Pod Identity, a cluster's name": by_eks(StringEquals={NAMESPACE: "dev", OF_NAME: "dev"}),
        "target role": target(),
        "target role without session tags": target(**FAR_AND_UNTAGGED),
        "one trust anchor": certificate("ArnEquals", "aws:SourceArn", f"{ANCHOR}/1"),
        "unit of a certificate": certificate(
            "StringEquals", "aws:PrincipalTag/x509Subject/OU", "build"
        ),
        "a wildcard for one call": allow({"AWS": f"{OF_OTHER}/app"}, None, ["sts:AssumeRol?"]),
        "exact sub and aud": tokens(GOOD),
        "StringNotEquals, and a pattern": of(ISSUER, f"{SA}:dev:s3-*", StringNotEquals=SUB),
        "sub is true": of(ISSUER, True),
        "audiences of STS": of(
            ISSUER, SUBJECT, ["sts.amazonaws.com", "sts.us-east-1.amazonaws.com"]
        ),
        "one audience of their own": of(ISSUER, SUBJECT, "vault"),
        "sub, case ignored": of(ISSUER, SUBJECT, operator="StringEqualsIgnoreCase"),
        "sub of a prefix": of(ISSUER, f"{SA}:dev:app-*"),
        "exact sub, and any pattern": exact_and("StringLike", "*"),
        "SAML": allow({"Federated": IDP}, SIGN_IN, SAML),
        "Cognito guests of a pool": allow({"Federated": COGNITO}, {**POOL, **GUESTS}, WEB),
        "unknown issuer": of("id.example.com", "auth0|*"),
        "repo:org/repo:*": of(GITHUB, "repo:org/repo:*"),
        "repo:org@*/repo@*": of(GITHUB, "repo:org@*/repo@*:ref:refs/heads/main"),
        "repo:org:*": of(GITHUB, "repo:org:*"),
        "an organization's own keys": of(GITHUB, "repository_id:42:ref:*"),
        "GitHub, repository": claims(GITHUB, aud="sts.amazonaws.com", repository_id="42"),
        "GitLab project": of("gitlab.com", "project_path:group/sub/app:ref_type:branch:ref:*"),
        "GitLab project, by id": claims("gitlab.com", aud="sts.amazonaws.com", project_id="42"),
        "Buildkite pipeline": claims(BUILDKITE, aud="sts.amazonaws.com", pipeline_id="42"),
        "GHE.com repository": of(GHE, "repo:org/repo:*"),
        "Microsoft Sentinel": tokens({"StringEquals": SENTINEL_SESSION}, SENTINEL),
        "Terraform workspace": of(TERRAFORM, "organization:o:project:*:workspace:w:run_phase:*"),
        "Bitbucket repository": of(BITBUCKET, "{11111111-2222-3333-4444-555555555555}:*"),
        "Vercel project": of(VERCEL, "owner:team:project:web:environment:*"),
        "Vercel project, issuer of its team": of(TEAM, "owner:team:project:web:environment:*"),
        "Pulumi stacks": of(PULUMI, "pulumi:deploy:org:o:project:p:*", "o"),
        "Pulumi environments": of(PULUMI, "pulumi:environments:org:o:env:p/*", "aws:o"),
        "Scalr, prefix": of(SCALR, "account:a:environment:*:workspace:app-*"),
        "Codefresh pipeline": of(CODEFRESH, "account:1:pipeline:2:*"),
        "Upbound control plane": of(UPBOUND, "mcp:o/plane:provider:*"),
    },
}

CASES = {
    name: (statement, broken.split())
    for broken, statements in BROKEN.items()
    for name, statement in statements.items()
}


# Policies that let no caller come.
SHUT_OUT = {
    "deleted role", "ARN with https://", "Pod Identity without tags", "foreign provider",
    "dual stack", "Pod Identity, an association", "Pod Identity, another service",
    "another account", "Pod Identity, another account's cluster", "a star under StringEquals",
    "deleted provider", "exact, and a pattern for others", "another issuer's key, exact",
    "key with https://", "tags alone", "sub is true", "another tag", "the host of EKS",
    "target role without tags", "repo:org:*",
}  # fmt: skip
TITLES = {f"{' '.join(broken) or 'none'}: {name}": name for name, (_, broken) in CASES.items()}


@pytest.mark.cases("name", TITLES)
def test_a_policy_breaks_these_rules_and_no_others(name):
    statements, expected = CASES[name]
    expected = ["no-caller"] * (name in SHUT_OUT) + expected
    assert rules(*(statements if isinstance(statements, list) else [statements])) == expected


def test_a_variable_is_a_text_in_policies_of_the_old_version():
    assert rules(of(ISSUER, f"${{{ISSUER}:sub}}"), version="2008-10-17") == ["no-caller"]


READ = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}


@pytest.mark.cases(("statement", "found"), {
    "Sid with a hyphen": (READ | {"Sid": "read-a"},
        ["policy p: Statement[1].Sid: letters and digits only"]),
    "a principal": (READ | OWN_APP,
        ["policy p: Statement[1].Principal: only trust and resource policies have it"]),
    "right": (READ | {"Sid": "A"}, []),
})  # fmt: skip
def test_a_policy_of_a_new_role_that_iam_does_not_store_is_malformed(statement, found):
    policy = PermissionsPolicy("p", {"Version": "2012-10-17", "Statement": [statement]})
    new = role({"Statement": tokens(GOOD)}, unique_id="", policies=(policy,))
    assert [each.found for each in audit(facts(new)) if each.rule == "malformed"] == found


def test_a_policy_that_iam_has_stored_is_not_malformed():
    statement = CASES["no such operator"][0]
    policy = PermissionsPolicy("p", {"Statement": READ | {"Sid": "read-a"}})
    found = audit(facts(role({"Statement": statement}, policies=(policy,))))
    assert not [each for each in found if each.rule == "malformed"]


def test_roles_that_aws_made_are_left_alone():
    linked = f"{OF_OWN}/aws-service-role/fis.amazonaws.com/AWSServiceRoleForFIS"
    assert rules(allow({"Service": "fis.amazonaws.com"}), arn=linked) == []
