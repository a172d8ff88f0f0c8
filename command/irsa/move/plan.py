"""A workload that moves from IRSA to EKS Pod Identity or back, and its steps, done or to do. Pure.

No step is remembered: a move that was interrupted goes on at the first step that is not done. Until
the last step, the opposite move leads back.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Literal, NamedTuple

from irsa import PROGRAM
from irsa.move.trust import RoleCall, verdict, without_caller
from irsa.observe.eks import Association
from irsa.observe.facts import ENDED, Owner, Pod, Role, ServiceAccountObject
from irsa.observe.stack_chains import Resource, Stack
from irsa.verify.facts import ByAssociation
from irsa_core.decide.association import pod_tags
from irsa_core.decide.principals import Caller, session_of
from irsa_core.decide.truth import Verdict
from irsa_core.identity.arns import cluster_arn, issuer_of_principal, provider_arn_beside
from irsa_core.identity.eks import (
    CREDENTIALS_URI_VARIABLE,
    DEFAULT_TOKEN_EXPIRATION,
    ROLE_ARN_VARIABLE,
    SKIP_LABEL,
    TOKEN_EXPIRATION_ANNOTATION,
)
from irsa_core.identity.injection import missing
from irsa_core.identity.pod_identity import SESSION_SECONDS
from irsa_core.identity.policy_json import Json
from irsa_core.identity.token import EXPIRY_LEEWAY
from irsa_core.polling import IN_A_ROW

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
    account: ServiceAccountObject
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
        return provider_arn_beside(self.issuer_url, self.role.arn)

    @property
    def wanted(self) -> RoleCall:
        """The call that the role has to allow."""
        return self._calls[self.to_pod_identity]

    @property
    def unwanted(self) -> RoleCall:
        """The call that the role allows no more in the end.

        A deleted association does not say whether it had session tags.
        """
        call = self._calls[not self.to_pod_identity]
        untagged = call._replace(tagged=False)
        return call if verdict(self.role, call) is not Verdict.DENY else untagged

    @property
    def _calls(self) -> tuple[RoleCall, RoleCall]:
        """The calls of IRSA and of EKS Pod Identity."""
        subject = self.account.subject
        by_token = RoleCall(self.provider_arn, subject, self.account.audience)
        tagged = not (self.association and self.association.disable_session_tags)
        return by_token, RoleCall(self.facts.cluster_arn, subject, tagged=tagged)

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
        times = [owner.rolled_out for owner in self.owners]
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


TAKES = ("dissociate", "unannotate", "distrust")
"""The steps that take access away."""


class Step(NamedTuple):
    """A step of a move."""

    key: str
    text: str
    """The state that the step leads to."""
    done: bool
    checks: bool = False
    """True if it changes nothing, and is done again in each run that needs it."""


def steps(move: Move) -> Iterator[Step]:
    """Yield the steps of a move in their order."""
    role, account, old = move.role.name, move.title, move.old
    gone, to_pod_identity = move.association is None, move.to_pod_identity
    by = f"EKS for {account}" if to_pod_identity else f"the tokens of {account}"
    yield Step("trust", f"role {role} trusts {by}", move.trusts_wanted)
    if to_pod_identity:
        yield Step("associate", f"an association gives the role to {account}", not gone)
    else:
        named = move.account.role_arn == move.role.arn
        yield Step("annotate", f"{account} is annotated with the role", named)
    service = "EKS" if to_pod_identity else "STS"
    session = f"{service} gives a running Pod's token a session of the role"
    yield Step("session", session, not old and (to_pod_identity or gone), checks=True)
    if not to_pod_identity:
        yield Step("dissociate", "the association is deleted", gone)
    credentials = f"the credentials of {NAMES[move.to]}"
    yield Step("gate", f"{IN_A_ROW} trial Pods in a row get {credentials}", not old, checks=True)
    yield Step("restart", f"every Pod is restarted and has {credentials}", not old)
    trusted = move.trusts_unwanted
    removed = not trusted or without_caller(move.role, move.unwanted) is None
    named = to_pod_identity and bool(move.account.role_arn)
    ended = removed and not named and not old
    over = not old and move.over <= move.facts.now
    until = ""
    if move.owners and not old:
        until = f" at {datetime.fromtimestamp(move.over, UTC):%Y-%m-%dT%H:%M:%SZ}"
    yield Step("session-again", session, ended, checks=True)
    yield Step("wait", f"tokens and sessions of the old Pods are over{until}", ended or over)
    if to_pod_identity:
        yield Step("unannotate", "the annotation of the role is removed", not named)
    by = f"{account} by {move.unwanted.source}"
    text = f"role {role} does not trust {by}"
    if removed and trusted:
        text = f"others have access by the statement that trusts {by}: it stays, narrow it by hand"
    yield Step("distrust", text, removed)


def next_step(move: Move, passed: Collection[str]) -> Step | None:
    """Return the first step that is left, but for checks that have passed."""
    return next((e for e in steps(move) if not e.done and e.key not in passed), None)


def notes(move: Move) -> list[str]:
    """Return what no fact shows before the first change."""
    fails = "conditions on session tags fail with IRSA"
    if move.to_pod_identity:
        fails = "conditions on the token fail, and roles that they assume must allow sts:TagSession"
    unread = f"not read: policies of buckets, KMS keys and roles that the Pods use; {fails}"
    return [unread, *(f"not asked: {each}" for each in move.unasked)]


def standing(move: Move) -> str:
    """Return what is there in the middle of a move, and the commands that go on and back."""
    named = "" if move.account.role_arn else "not "
    found = f"association {move.association.id}" if move.association else "no association"
    command, [back] = f"`{PROGRAM} move {move.title} --yes --to", {*NAMES} - {move.to}
    trusts = {move.to: move.trusts_wanted, back: move.trusts_unwanted}
    trusted = " and ".join(text for to, text in NAMES.items() if trusts[to]) or "neither way"
    ways = f"go on with {command} {move.to}`, or back with {command} {back}`"
    state = f"{move.title} is {named}annotated and has {found}"
    return f"{state}, and role {move.role.arn} trusts it by {trusted}; {ways}"


_TO_POD_IDENTITY = """\
1. add, and run `pulumi up`, which updates the Pods once they get the credentials:
   ServiceAccountRoleArgs(…, cluster_arns=["{cluster}"])
   association = PodIdentityAssociation("{name}", PodIdentityAssociationArgs(
       cluster_arn="{cluster}", role_arn=role.role_arn,
       service_account=ServiceAccount(namespace="{namespace}", name="{name}")))
   WorkloadArgs(…, pod_identity=PodIdentityArgs(
       association_id=association.association_id, kubeconfig=…))
