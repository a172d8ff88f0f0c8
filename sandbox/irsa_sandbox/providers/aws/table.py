"""The form of the `aws` provider's table of resource types, and its interpreter.

Type tokens, property names and what forces a replacement are those of pulumi-aws 7; errors are
AWS's own. https://www.pulumi.com/registry/packages/aws/api-docs/
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from enum import Flag, auto
from itertools import groupby, zip_longest
from typing import Any, ClassVar, NamedTuple

from botocore.exceptions import ClientError
from typing_extensions import override

from irsa_core.identity.arns import parse_arn

from ..resource import InvalidInput, Properties, Refused, ResourceType
from ..values import (
    DEFAULTS,
    UNKNOWN,
    defaults,
    get_path,
    has_unknown,
    merged,
    set_path,
    shaped_like,
)
from .canonical import canonical

_ACRONYMS = {"kmsMasterKeyId": "KMSMasterKeyID", "sseAlgorithm": "SSEAlgorithm"}


class AwsSession(NamedTuple):
    """A configured provider instance. Without an account, its configuration is not known yet."""

    client: Callable[..., Any]
    """The boto3 client of a service, in the provider's region or another one."""

    region: str
    account: str
    default_tags: Mapping[str, str]


class Is(Flag):
    """Rules of a property. One without any is an optional input that changes in place."""

    OPTIONAL = 0
    REQUIRED = auto()
    REPLACING = auto()
    """A change means a new resource."""
    OUTPUT = auto()
    """Only AWS knows it."""
    FILLED = auto()
    """AWS has a value when it is left out. Nothing changes when it leaves the program."""
    HELD = auto()
    """For the provider alone: AWS neither takes nor shows it."""
    ARN = auto()
    """The provider checks that it is one."""
    DOCUMENT = auto()
    """A policy document; compared by meaning."""
    UNORDERED = auto()
    """A set: a list without an order, and with each value once."""
    LIST = auto()
    """A list that may be empty, which is not as if it was left out."""
    PARTIAL = auto()
    """An object whose missing fields AWS fills in."""


class Property(NamedTuple):
    """One property of a resource type."""

    rules: Is = Is.OPTIONAL
    aws: str = ""
    """Its name, or path, in AWS's requests and answers; empty if that is its own."""
    default: Any = None
    """Value that the provider gives it when it is left out."""
    absent: Any = None
    """Its value in the state while AWS shows none, and in a request while the program has none."""
    sent: Callable[[Any], Any] = lambda value: value
    """Its value in a request; None if there is nothing to send."""
    shown: Callable[[Any], Any] = lambda value: value
    """Its value in the state, from AWS's answer."""
    rule: Callable[[str], object] | str = ""
    """For the name of a resource: the pattern that AWS takes, or a function that raises ValueError
    for others. The provider generates a name that may be left out."""


def outputs(names: str) -> dict[str, Is]:
    """Properties that only AWS knows, under its own names."""
    return dict.fromkeys(names.split(), Is.OUTPUT)


