"""The issuers of web identity tokens that the audit knows, each in its own words. Pure.

An issuer that all its customers share tells them apart by a claim: without a condition on it, the
issuer's name alone proves nothing. IAM asks for such a condition when a role is created today, but
leaves older roles as they are.
https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_oidc_secure-by-default.html
"""

import re
from collections.abc import Mapping
from enum import IntEnum
from typing import NamedTuple

from irsa_core.rules.conditions import wild

_PART = r"[^/:*?]+"
_OPEN = r"[^:]*"
_LOGIN = r"[^/:*?@]+"
"""Name of an owner or repository before its id, in GitHub's subjects: ``acme@42/app@7``."""


class Reach(IntEnum):
    """Scope of a claim's value, with or without wildcards."""

    EVERYBODY = 0
    """Every customer of the issuer."""
    ORGANIZATION = 1
    """One customer, with all that it has."""
    PROJECT = 2
    """One repository, workspace or pipeline, or less."""


class Claim(NamedTuple):
    """Grammar of a claim's value."""

    organization: str
    """Regular expression for the beginning that spells the organization out."""
    project: str
    """Regular expression for the beginning that names the project."""
    exact: Reach | None = Reach.PROJECT
    """Scope of a value without wildcards; None if the expressions tell that, too."""

    def reach(self, pattern: str) -> Reach:
        """Return the scope of a value."""
        if self.exact is not None and not wild(pattern):
            return self.exact
        if re.match(self.project, pattern):
            return Reach.PROJECT
        return Reach.ORGANIZATION if re.match(self.organization, pattern) else Reach.EVERYBODY


class Issuer(NamedTuple):
    """An issuer that is not a Kubernetes cluster."""

    name: str
    everybody: str
    """The callers that a statement without a condition on the customer allows."""
    claims: Mapping[str, Claim]
    """The claims that tell customers apart; one is enough."""
    private: bool = False
    """True if the issuer belongs to one customer."""

    @property
    def names_its_parts(self) -> bool:
        """True if its subjects say what they name: ``repo:acme/app:ref:refs/heads/main``."""
        return "sub" in self.claims and bool(re.match(r"\w+:", self.claims["sub"].organization))


_NEVER = r"(?!)"
ANY = Claim(r"[^*?]", r"[^*?]")
"""No grammar is known: anything but wildcards counts."""
_ID = Claim(_NEVER, _NEVER)
"""A number that the issuer gives to one project."""
_ORGANIZATION_ONLY = Claim(_NEVER, _NEVER, Reach.ORGANIZATION)

GITHUB = Issuer(
    "GitHub Actions",
    "every repository on GitHub",
    {
        # Also the subjects that an organization can define itself, by name or by id.
        # https://docs.github.com/en/actions/reference/security/oidc
        "sub": Claim(
            rf"repo:(?:{_PART}|{_LOGIN}@{_OPEN})/|repository_owner(?:_id)?:{_PART}:",
            rf"(?:repo:(?:{_PART}/{_PART}|{_LOGIN}@{_OPEN}/{_LOGIN}@{_OPEN}):|(?:[a-z_]+:{_PART}:)*(?:repository|repository_id):"
            rf"{_PART}(?:/{_PART})?:)",
        ),
        "repository": Claim(rf"{_PART}/", _NEVER),
        "repository_id": _ID,
        "job_workflow_ref": Claim(rf"{_PART}/", rf"{_PART}/{_PART}/"),
        "repository_owner": _ORGANIZATION_ONLY,
        "repository_owner_id": _ORGANIZATION_ONLY,
        "enterprise_id": _ORGANIZATION_ONLY,
    },
)
# https://vercel.com/docs/oidc/reference
VERCEL = Issuer(
    "Vercel",
    "every project on Vercel",
    {
        "sub": Claim(rf"owner:{_PART}:", rf"owner:{_PART}:project:{_PART}:"),
        # Other audiences are the deployment's own choice.
        "aud": Claim(r"https://vercel\.com/[^/*?]+$", _NEVER, None),
    },
)
# https://www.pulumi.com/docs/esc/guides/configuring-oidc/aws/
# https://www.pulumi.com/docs/deployments/guides/oidc/aws/
_ORG = rf"pulumi:[^:*?]+:(?:org|pulumi\.organization\.login):{_PART}:"
PULUMI = Issuer(
    "Pulumi Cloud",
    "every organization on Pulumi Cloud",
    {"sub": Claim(_ORG, rf"{_ORG}(?:project:{_PART}:|env:{_PART}[/:])"), "aud": _ORGANIZATION_ONLY},
)


def _by_sub(
    name: str,
    everybody: str,
    organization: str,
    project: str,
    *,
    private: bool = False,
    **more: Claim,
) -> Issuer:
    return Issuer(name, everybody, {"sub": Claim(organization, project), **more}, private)


