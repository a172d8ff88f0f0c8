"""Claims of well-known issuers that STS makes condition keys, beside those of every issuer.

Pure. All other claims of a token are no keys.
https://docs.aws.amazon.com/service-authorization/latest/reference/list_sts.html#list_sts-policy-keys
"""

import re
from typing import Final

OF_EVERY_ISSUER: Final = ("amr", "aud", "email", "oaud", "sub")
_GITHUB = (
    "actor actor_id enterprise_id environment job_workflow_ref ref repository repository_id "
    "repository_owner_id workflow"
)
_GITLAB = (
    "namespace_id pipeline_source project_id ref_protected runner_environment user_access_level "
    "user_email user_id user_login"
)
_BUILDKITE = (
    "build_branch cluster_id cluster_name organization_id organization_slug pipeline_id "
    "pipeline_slug"
)
_LISTED = {
    r"token\.actions\.githubusercontent\.com(/.+)?": _GITHUB,
    r"token\.actions\.[^/]+\.ghe\.com": _GITHUB,
    r"github\.com/enterprises/[^/]+": _GITHUB,
    r"gitlab\.com": _GITLAB,
    r"agent\.buildkite\.com": _BUILDKITE,
    r"agent\.[^/]+\.buildkite\.(dev|site)": _BUILDKITE,
    r"oidc\.circleci\.com/org/[^/]+": "oidc.circleci.com/project-id",
    r"idcs-[^/]+\.identity\.oraclecloud\.com": "rpst_id",
    r"accounts\.google\.com": "google/organization_number",
}
OPAQUE: Final = {
    "graph.facebook.com": ("app_id", "id"),
    "www.amazon.com": ("app_id", "user_id"),
}
"""Issuers whose tokens are no JWTs, so that their claims do not show the keys."""


def claim_keys(issuer: str) -> tuple[str, ...]:
    """Return the claims, in lower case, of an issuer without ``https://`` that are keys."""
    listed = (names for form, names in _LISTED.items() if re.fullmatch(form, issuer.lower()))
    return tuple(next(listed, "").split())
