"""Facts of one chain, from a service account to its data, and AWS's answers to its calls. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar, NamedTuple

from irsa.observe.aws_config import Profile, ProfileChain, profile_chain, profiles
from irsa.observe.eks import Association, DescribedCluster
from irsa.observe.facts import (
    RUNNING,
    ConfigFile,
    Objects,
    Owner,
    PermissionsPolicy,
    Pod,
    RegisteredProvider,
    Role,
    ServiceAccountObject,
    Unread,
    Webhook,
)
from irsa.observe.iam import AccountPrincipals
from irsa.observe.pod_spec import Container, config_file, containers, is_associated, is_touched
from irsa.observe.stack_chains import Stack, StackChain
from irsa_core.decide.patterns import Key, Value
from irsa_core.identity import eks
from irsa_core.identity.arns import parse_role_arn
from irsa_core.identity.pod_identity import SESSION_TAGS, session_tags
from irsa_core.identity.policy_json import Json
from irsa_core.identity.quotas import DEFAULT_SESSION_DURATION
from irsa_core.identity.subjects import ServiceAccountRef
from irsa_core.identity.token import Token

SESSION_NAME = "irsa-verify"
"""Name of the sessions that verify asks for; CloudTrail shows it."""


@dataclass(frozen=True, kw_only=True)
class RoleB:
    """Role B, and how the Pod gets to it."""

    role_arn: str
    expected_arn: str = ""
    """The role that the user or the stack names; empty when neither does."""
    profile: str = ""
    """Profile of the Pod's AWS config file; empty when role B was named by ARN."""
    external_id: str = ""
    session_name: str = SESSION_NAME
    """Empty if a policy goes by it, and it is not known."""
    duration_seconds: int = DEFAULT_SESSION_DURATION
    tags: Mapping[str, Value] = field(default_factory=dict[str, Value], hash=False)
    """The session tags that role A passes on."""
    role: Role | Unread | None = None

    @property
    def named_role(self) -> Role | Unread | None:
        """The role, if it is the very one that is meant."""
        return _named(self.role, self.expected_arn or self.role_arn)


class Grant(NamedTuple):
    """An action on a resource that a role needs."""

    action: str
    resource: str
    """Its ARN, or ``*``."""
    statement: Json | None = None
    """The policy statement that names both; None where the user does."""

    @property
    def key(self) -> tuple[str, str]:
        """Identity of the question, without the statement."""
        return self.action.lower(), self.resource


@dataclass(frozen=True, kw_only=True)
class Question(StackChain):
    """The chain in question, as a stack or the user names it."""

    expects_association: bool = False
    """True if the service account should have an EKS Pod Identity association."""
    containers: tuple[str, ...] = ()
    """The containers that are asked about; none stands for all that may use AWS."""
    grants: tuple[Grant, ...] = ()
    """Further actions that the role, or role B, should be allowed."""
    found_role: str = ""
    """The ``expected_role`` if the account was searched for it; else empty."""
    stack: Stack | None = None
    """The stack that names the chain."""
    inside: bool = False
    """True to run the AWS CLI inside the Pod, too."""
    given_token: Token | None = None
    """A token to use instead of a fresh one."""
    wait: float = 90.0
    """Seconds that a change in AWS is given to propagate."""

    @property
    def account(self) -> ServiceAccountRef:
        """The service account by its names, whether it exists or not."""
        return ServiceAccountRef(self.namespace, self.name)


