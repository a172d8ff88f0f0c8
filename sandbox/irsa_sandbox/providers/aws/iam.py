"""Rows of IAM: roles, users, their policies and keys, OIDC providers."""

from typing import Any, ClassVar

from botocore.exceptions import ClientError
from typing_extensions import override

from irsa_core.identity.names import check_policy_name, check_role_name, check_user_name
from irsa_core.identity.quotas import (
    DEFAULT_ROLE_SESSION_DURATION,
    POLICY_VERSIONS_MAX,
    ROLE_SESSION_DURATION,
)

from ..resource import InvalidInput, Properties, Refused
from ..values import UNKNOWN, has_unknown
from .canonical import canonical
from .table import (
    LISTED_TAGS,
    AwsSession,
    AwsType,
    Is,
    Property,
    changed,
    gone_is_fine,
    picked,
    tag_changes,
    tags_as_list,
)

_ROLE, _USER = (Property(Is.REQUIRED | Is.REPLACING, f"{name}Name") for name in ("Role", "User"))
_ALL = Is.REQUIRED | Is.UNORDERED | Is.LIST
_POLICY = Property(Is.REQUIRED | Is.REPLACING | Is.ARN, "PolicyArn")


class _Iam(AwsType):
    """A type of IAM."""

    service = "iam"

    @override
    def retag(self, client: Any, named: Properties, olds: Properties, news: Properties) -> None:
        gone, new = tag_changes(olds, news)
        if gone:
            getattr(client, f"untag_{self.noun}")(**named, TagKeys=gone)
        if new:
            getattr(client, f"tag_{self.noun}")(**named, Tags=tags_as_list(new))


_BOUNDARY = Property(
    Is.ARN, "PermissionsBoundary", absent="", shown=lambda found: found["PermissionsBoundaryArn"]
)


class _Principal(_Iam):
    """A role or user: its boundary is set and removed by operations of their own."""

    @override
    def modify(self, client: Any, named: Properties, olds: Properties, news: Properties) -> None:
        if changed(olds, news, "permissionsBoundary"):
            arn = news.get("permissionsBoundary")
            boundary = {"PermissionsBoundary": arn} if arn else {}
            operation = f"{'put' if arn else 'delete'}_{self.noun}_permissions_boundary"
            getattr(client, operation)(**named, **boundary)


class RoleType(_Principal):
    """An IAM role. With a list of policies it has these and no others."""

    title = "IAM Role ({name})"
    noun, member, key = "role", "Role", ("RoleName",)
    properties: ClassVar = {
        "arn": Property(Is.OUTPUT, "Arn"),
        "assumeRolePolicy": Property(Is.REQUIRED | Is.DOCUMENT, "AssumeRolePolicyDocument"),
        "createDate": Property(Is.OUTPUT, "CreateDate"),
        "description": Property(aws="Description", absent=""),
        "forceDetachPolicies": Property(Is.HELD, default=False),
        "inlinePolicies": Is.FILLED | Is.HELD | Is.UNORDERED,
        # An empty list removes them all, as [{}] does the others.
        "managedPolicyArns": Is.FILLED | Is.HELD | Is.UNORDERED | Is.ARN | Is.LIST,
        "maxSessionDuration": Property(
            aws="MaxSessionDuration", default=DEFAULT_ROLE_SESSION_DURATION
        ),
        "name": Property(Is.REPLACING, "RoleName", rule=check_role_name),
        "path": Property(Is.REPLACING, "Path", default="/"),
        "permissionsBoundary": _BOUNDARY,
        "uniqueId": Property(Is.OUTPUT, "RoleId"),
        **LISTED_TAGS,
    }
    changes = (("update_role", ("description", "maxSessionDuration")),)

    @override
    def check(self, session: AwsSession, news: Properties) -> Properties:
        checked = super().check(session, news)
        seconds, limits = checked["maxSessionDuration"], ROLE_SESSION_DURATION
        if seconds != UNKNOWN and seconds not in limits:
            raise InvalidInput(
                "maxSessionDuration",
                f"expected it in the range ({limits.start} - {limits.stop - 1}), got {seconds}",
            )
        if isinstance(policies := checked.get("inlinePolicies"), list):
            checked["inlinePolicies"] = [_embedded(policy) for policy in policies if policy != {}]
        return self._in_order(checked)

    @override
    def create(self, session: AwsSession, inputs: Properties) -> tuple[str, Properties]:
        created, client = super().create(session, inputs), session.client("iam")
        named, inline = {"RoleName": inputs["name"]}, picked(inputs, ["inlinePolicies"])
        try:
            _set_policies(client, named, {}, inline)
        except ClientError:  # after which terraform-provider-aws leaves no role
            self.remove(client, named, inline)
            raise
        _set_policies(client, named, inline, inputs)
        return created

    @override
    def found(self, session: AwsSession, client: Any, named: Properties) -> Any:
        return {**super().found(session, client, named), **_policies(client, named)}

    @override
    def modify(self, client: Any, named: Properties, olds: Properties, news: Properties) -> None:
        if changed(olds, news, "assumeRolePolicy"):
            trust = news["assumeRolePolicy"]
            client.update_assume_role_policy(**named, PolicyDocument=trust)
        super().modify(client, named, olds, news)
        _set_policies(client, named, olds, news)

    @override
    def remove(self, client: Any, named: Properties, state: Properties) -> None:
        live, every = _policies(client, named), state.get("forceDetachPolicies")
        going = {kind: policies for kind, policies in live.items() if every or state.get(kind)}
        _set_policies(client, named, going, {})
        super().remove(client, named, state)


