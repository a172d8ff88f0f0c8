"""IAM as AWS answers: the roles and users of an account, one by one or all together.

The errors of boto3's clients are the caller's: `irsa.observe.aws` makes the calls.
https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountAuthorizationDetails.html
"""
# pyright: reportMissingTypeStubs=false

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from irsa.observe.facts import PermissionsPolicy, Principal, Role, Unread
from irsa_core.decide.document import statements_of
from irsa_core.identity.arns import name_of
from irsa_core.identity.policy_json import Json
from irsa_core.identity.quotas import DEFAULT_ROLE_SESSION_DURATION

DETAILS = "iam:GetAccountAuthorizationDetails"

_NOT_LISTED = Unread("when roles were last used", "ListRoles does not say it", DETAILS)


@dataclass(frozen=True, slots=True)
class AccountPrincipals:
    """The roles of one account, and its users as far as they were asked for."""

    roles: tuple[Role, ...]
    """Each once, in IAM's order."""
    last_used: Mapping[str, str] | Unread
    """Time of a role's last use (ISO 8601), by its ARN; empty for none within the 400 days that IAM
    looks back."""
    users: tuple[Principal, ...] = ()
    managed: tuple[PermissionsPolicy, ...] = ()
    """The account's own managed policies, attached or not, as far as they were asked for."""


class IamReader:
    """Reader of the answers of GetAccountAuthorizationDetails or ListRoles."""

    def __init__(self, pages: Iterable[Json]) -> None:
        self._roles: dict[str, Json] = {}
        self._users: list[Json] = []
        self._groups: dict[str, Json] = {}
        self._without_policies: set[str] = set()
        self._managed: dict[str, PermissionsPolicy] = {}
        for page in pages:
            listed = page.get("Roles", ())
            self._without_policies.update(role["Arn"] for role in listed)
            self._roles |= {e["Arn"]: e for e in (*page.get("RoleDetailList", ()), *listed)}
            self._users += page.get("UserDetailList", ())
            self._groups |= {group["GroupName"]: group for group in page.get("GroupDetailList", ())}
            for policy in page.get("Policies", ()):
                arn: str = policy["Arn"]
                for version in policy["PolicyVersionList"]:
                    if version["IsDefaultVersion"]:
                        document = version["Document"]
                        self._managed[arn] = PermissionsPolicy(name_of(arn), document, arn)

    def result(self) -> AccountPrincipals:
        """All that was read."""
        roles, users = map(self._role, self._roles.values()), map(self._user, self._users)
        used = {
            arn: _moment(role["RoleLastUsed"].get("LastUsedDate"))
            for arn, role in self._roles.items()
            if "RoleLastUsed" in role
        }
        last_used = used if len(used) == len(self._roles) else _NOT_LISTED
        managed = tuple(self._managed.values())
        return AccountPrincipals(tuple(roles), last_used, tuple(users), managed)

    def _role(self, details: Json) -> Role:
        arn: str = details["Arn"]
        if arn in self._without_policies:
            unread = Unread(f"policies of role {arn}", "ListRoles does not say them", DETAILS)
            return role_of(details, unread, None)
        policies = tuple(self._listed(details, "RolePolicyList"))
        return role_of(details, policies, self._boundary(details))

    def _user(self, details: Json) -> Principal:
        arn: str = details["Arn"]
        policies = [*self._listed(details, "UserPolicyList")]
        for name in details.get("GroupList", ()):
            unread = PermissionsPolicy(name, Unread(f"group {name}", "it was not listed", DETAILS))
            group = self._groups.get(name)
            policies += self._listed(group, "GroupPolicyList") if group else [unread]
        return Principal(
            arn,
            details["UserId"],
            policies=tuple(policies),
            boundary=self._boundary(details),
            tags=tags_of(details),
        )

    def _listed(self, details: Json, inline: str) -> Iterator[PermissionsPolicy]:
        """The inline policies of a role, user or group, and its managed ones."""
        for each in details.get(inline, ()):
            yield PermissionsPolicy(each["PolicyName"], each["PolicyDocument"])
        for each in details.get("AttachedManagedPolicies", ()):
            yield self._policy(each["PolicyArn"])

    def _policy(self, arn: str) -> PermissionsPolicy:
        """A managed policy; without its document if it was not listed, such as those of AWS."""
        unread = Unread(f"policy {arn}", "it was not listed", "iam:GetPolicyVersion")
        return self._managed.get(arn) or PermissionsPolicy(name_of(arn), unread, arn)

    def _boundary(self, details: Json) -> PermissionsPolicy | None:
        boundary = details.get("PermissionsBoundary")
        return self._policy(boundary["PermissionsBoundaryArn"]) if boundary else None


def role_of(
    details: Json,
    policies: tuple[PermissionsPolicy, ...] | Unread,
    boundary: PermissionsPolicy | Unread | None,
) -> Role:
    """A role as IAM lists it, with its policies."""
    return Role(
        details["Arn"],
        details["RoleId"],
        details["AssumeRolePolicyDocument"],
        details.get("MaxSessionDuration", DEFAULT_ROLE_SESSION_DURATION),
        policies=policies,
        boundary=boundary,
        tags=tags_of(details),
    )


def tags_of(details: Json) -> dict[str, str]:
    """The tags of a role or user."""
    return {each["Key"]: each["Value"] for each in details.get("Tags", ())}


def _moment(time: datetime | str | None) -> str:
    """Return a time, which the AWS CLI prints as text, as ISO 8601 in UTC; empty for none."""
    if isinstance(time, str):
        time = datetime.fromisoformat(time)
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if time else ""


def federated(trust_policy: Json) -> list[str]:
    """The ``Federated`` principals of a trust policy, each once."""
    listed = (each for each in statements_of(trust_policy) if not each.excepts)
    return list(dict.fromkeys(arn for each in listed for arn in each.named("Federated")))


def read_policies(iam: Any, role: str) -> Iterator[PermissionsPolicy]:
    """A role's permissions policies, embedded and attached."""
    inline = iam.get_paginator("list_role_policies").paginate(RoleName=role)
    for name in inline.search("PolicyNames"):
        policy = iam.get_role_policy(RoleName=role, PolicyName=name)
        yield PermissionsPolicy(name, policy["PolicyDocument"])
    attached = iam.get_paginator("list_attached_role_policies").paginate(RoleName=role)
    for arn in attached.search("AttachedPolicies[].PolicyArn"):
        yield read_managed(iam, arn)


def read_managed(iam: Any, arn: str) -> PermissionsPolicy:
    """A managed policy in its default version."""
    version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    policy = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]
    return PermissionsPolicy(name_of(arn), policy["Document"], arn)
