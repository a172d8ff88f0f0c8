"""IAM in front of MiniStack's: its missing checks of trust policies and OIDC providers.

IAM stores a role or user that a trust policy names by its unique id, and shows the ARN while that
very role or user exists. A role that is deleted and made again under the same name is another
principal. MiniStack stores ARNs, so the ids are put in when the role or user is deleted, which
looks the same from outside.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from xml.etree import ElementTree as ET

from irsa_core.decide.document import CURRENT_VERSION, DocumentError
from irsa_core.decide.trust_policy import (
    check_existence,
    check_permissions_policy,
    check_shared_issuers,
    check_storable,
    compile_trust_policy,
)
from irsa_core.identity.arns import provider_arn_for
from irsa_core.identity.errors import malformed_policy, quota_exceeded
from irsa_core.identity.policies import size, size_of_text
from irsa_core.identity.policy_json import Json, with_principals
from irsa_core.identity.quotas import (
    ACCESS_KEYS_MAX,
    CLIENT_IDS_MAX,
    INLINE_POLICIES_SIZE_MAX,
    POLICY_SIZE_MAX,
    TRUST_POLICY_QUOTA,
)

from . import errors
from .errors import AwsError, Response
from .front import AwsRequest
from .query_protocol import Parameters, check, form, numbered, query_parameters
from .records import Records

# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
_NAMESPACE = errors.NAMESPACES["iam"]
_TRUST = {"CreateRole": "AssumeRolePolicyDocument", "UpdateAssumeRolePolicy": "PolicyDocument"}

_PROVIDER_CHANGES = (
    "AddClientIDToOpenIDConnectProvider",
    "RemoveClientIDFromOpenIDConnectProvider",
    "TagOpenIDConnectProvider",
    "UntagOpenIDConnectProvider",
    "UpdateOpenIDConnectProviderThumbprint",
)
_OF_AWS = "iam::aws:policy/"
_LISTED = "2026-10-27"
"""Day of the list of AWS's own policies. AWS adds some each week, and a newer one is refused."""


