"""Everything that is known of one chain, from a service account to its data. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from irsa.aws_config import Profile, profiles
from irsa.facts import (
    AUDIENCE_ANNOTATION,
    Answer,
    ConfigFile,
    Json,
    Pod,
    Provider,
    Role,
    ServiceAccount,
    Token,
    Unread,
)
from irsa.stack import Stack

STS_AUDIENCE = "sts.amazonaws.com"
ROLE_ARN = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[!-~]+")


@dataclass(frozen=True, kw_only=True)
class ChainTarget:
    """Role B and how the Pod gets to it."""

    role_arn: str
    expected_arn: str = ""
    """The role that the user or the stack names; empty when neither does."""
    profile: str = ""
    """Profile of the Pod's AWS config file; empty when role B was named by ARN."""
    external_id: str = ""
    session_name: str = "irsa-verify"
    duration_seconds: int = 3600


@dataclass(frozen=True, kw_only=True)
class ChainFacts:
    """What is known of role B."""

    target: ChainTarget
    role: Role | Unread | None
    gone: frozenset[str] = frozenset()
    """ARNs in role B's trust policy of roles in role A's account that do not exist."""
    assumed: Answer | None = None
    caller: Answer | None = None
    data: Answer | None = None
    direct: Answer | None = None
    """How role A's own session fares with the bucket."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """One chain. None among answers is a call that was not made."""

    namespace: str
    name: str
    now: float
    expected_role: str = ""
    """The role that the user or the stack names."""
    deployment: str = ""
    """The Deployment that the user or the stack names."""
    region: str = "us-east-1"
    profile: str = ""
    """The profile of the Pod's AWS config file that is asked for."""
    service_account: ServiceAccount | Unread | None
    pods: tuple[Pod, ...] | Unread = ()
    variables_from: Mapping[str, str] = field(default_factory=dict[str, str])
    """Variables that the Pod gets through ``envFrom``, with the object that holds them."""
    config_file: ConfigFile | Unread | None = None
    token: Token | Unread | None = None
    keys: Json | Unread | None = None
    providers: tuple[Provider, ...] | Unread = ()
    role: Role | Unread | None = None
    bucket: str = ""
    bucket_policy: Json | Unread | None = None
    bucket_account: str = ""
    """The account of the bucket's owner; empty when it is not known."""
    neighbours: frozenset[str] = frozenset()
    """Subjects in the trust policy of other service accounts that are annotated with the role."""
    assumed: Answer | None = None
    caller: Answer | None = None
    data: Answer | None = None
    refused: Answer | None = None
    inside: Answer | Unread | None = None
    """Who the AWS CLI is inside the Pod; None when it was not asked."""
    chain: ChainFacts | None = None
    stack: Stack | None = None
    """The stack that the chain was named by; None when it was named otherwise."""

    @property
    def subject(self) -> str:
        """The ``sub`` that the token must have."""
        return f"system:serviceaccount:{self.namespace}:{self.name}"

    @property
    def annotated_role(self) -> str:
        """The role in the annotation, empty when there is none."""
        found = self.service_account
        return found.role_arn if isinstance(found, ServiceAccount) else ""

    @property
    def role_arn(self) -> str:
        """The role that the chain is about; empty when nothing names one."""
        if self.expected_role:
            return self.expected_role
        if self.annotated_role:
            return self.annotated_role if ROLE_ARN.fullmatch(self.annotated_role) else ""
        own = self.own_profile
        return own.role_arn if own else ""

    @property
    def audience(self) -> str:
        """The audience that the webhook asks for."""
        found = self.service_account
        if isinstance(found, ServiceAccount):
            return found.annotations.get(AUDIENCE_ANNOTATION, STS_AUDIENCE)
        return STS_AUDIENCE

    @property
    def pod(self) -> Pod | None:
        """The newest Pod of the Deployment, or else of the service account."""
        if isinstance(self.pods, Unread):
            return None
        return pod_of(self.pods, self.name, self.deployment)

    @property
    def pod_profiles(self) -> dict[str, Profile]:
        """The profiles of the Pod's AWS config file; empty when it has none or is not readable."""
        file = self.config_file
        if not isinstance(file, ConfigFile) or file.text is None:
            return {}
        try:
            return profiles(file.text)
        except ValueError:
            return {}

    @property
    def own_profile(self) -> Profile | None:
        """The profile that reads the web identity token itself, for Pods without annotation."""
        found = self.pod_profiles.values()
        return next((each for each in found if each.web_identity_token_file), None)

    @property
    def profile_only(self) -> bool:
        """Whether the Pod finds its role by profile, so that nothing is to be injected."""
        return not self.annotated_role and self.own_profile is not None


def pod_of(pods: tuple[Pod, ...] | list[Pod], name: str, deployment: str) -> Pod | None:
    """The newest Pod of a Deployment, or else of a service account; ``pods`` are newest first."""
    of_deployment = [pod for pod in pods if deployment and pod.deployment == deployment]
    of_account = [pod for pod in pods if pod.service_account == name]
    found = [pod for pod in of_deployment if pod in of_account] or of_deployment or of_account
    return found[0] if found else None


def issuer_of(token: Token) -> str:
    """The token's issuer as condition keys spell it."""
    issuer: Any = token.claims.get("iss", "")
    return str(issuer).removeprefix("https://")
