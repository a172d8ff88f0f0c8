"""OIDC providers, users and access keys of the `aws` provider."""

from typing import ClassVar

from typing_extensions import override

from ..resource import Created, InvalidInput, Properties, Refused
from ..values import UNKNOWN
from .types import (
    AutoNamed,
    AwsSession,
    AwsType,
    boundary_of,
    changed,
    retag,
    set_boundary,
    tags_as_list,
    tags_as_map,
)


class OpenIdConnectProvider(AwsType):
    """An issuer of web identity tokens that the account trusts."""

    token = "aws:iam/openIdConnectProvider:OpenIdConnectProvider"
    title = "IAM OIDC Provider ({url})"
    required = frozenset({"url"})
    known = frozenset({"clientIdLists", "tags", "thumbprintLists", "url"})
    replace_on = frozenset({"url"})
    filled = frozenset({"thumbprintLists"})
    computed = frozenset({"arn", "tagsAll"}) | filled
    sets = frozenset({"clientIdLists"})
    name_property = "url"

    @override
    def check(self, news: Properties) -> Properties:
        url = news.get("url", UNKNOWN)
        if url is not UNKNOWN and not str(url).startswith("https://"):
            raise InvalidInput("url", f"expected a URL with https://, got {url}")
        return super().check(news)

    @override
    def create(self, session: AwsSession, inputs: Properties) -> Created:
        created = session.client("iam").create_open_id_connect_provider(
            Url=inputs["url"],
            ClientIDList=inputs.get("clientIdLists", []),
            ThumbprintList=inputs.get("thumbprintLists", []),
            Tags=tags_as_list(inputs.get("tags")),
        )
        return Created(created["OpenIDConnectProviderArn"])

    @override
    def live(self, session: AwsSession, resource_id: str, state: Properties) -> Properties | None:
        provider = session.client("iam").get_open_id_connect_provider(
            OpenIDConnectProviderArn=resource_id
        )
        tags = tags_as_map(provider.get("Tags"))
        return {
            "arn": resource_id,
            "clientIdLists": sorted(provider["ClientIDList"]),
            "tags": tags,
            "tagsAll": tags,
            "thumbprintLists": provider["ThumbprintList"],
            "url": provider["Url"].removeprefix("https://"),  # which is how IAM shows it
        }

    @override
    def inputs_of(self, state: Properties) -> Properties:
        return {**super().inputs_of(state), "url": f"https://{state['url']}"}

    @override
    def refreshed(self, inputs: Properties, state: Properties) -> Properties:
        """A program gives the URL with its scheme or without."""
        live = super().refreshed(inputs, state)
        given = str(inputs.get("url", ""))
        same = given.removeprefix("https://") == state["url"]
        return {**live, "url": given} if same else live

    @override
    def update(
        self, session: AwsSession, resource_id: str, olds: Properties, news: Properties
    ) -> None:
        iam = session.client("iam")
        provider = {"OpenIDConnectProviderArn": resource_id}
        before, after = set(olds.get("clientIdLists", [])), set(news.get("clientIdLists", []))
        for client_id in sorted(after - before):
            iam.add_client_id_to_open_id_connect_provider(**provider, ClientID=client_id)
        for client_id in sorted(before - after):
            iam.remove_client_id_from_open_id_connect_provider(**provider, ClientID=client_id)
        if changed(olds, news, "thumbprintLists"):
            iam.update_open_id_connect_provider_thumbprint(
                **provider, ThumbprintList=news["thumbprintLists"]
            )
        retag(iam, "open_id_connect_provider", provider, olds, news)

    @override
    def remove(self, session: AwsSession, resource_id: str, state: Properties) -> None:
        session.client("iam").delete_open_id_connect_provider(OpenIDConnectProviderArn=resource_id)


