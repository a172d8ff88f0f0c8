"""IAM as AWS answers: the roles and users of an account, one by one or all together.

The errors of boto3's clients are the caller's: `irsa.observe.aws` makes the calls.
https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountAuthorizationDetails.html
"""
# pyright: reportMissingTypeStubs=false

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Self
from urllib.parse import unquote

from irsa.decide.document import statements_of
from irsa.identity.arns import name_of, parse_role_arn
from irsa.identity.policy_json import Json, mapping, mappings
from irsa.identity.quotas import DEFAULT_ROLE_SESSION_DURATION
from irsa.observe.facts import PermissionsPolicy, Principal, RegisteredProvider, Role, Unread

DETAILS = "iam:GetAccountAuthorizationDetails"
FIELDS = ("RoleDetailList", "Roles")
"""Fields with the roles in the answers of GetAccountAuthorizationDetails and ListRoles."""

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


class IamReader:
    """Reader of answers page by page; keeps the needed fields."""

    def __init__(self) -> None:
        self._roles: dict[str, Role] = {}
        self._users: list[Json] = []
        self._groups: dict[str, Json] = {}
        self._details: dict[str, Json] = {}
        self._last_used: dict[str, str] = {}
        self._managed: dict[str, PermissionsPolicy] = {}

    def add(self, page: Json) -> Self:
        """Take in an answer; ValueError, in one line, for roles that are not as IAM writes them."""
        for name in FIELDS:
            for role in mappings(page.get(name) or []):
                self._add(role, detailed=name == "RoleDetailList")
        self._users += mappings(page.get("UserDetailList") or [])
        self._groups |= {each["GroupName"]: each for each in mappings(page.get("GroupDetailList"))}
        for policy in mappings(page.get("Policies") or []):
            arn = str(policy.get("Arn", ""))
            for version in mappings(policy.get("PolicyVersionList") or []):
                if version.get("IsDefaultVersion"):
                    document = document_of(version.get("Document"), f"policy {arn}")
                    self._managed[arn] = PermissionsPolicy(name_of(arn), document, arn)
        return self

    def result(self) -> AccountPrincipals:
        """All that was read."""
        roles = tuple(map(self._with_policies, self._roles.values()))
        known = all(role.arn in self._last_used for role in roles)
        users = tuple(map(self._user, self._users))
        return AccountPrincipals(roles, self._last_used if known else _NOT_LISTED, users)

    def _add(self, role: Json, *, detailed: bool) -> None:
        arn, unique_id = role.get("Arn"), role.get("RoleId")
        if (
            not isinstance(arn, str)
            or parse_role_arn(arn) is None
            or not isinstance(unique_id, str)
        ):
            raise ValueError(f"a role without Arn or RoleId: {json.dumps(role)[:80]}")
        if "RoleLastUsed" in role:
            self._last_used[arn] = _moment(mapping(role["RoleLastUsed"]).get("LastUsedDate", ""))
        if detailed:
            self._details[arn] = role
        self._roles[arn] = Role(
            arn,
            unique_id,
            document_of(role.get("AssumeRolePolicyDocument"), f"the trust policy of {arn}"),
            role.get("MaxSessionDuration", DEFAULT_ROLE_SESSION_DURATION),
            tags=tags_of(role),
        )

    def _with_policies(self, role: Role) -> Role:
        if role.arn not in self._details:
            unread = Unread(f"policies of role {role.arn}", "ListRoles does not say them", DETAILS)
            return replace(role, policies=unread)
        details = self._details[role.arn]
        policies = tuple(self._listed(details, "RolePolicyList", f" of {role.arn}"))
        return replace(role, policies=policies, boundary=self._boundary(details))

    def _user(self, details: Json) -> Principal:
        arn: str = details["Arn"]
        policies = [*self._listed(details, "UserPolicyList", f" of {arn}")]
        for name in details.get("GroupList") or ():
            unread = PermissionsPolicy(name, Unread(f"group {name}", "it was not listed", DETAILS))
            group = self._groups.get(name)
            policies += self._listed(group, "GroupPolicyList", f" of {name}") if group else [unread]
        return Principal(
            arn,
            details["UserId"],
            policies=tuple(policies),
            boundary=self._boundary(details),
            tags=tags_of(details),
        )

    def _listed(self, details: Json, inline: str, of_it: str) -> Iterator[PermissionsPolicy]:
        """The inline policies of a role, user or group, and its managed ones."""
        for each in mappings(details.get(inline) or []):
            name = str(each.get("PolicyName", ""))
            yield PermissionsPolicy(name, document_of(each.get("PolicyDocument"), name + of_it))
        for each in mappings(details.get("AttachedManagedPolicies") or []):
            yield self._policy(str(each.get("PolicyArn", "")))

    def _policy(self, arn: str) -> PermissionsPolicy:
        """A managed policy; without its document if it was not listed, such as those of AWS."""
        unread = Unread(f"policy {arn}", "it was not listed", "iam:GetPolicyVersion")
        return self._managed.get(arn) or PermissionsPolicy(name_of(arn), unread, arn)

    def _boundary(self, details: Json) -> PermissionsPolicy | None:
        arn = mapping(details.get("PermissionsBoundary")).get("PermissionsBoundaryArn")
        return self._policy(str(arn)) if arn else None


