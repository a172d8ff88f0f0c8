"""Names that EKS's pod identity webhook and agent, the SDKs and STS share. Pure.

https://github.com/aws/amazon-eks-pod-identity-webhook and
https://docs.aws.amazon.com/eks/latest/userguide/pod-configuration.html
"""

from typing import Final

STS_AUDIENCE: Final = "sts.amazonaws.com"
"""The audience that the webhook asks for, and that an OIDC provider of a cluster must accept."""

ANNOTATION_PREFIX: Final = "eks.amazonaws.com/"
ROLE_ARN_ANNOTATION: Final = f"{ANNOTATION_PREFIX}role-arn"
AUDIENCE_ANNOTATION: Final = f"{ANNOTATION_PREFIX}audience"
TOKEN_EXPIRATION_ANNOTATION: Final = f"{ANNOTATION_PREFIX}token-expiration"
REGIONAL_STS_ANNOTATION: Final = f"{ANNOTATION_PREFIX}sts-regional-endpoints"
SKIP_CONTAINERS_ANNOTATION: Final = f"{ANNOTATION_PREFIX}skip-containers"
SKIP_LABEL: Final = f"{ANNOTATION_PREFIX}skip-pod-identity-webhook"

TOKEN_VOLUME: Final = "aws-iam-token"  # noqa: S105 - a volume's name
TOKEN_FOLDER: Final = "/var/run/secrets/eks.amazonaws.com/serviceaccount"  # noqa: S105
TOKEN_FILE: Final = f"{TOKEN_FOLDER}/token"
DEFAULT_TOKEN_EXPIRATION: Final = 86_400
"""Seconds that the webhook has the token live."""

ROLE_ARN_VARIABLE: Final = "AWS_ROLE_ARN"
TOKEN_FILE_VARIABLE: Final = "AWS_WEB_IDENTITY_TOKEN_FILE"  # noqa: S105 - a variable's name
WEB_IDENTITY_VARIABLES: Final = (ROLE_ARN_VARIABLE, TOKEN_FILE_VARIABLE)
"""Variables that the webhook sets; it leaves a container alone that sets one of them itself."""

POD_IDENTITY_SERVICE: Final = "pods.eks.amazonaws.com"
"""The service principal of EKS Pod Identity, and the audience of its tokens."""
CREDENTIALS_URI_VARIABLE: Final = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
RELATIVE_URI_VARIABLE: Final = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
"""ECS's variable; SDKs take it before the one of the agent's address."""
AUTHORIZATION_FILE_VARIABLE: Final = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"
CONTAINER_CREDENTIALS_VARIABLES: Final = (CREDENTIALS_URI_VARIABLE, AUTHORIZATION_FILE_VARIABLE)
"""Variables that the webhook sets for EKS Pod Identity, instead of `WEB_IDENTITY_VARIABLES`."""
CONTAINER_SOURCE: Final = "EcsContainer"
"""A profile's ``credential_source`` for the credentials behind them, as on ECS."""
CREDENTIALS_URI: Final = "http://169.254.170.23/v1/credentials"
"""The EKS Pod Identity Agent of the node."""
POD_IDENTITY_VOLUME: Final = "eks-pod-identity-token"
POD_IDENTITY_TOKEN_FOLDER: Final = "/var/run/secrets/pods.eks.amazonaws.com/serviceaccount"  # noqa: S105
POD_IDENTITY_TOKEN_FILE: Final = f"{POD_IDENTITY_TOKEN_FOLDER}/{POD_IDENTITY_VOLUME}"
POD_IDENTITY_LABEL: Final = f"{ANNOTATION_PREFIX}pod-identity"
"""Label of Pods that the webhook prepared for EKS Pod Identity; its value is ``enabled``."""
FARGATE_LABEL: Final = f"{ANNOTATION_PREFIX}fargate-profile"
"""Label that EKS gives to Pods for Fargate, when they are created."""

_BLOCKS_INJECTION = "the pod identity webhook skips a container that sets it itself"
_BEATS_THE_ROLE = "static credentials win over the role in every SDK"
_CHANGES_IDENTITY = "a profile changes the pod's identity"
RESERVED_VARIABLES: Final = {
    **dict.fromkeys(WEB_IDENTITY_VARIABLES, _BLOCKS_INJECTION),
    **dict.fromkeys(CONTAINER_CREDENTIALS_VARIABLES, _BLOCKS_INJECTION),
    RELATIVE_URI_VARIABLE: "SDKs ask ECS's address in place of the agent's",
    "AWS_ACCESS_KEY_ID": _BEATS_THE_ROLE,
    "AWS_SECRET_ACCESS_KEY": _BEATS_THE_ROLE,
    "AWS_SESSION_TOKEN": _BEATS_THE_ROLE,
    "AWS_CONFIG_FILE": _CHANGES_IDENTITY,
    "AWS_DEFAULT_PROFILE": _CHANGES_IDENTITY,
    "AWS_PROFILE": _CHANGES_IDENTITY,
    "AWS_SHARED_CREDENTIALS_FILE": _CHANGES_IDENTITY,
}
"""Environment variables that hide the identity of a container, and why."""