def _embedded(policy: Any) -> Any:
    """One of the ``inlinePolicies``, as IAM shows it."""
    if has_unknown(policy):
        return policy
    try:
        name = check_policy_name(policy.get("name", ""))
        return {"name": name, "policy": canonical(policy.get("policy"))}
    except (TypeError, ValueError) as error:
        raise InvalidInput("inlinePolicies", f"{policy.get('name')!r}: {error}") from error


def _policies(iam: Any, named: Properties) -> Properties:
    """All policies that a role has, as its state shows them."""
    names, arns = (_listed(iam, named, parameter) for parameter in _LISTS)
    found = [iam.get_role_policy(**named, PolicyName=name) for name in names]
    documents = {each["PolicyName"]: canonical(each["PolicyDocument"]) for each in found}
    inline = [{"name": name, "policy": text} for name, text in documents.items()]
    return {"inlinePolicies": inline, "managedPolicyArns": arns}


_LISTS = {
    "PolicyName": ("list_role_policies", "PolicyNames"),
    "PolicyArn": ("list_attached_role_policies", "AttachedPolicies[].PolicyArn"),
}
"""Of a role's inline policies and its managed ones: parameter, operation, path in its answer."""


def _listed(iam: Any, named: Properties, parameter: str) -> list[str]:
    """The policies of one kind that a role has."""
    operation, path = _LISTS[parameter]
    return list(iam.get_paginator(operation).paginate(**named).search(path))


def _set_policies(iam: Any, named: Properties, olds: Properties, news: Properties) -> None:
    """Bring a role's policies from one state to another: first the inline ones. As with
    terraform-provider-aws, one that changes is deleted before it is put again."""
    for kind, put, take in (
        ("inlinePolicies", iam.put_role_policy, iam.delete_role_policy),
        ("managedPolicyArns", iam.attach_role_policy, iam.detach_role_policy),
    ):
        before, after = (
            [_request(policy) for policy in values.get(kind) or ()] for values in (olds, news)
        )
        for policy in before:
            if policy not in after:
                with gone_is_fine():
                    take(**named, **{n: v for n, v in policy.items() if n != "PolicyDocument"})
        for policy in after:
            if policy not in before:
                put(**named, **policy)


def _request(policy: Any) -> Properties:
    """The parameters that give a role a policy."""
    if isinstance(policy, str):
        return {"PolicyArn": policy}
    return {"PolicyName": policy["name"], "PolicyDocument": policy["policy"]}


