"""Permissions policies of a user's own, as IAM stores them in a role."""

import json
from collections.abc import Mapping

from irsa_core.decide.trust_policy import check_permissions_policy
from irsa_core.identity.policies import size_of_text
from irsa_core.identity.quotas import INLINE_POLICIES_SIZE_MAX


def check_inline_policies(owner: str, policies: Mapping[str, str]) -> None:
    """Raise ValueError for policies (JSON, by name) that IAM does not store in one role.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
    """
    for name, text in policies.items():
        try:
            check_permissions_policy(json.loads(text))
        except ValueError as error:
            raise ValueError(
                f"{owner}: policies[{name!r}] is not a policy ({error}); correct it"
            ) from None
    total = sum(map(size_of_text, policies.values()))
    if total > INLINE_POLICIES_SIZE_MAX:
        raise ValueError(
            f"{owner}: policies have {total} characters; IAM accepts {INLINE_POLICIES_SIZE_MAX} in "
            "a role, attach managed policies by policy_arns"
        )