def tags_of(details: Json) -> dict[str, str]:
    """The tags of a role or user."""
    return {each["Key"]: each["Value"] for each in mappings(details.get("Tags") or [])}


def document_of(document: object, what: str) -> Json:
    """A policy document: the API writes it URL-encoded, botocore and the AWS CLI as JSON.

    ValueError, which names ``what``, for anything else.
    """
    if isinstance(document, str):
        text = document if document.lstrip().startswith("{") else unquote(document)
        try:
            document = json.loads(text)
        except (ValueError, RecursionError):
            raise ValueError(f"{what} is not JSON: {text[:40]!r}") from None
    if not mapping(document):
        raise ValueError(f"{what} is missing")
    return mapping(document)


def _moment(value: Any) -> str:
    """A time of botocore's or of the AWS CLI's, as ISO 8601 in UTC; empty for none.

    ValueError, in one line, for anything else.
    """
    if value in ("", None):
        return ""
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    if not isinstance(moment, datetime):
        raise ValueError(f"{value!r} is no time, such as 2026-11-26T09:00:00+00:00")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def federated(trust_policy: Json) -> list[str]:
    """The ``Federated`` principals of a trust policy, each once."""
    listed = (each for each in statements_of(trust_policy) if not each.excepts)
    return list(dict.fromkeys(arn for each in listed for arn in each.named("Federated")))


def read_provider(iam: Any, arn: str) -> RegisteredProvider:
    """An OIDC provider."""
    provider = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    return RegisteredProvider(
        arn, tuple(provider["ClientIDList"]), tuple(provider.get("ThumbprintList", ()))
    )


def read_policies(iam: Any, role: str) -> Iterator[PermissionsPolicy]:
    """A role's permissions policies, embedded and attached."""
    for page in iam.get_paginator("list_role_policies").paginate(RoleName=role):
        for name in page["PolicyNames"]:
            policy = iam.get_role_policy(RoleName=role, PolicyName=name)
            yield PermissionsPolicy(
                name, document_of(policy["PolicyDocument"], f"{name} of role {role}")
            )
    for page in iam.get_paginator("list_attached_role_policies").paginate(RoleName=role):
        for attached in page["AttachedPolicies"]:
            yield read_managed(iam, attached["PolicyArn"])


def read_managed(iam: Any, arn: str) -> PermissionsPolicy:
    """A managed policy in its default version."""
    version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    policy = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]
    return PermissionsPolicy(name_of(arn), document_of(policy["Document"], f"policy {arn}"), arn)