2. restart the Pods that it did not replace:
{restarts}
3. when the step `wait` is done, remove, and run `pulumi up`:
   ServiceAccountRoleArgs(provider_arns=["{provider}"])
   WorkloadArgs(role_arn=…)"""
_TO_IRSA = """\
1. add, and run `pulumi up`:
   ServiceAccountRoleArgs(…, provider_arns=["{provider}"])
   WorkloadArgs(…, role_arn=role.role_arn)
2. remove, and run `pulumi up`:
   PodIdentityAssociation(…)
   WorkloadArgs(pod_identity=…)
3. restart the Pods, when a minute has passed:
{restarts}
4. when the step `wait` is done, remove, and run `pulumi up`:
   ServiceAccountRoleArgs(cluster_arns=["{cluster}"])"""


def owned(move: Move, stack: Stack | None) -> list[Resource]:
    """Return the resources of a move that a stack owns."""
    changed = [
        Resource("role", move.role.arn),
        Resource("association", f"{cluster_arn(move.facts.cluster_arn).name}:{move.title}"),
        Resource("annotation", move.title),
        *(Resource(each.kind, f"{move.facts.namespace}/{each.name}") for each in move.owners),
    ]
    return [each for each in changed if stack and each in stack.owned]


def program(move: Move, resources: list[Resource]) -> list[str]:
    """Return the changes of the program, by one `pulumi up` after the other."""
    namespace, name = move.facts.account
    restart = f"   kubectl rollout restart --namespace {namespace}"
    text = (_TO_POD_IDENTITY if move.to_pod_identity else _TO_IRSA).format(
        cluster=move.facts.cluster_arn,
        provider=move.provider_arn,
        namespace=namespace,
        name=name,
        restarts="\n".join(f"{restart} {owner.target}" for owner in move.owners if owner.rolls),
    )
    first = f"{', '.join(map(str, resources))}: the stack has it; change its program"
    return [first, *text.splitlines()]
