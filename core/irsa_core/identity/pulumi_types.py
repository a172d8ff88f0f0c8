"""Types of Pulumi's resources, and what taking them over says of them. Pure."""

import re

ROLE = "aws:iam/role:Role"
NATIVE_ROLE = "aws-native:iam:Role"
POLICY = "aws:iam/policy:Policy"
INLINE_POLICY = "aws:iam/rolePolicy:RolePolicy"
ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
SHARED_ATTACHMENT = "aws:iam/policyAttachment:PolicyAttachment"
EXCLUSIVE = "aws:iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive"
"""All managed policies of a role, which has no others."""
PROVIDER = "aws:iam/openIdConnectProvider:OpenIdConnectProvider"
ASSOCIATION = "aws:eks/podIdentityAssociation:PodIdentityAssociation"
SERVICE_ACCOUNT = "kubernetes:core/v1:ServiceAccount"
USER = "aws:iam/user:User"
CLUSTER = "aws:eks/cluster:Cluster"
OWN_CLUSTER = "irsa:index:EksCluster"
"""The component for a cluster, also for one that another stack has."""
BUCKET = "aws:s3/bucket:Bucket"
SETTINGS = {
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": "public-access",
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": "ownership",
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": (
        "encryption"
    ),
    "aws:s3/bucketVersioning:BucketVersioning": "versioning",
    "aws:s3/bucketPolicy:BucketPolicy": "policy",
}
"""Keys of a bucket's settings in ``taken_over``."""

OUTPUT_TEXT = re.compile(
    r"Calling \[?\w+\]? on an \[?Output[<\[]T[>\]]\]? is not supported"
    r"|pulumi\.output\.Output object|OutputState=|\{0xc[0-9a-f]{6,}\}|Pulumi\.Output`1"
)
"""Texts of the SDKs of TypeScript, Python, Go and .NET where a program puts an output into a text:
https://www.pulumi.com/docs/iac/concepts/inputs-outputs/."""

NEW = "new"
"""A child that the stack does not have, in place of its URN in ``taken_over``."""


def without_version(kind: str) -> str:
    """Return a type without the V2 of those that pulumi-aws has renamed, which it aliases."""
    return kind.replace("V2", "")


SIGNATURE = "4dabf18193072939515e22adb298388d"
"""Key of a mapping that stands for a secret, an output, a resource or an asset: of the engine's
protocol, and of states.
https://github.com/pulumi/pulumi/blob/master/sdk/go/common/resource/sig/sig.go"""
