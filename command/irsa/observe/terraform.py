"""Roles in the state of Terraform or OpenTofu, with their policies. Only the file is read.

Version 4 of the format. The file is as old as the last refresh; IAM may have changed since.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, cast

from irsa.identity.policy_json import Json, mapping, mappings
from irsa.identity.quotas import DEFAULT_ROLE_SESSION_DURATION
from irsa.observe.errors import CollectError
from irsa.observe.files import read_json
from irsa.observe.iam import ExistingRole

_WAY_OUT = "give the whole output of `terraform state pull`"


class _Resource(NamedTuple):
    """One instance of a managed resource."""

    address: str
    type: str
    key: str
    """Its key under ``for_each``; empty without one."""
    values: Mapping[str, Any]

    def text(self, name: str) -> str:
        """A string attribute; empty for any other value."""
        value = self.values.get(name)
        return value if isinstance(value, str) else ""

    def texts(self, name: str) -> list[str]:
        """The strings of a list attribute."""
        value = self.values.get(name)
        listed = cast("list[object]", value) if isinstance(value, list) else []
        return [each for each in listed if isinstance(each, str)]


def read_terraform(source: str) -> list[ExistingRole]:
    """The IAM roles in a state file; ``-`` is standard input. Raises `CollectError`."""
    try:
        resources = list(_resources(read_json(source)))
        return [_role(each, resources) for each in resources if each.type == "aws_iam_role"]
    except ValueError as error:
        raise CollectError(f"{source}: {error}; {_WAY_OUT}") from error
    except CollectError as error:
        raise CollectError(f"{error}; {_WAY_OUT}") from error


def _resources(document: Json) -> Iterator[_Resource]:
    """The managed resources of a state; ValueError for another document."""
    if "encrypted_data" in document:
        raise ValueError("an encrypted OpenTofu state cannot be read")
    if document.get("version") != 4 or "deployment" in document:
        raise ValueError("not a state of Terraform or OpenTofu in version 4")
    for each in mappings(document.get("resources")):
        if each.get("mode") == "managed":
            yield from _instances(each)


def _instances(resource: Json) -> Iterator[_Resource]:
    """The instances of a resource."""
    kind, name, module = (str(resource.get(key, "")) for key in ("type", "name", "module"))
    base = f"{module}.{kind}.{name}" if module else f"{kind}.{name}"
    for each in mappings(resource.get("instances")):
        if "deposed" not in each:
            index = each.get("index_key")
            address = base if index is None else f"{base}[{json.dumps(index)}]"
            key = index if isinstance(index, str) else ""
            yield _Resource(address, kind, key, mapping(each.get("attributes")))


def _role(role: _Resource, resources: list[_Resource]) -> ExistingRole:
    arn, name = role.text("arn"), role.text("name")
    trust = mapping(_json(role.text("assume_role_policy")))
    if not arn or not name or not trust:
        raise ValueError(f"{role.address} has no arn, name or assume_role_policy")
    duration = role.values.get("max_session_duration")
    tags = mapping(role.values.get("tags_all")) or mapping(role.values.get("tags"))
    return ExistingRole(
        arn=arn,
        trust_policy=trust,
        description=role.text("description"),
        max_session_duration=(
            duration if isinstance(duration, int) else DEFAULT_ROLE_SESSION_DURATION
        ),
        permissions_boundary=role.text("permissions_boundary"),
        tags={key: str(value) for key, value in tags.items()},
        attached=_attached(role, name, resources),
        inline=tuple(_inline(role, name, resources)),
        origin=role.address,
        given_to=next(_given_to(arn, resources), ""),
    )


def _given_to(arn: str, resources: list[_Resource]) -> Iterator[str]:
    for each in resources:
        if each.type == "aws_eks_pod_identity_association" and each.text("role_arn") == arn:
            account = f"{each.text('namespace')}/{each.text('service_account')}"
            yield f"{account} of cluster {each.text('cluster_name')}"


def _json(text: str) -> object:
    try:
        return cast("object", json.loads(text))
    except (ValueError, RecursionError):
        return None


def _attached(role: _Resource, name: str, resources: list[_Resource]) -> dict[str, str]:
    """The key under ``for_each`` of each attached policy, by its ARN."""
    named = dict.fromkeys(role.texts("managed_policy_arns"), "")
    for each in resources:
        if each.type == "aws_iam_role_policy_attachment" and each.text("role") == name:
            named[each.text("policy_arn")] = each.key
        elif each.type == "aws_iam_policy_attachment" and name in each.texts("roles"):
            named.setdefault(each.text("policy_arn"), "")
    return named


def _inline(role: _Resource, name: str, resources: list[_Resource]) -> Iterator[str]:
    """The names of a role's inline policies."""
    # Terraform writes one without a name for a role that must have none.
    embedded = mappings(role.values.get("inline_policy"))
    yield from (str(each["name"]) for each in embedded if each.get("name"))
    for each in resources:
        if each.type == "aws_iam_role_policy" and each.text("role") == name:
            yield each.text("name")
