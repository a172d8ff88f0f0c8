"""IAM in front of MiniStack's: what it leaves out of trust policies and OIDC providers.

IAM stores a role or user that a trust policy names by its unique id, and shows the ARN while that
very role or user exists. A role that is deleted and made again under the same name is another
principal. MiniStack stores ARNs, so the ids are put in when the role or user is deleted, which
looks the same from outside.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from irsa.identity.arns import provider_arn_for
from irsa.identity.errors import quota_exceeded
from irsa.identity.policies import size_of_text
from irsa.identity.policy_json import with_principals
from irsa.identity.quotas import (
    ACCESS_KEYS_MAX,
    CLIENT_IDS_MAX,
    INLINE_POLICIES_SIZE_MAX,
    POLICY_SIZE_MAX,
)

from . import authorization_details, errors
from .errors import AwsError, Response
from .query_protocol import FORM, Handler, Parameters, Query, QueryApi, query_parameters
from .trust_policies import stored_trust_policy

Record = MutableMapping[str, Any]

# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
_TRUST = {"CreateRole": "AssumeRolePolicyDocument", "UpdateAssumeRolePolicy": "PolicyDocument"}


@dataclass(frozen=True, kw_only=True)
class Records:
    """MiniStack's own records."""

    account: Callable[[], str]
    """The account of the request's caller."""

    role: Callable[[str], Record | None]
    """A role of that account by name."""

    user: Callable[[str], Record | None]
    """A user of that account by name."""

    provider: Callable[[str], Record | None]
    """An OIDC provider of that account by ARN."""

    roles: Callable[[], Iterable[Record]]
    """The roles of every account."""

    users: Callable[[], Iterable[Record]]
    """The users of every account."""

    access_keys: Callable[[], Iterable[Record]]
    """The access keys of the caller's account."""


class Iam:
    """MiniStack's IAM handler with trust policies checked, and OIDC providers that can change."""

    def __init__(self, iam: Handler, records: Records) -> None:
        self._iam = iam
        self._model = QueryApi("iam")
        self._records = records

    async def handle(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, query: Query
    ) -> Response:
        """Answer a request to IAM."""
        try:
            parameters = query_parameters(method, body, query)
            self._model.check(parameters)
            self._check_quotas(parameters)
            action = parameters.get("Action", "")
            if action in _TRUST:
                return await self._store_trust(parameters, _TRUST[action])
            if action == "DeleteRole":
                role = self._records.role(parameters.get("RoleName", ""))
                return await self._delete(parameters, role, "RoleId")
            if action == "DeleteUser":
                user = self._records.user(parameters.get("UserName", ""))
                return await self._delete(parameters, user, "UserId")
            if action == "UpdateRole":
                return await self._update_role(parameters)
            if action == "CreateOpenIDConnectProvider":
                return await self._create_provider(parameters)
            if action == authorization_details.ACTION:
                authorization_details.check(parameters)
                answer = await self._forward(parameters)
                return authorization_details.page(answer, parameters, self._records.role)
            if action in _PROVIDER_CHANGES:
                return self._change_provider(parameters, action)
            return await self._iam(method, path, headers, body, query)
        except AwsError as error:
            return errors.as_xml(error, "iam")

    def _check_quotas(self, parameters: Parameters) -> None:
        action = parameters.get("Action")
        if action == "CreateAccessKey":
            keys = [key["UserName"] for key in self._records.access_keys()]
            if keys.count(parameters.get("UserName", "")) >= ACCESS_KEYS_MAX:
                raise quota_exceeded("AccessKeysPerUser", ACCESS_KEYS_MAX)
        makes_policy = action in ("CreatePolicy", "CreatePolicyVersion")
        if makes_policy and size_of_text(parameters["PolicyDocument"]) > POLICY_SIZE_MAX:
            raise quota_exceeded("PolicySize", POLICY_SIZE_MAX)
        role = self._records.role(parameters.get("RoleName", ""))
        if action == "PutRolePolicy" and role is not None:
            name, document = parameters["PolicyName"], parameters["PolicyDocument"]
            sizes = map(size_of_text, {**role["InlinePolicies"], name: document}.values())
            if sum(sizes) > INLINE_POLICIES_SIZE_MAX:
                raise errors.inline_policies_too_large(INLINE_POLICIES_SIZE_MAX, role["RoleName"])

    async def _store_trust(self, parameters: Parameters, name: str) -> Response:
        unique_ids = {role["RoleId"]: role["Arn"] for role in self._records.roles()}
        unique_ids |= {user["UserId"]: user["Arn"] for user in self._records.users()}
        stored = stored_trust_policy(parameters.get(name, ""), unique_ids)
        return await self._forward({**parameters, name: stored})

    async def _delete(
        self, parameters: Parameters, doomed: Record | None, id_name: str
    ) -> Response:
        answer = await self._forward(parameters)
        if answer[0] == 200 and doomed is not None:
            self._orphan(doomed["Arn"], doomed[id_name])
        return answer

    def _orphan(self, arn: str, unique_id: str) -> None:
        """Show a principal that is gone by its id, in every trust policy that names it."""
        for role in self._records.roles():
            text = role["AssumeRolePolicyDocument"]
            if arn in text:
                orphaned = with_principals(
                    json.loads(text), lambda each: unique_id if each == arn else each
                )
                role["AssumeRolePolicyDocument"] = json.dumps(orphaned)

    async def _update_role(self, parameters: Parameters) -> Response:
        answer = await self._forward(parameters)
        role = self._records.role(parameters.get("RoleName", ""))
        if answer[0] == 200 and role is not None and parameters.get("Description") == "":
            role["Description"] = ""  # MiniStack takes an empty value for none given
        return answer

    async def _create_provider(self, parameters: Parameters) -> Response:
        url = parameters.get("Url", "")
        if not url.startswith("https://"):
            raise errors.invalid_provider_url()
        issuer = url.removeprefix("https://")
        if self._records.provider(provider_arn_for(issuer, self._records.account())) is not None:
            raise errors.provider_exists(url)
        if len(_members(parameters, "ClientIDList")) > CLIENT_IDS_MAX:
            raise quota_exceeded("ClientIdsPerOpenIdConnectProvider", CLIENT_IDS_MAX)
        # IAM shows the URL without its scheme.
        return await self._forward({**parameters, "Url": issuer})

    def _change_provider(self, parameters: Parameters, action: str) -> Response:
        arn = parameters.get("OpenIDConnectProviderArn", "")
        provider = self._records.provider(arn)
        if provider is None:
            raise errors.no_such_provider(arn)
        _PROVIDER_CHANGES[action](provider, parameters)
        return errors.empty_answer("iam", action)

    async def _forward(self, parameters: Parameters) -> Response:
        return await self._iam("POST", "/", FORM, urlencode(parameters).encode(), {})