@dataclass(frozen=True, kw_only=True)
class ChainFacts(Question):
    """A question and the facts of its chain that no mechanism decides on: None for a missing
    resource, ``Unread`` for an unreadable one."""

    now: float
    region: str = "us-east-1"
    service_account: ServiceAccountObject | Unread | None
    pods: tuple[Pod, ...] | Unread = ()
    """All Pods of the namespace, newest first."""
    owners: tuple[Owner, ...] = ()
    """The namespace's Deployments, with and without Pods."""
    objects: Objects = field(default_factory=dict[Any, Any])
    """The ConfigMaps and Secrets that those Pods take variables and AWS files from."""
    network_policies: tuple[Json, ...] | Unread = ()
    webhook: Webhook | Unread | None = None
    cluster: DescribedCluster | Unread | None = None
    """None for a cluster that is not EKS's."""
    association: Association | Unread | None = None
    """The service account's EKS Pod Identity association; unread with its cluster."""
    next_pod: Json | Unread | None = None
    """The spec of a new Pod after admission, by dryRun; None where it was not tried: without an
    association only for Pods that were not mutated."""
    token: Token | Unread | None = None
    keys: Json | Unread
    """The key set that the cluster signs tokens with."""
    providers: tuple[RegisteredProvider, ...] | Unread = ()
    role: Role | Unread | None = None
    bucket_policy: Json | Unread | None = None
    bucket_account: str = ""
    """The account of the bucket's owner; empty when it is not known."""
    resource_policies: Mapping[str, Json | Unread | None] = field(
        default_factory=dict[str, Any], hash=False
    )
    """The policies of the resources in ``grants``, by ARN; without services that have none."""
    iam: AccountPrincipals | Unread | None = None
    """Roles and managed policies of the role's account; None where no link made them worth it."""
    trusting: tuple[Role, ...] | Unread = ()
    """The account's other roles that name this service account in their trust policy, and allow
    it; read with ``iam``."""
    existing: tuple[ServiceAccountRef, ...] | Unread | None = None
    """All service accounts of the cluster, read where this one does not exist."""
    role_b: RoleB | None = None

    @property
    def known_account(self) -> ServiceAccountObject:
        """The service account; without annotations if it was not read."""
        found = self.service_account
        if isinstance(found, ServiceAccountObject):
            return found
        return ServiceAccountObject(*self.account, {})

    @property
    def annotated_role(self) -> str:
        """The role in the annotation, empty when there is none."""
        return self.known_account.role_arn

    @property
    def associated(self) -> Association | None:
        """The association, if it was read."""
        return self.association if isinstance(self.association, Association) else None

    @property
    def cluster_arn(self) -> str:
        """The EKS cluster; empty when it is not known."""
        return self.cluster.arn if isinstance(self.cluster, DescribedCluster) else ""

    @property
    def target_role(self) -> str:
        """The association's target role, role B, whose session the Pod gets; empty without one."""
        return self.associated.target_role_arn if self.associated else ""

    @property
    def through_role_b(self) -> bool:
        """True if role B, not this role, has to list the bucket."""
        return self.role_b is not None or bool(self.profile)

    @property
    def judged(self) -> tuple[Pod, ...]:
        """The Pods that the checks look at, newest first: the living ones of the Deployment that is
        asked about, or else of the service account."""
        if isinstance(self.pods, Unread):
            return ()
        living = [pod for pod in self.pods if pod.lives]
        if self.deployment:
            return tuple(pod for pod in living if pod.deployment == self.deployment)
        return tuple(pod for pod in living if pod.service_account == self.name)

    @property
    def unmutated(self) -> list[Pod]:
        """Those that the webhook should have touched and did not."""
        return [
            pod
            for pod in self.judged
            if (self.annotated_role or self.associated)
            and pod.service_account == self.name
            and eks.SKIP_LABEL not in pod.labels
            and not is_touched(pod.spec)
        ]

    @property
    def pod(self) -> Pod | None:
        """The newest of them that runs, or else the newest."""
        judged = self.judged
        running = [pod for pod in judged if pod.phase == RUNNING]
        return next(iter(running or judged), None)

    @property
    def nodes_of_pods(self) -> set[str]:
        """The nodes where they run."""
        return {pod.spec["nodeName"] for pod in self.judged if pod.spec.get("nodeName")}

    @property
    def config_file(self) -> ConfigFile | Unread | None:
        """The AWS config file of that Pod: of the first container that has one."""
        pod = self.pod
        files = (config_file(pod.spec, e, self.objects) for e in self.asked(pod)) if pod else ()
        return next((each for each in files if each is not None), None)

    def asked(self, pod: Pod) -> list[Container]:
        """A Pod's containers, or those of them that are asked about."""
        places = containers(pod.spec)
        return [e for e in places if e.name in self.containers] if self.containers else places

    @property
    def pod_profiles(self) -> dict[str, Profile]:
        """The profiles of the Pod's AWS config file; empty when it has none or is not readable."""
        return file_profiles(self.config_file)

    @property
    def own_profile(self) -> Profile | None:
        """The profile that reads the web identity token itself, for Pods without annotation."""
        listed = self.pod_profiles.values()
        return next((each for each in listed if each.web_identity_token_file), None)

    @property
    def title(self) -> str:
        """The service account, with the profile or role B that the chain leads to."""
        target = self.role_b.role_arn if self.role_b and not self.target_role else ""
        end = f"profile {self.profile}" if self.profile else target
        return f"{self.namespace}/{self.name}{f' ({end})' if end else ''}"


