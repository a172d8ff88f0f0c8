"""The limits of AWS and Kubernetes, each with its page. Pure."""

from typing import Final

# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
ROLE_NAME_MAX: Final = 64
POLICY_NAME_MAX: Final = 128
USER_NAME_MAX: Final = 64
PATH_MAX: Final = 512
TRUST_POLICY_QUOTA: Final = 2048
"""Characters of a role trust policy, white space not counted; an account can have it raised."""
TRUST_POLICY_QUOTA_MAX: Final = 8192
TRUST_POLICY_QUOTAS: Final = range(TRUST_POLICY_QUOTA, TRUST_POLICY_QUOTA_MAX + 1)
ATTACHED_POLICIES_MAX: Final = 20
"""Managed policies of one role or user. The default is 10; 20 can be asked for."""
POLICY_SIZE_MAX: Final = 6144
"""Characters of a managed policy, white space not counted."""
POLICY_VERSIONS_MAX: Final = 5
"""Versions of one managed policy."""
INLINE_POLICIES_SIZE_MAX: Final = 10_240
"""Characters of all policies embedded in a role together, white space not counted."""
ACCESS_KEYS_MAX: Final = 2
"""Access keys of one user."""
CLIENT_IDS_MAX: Final = 100
"""Client ids of one OIDC provider."""

# https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html
TAGS_MAX: Final = 50
TAG_KEY_MAX: Final = 128
TAG_VALUE_MAX: Final = 256

# https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
ARN_MAX: Final = 2048
EXTERNAL_ID_LENGTH: Final = range(2, 1224 + 1)
SESSION_NAME_LENGTH: Final = range(2, 64 + 1)
WEB_IDENTITY_TOKEN_LENGTH: Final = range(4, 20_000 + 1)
SESSION_POLICIES_SIZE_MAX: Final = 2048
"""Characters of the inline and the managed session policies of a call together."""
SESSION_POLICY_ARNS_MAX: Final = 10
SESSION_DURATION: Final = range(900, 43_200 + 1)
"""Seconds that a session may be asked to last."""
SCOPED_DURATION: Final = range(1, 129_600 + 1)
"""Seconds that a session of GetScopedCredentials may be asked to last."""
DEFAULT_SESSION_DURATION: Final = 3600
"""Default length of a session in seconds."""
CHAINED_SESSION_MAX: Final = 3600
"""Seconds; role chaining allows no more, whatever the role's maximum is.
https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles.html#iam-term-role-chaining"""

# https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html
DESCRIPTION_MAX: Final = 1000
"""Characters of a role's description."""
ROLE_SESSION_DURATION: Final = range(3600, 43_200 + 1)
"""Seconds that a role's maximum session duration may be."""
DEFAULT_ROLE_SESSION_DURATION: Final = 3600

# https://kubernetes.io/docs/concepts/overview/working-with-objects/names/
DNS_LABEL_MAX: Final = 63
DNS_SUBDOMAIN_MAX: Final = 253

# https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-request-v1/
# and https://docs.aws.amazon.com/eks/latest/userguide/service-accounts.html
TOKEN_EXPIRATION: Final = range(600, 86_400 + 1)
"""Seconds that a projected token may live: the API server's shortest, EKS's longest."""
