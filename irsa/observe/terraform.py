"""Roles in the state of Terraform or OpenTofu, with their policies. Only the file is read.

Version 4 of the state's own format, and what ``terraform show -json`` writes. The file is as old as
the last refresh; what IAM has now may differ.
https://developer.hashicorp.com/terraform/internals/json-format
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, cast

from irsa.identity.policy_json import Json
from irsa.identity.quotas import DEFAULT_ROLE_SESSION_DURATION
from irsa.observe.errors import CollectError
from irsa.observe.existing_roles import ExistingRole
from irsa.observe.files import read_json

_WHOLE = "give the whole file that `terraform state pull` or `terraform show -json` wrote"
_CLOUDFORMATION = (
    "AWSTemplateFormatVersion",
    "Resources",
    "StackResourceSummaries",
    "StackResources",
    "Stacks",
    "TemplateBody",
)
_OTHERS = (
    (
        ("encrypted_data",),
        "is an encrypted OpenTofu state; give what `tofu show -json` writes of it",
    ),
    (
        ("deployment", "checkpoint"),
        "is the state of a Pulumi stack; `pulumi state move` brings its roles into another one",
    ),
    (
        _CLOUDFORMATION,
        "is CloudFormation's; leave --terraform-state out, and the roles are read from the account",
    ),
    (
        ("planned_values", "resource_changes"),
        f"is a plan, and not what there is; {_WHOLE}",
    ),
)
"""What else a file may be, by a key that it has then, and the way out."""


class _Resource(NamedTuple):
    """One instance of a managed resource."""

    address: str
    type: str
    key: str
    """Its key under ``for_each``, empty without one."""
    values: Mapping[str, Any]

    def text(self, name: str) -> str:
        """An attribute that is a text; empty when there is none."""
        value = self.values.get(name)
        return value if isinstance(value, str) else ""

    def texts(self, name: str) -> list[str]:
        """An attribute that is a list of texts."""
        value = self.values.get(name)
        listed = cast("list[object]", value) if isinstance(value, list) else []
        return [each for each in listed if isinstance(each, str)]


def read_terraform(source: str) -> list[ExistingRole]:
    """The IAM roles in a state file, ``-`` for standard input.

    Raises `CollectError`: one line with the file, what it is, and the way out.
    """
    try:
        document = read_json(source)
    except CollectError as error:
        raise CollectError(f"{error}; {_WHOLE}" if "JSON" in str(error) else str(error)) from error
    try:
        resources = list(_resources(document))
        return [_role(each, resources) for each in resources if each.type == "aws_iam_role"]
    except ValueError as error:
        raise CollectError(f"{source} {error}") from error


def _resources(document: Json) -> Iterator[_Resource]:
    """The managed resources; ValueError for a file that is something else."""
    for keys, what in _OTHERS:
        if any(key in document for key in keys):
            raise ValueError(what)
    version = document.get("version")
    if "format_version" in document:
        values: object = document.get("values") or {}
        yield from _shown(_mapping(values, "values").get("root_module", {}))
    elif isinstance(version, int) and version < 4:
        raise ValueError(
            f"is a state of version {version}, which Terraform 0.11 and older wrote; a newer one "
            "upgrades it (`terraform apply`), and `terraform state pull` writes it out"
        )
    elif version == 4:
        for each in _list(document.get("resources"), "resources"):
            yield from _stored(_mapping(each, "resources"))
    elif isinstance(version, int) and "terraform_version" in document:
        raise ValueError(f"is a state of version {version}, which is not known here; {_WHOLE}")
    else:
        raise ValueError(f"is not a state of Terraform or OpenTofu; {_WHOLE}")


def _stored(resource: Json) -> Iterator[_Resource]:
    """The instances of a resource in a state of version 4."""
    if resource.get("mode") != "managed":
        return
    kind, name, module = (str(resource.get(key, "")) for key in ("type", "name", "module"))
    base = f"{module}.{kind}.{name}" if module else f"{kind}.{name}"
    for each in _list(resource.get("instances"), f"instances of {base}"):
        instance = _mapping(each, f"instances of {base}")
        if "deposed" in instance or not kind.startswith("aws_iam_"):
            continue
        values = _mapping(instance.get("attributes"), f"attributes of {base}")
        yield _resource(base, kind, instance.get("index_key"), values)


def _shown(module: object) -> Iterator[_Resource]:
    """The instances in a module of `terraform show -json`, and in those that it calls."""
    fields = _mapping(module, "root_module")
    for each in _list(fields.get("resources", []), "resources"):
        resource = _mapping(each, "resources")
        kind = str(resource.get("type", ""))
        if resource.get("mode") != "managed" or "deposed_key" in resource:
            continue
        index = resource.get("index")
        address = str(resource.get("address", kind))
        values = _mapping(resource.get("values"), f"values of {address}")
        yield _Resource(address, kind, index if isinstance(index, str) else "", values)
    for each in _list(fields.get("child_modules", []), "child_modules"):
        yield from _shown(each)


def _resource(base: str, kind: str, index: object, values: Json) -> _Resource:
    address = base if index is None else f"{base}[{json.dumps(index)}]"
    return _Resource(address, kind, index if isinstance(index, str) else "", values)


def _mapping(value: object, where: str) -> Json:
    if not isinstance(value, dict):
        raise ValueError(f"is damaged: {where} has something else than an object in it; {_WHOLE}")
    return cast("Json", value)


def _list(value: object, where: str) -> list[object]:
    if not isinstance(value, list):
        raise ValueError(f"is damaged: {where} is not a list; {_WHOLE}")
    return cast("list[object]", value)


def _role(role: _Resource, resources: list[_Resource]) -> ExistingRole:
    arn, name = role.text("arn"), role.text("name")
    if not arn or not name:
        raise ValueError(f"is damaged: {role.address} has no arn or no name; {_WHOLE}")
    try:
        trust = _mapping(json.loads(role.text("assume_role_policy")), role.address)
    except json.JSONDecodeError as error:
        raise ValueError(
            f"is damaged: the assume_role_policy of {role.address} is not JSON; {_WHOLE}"
        ) from error
    duration = role.values.get("max_session_duration")
    tags = role.values.get("tags_all") or role.values.get("tags")
    return ExistingRole(
        arn=arn,
        trust_policy=trust,
        description=role.text("description"),
        max_session_duration=(
            duration if isinstance(duration, int) else DEFAULT_ROLE_SESSION_DURATION
        ),
        permissions_boundary=role.text("permissions_boundary"),
        tags={key: str(value) for key, value in _mapping(tags or {}, role.address).items()},
        attached=_attached(role, name, resources),
        inline=tuple(_inline(role, name, resources)),
        origin=role.address,
    )


def _attached(role: _Resource, name: str, resources: list[_Resource]) -> dict[str, str]:
    """What each attached policy is called, by its ARN."""
    named = dict.fromkeys(role.texts("managed_policy_arns"), "")
    for each in resources:
        if each.type == "aws_iam_role_policy_attachment" and each.text("role") == name:
            named[each.text("policy_arn")] = each.key
        elif each.type == "aws_iam_policy_attachment" and name in each.texts("roles"):
            named.setdefault(each.text("policy_arn"), "")
    return named


def _inline(role: _Resource, name: str, resources: list[_Resource]) -> Iterator[str]:
    """The names of the policies that are embedded in a role."""
    embedded = role.values.get("inline_policy")
    for each in cast("list[object]", embedded) if isinstance(embedded, list) else []:
        # Terraform writes one without a name for a role that is to have none.
        if isinstance(each, dict) and cast("Json", each).get("name"):
            yield str(cast("Json", each)["name"])
    for each in resources:
        if each.type == "aws_iam_role_policy" and each.text("role") == name:
            yield each.text("name")