@dataclass(frozen=True, kw_only=True)
class ByToken(ChainFacts):
    """The chain of IRSA: the webhook reads the annotation, and STS takes the token."""

    named_by: ClassVar = "annotation"
    service: ClassVar = "STS"
    call: ClassVar = "AssumeRoleWithWebIdentity"
    granted: ClassVar = "STS accepted the token"
    variables: ClassVar = eks.WEB_IDENTITY_VARIABLES
    volume: ClassVar = eks.TOKEN_VOLUME
    session_tags: ClassVar[Mapping[str, Value]] = {}
    call_lacks: ClassVar = ""
    tags_unread: ClassVar = False

    @property
    def named_at(self) -> str:
        """Time at which the annotation got its role; empty when it is not known."""
        return self.known_account.annotated_at

    @property
    def audience(self) -> str:
        """The audience that the webhook asks for."""
        return self.known_account.audience

    @property
    def role_arn(self) -> str:
        """The role that the chain is about; empty when nothing names one."""
        own = self.own_profile
        named = self.annotated_role or (own.role_arn if own else "")
        return self.expected_role or (named if parse_role_arn(named) else "")

    @property
    def injected(self) -> tuple[str, ...]:
        """The role that the webhook injects: the annotation's, whatever it is, if nothing else."""
        return (self.role_arn or self.annotated_role,)

    @property
    def source(self) -> ProfileChain:
        """The credentials that a profile leads on from."""
        return ProfileChain((self.role_arn,), "token")

    @property
    def profile_only(self) -> bool:
        """True if a profile of the Pod names the role, so that nothing is injected."""
        return not self.annotated_role and self.own_profile is not None


NO_AGENT = Unread("Pods of the agent", "nothing shows that the Pods need it", "an association")
"""The agent's nodes are read where the chain is EKS Pod Identity's."""


@dataclass(frozen=True, kw_only=True)
class ByAssociation(ChainFacts):
    """The chain of EKS Pod Identity: the webhook asks EKS first, and the agent takes the token."""

    named_by: ClassVar = "association"
    service: ClassVar = "EKS"
    call: ClassVar = "AssumeRoleForPodIdentity"
    granted: ClassVar = "EKS granted the session"
    variables: ClassVar = eks.CONTAINER_CREDENTIALS_VARIABLES
    volume: ClassVar = eks.POD_IDENTITY_VOLUME
    audience: ClassVar = eks.POD_IDENTITY_SERVICE
    injected: ClassVar = (eks.CREDENTIALS_URI, "http://[fd00:ec2::23]/v1/credentials")
    """The agent's addresses; the second one in IPv6 clusters."""
    source: ClassVar = ProfileChain((), eks.CONTAINER_SOURCE)
    profile_only: ClassVar = False

    agent: frozenset[str] | Unread = NO_AGENT
    """The nodes where the agent is ready."""
    nodes: Mapping[str, str] | Unread = field(default_factory=dict[str, str], hash=False)
    """The node group of each node; `Unread` or empty if no node was asked for."""
    node_roles: Mapping[str, Role | Unread] = field(default_factory=dict[str, Any], hash=False)
    """By node group."""

    @property
    def named_at(self) -> str:
        """Time at which the association got its role; empty when it is not known."""
        return self.associated.changed if self.associated else ""

    @property
    def role_arn(self) -> str:
        """The role that the chain is about; empty when nothing names one."""
        found = self.associated
        named = found and self.expected_role in ("", found.role_arn, found.target_role_arn)
        return found.role_arn if found and named else self.expected_role

    @property
    def lacks_association(self) -> bool:
        """True if there is certainly no association."""
        return self.association is None and bool(self.cluster_arn)

    @property
    def call_lacks(self) -> str:
        """The unread part of EKS's call; empty if all is known."""
        unread = "it is not known whether the association disables session tags"
        absent = "there is no association" if self.association is None else ""
        known = unread if isinstance(self.association, Unread) else absent
        return known if self.cluster_arn else "the EKS cluster is not known"

    @property
    def tags_unread(self) -> bool:
        """True if it is not known which session tags the Pods get, or whether they get any:
        cluster or association were not read."""
        return not self.cluster_arn or isinstance(self.association, Unread)

    @property
    def session_tags(self) -> Mapping[str, Value]:
        """The tags of the Pod's session; empty without any."""
        if self.tags_unread:
            return dict.fromkeys(SESSION_TAGS, Key.UNKNOWN)
        if self.associated and self.associated.disable_session_tags:
            return {}
        name, uid = (self.pod.name, self.pod.uid) if self.pod else ("", "")
        tags = session_tags(self.cluster_arn, self.account, pod_name=name, pod_uid=uid)
        return {key: value or Key.PRESENT for key, value in tags.items()}