class Iam:
    """MiniStack's IAM handler with trust policies checked, and OIDC providers that can change."""

    def __init__(self, records: Records) -> None:
        self._iam = records.handlers["iam"]
        self._records = records
        self._answers: dict[str, Callable[[Parameters], Awaitable[Response]]] = {
            "CreateOpenIDConnectProvider": self._create_provider,
            "CreateRole": self._store_trust,
            "DeleteRole": self._delete,
            "DeleteUser": self._delete,
            "GetAccountAuthorizationDetails": self._authorization_details,
            "ListAccessKeys": self._list_access_keys,
            "SetDefaultPolicyVersion": self._set_default_version,
            "UpdateAssumeRolePolicy": self._store_trust,
            **dict.fromkeys(_PROVIDER_CHANGES, self._change_provider),
        }

    async def answer(self, request: AwsRequest) -> Response:
        """Answer a request to IAM."""
        parameters = query_parameters(request)
        check("iam", parameters)
        self._check_quotas(parameters)
        self._check_policies(parameters)
        answer = self._answers.get(parameters.get("Action", ""), self._forward)
        return await answer(parameters)

    def _check_quotas(self, parameters: Parameters) -> None:
        action = parameters.get("Action")
        if action == "CreateAccessKey":
            keys = [key["UserName"] for key in self._records.access_keys.values()]
            if keys.count(parameters.get("UserName", "")) >= ACCESS_KEYS_MAX:
                raise quota_exceeded("AccessKeysPerUser", ACCESS_KEYS_MAX)
        makes_policy = action in ("CreatePolicy", "CreatePolicyVersion")
        if makes_policy and size_of_text(parameters["PolicyDocument"]) > POLICY_SIZE_MAX:
            raise quota_exceeded("PolicySize", POLICY_SIZE_MAX)
        role = self._records.roles.get(parameters.get("RoleName", ""))
        if action == "PutRolePolicy" and role is not None:
            name, document = parameters["PolicyName"], parameters["PolicyDocument"]
            sizes = map(size_of_text, {**role["InlinePolicies"], name: document}.values())
            if sum(sizes) > INLINE_POLICIES_SIZE_MAX:
                maximum = f"Maximum policy size of {INLINE_POLICIES_SIZE_MAX} bytes"
                raise errors.limit_exceeded(f"{maximum} exceeded for role {role['RoleName']}")

    def _check_policies(self, parameters: Parameters) -> None:
        """Refuse what IAM does not store, and policies that do not exist."""
        document, action = parameters.get("PolicyDocument", ""), parameters["Action"]
        if document and action not in _TRUST:
            _check_permissions(document, managed=action.startswith("CreatePolicy"))
        attached = parameters["PolicyArn"] if action.startswith("Attach") else ""
        boundary = parameters.get("PermissionsBoundary", "")
        for arn, what in ((attached, "Policy"), (boundary, "Scope ARN:")):
            of_aws = arn.partition(_OF_AWS)[2] in _policies_of_aws()  # the same in every partition
            if arn and not (of_aws or arn in self._records.policies):
                raise _no_such_policy(arn, what)

    async def _store_trust(self, parameters: Parameters) -> Response:
        name = _TRUST[parameters["Action"]]
        roles, users = map(self._records.everywhere, (self._records.roles, self._records.users))
        unique_ids = {role["RoleId"]: role["Arn"] for role in roles}
        unique_ids |= {user["UserId"]: user["Arn"] for user in users}
        stored = _stored_trust_policy(parameters.get(name, ""), unique_ids)
        return await self._forward({**parameters, name: stored})

    async def _delete(self, parameters: Parameters) -> Response:
        role = self._records.roles.get(parameters.get("RoleName", ""))
        user = self._records.users.get(parameters.get("UserName", ""))
        answer = await self._forward(parameters)
        if answer[0] == 200:
            for doomed, id_name in ((role, "RoleId"), (user, "UserId")):
                if doomed is not None:
                    self._orphan(doomed["Arn"], doomed[id_name])
        return answer

    def _orphan(self, arn: str, unique_id: str) -> None:
        """Show a principal that is gone by its id, in every trust policy that names it."""
        for role in self._records.everywhere(self._records.roles):
            text = role["AssumeRolePolicyDocument"]
            if arn in text:
                orphaned = with_principals(
                    json.loads(text), lambda each: unique_id if each == arn else each
                )
                role["AssumeRolePolicyDocument"] = json.dumps(orphaned)

    async def _authorization_details(self, parameters: Parameters) -> Response:
        """Add the boundary and last use of each role, which MiniStack leaves out."""
        status, headers, body = await self._forward(parameters)
        if status != 200:
            return status, headers, body
        ET.register_namespace("", _NAMESPACE)
        document = ET.fromstring(body)  # noqa: S314 - MiniStack's own answer
        for item in document.iterfind("{*}*/{*}RoleDetailList/{*}member"):
            role = self._records.roles.get(item.findtext("{*}RoleName", "")) or {}
            if boundary := role.get("PermissionsBoundary"):
                kind = {"PermissionsBoundaryType": "PermissionsBoundaryPolicy"}
                _append(item, "PermissionsBoundary", {**kind, "PermissionsBoundaryArn": boundary})
            _append(item, "RoleLastUsed", role.get("RoleLastUsed", {}))
        return status, headers, ET.tostring(document)

    async def _list_access_keys(self, parameters: Parameters) -> Response:
        name = parameters.get("UserName")
        if name and name not in self._records.users:
            # MiniStack says that it has no keys.
            raise errors.no_such_entity(f"The user with name {name} cannot be found.")
        return await self._forward(parameters)

    async def _set_default_version(self, parameters: Parameters) -> Response:
        arn, wanted = parameters["PolicyArn"], parameters["VersionId"]
        policy = self._records.policies.get(arn)
        if policy is None or wanted not in policy["Versions"]:
            what = f"Policy {arn} version {wanted}"
            raise errors.no_such_entity(f"{what} does not exist or is not attachable.")
        for version_id, version in policy["Versions"].items():
            version["IsDefaultVersion"] = version_id == wanted
        policy["DefaultVersionId"] = wanted
        return errors.empty_answer("SetDefaultPolicyVersion")

    async def _create_provider(self, parameters: Parameters) -> Response:
        url = parameters.get("Url", "")
        if not url.startswith("https://"):
            raise errors.invalid_input("Invalid Open ID Connect Provider URL")
        issuer = url.removeprefix("https://")
        if provider_arn_for(issuer, self._records.account()) in self._records.providers:
            raise errors.entity_exists(f"Provider with url {url} already exists.")
        if len(_members(parameters, "ClientIDList")) > CLIENT_IDS_MAX:
            raise quota_exceeded("ClientIdsPerOpenIdConnectProvider", CLIENT_IDS_MAX)
        # IAM shows the URL without its scheme.
        return await self._forward({**parameters, "Url": issuer})

    async def _change_provider(self, parameters: Parameters) -> Response:
        """Do one of these to an OIDC provider; MiniStack has none of them."""
        action, arn = parameters["Action"], parameters.get("OpenIDConnectProviderArn", "")
        provider = self._records.providers.get(arn)
        if provider is None:
            raise errors.no_such_entity(f"OpenIDConnect Provider not found for arn {arn}")
        clients, tags = provider["ClientIDList"], {t["Key"]: t["Value"] for t in provider["Tags"]}
        match action:
            case "AddClientIDToOpenIDConnectProvider" if parameters["ClientID"] not in clients:
                if len(clients) >= CLIENT_IDS_MAX:
                    raise quota_exceeded("ClientIdsPerOpenIdConnectProvider", CLIENT_IDS_MAX)
                clients.append(parameters["ClientID"])
            case "RemoveClientIDFromOpenIDConnectProvider":
                gone = parameters["ClientID"]
                provider["ClientIDList"] = [name for name in clients if name != gone]
            case "UpdateOpenIDConnectProviderThumbprint":
                provider["ThumbprintList"] = _members(parameters, "ThumbprintList")
            case "TagOpenIDConnectProvider":
                names, values = (_members(parameters, "Tags", part) for part in (".Key", ".Value"))
                tags.update(zip(names, values, strict=True))
            case "UntagOpenIDConnectProvider":
                gone = _members(parameters, "TagKeys")
                tags = {name: value for name, value in tags.items() if name not in gone}
        provider["Tags"] = [{"Key": name, "Value": value} for name, value in tags.items()]
        return errors.empty_answer(action)

    async def _forward(self, parameters: Parameters) -> Response:
        return await self._iam(*form(parameters))


