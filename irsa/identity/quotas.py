"""AWS's and Kubernetes' limits, each with its page. Pure."""

from typing import Final

# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
ROLE_NAME_MAX: Final = 64


POLICY_NAME_MAX: Final = 128


USER_NAME_MAX: Final = 64


PATH_MAX: Final = 512


TRUST_POLICY_QUOTA: Final = 2048
"""Characters of a role trust policy, white space not counted; an account can have it raised."""


TRUST_POLICY_QUOTA_MAX: Final = 8192


ATTACHED_POLICIES_MAX: Final = 20
"""Managed policies of one role or user. The default is 10; 20 can be asked for."""


SESSION_DURATION: Final = range(3600, 43_200 + 1)
"""Seconds that a role's maximum session duration may be."""


# https://kubernetes.io/docs/concepts/overview/working-with-objects/names/
DNS_LABEL_MAX: Final = 63


DNS_SUBDOMAIN_MAX: Final = 253