class AwsType(ResourceType[AwsSession]):
    """A row of the table, with its token made of service and class. Types override methods for what
    is irregular in them."""

    service: ClassVar[str]
    """AWS's service, as boto3 calls it."""

    noun: ClassVar[str]
    """The resource in the names of AWS's operations, such as ``create_role``."""

    creates: ClassVar[str] = "create"
    reads: ClassVar[str] = "get"
    deletes: ClassVar[str] = "delete"
    """The verbs of these operations."""

    member: ClassVar[str] = ""
    """Member of that operation's answer that has the resource; empty: the answer itself."""

    listed: ClassVar[tuple[str, str] | None] = None
    """For a resource that AWS reads in a list alone: the operation, and the list's member."""

    key: ClassVar[tuple[str, ...]]
    """Parameters that name the resource in all operations; their values are its id."""

    separator: ClassVar[str] = ":"
    """Sign between the parts of the id."""

    made_id: ClassVar[str] = ""
    """Path of an id that AWS makes up, in the answer to the creation."""

    is_put: ClassVar[bool] = False
    """True if one operation, such as ``put_role_policy``, creates and changes it."""

    properties: ClassVar[Mapping[str, Is | Property]]
    """All properties, and paths of values in them that have rules of their own (``*``: each item of
    a list)."""

    changes: ClassVar[Sequence[tuple[str, tuple[str, ...]]]] = ()
    """Operations that change some properties, or values in them, in place and together."""

    rows: ClassVar[Mapping[str, Property]]
    """`properties`, each with all of its columns."""

    def __init_subclass__(cls) -> None:
        if hasattr(cls, "properties"):  # no base class
            name = cls.__name__.removesuffix("Type")
            cls.token = f"aws:{cls.service}/{name[0].lower()}{name[1:]}:{name}"
            rows = {n: Property(p) if isinstance(p, Is) else p for n, p in cls.properties.items()}
            cls.rows, names = rows, frozenset(name for name in rows if "." not in name)
            cls.computed = names & cls.having(Is.OUTPUT | Is.FILLED)
            cls.name_property = next((name for name in rows if rows[name].rule), None)
            cls.autoname = cls.name_property in rows.keys() - cls.having(Is.REQUIRED)
            if cls.is_put:
                cls.changes = ((f"put_{cls.noun}", tuple(names - cls.having(Is.OUTPUT))),)
            cls.replace_on = cls.having(Is.REPLACING)

    @classmethod
    def having(cls, rules: Is) -> frozenset[str]:
        """The names and paths with one of the rules."""
        return frozenset(name for name, row in cls.rows.items() if row.rules & rules)

    def client(self, session: AwsSession, values: Properties) -> Any:
        """The client for the resource with these inputs or this state."""
        return session.client(self.service)

    def named(self, resource_id: str, state: Properties) -> Properties:
        """The parameters that name the resource, in all operations on it."""
        parts = resource_id.split(self.separator, len(self.key) - 1)
        if len(parts) != len(self.key) or not all(parts):
            form = self.separator.join(self.key)
            raise Refused(f"{resource_id!r} is not an id of this type; expected {form}")
        return dict(zip(self.key, parts, strict=True))

    def request(self, inputs: Properties, names: Sequence[str] | None = None) -> Properties:
        """Parameters of a request with all of the inputs, or with those of the names and paths."""
        parameters: Properties = {}
        for path in inputs if names is None else names:
            name, *inner = path.split(".")
            row = self.rows.get(path, Property())
            value = get_path(inputs, path)
            value = row.absent if value is None else value
            value = None if value is None or Is.HELD in row.rules else row.sent(value)
            if value is not None:
                aws = self.rows[name].aws or name
                parameters = set_path(parameters, ".".join((aws, *inner)), value)
        return parameters

    def found(self, session: AwsSession, client: Any, named: Properties) -> Any:
        """AWS's description of the resource, or None for one that is gone."""
        if self.listed:
            (operation, member), (*holder, one) = self.listed, self.key
            pages = client.get_paginator(operation).paginate(**picked(named, holder))
            found = pages.search(f"{member}[]")
            return next((each for each in found if each[one] == named[one]), None)
        answer = getattr(client, f"{self.reads}_{self.noun}")(**named)
        return answer[self.member] if self.member else answer

    def shown(self, description: Mapping[str, Any], state: Properties) -> Properties:
        """The state of the resource, from AWS's description of it."""
        values: Properties = {}
        for name, row in self.rows.items():
            if (value := get_path(description, row.aws or name)) is not None:
                values[name] = _shown(row, value)
            elif row.default is not None or Is.HELD in row.rules:
                values[name] = state.get(name, row.default)
            else:
                values[name] = row.absent
        there = {n: value for n, value in values.items() if value is not None and "." not in n}
        return self._in_order(there)

    def retag(self, client: Any, named: Properties, olds: Properties, news: Properties) -> None:
        """Bring the tags up to date."""
        raise NotImplementedError

    @override
    def check(self, session: AwsSession, news: Properties) -> Properties:
        for name in sorted(news.keys() - (self.rows.keys() - self.having(Is.OUTPUT)) - {DEFAULTS}):
            raise InvalidInput(name, f"the sandbox does not know this input of {self.token}")
        lists = {name for name in self.having(Is.LIST) if news.get(name) == []}
        checked = {n: value for n, value in news.items() if value not in ("", [], {}) or n in lists}
        for name in sorted(self.having(Is.REQUIRED) - checked.keys()):
            raise InvalidInput(name, "is required")
        filled_in = {n: row.default for n, row in self.rows.items() if row.default is not None}
        checked = {**filled_in, **checked}
        for name in sorted(self.having(Is.ARN) & checked.keys()):
            arns = checked[name] if isinstance(checked[name], list) else [checked[name]]
            for arn in arns:
                if arn != UNKNOWN and parse_arn(str(arn)) is None:
                    raise InvalidInput(name, f"{arn!r} is an invalid ARN")
        for name in self.having(Is.DOCUMENT) & checked.keys():
            if checked[name] != UNKNOWN:
                try:
                    checked[name] = canonical(checked[name])
                except (ValueError, TypeError) as error:
                    raise InvalidInput(name, f"is not a policy document: {error}") from error
        if "tags" in self.rows and session.default_tags and checked.get("tags") != UNKNOWN:
            checked["tags"] = {**session.default_tags, **checked.get("tags", {})}
        return self._in_order(checked)

    def _in_order(self, values: Properties) -> Properties:
        for path in self.having(Is.UNORDERED):
            listed = get_path(values, path)
            if isinstance(listed, list) and not has_unknown(listed):
                once = [value for value, _ in groupby(sorted(listed, key=repr))]
                values = set_path(values, path, once)
        return values

    @override
    def check_name(self, name: str) -> None:
        rule = self.rows[str(self.name_property)].rule
        if not isinstance(rule, str):
            rule(name)
        elif rule and not re.fullmatch(rule, name):
            raise ValueError(f"{name!r} does not match {rule}")

    @override
    def create(self, session: AwsSession, inputs: Properties) -> tuple[str, Properties]:
        wanted = self.request(inputs)
        resource_id = "" if self.made_id else self.separator.join(wanted[n] for n in self.key)
        if self.is_put:
            self.update(session, resource_id, {}, inputs)
            return resource_id, {}
        answer = getattr(self.client(session, inputs), f"{self.creates}_{self.noun}")(**wanted)
        return resource_id or get_path(answer, self.made_id), {}

    @override
    def read(self, session: AwsSession, resource_id: str, state: Properties) -> Properties | None:
        named, client = self.named(resource_id, state), self.client(session, state)
        with gone_is_fine():
            if (found := self.found(session, client, named)) is not None:
                found = {"region": client.meta.region_name, **named, **found}
                return self.shown(found, state)
        return None

    @override
    def update(
        self, session: AwsSession, resource_id: str, olds: Properties, news: Properties
    ) -> None:
        client, named = self.client(session, olds), self.named(resource_id, olds)
        news = self._with_filled(olds, news)
        self.modify(client, named, olds, news)
        for operation, names in self.changes:
            if any(self.request(news, [n]) not in ({}, self.request(olds, [n])) for n in names):
                getattr(client, operation)(**{**named, **self.request(news, names)})
        if changed(olds, news, "tags"):
            self.retag(client, named, olds, news)

    def modify(self, client: Any, named: Properties, olds: Properties, news: Properties) -> None:
        """Change what neither `changes` nor `retag` does."""

    @override
    def delete(self, session: AwsSession, resource_id: str, state: Properties) -> None:
        with gone_is_fine():
            self.remove(self.client(session, state), self.named(resource_id, state), state)

    def remove(self, client: Any, named: Properties, state: Properties) -> None:
        """`delete`, which may raise AWS's own error for a deleted resource."""
        getattr(client, f"{self.deletes}_{self.noun}")(**named)

    @override
    def deletes_first(self, olds: Properties, news: Properties) -> bool:
        """Pulumi's bridge does so with all that could have a name made up and has not, whether the
        name stays or changes (`nameRequiresDeleteBeforeReplace` in pulumi-terraform-bridge)."""
        return self.autoname and self.name_property not in defaults(news)

    @override
    def compared(
        self, olds: Properties, state: Properties, news: Properties
    ) -> tuple[Properties, Properties]:
        """As with the published provider: an input that AWS has already is no change."""
        there = {name: value for name, value in state.items() if value not in ([], {})}
        return merged(shaped_like(there, news), olds), self._with_filled(olds, news)

    def _with_filled(self, olds: Properties, news: Properties) -> Properties:
        for path in sorted(self.having(Is.FILLED)):
            news = _kept(olds, news, path.split("."))
        return news

    @override
    def inputs_of(self, state: Properties) -> Properties:
        given, required = state.keys() - self.having(Is.OUTPUT), self.having(Is.REQUIRED)
        return {n: state[n] for n in given if n in required or state[n] not in (None, "", [], {})}

    @override
    def refreshed(self, inputs: Properties, state: Properties) -> Properties:
        """Live values of the program's inputs, and of inputs that were set outside of Pulumi."""
        live = {n: given for n, given in inputs.items() if given == []} | self.inputs_of(state)
        live |= {
            n: shaped_like(state[n], inputs[n]) for n in self.having(Is.PARTIAL) if n in inputs
        }
        return {
            n: value for n, value in live.items() if n in inputs or n not in self.having(Is.FILLED)
        }

    @override
    def preview(
        self, session: AwsSession, inputs: Properties, state: Properties | None
    ) -> Properties:
        outputs = super().preview(session, inputs, state)
        for path in self.having(Is.OUTPUT):
            if "." in path and isinstance(outputs[path.partition(".")[0]], Mapping):
                outputs = set_path(outputs, path, get_path(state, path) if state else UNKNOWN)
        if "tagsAll" in self.rows:
            outputs["tagsAll"] = inputs.get("tags", {})
        return outputs


