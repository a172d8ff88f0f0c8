"""Roles, service accounts and policies among the resources of a Pulumi stack or preview. Pure."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from irsa.facts import ROLE_ARN_ANNOTATION, Json
from irsa.patterns import UNKNOWN_OUTPUT
from irsa.trust_words import LATER


@dataclass(frozen=True, slots=True)
class StackRole:
    """A role of a stack; what is not known yet is `LATER`."""

    urn: str
    name: str
    arn: str
    trust_policy: Json | str
    policies: tuple[str, ...] = ()
    """Names of what is attached to it."""


@dataclass(frozen=True, slots=True)
class StackAccount:
    """A service account of a stack."""

    namespace: str
    name: str
    role_arn: str


def resources_of(document: Json) -> list[Json]:
    """The resources in a `pulumi stack export`, a state file, or a `pulumi preview --json`.

    ValueError for anything else.
    """
    if "steps" in document:
        steps: list[Json] = document["steps"]
        kept = [step for step in steps if not str(step.get("op", "")).startswith("delete")]
        return [step["newState"] for step in kept if step.get("newState")]
    deployment: Json | None = document.get("deployment")
    if deployment is None and "checkpoint" in document:
        deployment = document["checkpoint"].get("latest")
    if deployment is None:
        raise ValueError("neither a `pulumi stack export` nor a `pulumi preview --json`")
    return deployment.get("resources") or []


def roles_of(resources: list[Json]) -> list[StackRole]:
    """The IAM roles among resources, with what is attached to them."""
    attached = list(_attachments(resources))
    return [
        _role(found, attached) for found in resources if found.get("type") == "aws:iam/role:Role"
    ]


def _role(found: Json, attached: list[tuple[str, str, str]]) -> StackRole:
    fields = _fields(found)
    name = _text(fields, "name")
    policies = [
        policy
        for role, parent, policy in attached
        # In a preview the role's name may not be known, but who made both is.
        if (parent == found.get("parent") if LATER in (role, name) else role == name)
    ]
    arn, trust_policy = _text(fields, "arn"), _document(fields.get("assumeRolePolicy"))
    return StackRole(found["urn"], name, arn, trust_policy, tuple(policies))


def accounts_of(resources: list[Json]) -> list[StackAccount]:
    """The annotated service accounts among resources."""
    found: list[StackAccount] = []
    for resource in resources:
        if not str(resource.get("type", "")).startswith("kubernetes:core/v1:ServiceAccount"):
            continue
        metadata: Json = _fields(resource).get("metadata") or {}
        annotations: Json | str = metadata.get("annotations") or {}
        if isinstance(annotations, str) or ROLE_ARN_ANNOTATION not in annotations:
            continue
        found.append(
            StackAccount(
                namespace=_text(metadata, "namespace"),
                name=_text(metadata, "name"),
                role_arn=_text(annotations, ROLE_ARN_ANNOTATION),
            )
        )
    return found


def _attachments(resources: list[Json]) -> Iterator[tuple[str, str, str]]:
    """Role, parent and policy of every attachment."""
    for resource in resources:
        if resource.get("type") == "aws:iam/rolePolicyAttachment:RolePolicyAttachment":
            fields = _fields(resource)
            arn = _text(fields, "policyArn")
            name = arn.rpartition("/")[2] if arn != LATER else resource["urn"].rpartition("::")[2]
            yield _text(fields, "role"), str(resource.get("parent")), name


def _fields(resource: Json) -> Json:
    return {**(resource.get("inputs") or {}), **(resource.get("outputs") or {})}


def _text(fields: Json, name: str) -> str:
    value: object = fields.get(name)
    return value if isinstance(value, str) and UNKNOWN_OUTPUT not in value else LATER


def _document(value: object) -> Json | str:
    if not isinstance(value, str) or UNKNOWN_OUTPUT in value:
        return LATER
    try:
        document: Json = json.loads(value)
    except ValueError:
        return LATER
    return document
