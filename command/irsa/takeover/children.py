"""The resources that components have as children, by their types in Pulumi. Pure."""

from typing import NamedTuple

from irsa.observe.pulumi import StateResource
from irsa_core.identity import pulumi_types as types
from irsa_core.identity.policy_json import UNKNOWN_OUTPUT, Json


class Child(NamedTuple):
    """A type of a component's child."""

    key: str
    """In ``taken_over``; a policy's is what its logical name has behind the owner's."""
    id: str
    """The id in AWS or in the cluster, made of its properties: all that is known of one that will
    be created. AWS writes policies, attachments and settings over old ones of the same id."""


CHILDREN = {
    types.ROLE: Child("role", "{name}"),
    types.POLICY: Child("", "{name}"),
    types.ATTACHMENT: Child("", "{role}/{policyArn}"),
    types.INLINE_POLICY: Child("", "{role}:{name}"),
    types.USER: Child("user", "{name}"),
    "aws:iam/userPolicyAttachment:UserPolicyAttachment": Child("", "{user}/{policyArn}"),
    "aws:iam/userPolicy:UserPolicy": Child("", "{user}:{name}"),
    "aws:iam/accessKey:AccessKey": Child("key", "{id}"),
    types.BUCKET: Child("bucket", "{bucket}"),
    **{kind: Child(key, "{bucket}") for kind, key in types.SETTINGS.items()},
    types.ASSOCIATION: Child("association", "{clusterName},{associationId}"),
    types.PROVIDER: Child("provider", "{url}"),
    types.SERVICE_ACCOUNT: Child("service-account", "{metadata[namespace]}/{metadata[name]}"),
    "kubernetes:apps/v1:Deployment": Child("deployment", "{metadata[namespace]}/{metadata[name]}"),
    "kubernetes:core/v1:Namespace": Child("namespace", "{metadata[name]}"),
}


def child_key(child: StateResource, owner: str) -> str:
    """Return a child's key; ``owner`` is the logical name of the component's role or user."""
    kind = CHILDREN.get(child.kind)
    return (kind and kind.key) or child.name.removeprefix(f"{owner}-")


def physical_id(kind: str, properties: Json) -> str:
    """Return the id that properties make; empty if it is not known."""
    try:
        found = CHILDREN[kind].id.format_map(properties)
    except (LookupError, TypeError):  # another type, or a property is missing
        return ""
    return "" if UNKNOWN_OUTPUT in found else found


def part(urn: str) -> str:
    """Return the part of a URN from the type on, which is the same in every stack."""
    return urn.split("::", 2)[-1]
