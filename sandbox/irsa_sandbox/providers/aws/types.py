"""Base class and helpers of the `aws` provider's resource types.

Type tokens, property names and what forces a replacement are those of pulumi-aws 7; errors are
AWS's own. https://www.pulumi.com/registry/packages/aws/api-docs/
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import zip_longest
from typing import Any, ClassVar

from botocore.exceptions import ClientError
from typing_extensions import override

from irsa.identity.arns import parse_arn
from irsa.identity.canonical import canonical
from irsa.identity.regions import partition_of_region

from ...aws.clients import AwsClients
from ..resource import InvalidInput, Properties, Refused, ResourceType
from ..values import UNKNOWN, defaults, get_path, set_path

_GONE = frozenset(
    {
        "404",
        "InvalidLaunchTemplateId.NotFound",
        "NoSuchBucket",
        "NoSuchBucketPolicy",
        "NoSuchEntity",
        "NoSuchKey",
        "NoSuchPublicAccessBlockConfiguration",
        "NoSuchTagSet",
        "OwnershipControlsNotFoundError",
        "ResourceNotFoundException",
        "ServerSideEncryptionConfigurationNotFoundError",
    }
)


class AwsSession:
    """A configured provider instance. Without clients, its configuration is not known yet."""

    def __init__(
        self, clients: AwsClients | None, account: str, default_tags: Mapping[str, str]
    ) -> None:
        self._clients = clients
        self.account = account
        self.default_tags = default_tags

    @property
    def region(self) -> str:
        """The region that the provider works in."""
        return self._known().region

    @property
    def partition(self) -> str:
        """The partition of that region, as ARNs name it."""
        return partition_of_region(self.region)

    def client(self, service: str, region: str = "") -> Any:
        """The boto3 client of a service, in the provider's region or another one."""
        return self._known()(service, region)

    def _known(self) -> AwsClients:
        if self._clients is None:
            raise Refused("the configuration of this aws provider is not known in a preview")
        return self._clients


class AwsType(ResourceType[AwsSession]):
    """A resource type of AWS: documents, tags, defaults, and values that AWS fills in."""

    required: ClassVar[frozenset[str]] = frozenset()
    """Inputs that must be given."""

    documents: ClassVar[frozenset[str]] = frozenset()
    """Inputs that are policy documents; compared by meaning."""

    sets: ClassVar[frozenset[str]] = frozenset()
    """Paths of inputs that are lists without an order."""

    defaults: ClassVar[Properties] = {}
    """Inputs that the provider fills in when they are left out."""

    filled: ClassVar[frozenset[str]] = frozenset()
    """Inputs that AWS fills in when they are left out; part of `computed` too. The provider changes
    nothing when they leave the program."""

    filled_in: ClassVar[tuple[str, ...]] = ()
    """Paths of such values within an input, with ``*`` for each item of a list."""

    arns: ClassVar[frozenset[str]] = frozenset()
    """Inputs that must be ARNs, for the provider."""

    partial: ClassVar[frozenset[str]] = frozenset()
    """Inputs that are objects whose missing fields AWS fills in."""

    @override
    def check(self, news: Properties) -> Properties:
        checked = {name: value for name, value in news.items() if value not in ("", [], {})}
        for name in sorted(self.required - checked.keys()):
            raise InvalidInput(name, "is required")
        checked = {**self.defaults, **checked}
        for name in sorted(self.arns & checked.keys()):
            if checked[name] is not UNKNOWN and parse_arn(str(checked[name])) is None:
                raise InvalidInput(name, f"{checked[name]!r} is an invalid ARN")
        for name in self.documents & checked.keys():
            checked[name] = self._document(name, checked[name])
        for path in self.sets:
            listed = get_path(checked, path)
            if isinstance(listed, list) and UNKNOWN not in listed:
                checked = set_path(checked, path, sorted(listed))
        return checked

    @override
    def read(self, session: AwsSession, resource_id: str, state: Properties) -> Properties | None:
        try:
            return self.live(session, resource_id, state)
        except ClientError as error:
            if is_gone(error):
                return None
            raise

    def live(self, session: AwsSession, resource_id: str, state: Properties) -> Properties | None:
        """`read`, which may raise AWS's own error for a deleted resource."""
        raise NotImplementedError

    @override
    def delete(self, session: AwsSession, resource_id: str, state: Properties) -> None:
        with gone_is_fine():
            self.remove(session, resource_id, state)

    def remove(self, session: AwsSession, resource_id: str, state: Properties) -> None:
        """`delete`, which may raise AWS's own error for a deleted resource."""
        raise NotImplementedError

    @override
    def configured(self, session: AwsSession, news: Properties) -> Properties:
        """Merge the provider's default tags, as pulumi-aws does before anything else."""
        tags = news.get("tags", {})
        if self.known is None or "tags" not in self.known or tags is UNKNOWN:
            return news
        merged = {**session.default_tags, **tags}
        return {**news, "tags": merged} if merged else news

    @override
    def deletes_first(self, olds: Properties, news: Properties) -> bool:
        """Pulumi's bridge does so with all that could have a name made up and has not, whether the
        name stays or changes (`nameRequiresDeleteBeforeReplace` in pulumi-terraform-bridge)."""
        return self.autoname and self.name_property not in defaults(news)

    @override
    def kept(self, olds: Properties, news: Properties) -> Properties:
        for path in (*sorted(self.filled), *self.filled_in):
            news = _kept(olds, news, path.split("."))
        return news

    @override
    def inputs_of(self, state: Properties) -> Properties:
        return {
            name: value
            for name, value in state.items()
            if value not in (None, "", [], {})
            and (name not in self.computed or name in self.filled)
        }

    @override
    def refreshed(self, inputs: Properties, state: Properties) -> Properties:
        """Live values of the program's inputs, and of inputs that were set outside of Pulumi."""
        live = self.inputs_of(state)
        live |= {n: _shaped_like(state[n], inputs[n]) for n in self.partial if n in inputs}
        return {n: value for n, value in live.items() if n in inputs or n not in self.filled}

    @override
    def preview(
        self, session: AwsSession, inputs: Properties, state: Properties | None
    ) -> Properties:
        outputs = super().preview(session, inputs, state)
        if "tagsAll" in self.computed:
            outputs["tagsAll"] = inputs.get("tags", {})
        return outputs

    def _document(self, name: str, text: Any) -> Any:
        if text is UNKNOWN:
            return text
        try:
            return canonical(text)
        except (ValueError, TypeError) as error:
            raise InvalidInput(name, f"is not a policy document: {error}") from error


