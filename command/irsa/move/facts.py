"""Facts of a workload that moves from IRSA to EKS Pod Identity, or back. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Literal

from irsa.decide.association import pod_tags
from irsa.decide.principals import Caller, session_of
from irsa.decide.truth import Verdict
from irsa.identity.arns import cluster_arn, issuer_of_principal, partition_of, provider_arn_for
from irsa.identity.eks import (
    CREDENTIALS_URI_VARIABLE,
    DEFAULT_TOKEN_EXPIRATION,
    ROLE_ARN_VARIABLE,
    SKIP_LABEL,
    TOKEN_EXPIRATION_ANNOTATION,
)
from irsa.identity.injection import missing
from irsa.identity.pod_identity import SESSION_SECONDS
from irsa.identity.policy_json import Json
from irsa.identity.token import EXPIRY_LEEWAY
from irsa.move.trust import Call, verdict
from irsa.observe.eks import Association
from irsa.observe.facts import ENDED, Owner, Pod, Role, ServiceAccount
from irsa.verify.facts import ByAssociation

Mechanism = Literal["pod-identity", "irsa"]
NAMES: dict[Mechanism, str] = {"pod-identity": "EKS Pod Identity", "irsa": "IRSA"}
GRACE_SECONDS = 30
"""Time that Kubernetes gives a Pod to end.
https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination"""


@dataclass(frozen=True, kw_only=True)
class Move:
    """A service account, its role and its Pods, and the mechanism that they are to have."""

    to: Mechanism
    facts: ByAssociation
    account: ServiceAccount
    role: Role
    issuer_url: str
    denied: tuple[str, ...] | None = None
    """Reasons by which a step that is left would fail, by what was asked; None: not asked yet."""
    unasked: tuple[str, ...] = ()
    """Permissions that could not be asked for."""

    @property
    def to_pod_identity(self) -> bool:
        """True if the Pods are to have EKS Pod Identity."""
        return self.to == "pod-identity"

    @property
    def title(self) -> str:
        """The service account, as ``NAMESPACE/NAME``."""
        return "/".join(self.facts.account)

    @property
    def association(self) -> Association | None:
        """Its association."""
        return self.facts.associated

    @property
    def provider_arn(self) -> str:
        """The cluster's OIDC provider in the role's account."""
        partition = partition_of(self.role.arn)
        return provider_arn_for(self.issuer_url, self.role.account, partition=partition)

    @property
    def wanted(self) -> Call:
        """The call that the role has to allow."""
        return self._calls[self.to_pod_identity]

    @property
    def unwanted(self) -> Call:
        """The call that the role allows no more in the end.

        A deleted association does not say whether it had session tags.
        """
        call = self._calls[not self.to_pod_identity]
        untagged = call._replace(tagged=False)
        return call if verdict(self.role, call) is not Verdict.DENY else untagged

    @property
    def _calls(self) -> tuple[Call, Call]:
        """The calls of IRSA and of EKS Pod Identity."""
        subject = self.account.subject
        by_token = Call(self.provider_arn, subject, self.account.audience)
        tagged = not (self.association and self.association.disable_session_tags)
        return by_token, Call(self.facts.cluster_arn, subject, tagged=tagged)

    @property
    def sessions(self) -> tuple[Caller, Caller]:
        """Sessions of IRSA and of EKS Pod Identity, as policies see them, of unknown names."""
        by_token, by_association = self._calls
        issuer = issuer_of_principal(by_token.source).lower()
        claims = {f"{issuer}:sub": by_token.subject, f"{issuer}:aud": by_token.audience}
        cluster = cluster_arn(by_association.source)
        tags = pod_tags(cluster, self.facts.account) if by_association.tagged else {}
        session = partial(session_of, self.role.arn, None, self.role.unique_id)
        return (
            session(federation={**claims, "aws:federatedprovider": by_token.source}),
            session(federation={}, session_tags=tags, transitive_tags=frozenset(tags)),
        )

    @property
    def trusts_wanted(self) -> bool:
        """True if the role allows the new call for certain."""
        return verdict(self.role, self.wanted) is Verdict.ALLOW

    @property
    def trusts_unwanted(self) -> bool:
        """True unless the role denies the old call for certain."""
        return verdict(self.role, self.unwanted) is not Verdict.DENY

    @property
    def pods(self) -> Sequence[Pod]:
        """The Pods of the service account that have not ended, and those that are about to."""
        pods = self.facts.pods if isinstance(self.facts.pods, tuple) else ()
        own = [pod for pod in pods if pod.service_account == self.account.name]
        return [pod for pod in own if pod.phase not in ENDED]

    @property
    def old(self) -> Sequence[Pod]:
        """The Pods without the credentials that they are to have, but for those that the webhook
        leaves alone."""
        touched = [pod for pod in self.pods if SKIP_LABEL not in pod.labels]
        return [pod for pod in touched if self.lacks(pod.annotations, pod.spec)]

    def lacks(self, annotations: object, spec: Json) -> str:
        """Return what a Pod has instead of the credentials; empty if it has them."""
        pod: Json = {"metadata": {"annotations": annotations}, "spec": spec}
        if self.to_pod_identity:
            return missing(pod, CREDENTIALS_URI_VARIABLE)
        return missing(pod, ROLE_ARN_VARIABLE, self.role.arn)

    @property
    def outdated(self) -> Sequence[Owner]:
        """The controllers of these Pods."""
        return [*{pod.owner.target: pod.owner for pod in self.old if pod.owner}.values()]

    @property
    def owners(self) -> Sequence[Owner]:
        """The controllers of the service account's Pods, with and without Pods."""
        name = self.account.name
        listed = self.facts.owners
        found = [each for each in listed if each.service_account == name]
        found += [pod.owner for pod in self.pods if pod.owner is not None]
        return [*{each.target: each for each in found}.values()]

    @property
    def over(self) -> float:
        """The moment from which no token or session of a Pod with the old credentials is valid.

        The last of these Pods was gone when the rollout was complete, or where that is not known,
        when the newest Pod was created; a Pod may take its time to end.
        """
        times = [each.rolled_out for each in self.owners]
        times += [e.created for e in self.pods if e.owner is None or not e.owner.rolled_out]
        last = max((datetime.fromisoformat(e).timestamp() for e in times if e), default=0.0)
        graces = [pod.spec.get("terminationGracePeriodSeconds", GRACE_SECONDS) for pod in self.pods]
        return last + max(graces, default=GRACE_SECONDS) + self._lifetime

    @property
    def _lifetime(self) -> float:
        """Seconds that credentials outlive their Pod: STS cannot know that it has ended."""
        if not self.to_pod_identity:
            return SESSION_SECONDS
        given = [pod.annotations.get(TOKEN_EXPIRATION_ANNOTATION) for pod in self.pods] or [None]
        own = self.account.annotations.get(TOKEN_EXPIRATION_ANNOTATION)
        seconds = [each or own or str(DEFAULT_TOKEN_EXPIRATION) for each in given]
        tokens = [int(e) if e.isdecimal() else DEFAULT_TOKEN_EXPIRATION for e in seconds]
        return max(max(tokens) + EXPIRY_LEEWAY, self.role.max_session_duration)