Facts = ByToken | ByAssociation
"""The facts of a chain."""


def decided(facts: ChainFacts) -> Facts:
    """The facts of the mechanism that they show: the webhook asks for an association first.

    Without one the role can be meant for it: the Pods show it, or its trust policy where no profile
    asks STS.
    """
    kind = ByAssociation if _by_association(facts) else ByToken
    if isinstance(facts, kind):
        return facts
    return kind(**{each.name: getattr(facts, each.name) for each in fields(ChainFacts)})


def _by_association(facts: ChainFacts) -> bool:
    association = facts.association
    if isinstance(association, Association) or facts.expects_association:
        return True
    if association is None and facts.annotated_role:
        return False
    if any(is_associated(pod.spec) for pod in facts.judged):
        return True
    if association is not None or not facts.cluster_arn or not isinstance(facts.role, Role):
        return False
    return facts.own_profile is None and facts.role.trusts_pod_identity


def named_role(facts: Facts) -> Role | Unread | None:
    """The role, if it is the very one that the chain names; no remedy changes another one."""
    return _named(facts.role, facts.role_arn)


def session_role(facts: Facts) -> str:
    """The role of the session that a container gets; empty when nothing names one."""
    return facts.target_role or facts.role_arn


def chaining_profiles(facts: Facts) -> list[str]:
    """The profiles of the Pod that lead from its role to one more, or that SDKs refuse.

    The default profile is none that an application asks for.
    """
    by_name = {} if facts.target_role else facts.pod_profiles
    chains = {
        name: profile_chain(by_name, name)
        for name, profile in by_name.items()
        if profile.role_arn and name != "default"
    }
    return [
        name
        for name, chain in chains.items()
        if chain.problem or replace(chain, roles=chain.roles[:-1]) == facts.source
    ]


def roles_between(facts: Facts) -> tuple[str, ...]:
    """The roles that the profile assumes after role A and before role B."""
    known, first = facts.pod_profiles, len(facts.source.roles)
    return profile_chain(known, facts.profile).roles[first:-1] if facts.profile in known else ()


def _named(role: Role | Unread | None, arn: str) -> Role | Unread | None:
    return None if isinstance(role, Role) and role.arn != arn else role


def file_profiles(file: ConfigFile | Unread | None) -> dict[str, Profile]:
    """The profiles of an AWS config file; empty when it is missing or not readable."""
    if not isinstance(file, ConfigFile) or file.text is None:
        return {}
    try:
        return profiles(file.text)
    except ValueError:
        return {}


def documents_of(known: Role | Json | Unread | None) -> list[Json]:
    """Return a policy, or those of a role, as far as they were read."""
    if not isinstance(known, Role):
        return [known] if isinstance(known, dict) else []
    listed = (*known.known_policies, known.boundary)
    policies = [each for each in listed if isinstance(each, PermissionsPolicy)]
    return [known.trust_policy, *(each.content for each in policies)]