class UserType(_Principal):
    """An IAM user."""

    title = "IAM User ({name})"
    noun, member, key = "user", "User", ("UserName",)
    properties: ClassVar = {
        "arn": Property(Is.OUTPUT, "Arn"),
        "forceDestroy": Property(Is.HELD, default=False),
        "name": Property(aws="UserName", rule=check_user_name),
        "path": Property(aws="Path", default="/"),
        "permissionsBoundary": _BOUNDARY._replace(rules=Is.OPTIONAL),
        "uniqueId": Property(Is.OUTPUT, "UserId"),
        **LISTED_TAGS,
    }

    @override
    def modify(self, client: Any, named: Properties, olds: Properties, news: Properties) -> None:
        if changed(olds, news, "name", "path"):
            raise Refused(
                f"user {named['UserName']}: the sandbox cannot rename or move a user; "
                "give the resource another logical name"
            )
        super().modify(client, named, olds, news)

    @override
    def remove(self, client: Any, named: Properties, state: Properties) -> None:
        if state.get("forceDestroy"):
            for each in client.list_access_keys(**named)["AccessKeyMetadata"]:
                client.delete_access_key(**named, AccessKeyId=each["AccessKeyId"])
            for name in client.list_user_policies(**named)["PolicyNames"]:
                client.delete_user_policy(**named, PolicyName=name)
        super().remove(client, named, state)


class AccessKeyType(AwsType):
    """An access key of a user. AWS shows the secret once, when it is made."""

    service, noun, key = "iam", "access_key", ("UserName", "AccessKeyId")
    listed = ("list_access_keys", "AccessKeyMetadata")
    secret = frozenset({"secret"})
    properties: ClassVar = {
        "createDate": Property(Is.OUTPUT, "CreateDate"),
        "secret": Is.OUTPUT | Is.HELD,
        "status": Property(aws="Status", default="Active"),
        "user": _USER,
    }
    changes = (("update_access_key", ("status",)),)

    @override
    def named(self, resource_id: str, state: Properties) -> Properties:
        if "user" not in state:
            raise Refused("an access key cannot be imported: AWS does not show its secret again")
        return {"UserName": state["user"], "AccessKeyId": resource_id}

    @override
    def create(self, session: AwsSession, inputs: Properties) -> tuple[str, Properties]:
        made = session.client("iam").create_access_key(UserName=inputs["user"])["AccessKey"]
        self.update(session, made["AccessKeyId"], {**inputs, "status": "Active"}, inputs)
        return made["AccessKeyId"], {"secret": made["SecretAccessKey"]}


def _check_url(url: str) -> None:
    if not url.startswith("https://"):
        raise ValueError(f"expected a URL with https://, got {url}")


class OpenIdConnectProviderType(_Iam):
    """An issuer of web identity tokens that the account trusts."""

    title = "IAM OIDC Provider ({url})"
    noun, key = "open_id_connect_provider", ("OpenIDConnectProviderArn",)
    made_id = "OpenIDConnectProviderArn"
    properties: ClassVar = {
        "arn": Property(Is.OUTPUT, "OpenIDConnectProviderArn"),
        "clientIdLists": Property(Is.UNORDERED, "ClientIDList"),
        "thumbprintLists": Property(Is.FILLED, "ThumbprintList"),
        "url": Property(
            Is.REQUIRED | Is.REPLACING,
            "Url",
            rule=_check_url,
            shown=lambda url: str(url).removeprefix("https://"),  # which is how IAM shows it
        ),
        **LISTED_TAGS,
    }
    changes = (("update_open_id_connect_provider_thumbprint", ("thumbprintLists",)),)

    @override
    def inputs_of(self, state: Properties) -> Properties:
        return {**super().inputs_of(state), "url": f"https://{state['url']}"}

    @override
    def modify(self, client: Any, named: Properties, olds: Properties, news: Properties) -> None:
        before, after = set(olds.get("clientIdLists", [])), set(news.get("clientIdLists", []))
        for client_id in sorted(after - before):
            client.add_client_id_to_open_id_connect_provider(**named, ClientID=client_id)
        for client_id in sorted(before - after):
            client.remove_client_id_from_open_id_connect_provider(**named, ClientID=client_id)