def tags_as_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags as most of AWS's operations take them."""
    return [{"Key": name, "Value": text} for name, text in sorted(tags.items())]


def tags_as_map(tags: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Tags as Pulumi shows them; those that AWS itself sets are left out."""
    values = {tag["Key"]: tag["Value"] for tag in tags}
    return {name: value for name, value in values.items() if not name.startswith("aws:")}


def to_aws(value: Any) -> Any:
    """An object of a request, whose names begin with a capital in many of AWS's services."""
    if isinstance(value, Mapping):
        return {_ACRONYMS.get(n, n[0].upper() + n[1:]): to_aws(item) for n, item in value.items()}
    return value


def from_aws(value: Any) -> Any:
    """An object of an answer, with Pulumi's names."""
    names = {acronym: name for name, acronym in _ACRONYMS.items()}
    if isinstance(value, Mapping):
        return {names.get(n, n[0].lower() + n[1:]): from_aws(item) for n, item in value.items()}
    return value


def tag_changes(olds: Properties, news: Properties) -> tuple[list[str], dict[str, str]]:
    """Names of tags that go, and tags that are new or change."""
    before, after = olds.get("tags") or {}, news.get("tags") or {}
    new = {name: text for name, text in after.items() if before.get(name) != text}
    return sorted(before.keys() - after.keys()), new


LISTED_TAGS = {
    "tags": Property(aws="Tags", absent={}, sent=tags_as_list, shown=tags_as_map),
    "tagsAll": Property(Is.OUTPUT, "Tags", absent={}, shown=tags_as_map),
}
"""Tags of services whose operations have lists of them."""


def changed(olds: Properties, news: Properties, *names: str) -> bool:
    """Return True if one of the properties differs; empty and absent are equal."""
    return any((olds.get(name) or None) != (news.get(name) or None) for name in names)


def picked(values: Mapping[str, Any], names: Sequence[str]) -> Properties:
    """The values of those names that there are."""
    return {name: values[name] for name in names if name in values}


@contextmanager
def gone_is_fine() -> Iterator[None]:
    """Leave AWS's errors about a missing resource out."""
    try:
        yield
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if not (code == "404" or code.startswith("NoSuch") or "NotFound" in code):
            raise


def _shown(row: Property, found: Any) -> Any:
    value = row.shown(found)
    if isinstance(value, datetime):
        return value.isoformat()
    return canonical(value) if Is.DOCUMENT in row.rules else value


def _kept(olds: Any, news: Any, path: Sequence[str]) -> Any:
    name, *rest = path
    if name == "*" and isinstance(olds, list) and isinstance(news, list):
        pairs = zip_longest(olds[: len(news)], news)  # one that changes is another member of a set
        return [
            _kept(old, new, rest) if shaped_like(old, new) == new else new for old, new in pairs
        ]
    if not isinstance(olds, Mapping) or not isinstance(news, Mapping):
        return news
    if olds.get(name) in (None, "", {}):  # an empty list may be the program's
        return news
    if rest:
        return {**news, name: _kept(olds[name], news[name], rest)} if name in news else news
    return {name: olds[name], **news}
