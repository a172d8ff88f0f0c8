"""Statements of a user's own, beside those of a role's trust policy that the components write."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from irsa_core.decide.trust_policy import check_storable, compile_trust_policy
from irsa_core.identity.policies import document
from irsa_core.rules.tokens import TrustContext
from irsa_core.rules.trust_policy import check_trust_policy


def check_further_statements(role: str, statements: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the warnings of ``irsa audit`` about trust statements; ValueError for its errors, and
    for a statement without a principal or a condition."""
    argument = f"{role}: further_statements"
    for number, statement in enumerate(statements):
        if "Principal" not in statement or not statement.get("Condition"):
            raise ValueError(
                f"{argument}[{number}] needs a Principal and a Condition; add what is missing"
            )
        try:
            json.dumps(statement)
        except TypeError as error:
            raise ValueError(
                f"{argument}[{number}]: {error}; give plain values, such as an ARN of role_arn()"
            ) from None
    policy = document(*map(dict, statements))
    try:
        compile_trust_policy(policy)
        check_storable(policy)
        findings = list(check_trust_policy(policy, TrustContext(), role))
    except ValueError as error:
        raise ValueError(f"{argument}: {error}") from None
    for finding in findings:
        if finding.severity == "error":
            raise ValueError(f"{argument}: {finding.found}; {finding.remedy}")
    return [f"{argument}: {finding.found}; {finding.remedy}" for finding in findings]