def _stored_trust_policy(text: str, unique_ids: dict[str, str]) -> str:
    """The document as IAM shows it once it is stored; raises `AwsError` for one that IAM refuses.

    ``unique_ids`` are the roles and users that exist: the ARN of each by its unique id.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
    """
    document = _read(text)
    try:
        compile_trust_policy(document)
        check_storable(document)
        check_shared_issuers(document)
        document = with_principals(document, lambda principal: unique_ids.get(principal, principal))
        check_existence(document, frozenset(unique_ids.values()))
    except DocumentError as error:
        raise malformed_policy(error.message) from error
    if size(document) > TRUST_POLICY_QUOTA:
        raise quota_exceeded("ACLSizePerRole", TRUST_POLICY_QUOTA)
    return json.dumps(document)


def _read(text: str) -> Json:
    try:
        return json.loads(text)
    except ValueError as error:
        raise malformed_policy("This policy contains invalid Json") from error


def _check_permissions(text: str, *, managed: bool) -> None:
    document = _read(text)
    try:
        check_permissions_policy(document)
    except DocumentError as error:
        raise malformed_policy(error.message) from error
    if managed and document.get("Version") != CURRENT_VERSION:
        raise malformed_policy(f"Policy document must be version {CURRENT_VERSION} or greater.")


@cache
def _policies_of_aws() -> frozenset[str]:
    """The names of AWS's own managed policies, with their paths.

    https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html
    """
    return frozenset(Path(__file__).with_name("managed_policies.txt").read_text().split())


def _no_such_policy(arn: str, what: str) -> AwsError:
    """IAM's error for a policy to attach that does not exist, and for one of AWS's, which may be
    misspelt, the nearest names."""
    message = f"{what} {arn} does not exist or is not attachable."
    if name := arn.partition(_OF_AWS)[2]:
        near = get_close_matches(name, _policies_of_aws(), n=3)
        meant = f"; did you mean {' or '.join(near)}?" if near else ""
        message += f" AWS has none of that name (the sandbox's list of {_LISTED}){meant}"
    return errors.no_such_entity(message)


def _append(item: ET.Element, name: str, fields: Mapping[str, str]) -> None:
    element = ET.SubElement(item, f"{{{_NAMESPACE}}}{name}")
    for field, text in fields.items():
        ET.SubElement(element, f"{{{_NAMESPACE}}}{field}").text = text


def _members(parameters: Parameters, name: str, field: str = "") -> list[str]:
    """The values of a list parameter, in the query protocol's order."""
    return list(numbered(parameters, f"{name}.member", field).values())
