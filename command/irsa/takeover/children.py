"""The resources that components have as children, by their types in Pulumi. Pure."""

from typing import NamedTuple

from irsa.identity.policy_json import UNKNOWN_OUTPUT, Json
from irsa.observe import pulumi

NEW = "new"
"""A child that the stack does not have, in place of its URN in ``taken_over``."""

USER = "aws:iam/user:User"
USER_ATTACHMENT = "aws:iam/userPolicyAttachment:UserPolicyAttachment"
USER_POLICY = "aws:iam/userPolicy:UserPolicy"
ACCESS_KEY = "aws:iam/accessKey:AccessKey"
BUCKET = "aws:s3/bucket:Bucket"
NAMESPACE = "kubernetes:core/v1:Namespace"
SETTINGS = {
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": "public-access",
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": "ownership",
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": (
        "encryption"
    ),
    "aws:s3/bucketVersioning:BucketVersioning": "versioning",
    "aws:s3/bucketPolicy:BucketPolicy": "policy",
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
    pulumi.ROLE: Child("role", "{name}"),
    pulumi.POLICY: Child("", "{name}"),
    pulumi.ATTACHMENT: Child("", "{role}/{policyArn}"),
    pulumi.INLINE_POLICY: Child("", "{role}:{name}"),
    USER: Child("user", "{name}"),
    USER_ATTACHMENT: Child("", "{user}/{policyArn}"),
    USER_POLICY: Child("", "{user}:{name}"),
    ACCESS_KEY: Child("key", "{id}"),
    BUCKET: Child("bucket", "{bucket}"),
    **{kind: Child(key, "{bucket}") for kind, key in SETTINGS.items()},
    pulumi.ASSOCIATION: Child("association", "{clusterName},{associationId}"),
    pulumi.PROVIDER: Child("provider", "{url}"),
    pulumi.SERVICE_ACCOUNT: Child("service-account", "{metadata[namespace]}/{metadata[name]}"),
    "kubernetes:apps/v1:Deployment": Child("deployment", "{metadata[namespace]}/{metadata[name]}"),
    NAMESPACE: Child("namespace", "{metadata[name]}"),
}


def kind_of(state: Json) -> str:
    """Return a resource's type, without the V2 of those that pulumi-aws has renamed."""
    return str(state.get("type")).replace("V2", "")


def child_key(child: Json, owner: str) -> str:
    """Return a child's key; ``owner`` is the logical name of the component's role or user."""
    kind = CHILDREN.get(kind_of(child))
    return (kind and kind.key) or pulumi.logical_name(child).removeprefix(f"{owner}-")


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