class User(AutoNamed):
    """An IAM user."""

    token = "aws:iam/user:User"
    title = "IAM User ({name})"
    known = frozenset({"forceDestroy", "name", "path", "permissionsBoundary", "tags"})
    computed = frozenset({"arn", "tagsAll", "uniqueId"})
    defaults: ClassVar[Properties] = {"forceDestroy": False, "path": "/"}

    @override
    def create(self, session: AwsSession, inputs: Properties) -> Created:
        boundary = inputs.get("permissionsBoundary")
        session.client("iam").create_user(
            UserName=inputs["name"],
            Path=inputs["path"],
            Tags=tags_as_list(inputs.get("tags")),
            **({"PermissionsBoundary": boundary} if boundary else {}),
        )
        return Created(inputs["name"])

    @override
    def live(self, session: AwsSession, resource_id: str, state: Properties) -> Properties | None:
        user = session.client("iam").get_user(UserName=resource_id)["User"]
        tags = tags_as_map(user.get("Tags"))
        return {
            "arn": user["Arn"],
            "forceDestroy": state.get("forceDestroy", False),
            "name": user["UserName"],
            "path": user["Path"],
            "permissionsBoundary": boundary_of(user),
            "tags": tags,
            "tagsAll": tags,
            "uniqueId": user["UserId"],
        }

    @override
    def update(
        self, session: AwsSession, resource_id: str, olds: Properties, news: Properties
    ) -> None:
        iam = session.client("iam")
        if changed(olds, news, "name", "path"):
            raise Refused(
                f"user {resource_id}: the sandbox cannot rename or move a user; "
                "give the resource another logical name"
            )
        user = {"UserName": resource_id}
        set_boundary(iam, "user", user, olds, news)
        retag(iam, "user", user, olds, news)

    @override
    def remove(self, session: AwsSession, resource_id: str, state: Properties) -> None:
        iam = session.client("iam")
        if state.get("forceDestroy"):
            for key in iam.list_access_keys(UserName=resource_id)["AccessKeyMetadata"]:
                iam.delete_access_key(UserName=resource_id, AccessKeyId=key["AccessKeyId"])
            for name in iam.list_user_policies(UserName=resource_id)["PolicyNames"]:
                iam.delete_user_policy(UserName=resource_id, PolicyName=name)
        iam.delete_user(UserName=resource_id)


class AccessKey(AwsType):
    """An access key of a user. AWS shows the secret once, when it is made."""

    token = "aws:iam/accessKey:AccessKey"
    required = frozenset({"user"})
    known = frozenset({"status", "user"})
    replace_on = frozenset({"user"})
    computed = frozenset({"createDate", "secret"})
    secret = frozenset({"secret"})
    defaults: ClassVar[Properties] = {"status": "Active"}

    @override
    def create(self, session: AwsSession, inputs: Properties) -> Created:
        iam = session.client("iam")
        key = iam.create_access_key(UserName=inputs["user"])["AccessKey"]
        if inputs["status"] != "Active":
            iam.update_access_key(
                UserName=inputs["user"], AccessKeyId=key["AccessKeyId"], Status=inputs["status"]
            )
        return Created(key["AccessKeyId"], {"secret": key["SecretAccessKey"]})

    @override
    def live(self, session: AwsSession, resource_id: str, state: Properties) -> Properties | None:
        if "user" not in state:
            raise Refused("an access key cannot be imported: AWS does not show its secret again")
        keys = session.client("iam").list_access_keys(UserName=state["user"])
        for key in keys["AccessKeyMetadata"]:
            if key["AccessKeyId"] == resource_id:
                return {
                    "createDate": key["CreateDate"].isoformat(),
                    "secret": state.get("secret"),
                    "status": key["Status"],
                    "user": key["UserName"],
                }
        return None

    @override
    def update(
        self, session: AwsSession, resource_id: str, olds: Properties, news: Properties
    ) -> None:
        session.client("iam").update_access_key(
            UserName=news["user"], AccessKeyId=resource_id, Status=news["status"]
        )

    @override
    def remove(self, session: AwsSession, resource_id: str, state: Properties) -> None:
        session.client("iam").delete_access_key(UserName=state["user"], AccessKeyId=resource_id)


TYPES = (AccessKey(), OpenIdConnectProvider(), User())
