"""What an audit looks for, as data: docs/commands.md has these tables, and so has SARIF. Pure."""

from typing import Literal, NamedTuple

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
"""The severest first; SARIF's levels."""

_IAM = "https://docs.aws.amazon.com/IAM/latest/UserGuide"
_OPERATORS = f"{_IAM}/reference_policies_elements_condition_operators.html"
_OIDC_KEYS = f"{_IAM}/reference_policies_iam-condition-keys.html"
_OIDC_ROLE = f"{_IAM}/id_roles_create_for-idp_oidc.html"
_SHARED = f"{_IAM}/id_roles_providers_oidc_secure-by-default.html"
_PRINCIPAL = f"{_IAM}/reference_policies_elements_principal.html"
_DEPUTY = f"{_IAM}/confused-deputy.html"
_IRSA = "https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html"
_EKS_BEST = (
    "https://docs.aws.amazon.com/eks/latest/best-practices/identity-and-access-management.html"
)


class Rule(NamedTuple):
    """One thing that an audit looks for."""

    severity: Severity
    text: str
    """What is the matter."""
    why: str
    """What somebody could do with it."""
    remedy: str
    """What to do. It never lets more callers in."""
    page: str
    """Where AWS says so."""


RULES: dict[str, Rule] = {
    "everyone": Rule(
        "error",
        "the trust policy lets everyone assume the role",
        "callers of any AWS account match *, and no condition says whose they have to be; an "
        "external id, a session name or TLS can be had by anybody",
        "name the principal, or add StringEquals aws:PrincipalOrgID or aws:PrincipalAccount",
        _PRINCIPAL,
    ),
    "not-principal": Rule(
        "error",
        "the trust policy lets in everybody but those whom NotPrincipal lists",
        "that is every other AWS account, too; IAM no longer stores such a trust policy",
        "name those who may assume the role in Principal",
        f"{_IAM}/reference_policies_elements_notprincipal.html",
    ),
    "any-customer": Rule(
        "error",
        "no condition tells one customer of a shared issuer from another",
        "all customers of the issuer get tokens from the same address: a stranger's repository, "
        "workspace or identity pool may assume the role",
        "add a condition that spells out the organization and its project, such as StringEquals "
        "on sub",
        _SHARED,
    ),
    "no-sub": Rule(
        "error",
        "no condition on sub: every service account of the cluster may assume the role",
        "whoever may create a Pod in any namespace has the role",
        "add StringEquals on the issuer's sub with the service account's subject",
        _IRSA,
    ),
    "broad-sub": Rule(
        "error",
        "the pattern on sub matches service accounts of other namespaces",
        "a star runs across the colons of a subject: who owns any namespace can name a service "
        "account so that it fits",
        "spell the namespace out, up to the colon after it",
        _OPERATORS,
    ),
    "weak-operator": Rule(
        "error",
        "the operator on sub or aud holds when the key is absent, or for all but some values",
        "IfExists, ForAllValues and negated operators let tokens through that were not thought of",
        "use StringEquals, or StringLike for a pattern",
        _OPERATORS,
    ),
    "orphaned-principal": Rule(
        "error",
        "the trust policy names a principal that was deleted (IAM shows its unique id)",
        "a role of the same name that was created again is another principal and is refused",
        "write the trust policy again with the ARN of the role as it is now",
        _PRINCIPAL,
    ),
    "role-missing": Rule(
        "error",
        "the annotation names a role that does not exist",
        "Pods get AccessDenied; whoever creates a role of that name decides what they may do",
        "create the role, or correct the annotation",
        _IRSA,
    ),
    "annotation": Rule(
        "error",
        "the annotation is not the ARN of a role",
        "the webhook injects it as it is, and STS answers with a validation error",
        "annotate the role's ARN",
        _IRSA,
    ),
    "trust-mismatch": Rule(
        "error",
        "the role's trust policy does not allow the service account",
        "its Pods get AccessDenied from AssumeRoleWithWebIdentity",
        "verify of the service account names the condition and prints the remedy",
        _IRSA,
    ),
    "everyone-by-network": Rule(
        "warning",
        "the trust policy lets everyone assume the role who calls from a network",
        "an address says from where a call comes, not who makes it",
        "name the principal, or add StringEquals aws:PrincipalOrgID or aws:PrincipalAccount",
        f"{_IAM}/reference_policies_condition-keys.html",
    ),
    "any-provider": Rule(
        "warning",
        "the statement is for tokens and names no provider",
        "tokens of every provider of the account are looked at, and conditions alone keep the "
        "others out",
        "name the provider as the Federated principal",
        _OIDC_ROLE,
    ),
    "any-subject": Rule(
        "warning",
        "no condition on sub: every identity of the provider may assume the role",
        "whoever can sign in at the provider has the role",
        "add StringEquals on the provider's sub",
        _OIDC_ROLE,
    ),
    "no-aud": Rule(
        "warning",
        "no condition on aud: a token for any audience of the provider is taken",
        "a token that was made for another application can be used to assume the role",
        "add StringEquals on the issuer's aud with the audience that the Pods ask for, such as "
        "sts.amazonaws.com",
        _OIDC_KEYS,
    ),
    "broad-aud": Rule(
        "warning",
        "the condition on aud takes tokens for another application, too",
        "that application, which is shown the token, can use it to assume the role",
        "use StringEquals with one audience",
        _OIDC_KEYS,
    ),
    "whole-namespace": Rule(
        "warning",
        "the pattern on sub matches every service account of the namespace",
        "the default service account is among them, as which every Pod runs that names none",
        "name the service accounts, or a prefix of theirs",
        _EKS_BEST,
    ),
    "whole-organization": Rule(
        "warning",
        "the condition on the token lets in all that one organization has at the issuer",
        "whoever may create a repository, project or workspace there has the role",
        "spell out the repository, project or workspace",
        _SHARED,
    ),
    "default-account": Rule(
        "warning",
        "the trust policy names the default service account of a namespace",
        "every Pod of the namespace that names no service account runs as it",
        "give the workload a service account of its own, and name that one",
        _EKS_BEST,
    ),
    "other-issuer": Rule(
        "warning",
        "a condition is on the key of an issuer that is not the statement's provider",
        "no token of the provider has that key: under StringEquals nobody gets in, under IfExists "
        "or ForAllValues the condition keeps nobody out",
        "write the condition on the provider's own key: the issuer without https://, a colon, and "
        "the claim; one statement for each provider",
        _OIDC_KEYS,
    ),
    "deleted-provider": Rule(
        "warning",
        "the trust policy names an OIDC provider that is not registered",
        "the statement lets nobody in until somebody registers the provider again",
        "remove the statement; if the cluster is still yours, register its provider again",
        f"{_IAM}/id_roles_providers_create_oidc.html",
    ),
    "foreign-provider": Rule(
        "warning",
        "the trust policy names a provider of another account",
        "STS looks for the issuer among the providers of the role's own account: the statement "
        "lets nobody in",
        "remove the statement, or name a provider of the role's own account",
        "https://docs.aws.amazon.com/eks/latest/userguide/cross-account-access.html",
    ),
    "saml-no-aud": Rule(
        "warning",
        "no condition on SAML:aud: an assertion for any recipient is taken",
        "an assertion that was made for another service can be used to assume the role",
        "add StringEquals SAML:aud with the sign-in address of AWS, "
        "https://signin.aws.amazon.com/saml",
        f"{_IAM}/id_roles_create_for-idp_saml.html",
    ),
    "wide-action": Rule(
        "warning",
        "the statement lets in by more calls than one: NotAction, or a wildcard in Action",
        "conditions that were written for one of AssumeRole, AssumeRoleWithWebIdentity and "
        "AssumeRoleWithSAML may say nothing about the others",
        "spell the actions out, such as sts:AssumeRoleWithWebIdentity",
        f"{_IAM}/reference_policies_elements_notaction.html",
    ),
    "root-principal": Rule(
        "warning",
        "the trust policy delegates to a whole account, and no condition says to whom of it",
        "the account's own policies decide who may assume the role: often all administrators and "
        "whoever may write policies",
        "name the role, or add ArnEquals aws:PrincipalArn",
        _PRINCIPAL,
    ),
    "no-external-id": Rule(
        "warning",
        "another account may assume the role without an external id or a named role",
        "a third party that works for several customers can be talked into using the role for a "
        "stranger",
        "add StringEquals sts:ExternalId, or name the role",
        _DEPUTY,
    ),
    "path-pattern": Rule(
        "warning",
        "the pattern on aws:PrincipalArn begins with a wildcard",
        "a star runs across the slashes of a path: whoever may create a role under a path of "
        "their own can give it a name that fits",
        "spell the role's path and the beginning of its name out",
        _OPERATORS,
    ),
    "client-ids": Rule(
        "warning",
        "an audience that the cluster's Pods ask for is no client id of its OIDC provider",
        "STS refuses their tokens with InvalidIdentityToken: Incorrect token audience",
        "see that every role which trusts the provider has a condition on aud, then add the "
        "audience to the provider's client ids",
        "https://docs.aws.amazon.com/eks/latest/userguide/enable-iam-roles-for-service-accounts.html",
    ),
    "service-source": Rule(
        "note",
        "a service may assume the role on behalf of any account",
        "for this service AWS recommends aws:SourceAccount, so that nobody makes it use the role "
        "for a resource of another account",
        "add StringEquals aws:SourceAccount with the role's own account",
        _DEPUTY,
    ),
    "other-cluster": Rule(
        "note",
        "the role trusts a service account of the same name in another cluster",
        "who may create Pods in that namespace of the other cluster has the role, too",
        "if only one cluster is meant, remove the statement for the other",
        _EKS_BEST,
    ),
    "thumbprint": Rule(
        "note",
        "the OIDC provider pins certificates, and whether they are the issuer's was not looked at",
        "IAM compares thumbprints where the issuer's certificate is not signed by an authority "
        "that it knows; a stale one then refuses every token",
        "compare the thumbprints with the issuer's certificates",
        f"{_IAM}/id_roles_providers_create_oidc_verify-thumbprint.html",
    ),
    "trust-unknown": Rule(
        "note",
        "whether the role's trust policy allows the service account could not be told",
        "the policy asks for something that only a real call carries",
        "verify of the service account makes the call",
        _IRSA,
    ),
    "unused-role": Rule(
        "note",
        "the role trusts this cluster, and no service account is annotated with it",
        "a role that nobody uses is one that nobody watches",
        "annotate the service account, or delete the role",
        _IRSA,
    ),
    "other-account": Rule(
        "note",
        "the annotation names a role of another account, which was not looked at",
        "the audit reads one account",
        "run the audit with that account's credentials, too",
        "https://docs.aws.amazon.com/eks/latest/userguide/cross-account-access.html",
    ),
}