class AutoNamed(AwsType):
    """A type that makes up its name from the logical name when it is left out."""

    name_property = "name"
    autoname = True


def tags_as_list(tags: Mapping[str, str] | None, key: str = "Key") -> list[dict[str, str]]:
    """Tags as most of AWS's operations take them."""
    value = "Value" if key == "Key" else "value"
    return [{key: name, value: text} for name, text in sorted((tags or {}).items())]


def tags_as_map(tags: Sequence[Mapping[str, str]] | None) -> dict[str, str]:
    """Tags as Pulumi shows them; those that AWS itself sets are left out."""
    values = {tag["Key"]: tag["Value"] for tag in tags or ()}
    return {name: value for name, value in values.items() if not name.startswith("aws:")}


def changed(olds: Properties, news: Properties, *names: str) -> bool:
    """Return True if one of the properties differs; empty and absent are equal."""
    return any((olds.get(name) or None) != (news.get(name) or None) for name in names)


def retag(iam: Any, kind: str, subject: dict[str, str], olds: Properties, news: Properties) -> None:
    """Bring the tags of an IAM thing up to date; ``kind`` is how its operations name it."""
    gone, fresh = _tag_changes(olds, news)
    if gone:
        getattr(iam, f"untag_{kind}")(**subject, TagKeys=gone)
    if fresh:
        getattr(iam, f"tag_{kind}")(**subject, Tags=tags_as_list(fresh))


def retag_by_arn(eks: Any, arn: str, olds: Properties, news: Properties) -> None:
    """Bring the tags of what has the ARN up to date."""
    gone, fresh = _tag_changes(olds, news)
    if gone:
        eks.untag_resource(resourceArn=arn, tagKeys=gone)
    if fresh:
        eks.tag_resource(resourceArn=arn, tags=fresh)


def retag_by_id(ec2: Any, resource_id: str, olds: Properties, news: Properties) -> None:
    """Bring the tags of a resource of EC2 up to date."""
    gone, fresh = _tag_changes(olds, news)
    if gone:
        ec2.delete_tags(Resources=[resource_id], Tags=[{"Key": name} for name in gone])
    if fresh:
        ec2.create_tags(Resources=[resource_id], Tags=tags_as_list(fresh))


def _tag_changes(olds: Properties, news: Properties) -> tuple[list[str], dict[str, str]]:
    """The names of tags to remove, and the tags to set."""
    before, after = olds.get("tags") or {}, news.get("tags") or {}
    gone = sorted(before.keys() - after.keys())
    return gone, {name: text for name, text in after.items() if before.get(name) != text}


def boundary_of(principal: Mapping[str, Any]) -> str:
    """The permissions boundary of a role or user as IAM describes it; empty for none."""
    return principal.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn", "")


def set_boundary(
    iam: Any, kind: str, subject: dict[str, str], olds: Properties, news: Properties
) -> None:
    """Bring the permissions boundary of a role or user up to date."""
    if changed(olds, news, "permissionsBoundary"):
        if boundary := news.get("permissionsBoundary"):
            put = getattr(iam, f"put_{kind}_permissions_boundary")
            put(**subject, PermissionsBoundary=boundary)
        else:
            getattr(iam, f"delete_{kind}_permissions_boundary")(**subject)


@contextmanager
def gone_is_fine() -> Iterator[None]:
    """Count the deletion of a missing resource as done."""
    try:
        yield
    except ClientError as error:
        if not is_gone(error):
            raise


def is_gone(error: ClientError) -> bool:
    """Return True for AWS's errors about a missing resource."""
    return error.response["Error"]["Code"] in _GONE


def two_parts(resource_id: str, separator: str, form: str) -> tuple[str, str]:
    """The parts of an id, or one line that says how such an id looks."""
    left, _, right = resource_id.partition(separator)
    if not left or not right:
        raise Refused(f"{resource_id!r} is not an id of this type; expected {form}")
    return left, right


def _kept(olds: Any, news: Any, path: Sequence[str]) -> Any:
    name, *rest = path
    if name == "*" and isinstance(olds, list) and isinstance(news, list):
        pairs = zip_longest(olds[: len(news)], news)
        return [_kept(old, new, rest) for old, new in pairs]
    if not isinstance(olds, Mapping) or not isinstance(news, Mapping):
        return news
    if olds.get(name) in (None, "", [], {}):
        return news
    if rest:
        return {**news, name: _kept(olds[name], news[name], rest)} if name in news else news
    return {name: olds[name], **news}


def _shaped_like(live: Any, wanted: Any) -> Any:
    """``live`` without the parts of an object that the program says nothing about."""
    if isinstance(live, Mapping) and isinstance(wanted, Mapping):
        return {name: _shaped_like(live[name], wanted[name]) for name in wanted if name in live}
    if isinstance(live, list) and isinstance(wanted, list) and len(live) == len(wanted):
        return [_shaped_like(left, right) for left, right in zip(live, wanted, strict=True)]
    return live