SHARED: Mapping[str, Issuer] = {
    "token.actions.githubusercontent.com": GITHUB,
    "oidc.vercel.com": VERCEL,
    "api.pulumi.com/oidc": PULUMI,
    # https://docs.gitlab.com/ci/cloud_services/aws/
    "gitlab.com": _by_sub(
        "GitLab", "every project on GitLab",
        rf"project_path:{_PART}/", r"project_path:[^:*?]+:",
        project_id=_ID, namespace_id=_ORGANIZATION_ONLY,
    ),
    # https://developer.hashicorp.com/terraform/cloud-docs/workspaces/dynamic-provider-credentials
    "app.terraform.io": _by_sub(
        "HCP Terraform", "every workspace of HCP Terraform",
        rf"organization:{_PART}:",
        rf"organization:{_PART}:(?:project:{_PART}:|project:{_OPEN}:workspace:{_PART}:)",
    ),
    "agent.buildkite.com": _by_sub(
        "Buildkite", "every pipeline on Buildkite",
        rf"organization:{_PART}:", rf"organization:{_PART}:pipeline:{_PART}:",
        pipeline_id=_ID, organization_id=_ORGANIZATION_ONLY, organization_slug=_ORGANIZATION_ONLY,
        cluster_id=_ORGANIZATION_ONLY,
    ),
    # Beginnings of names are meant to be written: https://docs.scalr.io/docs/aws
    "scalr.io": _by_sub(
        "Scalr", "every workspace on Scalr",
        rf"account:{_PART}:",
        rf"account:{_PART}:environment:(?:[^:*?]|{_OPEN}:workspace:[^:*?])",
    ),
    # https://codefresh.io/docs/docs/integrations/oidc-pipelines/
    "oidc.codefresh.io": _by_sub(
        "Codefresh", "every pipeline on Codefresh",
        rf"account:{_PART}:", rf"account:{_PART}:pipeline:{_PART}:",
    ),
    # https://docs.upbound.io/providers/provider-aws/authentication/
    "proidc.upbound.io": _by_sub(
        "Upbound", "every control plane on Upbound",
        rf"mcp:{_PART}/", rf"mcp:{_PART}/{_PART}:",
    ),
    "cognito-identity.amazonaws.com": Issuer(
        "Amazon Cognito",
        "every identity pool of every AWS account",
        {"aud": Claim(_NEVER, _NEVER)},
    ),
    "accounts.google.com": Issuer(
        "Google", "every application with Google sign-in", {"aud": ANY, "sub": ANY}
    ),
    "www.amazon.com": Issuer(
        "Login with Amazon",
        "every application on Login with Amazon",
        {"app_id": ANY},
    ),
    "graph.facebook.com": Issuer(
        "Facebook", "every application with Facebook Login", {"app_id": ANY}
    ),
}  # fmt: skip
"""By the part of an ARN after ``oidc-provider/``, or by a principal's name."""

SENTINEL = (
    "sts.windows.net/33e01921-4d64-4f8c-a055-5bdaffd5e33d/",
    "sts.windows.net/cab8a31a-1906-4287-a0d8-4eef66b95f6e/",
)
"""Microsoft Sentinel's issuers. Workspaces, whose tokens are alike, are told apart by the name that
each gives its session.
https://learn.microsoft.com/en-us/azure/sentinel/connect-aws-configure-environment"""
_PRIVATE = {
    # https://docs.github.com/en/actions/reference/security/oidc
    r"token\.actions\.(?:githubusercontent\.com/.+|[^/]+\.ghe\.com)": GITHUB._replace(
        everybody="every repository of the enterprise", private=True
    ),
    # https://support.atlassian.com/bitbucket-cloud/docs/deploy-on-aws-using-bitbucket-pipelines-openid-connect/
    r"api\.bitbucket\.org/2\.0/workspaces/[^/]+/pipelines-config/identity/oidc": _by_sub(
        "Bitbucket Pipelines", "every repository of the Bitbucket workspace",
        "", r"\{[^}*?]+\}", private=True,
    ),
    # https://circleci.com/docs/guides/permissions-authentication/openid-connect-tokens/
    r"oidc\.circleci\.com/org/[^/]+": _by_sub(
        "CircleCI", "every project of the CircleCI organization",
        "", rf"org/{_PART}/project/{_PART}/", private=True,
    ),
    r"oidc\.vercel\.com/[^/]+": _by_sub(
        "Vercel", "every project of the Vercel team",
        "", rf"owner:{_OPEN}:project:{_PART}:", private=True,
    ),
}  # fmt: skip
_EKS = re.compile(r"oidc[.-]eks\.[^/]+/id/.+")
_EKS_HOST = re.compile(r"oidc[.-]eks\..+")
_EKS_ISSUER = re.compile(r"oidc\.eks\.[a-z0-9-]+\.[a-z0-9.-]+/id/[0-9A-Z]+")
_DUAL_STACK = re.compile(r"oidc-eks\.[^/]+\.api\.[^/]+(?:/.*)?")


def issuer(name: str) -> Issuer | None:
    """Return a known issuer by name; None for a cluster's, and for an unknown one."""
    private = (each for form, each in _PRIVATE.items() if re.fullmatch(form, name.lower()))
    return SHARED.get(name.lower()) or next(private, None)


def is_eks(name: str) -> bool:
    """Return whether the issuer is an EKS cluster's."""
    return _EKS.fullmatch(name.lower()) is not None


def is_dual_stack(name: str) -> bool:
    """Return whether this is the address at which EKS serves an issuer's documents over IPv6, too.

    It is no issuer: the tokens' ``iss`` is ``https://oidc.eks.…`` whatever the IP family is.
    https://github.com/terraform-aws-modules/terraform-aws-eks/issues/3237
    """
    return _DUAL_STACK.fullmatch(name.lower()) is not None


def is_misspelt_eks(name: str) -> bool:
    """Return whether this is an issuer at EKS, and not spelt as EKS spells one in its tokens."""
    return _EKS_HOST.match(name.lower()) is not None and _EKS_ISSUER.fullmatch(name) is None
