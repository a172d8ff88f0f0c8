"""Roles that others have made, whole: as IAM has them, or as the state of another tool says. Pure.

`irsa.observe.facts.Role` is what a chain needs of a role; this is what it takes to own one.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, cast

from irsa.identity.arns import name_of, parse_role_arn
from irsa.identity.policy_json import Json, principals, statements
from irsa.identity.quotas import DEFAULT_ROLE_SESSION_DURATION

# eksctl gives them to its stacks, and CloudFormation hands them on to the roles in these.
# https://github.com/eksctl-io/eksctl/blob/main/pkg/apis/eksctl.io/v1alpha5/types.go
EKSCTL_SERVICE_ACCOUNT: Final = "alpha.eksctl.io/iamserviceaccount-name"
EKSCTL_CLUSTER: Final = "alpha.eksctl.io/cluster-name"


@dataclass(frozen=True, kw_only=True)
class ExistingRole:
    """A role, and everything that its owner has given to it."""

    arn: str
    trust_policy: Json
    description: str = ""
    max_session_duration: int = DEFAULT_ROLE_SESSION_DURATION
    permissions_boundary: str = ""
    """ARN of a managed policy; empty for none."""
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    attached: Mapping[str, str] = field(default_factory=dict[str, str])
    """What its owner calls each attached policy, by the policy's ARN; empty for no name."""
    inline: tuple[str, ...] = ()
    """Names of the policies that are embedded in it."""
    origin: str = ""
    """What made it, as far as that is known: an address in Terraform, eksctl."""

    @property
    def name(self) -> str:
        """Its name without the path."""
        return name_of(self.arn)

    @property
    def path(self) -> str:
        """Its path, ``/`` for none."""
        parsed = parse_role_arn(self.arn)
        return parsed.path if parsed else "/"

    @property
    def eksctl_cluster(self) -> str:
        """The cluster that eksctl made it for, by its tags; empty for a role of others."""
        return self.tags.get(EKSCTL_CLUSTER, "") if EKSCTL_SERVICE_ACCOUNT in self.tags else ""


def federated(trust_policy: Json) -> list[str]:
    """The ``Federated`` principals of a trust policy, each once."""
    named = (each for s in statements(trust_policy) for each in _federated(s))
    return list(dict.fromkeys(named))


def _federated(statement: object) -> Iterator[str]:
    if isinstance(statement, dict):
        named: list[object] = list(principals(cast("Json", statement), "Federated"))
        yield from (each for each in named if isinstance(each, str))


def from_iam(role: Json, attached: list[str], inline: list[str]) -> ExistingRole:
    """A role as GetRole answers, with the ARNs of its policies and the names of those in it."""
    tags = {tag["Key"]: tag["Value"] for tag in role.get("Tags", ())}
    account = tags.get(EKSCTL_SERVICE_ACCOUNT)
    return ExistingRole(
        arn=role["Arn"],
        trust_policy=role["AssumeRolePolicyDocument"],
        description=role.get("Description", ""),
        max_session_duration=role.get("MaxSessionDuration", DEFAULT_ROLE_SESSION_DURATION),
        permissions_boundary=role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn", ""),
        tags=tags,
        attached=dict.fromkeys(attached, ""),
        inline=tuple(inline),
        origin=f"eksctl, for service account {account}" if account else "",
    )