class PolicyType(_Iam):
    """A managed policy of the account's own."""

    title = "IAM Policy ({name})"
    noun, member, key = "policy", "Policy", ("PolicyArn",)
    made_id = "Policy.Arn"
    properties: ClassVar = {
        "arn": Property(Is.OUTPUT, "Arn"),
        "attachmentCount": Property(Is.OUTPUT, "AttachmentCount"),
        "description": Property(Is.REPLACING, "Description", absent=""),
        "name": Property(Is.REPLACING, "PolicyName", rule=check_policy_name),
        "path": Property(Is.REPLACING, "Path", default="/"),
        "policy": Property(Is.REQUIRED | Is.DOCUMENT, "PolicyDocument"),
        "policyId": Property(Is.OUTPUT, "PolicyId"),
        **LISTED_TAGS,
    }

    @override
    def found(self, session: AwsSession, client: Any, named: Properties) -> Any:
        policy = super().found(session, client, named)
        version = client.get_policy_version(**named, VersionId=policy["DefaultVersionId"])
        return {**policy, "PolicyDocument": version["PolicyVersion"]["Document"]}

    @override
    def modify(self, client: Any, named: Properties, olds: Properties, news: Properties) -> None:
        if changed(olds, news, "policy"):
            versions = client.list_policy_versions(**named)["Versions"]
            if len(versions) >= POLICY_VERSIONS_MAX:
                spare = [each["VersionId"] for each in versions if not each["IsDefaultVersion"]]
                oldest = min(spare, key=lambda version: int(version[1:]))
                client.delete_policy_version(**named, VersionId=oldest)
            wanted = self.request(news, ("policy",))
            client.create_policy_version(**named, **wanted, SetAsDefault=True)

    @override
    def remove(self, client: Any, named: Properties, state: Properties) -> None:
        for version in client.list_policy_versions(**named)["Versions"]:
            if not version["IsDefaultVersion"]:
                client.delete_policy_version(**named, VersionId=version["VersionId"])
        super().remove(client, named, state)


class RolePolicyType(_Iam):
    """An inline policy of a role."""

    title = "IAM Role Policy ({name})"
    noun, key, is_put = "role_policy", ("RoleName", "PolicyName"), True
    properties: ClassVar = {
        "name": Property(Is.REPLACING, "PolicyName", rule=check_policy_name),
        "policy": Property(Is.REQUIRED | Is.DOCUMENT, "PolicyDocument"),
        "role": _ROLE,
    }


class _Attachment(AwsType):
    """A managed policy on a role or user."""

    service, creates, deletes = "iam", "attach", "detach"
    separator = "/"


class RolePolicyAttachmentType(_Attachment):
    """A managed policy on a role."""

    noun, key = "role_policy", ("RoleName", "PolicyArn")
    listed = ("list_attached_role_policies", "AttachedPolicies")
    properties: ClassVar = {"policyArn": _POLICY, "role": _ROLE}


class UserPolicyAttachmentType(_Attachment):
    """A managed policy on a user."""

    noun, key = "user_policy", ("UserName", "PolicyArn")
    listed = ("list_attached_user_policies", "AttachedPolicies")
    properties: ClassVar = {"policyArn": _POLICY, "user": _USER}


class _Exclusive(AwsType):
    """All policies of one kind that a role has: adds those that are missing, removes all others.

    Its deletion changes nothing, and an empty list is a value: it removes them all.
    """

    service, noun, key = "iam", "role_policy", ("RoleName",)

    @override
    def create(self, session: AwsSession, inputs: Properties) -> tuple[str, Properties]:
        self.update(session, inputs["roleName"], {}, inputs)
        return inputs["roleName"], {}

    @override
    def found(self, session: AwsSession, client: Any, named: Properties) -> Any:
        parameters = (self.rows[name].aws for name in self.having(Is.LIST))
        return {parameter: _listed(client, named, parameter) for parameter in parameters}

    @override
    def modify(self, client: Any, named: Properties, olds: Properties, news: Properties) -> None:
        (names,) = self.having(Is.LIST)
        parameter = self.rows[names].aws
        live, wanted = set(_listed(client, named, parameter)), set(news[names])
        add = getattr(client, f"{self.creates}_{self.noun}")
        take = getattr(client, f"{self.deletes}_{self.noun}")
        for policy in sorted(wanted - live):
            add(**named, **{parameter: policy})
        for policy in sorted(live - wanted):
            take(**named, **{parameter: policy})

    @override
    def remove(self, client: Any, named: Properties, state: Properties) -> None:
        pass


class RolePolicyAttachmentsExclusiveType(_Exclusive):
    """All managed policies of a role."""

    creates, deletes = "attach", "detach"
    properties: ClassVar = {"policyArns": Property(_ALL, "PolicyArn"), "roleName": _ROLE}


class RolePoliciesExclusiveType(_Exclusive):
    """All inline policies of a role."""

    creates = "put"  # without a document, which is refused, as IAM refuses pulumi-aws' empty one
    properties: ClassVar = {"policyNames": Property(_ALL, "PolicyName"), "roleName": _ROLE}
