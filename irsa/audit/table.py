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
    """What is wrong."""
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
        "a caller from any AWS account matches *, and no condition limits the account or the "
        "organization; anybody can send an external id, choose a session name or use TLS",
        "name the principal, or add StringEquals aws:PrincipalOrgID or aws:PrincipalAccount",
        _PRINCIPAL,
    ),
    "not-principal": Rule(
        "error",
        "the trust policy lets in everybody except those that NotPrincipal lists",
        "that includes every other AWS account; IAM no longer accepts such a trust policy",
        "list under Principal who may assume the role",
        f"{_IAM}/reference_policies_elements_notprincipal.html",
    ),
    "any-customer": Rule(
        "error",
        "no condition tells one customer of a shared issuer from another",
        "all customers get their tokens from the same issuer: a stranger's repository, workspace "
        "or identity pool may assume the role",
        "add a condition that names the organization and the project, such as StringEquals on sub",
        _SHARED,
    ),
    "no-sub": Rule(
        "error",
        "no condition on sub: every service account of the cluster may assume the role",
        "anyone who can create a Pod in any namespace gets the role",
        "add StringEquals on the issuer's sub with the service account's subject",
        _IRSA,
    ),
    "broad-sub": Rule(
        "error",
        "the pattern on sub matches service accounts of other namespaces",
        "a * also matches colons: the owner of any namespace can name a service account to fit "
        "the pattern",
        "write the namespace in full, up to the colon after it",
        _OPERATORS,
    ),
    "weak-operator": Rule(
        "error",
        "the operator on sub or aud also holds when the key is absent, or for all but some values",
        "IfExists, ForAllValues and negated operators let in tokens that nobody thought of",
        "use StringEquals, or StringLike for a pattern",
        _OPERATORS,
    ),
    "orphaned-principal": Rule(
        "error",
        "the trust policy names a principal that was deleted (IAM shows its unique id)",
        "a new role of the same name is a different principal, and is refused",
        "write the trust policy again with the ARN of the current role",
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
        "the webhook injects the value as it is, and STS answers with a validation error",
        "put the role's ARN into the annotation",
        _IRSA,
    ),
    "trust-mismatch": Rule(
        "error",
        "the role's trust policy does not allow the service account",
        "its Pods get AccessDenied from AssumeRoleWithWebIdentity",
        "run verify for the service account: it names the condition and prints the remedy",
        _IRSA,
    ),
    "everyone-by-network": Rule(
        "warning",
        "the trust policy lets anyone in a certain network assume the role",
        "an address says where a call comes from, not who makes it",
        "name the principal, or add StringEquals aws:PrincipalOrgID or aws:PrincipalAccount",
        f"{_IAM}/reference_policies_condition-keys.html",
    ),
    "any-provider": Rule(
        "warning",
        "the statement accepts tokens but does not name a provider",
        "STS considers the tokens of every provider of the account, and only conditions keep the "
        "others out",
        "name the provider as the Federated principal",
        _OIDC_ROLE,
    ),
    "any-subject": Rule(
        "warning",
        "no condition on sub: every identity of the provider may assume the role",
        "anyone who can sign in at the provider gets the role",
        "add StringEquals on the provider's sub",
        _OIDC_ROLE,
    ),
    "no-aud": Rule(
        "warning",
        "no condition on aud: a token for any audience of the provider is accepted",
        "a token made for another application can be used to assume the role",
        "add StringEquals on the issuer's aud with the audience that the Pods ask for, such as "
        "sts.amazonaws.com",
        _OIDC_KEYS,
    ),
    "broad-aud": Rule(
        "warning",
        "the condition on aud also accepts tokens for another application",
        "that application receives such tokens, and can use them to assume the role",
        "use StringEquals with one audience",
        _OIDC_KEYS,
    ),
    "whole-namespace": Rule(
        "warning",
        "the pattern on sub matches every service account of the namespace",
        "that includes the default service account, and every Pod that names no other runs as it",
        "name the service accounts, or a prefix that they share",
        _EKS_BEST,
    ),
    "whole-organization": Rule(
        "warning",
        "the condition on the token lets in everything that one organization has at the issuer",
        "anyone who can create a repository, project or workspace there gets the role",
        "name the repository, project or workspace",
        _SHARED,
    ),
    "default-account": Rule(
        "warning",
        "the trust policy names the default service account of a namespace",
        "every Pod of the namespace that names no service account runs as it",
        "give the workload its own service account, and name that one",
        _EKS_BEST,
    ),
    "other-issuer": Rule(
        "warning",
        "a condition uses the key of an issuer other than the statement's provider",
        "the provider's tokens do not have that key: under StringEquals nobody gets in, under "
        "IfExists or ForAllValues the condition keeps nobody out",
        "write the condition on the provider's own key: the issuer without https://, a colon, and "
        "the claim; one statement for each provider",
        _OIDC_KEYS,
    ),
    "anded-conditions": Rule(
        "warning",
        "two conditions on one claim must both hold, and one keeps out whom the other names",
        "conditions of one statement are ANDed: the service accounts that are spelled out get "
        "AccessDenied unless the pattern fits them, too",
        "write two statements, one with the names under StringEquals and one with the pattern "
        "under StringLike, each with its own condition on aud",
        f"{_IAM}/reference_policies_condition-logic-multiple-context-keys-or-values.html",
    ),
    "literal-wildcard": Rule(
        "warning",
        "a * or ? stands under an operator that has no wildcards",
        "StringEquals compares them as characters, and no token has them: nobody gets in",
        "spell the value out; only if you mean a pattern, write StringLike, with the namespace in "
        "full",
        _OPERATORS,
    ),
    "dual-stack-issuer": Rule(
        "warning",
        "the provider is registered under the dual-stack address of the cluster's issuer",
        "the tokens name the issuer as https://oidc.eks... whatever the cluster's IP family is: "
        "STS answers InvalidIdentityToken, and nobody gets in",
        "register and trust the issuer that aws eks describe-cluster prints "
        "(cluster.identity.oidc.issuer)",
        "https://docs.aws.amazon.com/eks/latest/userguide/enable-iam-roles-for-service-accounts.html",
    ),
    "issuer-url": Rule(
        "warning",
        "the URL of the OIDC provider is at EKS, and is not what EKS writes into tokens",
        "STS finds the provider by the token's iss, letter by letter: with a slash at its end, "
        "without /id/, or in other capitals it is never found",
        "use the issuer that aws eks describe-cluster prints (cluster.identity.oidc.issuer)",
        "https://docs.aws.amazon.com/eks/latest/userguide/enable-iam-roles-for-service-accounts.html",
    ),
    "pod-identity-tags": Rule(
        "warning",
        "the trust policy lets EKS Pod Identity assume the role, but not tag the session",
        "EKS always sends tags: its Pods get AccessDenied",
        "allow sts:TagSession beside sts:AssumeRole",
        "https://docs.aws.amazon.com/eks/latest/userguide/pod-id-role.html",
    ),
    "deleted-provider": Rule(
        "warning",
        "the trust policy names an OIDC provider that is not registered",
        "the statement lets nobody in until someone registers the provider again",
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
        "no condition on SAML:aud: an assertion for any recipient is accepted",
        "an assertion made for another service can be used to assume the role",
        "add StringEquals SAML:aud with the sign-in address of AWS, "
        "https://signin.aws.amazon.com/saml",
        f"{_IAM}/id_roles_create_for-idp_saml.html",
    ),
    "wide-action": Rule(
        "warning",
        "the statement allows more than one call, by NotAction or a wildcard in Action",
        "conditions written for one of AssumeRole, AssumeRoleWithWebIdentity and "
        "AssumeRoleWithSAML may not restrict the others",
        "write the actions in full, such as sts:AssumeRoleWithWebIdentity",
        f"{_IAM}/reference_policies_elements_notaction.html",
    ),
    "root-principal": Rule(
        "warning",
        "the trust policy trusts a whole account, and no condition says who in it",
        "the account's own policies decide who may assume the role: often every administrator, "
        "and anyone who can write policies",
        "name the role, or add ArnEquals aws:PrincipalArn",
        _PRINCIPAL,
    ),
    "no-external-id": Rule(
        "warning",
        "another account may assume the role without an external id or a named role",
        "a third party that works for several customers can be tricked into using the role for a "
        "stranger",
        "add StringEquals sts:ExternalId, or name the role",
        _DEPUTY,
    ),
    "path-pattern": Rule(
        "warning",
        "the pattern on aws:PrincipalArn begins with a wildcard",
        "a * also matches the slashes of a path: anyone who can create a role under some path can "
        "give it a name that fits",
        "write the role's path and the beginning of its name in full",
        _OPERATORS,
    ),
    "client-ids": Rule(
        "warning",
        "the Pods ask for an audience that is not a client id of the cluster's OIDC provider",
        "STS refuses their tokens with InvalidIdentityToken: Incorrect token audience",
        "check that every role which trusts the provider has a condition on aud, then add the "
        "audience to the provider's client ids",
        "https://docs.aws.amazon.com/eks/latest/userguide/enable-iam-roles-for-service-accounts.html",
    ),
    "pod-identity-any": Rule(
        "note",
        "any Pod Identity association of the account may use the role",
        "whoever may create an association and pass the role can give it to any Pod of any cluster",
        "add StringEquals aws:RequestTag/kubernetes-namespace and aws:RequestTag/eks-cluster-arn",
        "https://docs.aws.amazon.com/eks/latest/userguide/pod-id-abac.html",
    ),
    "service-source": Rule(
        "note",
        "a service may assume the role on behalf of any account",
        "AWS recommends aws:SourceAccount for this service, so that nobody can make it use the "
        "role for a resource of another account",
        "add StringEquals aws:SourceAccount with the role's own account",
        _DEPUTY,
    ),
    "other-cluster": Rule(
        "note",
        "the role trusts a service account of the same name in another cluster",
        "anyone who can create Pods in that namespace of the other cluster gets the role, too",
        "if you mean one cluster only, remove the statement for the other",
        _EKS_BEST,
    ),
    "thumbprint": Rule(
        "note",
        "the OIDC provider pins certificates; the audit does not check that they are the issuer's",
        "IAM compares thumbprints when the issuer's certificate is not signed by an authority "
        "that it knows; with a stale one it refuses every token",
        "compare the thumbprints with the issuer's certificates",
        f"{_IAM}/id_roles_providers_create_oidc_verify-thumbprint.html",
    ),
    "trust-unknown": Rule(
        "note",
        "could not tell whether the role's trust policy allows the service account",
        "the policy asks for something that only a real call carries",
        "run verify for the service account: it makes the call",
        _IRSA,
    ),
    "unused-role": Rule(
        "note",
        "the role trusts this cluster, but no service account is annotated with it",
        "a role that nobody uses is a role that nobody watches",
        "annotate the service account, or delete the role",
        _IRSA,
    ),
    "other-account": Rule(
        "note",
        "the annotation names a role of another account, which the audit did not read",
        "the audit reads one account",
        "run the audit with that account's credentials, too",
        "https://docs.aws.amazon.com/eks/latest/userguide/cross-account-access.html",
    ),
}
