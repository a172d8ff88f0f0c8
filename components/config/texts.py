"""Kinds of text in the configuration, each with the check of whoever gives it rules. Pure.

A field of one of these types is checked when it is read, and its schema has the same rule.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, NewType

from irsa.identity import arns, names, subjects
from irsa.identity.arns import AccountId

RoleArnText = NewType("RoleArnText", str)
PolicyArnText = NewType("PolicyArnText", str)
ProviderArnText = NewType("ProviderArnText", str)
RoleName = NewType("RoleName", str)
UserName = NewType("UserName", str)
IamPath = NewType("IamPath", str)
ExternalId = NewType("ExternalId", str)
BucketName = NewType("BucketName", str)
NamespaceName = NewType("NamespaceName", str)
WorkloadName = NewType("WorkloadName", str)
SubnetId = NewType("SubnetId", str)
VpcId = NewType("VpcId", str)
StackName = NewType("StackName", str)


NO_PATH = IamPath("/")
"""What IAM takes for the path of a role that has none."""

_STACK_NAME = re.compile(r"[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+){2}")


def check_stack_name(name: str) -> str:
    """Return the full name of a Pulumi stack, or raise ValueError."""
    if not _STACK_NAME.fullmatch(name):
        raise ValueError(f"stack {name!r} is not spelt <organization>/<project>/<stack>")
    return name


class Text(NamedTuple):
    """What a kind of text must be."""

    check: Callable[[str], str]
    """Raises ValueError."""

    pattern: str | None = None
    """The same rule as a regular expression, where it is one."""


TEXTS: Mapping[Any, Text] = {
    AccountId: Text(arns.check_account_id, arns.PATTERNS["account id"]),
    RoleArnText: Text(arns.check_role_arn, arns.PATTERNS["role"]),
    PolicyArnText: Text(arns.check_policy_arn, arns.PATTERNS["policy"]),
    ProviderArnText: Text(arns.issuer_from_provider_arn, arns.PATTERNS["OIDC provider"]),
    RoleName: Text(names.check_role_name),
    UserName: Text(names.check_user_name),
    IamPath: Text(names.check_path),
    ExternalId: Text(names.check_external_id),
    BucketName: Text(names.check_bucket_name),
    NamespaceName: Text(subjects.check_namespace),
    WorkloadName: Text(subjects.check_workload_name),
    SubnetId: Text(names.check_subnet_id),
    VpcId: Text(names.check_vpc_id),
    StackName: Text(check_stack_name, f"^{_STACK_NAME.pattern}$"),
}