def _add_client_id(provider: Record, parameters: Parameters) -> None:
    client_id = parameters["ClientID"]
    if client_id not in provider["ClientIDList"]:
        if len(provider["ClientIDList"]) >= CLIENT_IDS_MAX:
            raise quota_exceeded("ClientIdsPerOpenIdConnectProvider", CLIENT_IDS_MAX)
        provider["ClientIDList"].append(client_id)


def _remove_client_id(provider: Record, parameters: Parameters) -> None:
    kept = [each for each in provider["ClientIDList"] if each != parameters["ClientID"]]
    provider["ClientIDList"] = kept


def _set_thumbprints(provider: Record, parameters: Parameters) -> None:
    provider["ThumbprintList"] = _members(parameters, "ThumbprintList")


def _tag(provider: Record, parameters: Parameters) -> None:
    names, values = _members(parameters, "Tags", ".Key"), _members(parameters, "Tags", ".Value")
    tags = {tag["Key"]: tag["Value"] for tag in provider["Tags"]}
    tags.update(zip(names, values, strict=True))
    provider["Tags"] = [{"Key": name, "Value": value} for name, value in tags.items()]


def _untag(provider: Record, parameters: Parameters) -> None:
    gone = _members(parameters, "TagKeys")
    provider["Tags"] = [tag for tag in provider["Tags"] if tag["Key"] not in gone]


_PROVIDER_CHANGES: dict[str, Callable[[Record, Parameters], None]] = {
    "AddClientIDToOpenIDConnectProvider": _add_client_id,
    "RemoveClientIDFromOpenIDConnectProvider": _remove_client_id,
    "TagOpenIDConnectProvider": _tag,
    "UntagOpenIDConnectProvider": _untag,
    "UpdateOpenIDConnectProviderThumbprint": _set_thumbprints,
}


def _members(parameters: Parameters, name: str, field: str = "") -> list[str]:
    """The values of a list parameter, in the query protocol's order."""
    form = re.compile(rf"{name}\.member\.(\d+){re.escape(field)}")
    values = {
        int(match[1]): value for key, value in parameters.items() if (match := form.fullmatch(key))
    }
    return [values[index] for index in sorted(values)]
