"""The roles of an account, from what GetAccountAuthorizationDetails or ListRoles answers. Pure.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountAuthorizationDetails.html
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Self
from urllib.parse import unquote

from irsa.identity.arns import name_of, parse_role_arn
from irsa.identity.policy_json import Json
from irsa.identity.quotas import DEFAULT_ROLE_SESSION_DURATION
from irsa.observe.facts import PermissionsPolicy, Role, Unread
from irsa.observe.shapes import mapping, mappings

DETAILS = "iam:GetAccountAuthorizationDetails"
FIELDS = ("RoleDetailList", "Roles")
"""Fields with the roles in the answers of GetAccountAuthorizationDetails and ListRoles."""

_NOT_LISTED = Unread("when roles were last used", "ListRoles does not say it", DETAILS)


@dataclass(frozen=True, slots=True)
class AccountRoles:
    """The roles of one account."""

    roles: tuple[Role, ...]
    """Each once, in IAM's order."""
    last_used: Mapping[str, str] | Unread
    """Time of a role's last use (ISO 8601), by its ARN; empty for none within the 400 days that IAM
    looks back."""


class RoleReader:
    """Reader of answers page by page; keeps the needed fields."""

    def __init__(self, *, policies: bool) -> None:
        """Without ``policies`` the permissions policies are left out, as if there were none."""
        self._policies = policies
        self._roles: dict[str, Role] = {}
        self._last_used: dict[str, str] = {}
        self._attached: dict[str, Sequence[str]] = {}
        self._managed: dict[str, PermissionsPolicy] = {}

    def add(self, page: Json) -> Self:
        """Take in an answer; ValueError, in one line, for roles that are not as IAM writes them."""
        for field in FIELDS:
            for role in mappings(page.get(field) or []):
                self._add(role, detailed=field == "RoleDetailList")
        if self._policies:
            for policy in mappings(page.get("Policies") or []):
                self._add_managed(policy)
        return self

    def result(self) -> AccountRoles:
        """All that was read."""
        roles = tuple(map(self._with_managed, self._roles.values()))
        known = all(role.arn in self._last_used for role in roles)
        return AccountRoles(roles, self._last_used if known else _NOT_LISTED)

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
        self._roles[arn] = Role(
            arn,
            unique_id,
            document_of(role.get("AssumeRolePolicyDocument"), f"the trust policy of {arn}"),
            role.get("MaxSessionDuration", DEFAULT_ROLE_SESSION_DURATION),
            self._own_policies(role, arn, detailed=detailed),
            Unread(f"boundary of role {arn}", "not asked", "iam:GetPolicyVersion")
            if role.get("PermissionsBoundary")
            else None,
        )

    def _own_policies(
        self, role: Json, arn: str, *, detailed: bool
    ) -> tuple[PermissionsPolicy, ...] | Unread:
        if not self._policies:
            return ()
        if not detailed:
            return Unread(f"policies of role {arn}", "ListRoles does not say them", DETAILS)
        attached = mappings(role.get("AttachedManagedPolicies") or [])
        self._attached[arn] = [str(each.get("PolicyArn", "")) for each in attached]
        return tuple(
            PermissionsPolicy(name, document_of(each.get("PolicyDocument"), f"{name} of {arn}"))
            for each in mappings(role.get("RolePolicyList") or [])
            for name in [str(each.get("PolicyName", ""))]
        )

    def _add_managed(self, policy: Json) -> None:
        arn = str(policy.get("Arn", ""))
        for version in mappings(policy.get("PolicyVersionList") or []):
            if version.get("IsDefaultVersion"):
                document = document_of(version.get("Document"), f"policy {arn}")
                self._managed[arn] = PermissionsPolicy(name_of(arn), document, arn)

    def _with_managed(self, role: Role) -> Role:
        """The role with its managed policies; one that was not listed has an empty document."""
        attached = self._attached.get(role.arn)
        if not attached or isinstance(role.policies, Unread):
            return role
        empty: Json = {}
        managed = (
            self._managed.get(arn) or PermissionsPolicy(name_of(arn), empty, arn)
            for arn in attached
        )
        return replace(role, policies=(*role.policies, *managed))


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
