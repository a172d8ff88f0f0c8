"""The resources that components have as children, by their types in Pulumi. Pure."""

from typing import NamedTuple

from irsa.identity.policy_json import UNKNOWN_OUTPUT, Json
from irsa.observe.pulumi import (
    ASSOCIATION,
    ATTACHMENT,
    INLINE_POLICY,
    POLICY,
    PROVIDER,
    ROLE,
    SERVICE_ACCOUNT,
    logical_name,
)

NEW = "new"
"""A child that the stack does not have, in place of its URN in ``taken_over``."""

USER = "aws:iam/user:User"
USER_ATTACHMENT = "aws:iam/userPolicyAttachment:UserPolicyAttachment"
USER_POLICY = "aws:iam/userPolicy:UserPolicy"
ACCESS_KEY = "aws:iam/accessKey:AccessKey"
BUCKET = "aws:s3/bucket:Bucket"
NAMESPACE = "kubernetes:core/v1:Namespace"
SETTINGS = {
    f"aws:s3/bucket{each}:Bucket{each}": key
    for each, key in {
        "PublicAccessBlock": "public-access",
        "OwnershipControls": "ownership",
        "ServerSideEncryptionConfiguration": "encryption",
        "Versioning": "versioning",
        "Policy": "policy",
    }.items()
}
"""Keys of a bucket's settings."""


class Child(NamedTuple):
    """A type of a component's child."""

    key: str
    """In ``taken_over``; a policy's is what its logical name has behind the owner's."""
    id: str
    """The id in AWS or in the cluster, made of its properties: all that is known of one that will
    be created. AWS writes policies, attachments and settings over old ones of the same id."""


CHILDREN = {
    ROLE: Child("role", "{name}"),
    POLICY: Child("", "{name}"),
    ATTACHMENT: Child("", "{role}/{policyArn}"),
    INLINE_POLICY: Child("", "{role}:{name}"),
    USER: Child("user", "{name}"),
    USER_ATTACHMENT: Child("", "{user}/{policyArn}"),
    USER_POLICY: Child("", "{user}:{name}"),
    ACCESS_KEY: Child("key", "{id}"),
    BUCKET: Child("bucket", "{bucket}"),
    **{kind: Child(key, "{bucket}") for kind, key in SETTINGS.items()},
    ASSOCIATION: Child("association", "{clusterName},{associationId}"),
    PROVIDER: Child("provider", "{url}"),
    SERVICE_ACCOUNT: Child("service-account", "{metadata[namespace]}/{metadata[name]}"),
    "kubernetes:apps/v1:Deployment": Child("deployment", "{metadata[namespace]}/{metadata[name]}"),
    NAMESPACE: Child("namespace", "{metadata[name]}"),
}


def child_key(child: Json, owner: str) -> str:
    """Return a child's key; ``owner`` is the logical name of the component's role or user."""
    kind = CHILDREN.get(str(child.get("type")))
    return (kind and kind.key) or logical_name(child).removeprefix(f"{owner}-")


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
