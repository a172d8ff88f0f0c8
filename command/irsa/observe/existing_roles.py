"""Existing IAM roles with all their settings, from IAM or from the state of another tool. Pure.

`irsa.observe.facts.Role` has the fields that a chain needs; this has those that a program needs.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, cast

from irsa.identity.arns import name_of, parse_role_arn
from irsa.identity.policy_json import Json, principals, statements
from irsa.identity.quotas import DEFAULT_ROLE_SESSION_DURATION

# The tag that eksctl gives to its stacks, and CloudFormation to the roles in these.
# https://github.com/eksctl-io/eksctl/blob/main/pkg/apis/eksctl.io/v1alpha5/types.go
EKSCTL_SERVICE_ACCOUNT: Final = "alpha.eksctl.io/iamserviceaccount-name"


@dataclass(frozen=True, kw_only=True)
class ExistingRole:
    """A role with all its settings."""

    arn: str
    trust_policy: Json
    description: str = ""
    max_session_duration: int = DEFAULT_ROLE_SESSION_DURATION
    permissions_boundary: str = ""
    """ARN of a managed policy; empty for none."""
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    attached: Mapping[str, str] = field(default_factory=dict[str, str])
    """The key of each attached policy in the tool's state, by the policy's ARN; may be empty."""
    inline: tuple[str, ...] = ()
    """Names of its inline policies."""
    origin: str = ""
    """The tool that manages it, if known: an address in Terraform, eksctl."""
    given_to: str = ""
    """The service account and cluster of an EKS Pod Identity association in the tool's state."""

    @property
    def name(self) -> str:
        """Its name without the path."""
        return name_of(self.arn)

    @property
    def path(self) -> str:
        """Its path, ``/`` for none."""
        parsed = parse_role_arn(self.arn)
        return parsed.path if parsed else "/"


def federated(trust_policy: Json) -> list[str]:
    """The ``Federated`` principals of a trust policy, each once."""
    named = (each for s in statements(trust_policy) for each in _federated(s))
    return list(dict.fromkeys(named))


def _federated(statement: object) -> Iterator[str]:
    if isinstance(statement, dict):
        named: list[object] = list(principals(cast("Json", statement), "Federated"))
        yield from (each for each in named if isinstance(each, str))