class NotARule(NamedTuple):
    """Something that an audit leaves alone on purpose."""

    what: str
    reason: str


NOT_RULES = (
    NotARule(
        "a role or user of another account without an external id",
        "it is named, and IAM stores its unique id: nobody else can become it. An external id "
        "keeps apart the customers of one third party, which the audit cannot tell from a role of "
        "your own",
    ),
    NotARule(
        "StringEqualsIgnoreCase on sub",
        "names of namespaces and service accounts are lower case: it matches the same tokens",
    ),
    NotARule(
        "a pattern such as `system:serviceaccount:dev:*-app` or `system:serviceaccount:dev:app-*`",
        "it stays within its namespace; who may create service accounts there can give one a name "
        "that fits either",
    ),
    NotARule(
        "a service account of `kube-system`, named",
        "AWS's own add-ons run there (VPC CNI, EBS CSI driver, load balancer controller), and who "
        "may create Pods there owns the cluster anyhow",
    ),
    NotARule(
        "a pattern such as `role/app-*` on aws:PrincipalArn",
        "a path could continue it, too, but who may create such a path can as well create a role "
        "of such a name",
    ),
    NotARule(
        "thumbprints of EKS and of issuers that everybody shares, such as GitHub",
        "IAM knows the authorities of their certificates and does not use thumbprints: a stale one "
        "has no effect",
    ),
    NotARule(
        "`repo:organization/repository:*` of GitHub, and the like",
        "every branch and environment of one repository; which of them may deploy is the "
        "repository's own business",
    ),
    NotARule(
        "services for which AWS documents no aws:SourceAccount in a trust policy, such as EC2 and "
        "Lambda",
        "a condition on a key that the service does not send would lock it out; looked at are "
        "Bedrock, CodeBuild, FIS, Fraud Detector, IoT and Personalize",
    ),
    NotARule(
        "a Cognito role for guests (amr is unauthenticated) of one identity pool",
        "that is what such a role is for; without a condition on aud it is `any-customer`",
    ),
    NotARule(
        "conditions that can never hold, such as a number as sub",
        "nobody gets in; where a service account is annotated with the role, `trust-mismatch` says "
        "so",
    ),
)
