"""Collects the facts of one chain, step by step, and makes the calls that show what is allowed."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from irsa.chain.facts import ChainFacts, ChainTarget, Facts, wrong_containers
from irsa.chain.link import Link, Status
from irsa.chain.links.to_role_b import links_before_chaining
from irsa.chain.links.to_session import SESSION_NAME, links_before_sts
from irsa.chain.remedies.role_b import named_roles
from irsa.chain.remedies.trust import exact_subjects
from irsa.identity.token import Token
from irsa.observe.aws import Aws
from irsa.observe.facts import PENDING, Answer, Credentials, Pod, Role, ServiceAccount, Unread
from irsa.observe.kubernetes import Cluster, CollectError
from irsa.observe.pod_spec import Reference, needed, references
from irsa.observe.stack import Stack

RETRY_SECONDS = 3.0
"""Between two tries of a call that IAM may not have heard of yet."""

PROPAGATES = frozenset({"AccessDenied", "InvalidIdentityToken", "IDPCommunicationError"})

NAMED_MAX = 10
"""Service accounts or roles of a trust policy that are looked up, to know which are in use."""

Call = Callable[[], tuple[Answer, Credentials | None]]


@dataclass(frozen=True, kw_only=True)
class Question:
    """The chain that is asked about; empty is what nobody said."""

    namespace: str
    name: str
    role_arn: str = ""
    deployment: str = ""
    containers: tuple[str, ...] = ()
    """The containers that are asked about; none stands for all that may use AWS."""
    bucket: str = ""
    profile: str = ""
    """Profile of the Pod's AWS config file that leads to role B."""
    role_b_arn: str = ""
    external_id: str = ""
    stack: Stack | None = None
    """The stack that names the chain."""
    inside: bool = False
    """Whether to ask inside the Pod, too."""
    token: Token | None = None
    """A token to use instead of a fresh one."""
    wait: float = 90.0
    """Seconds that a change in AWS is given to propagate."""


@dataclass(frozen=True)
class Places:
    """Where facts come from."""

    cluster: Cluster
    aws: Aws
    others: tuple[Aws, ...] = ()
    """Credentials of further accounts, to read roles there."""
    now: Callable[[], float] = field(default=time.time)

    def reader(self, account: str) -> Aws:
        """The credentials of an account, or else the caller's own."""
        return next((aws for aws in (self.aws, *self.others) if aws.account == account), self.aws)


def gather(question: Question, places: Places, *, calls: bool = True) -> Facts:
    """Everything about one chain; without ``calls`` nothing is assumed and nothing is listed.

    Raises `CollectError` for a container that no Pod has.
    """
    facts = _cluster_facts(question, places)
    wrong = wrong_containers(facts)
    if wrong:
        raise CollectError(f"--container: {wrong}")
    facts = _account_facts(facts, question, places)
    if not calls or not isinstance(facts.token, Token) or not facts.role_arn:
        return _with_chain(facts, question, places, None)
    answer, credentials = _assume(facts, facts.token, question, places)
    facts = replace(facts, assumed=answer)
    if credentials is None:
        return _with_chain(facts, question, places, None)
    session = places.aws.as_session(credentials)
    facts = replace(facts, caller=session.caller())
    if question.profile or question.role_b_arn:
        return _with_chain(facts, question, places, session)
    listed = session.list_bucket(question.bucket) if question.bucket else None
    return replace(facts, data=listed, refused=session.list_users())


def _cluster_facts(question: Question, places: Places) -> Facts:
    cluster, namespace = places.cluster, question.namespace
    account = cluster.service_account(namespace, question.name)
    found = cluster.workloads(namespace)
    facts = Facts(
        namespace=namespace,
        name=question.name,
        now=places.now(),
        expected_role=question.role_arn,
        deployment=question.deployment,
        containers=question.containers,
        region=places.aws.region,
        profile=question.profile,
        bucket=question.bucket,
        stack=question.stack,
        service_account=account,
        pods=found if isinstance(found, Unread) else found.pods,
        owners=() if isinstance(found, Unread) else found.owners,
        webhook=cluster.webhook(namespace),
        token=question.token,
        keys=cluster.keys(),
    )
    wanted = [each for pod in facts.judged for each in _references(pod)]
    facts = replace(facts, objects=cluster.objects(namespace, wanted))
    if question.inside and facts.pod is not None:
        container = next(iter(question.containers), "")
        answer = cluster.caller_inside(namespace, facts.pod, container)
        facts = replace(facts, inside=answer)
    if question.token is None and isinstance(account, ServiceAccount):
        token = cluster.token(namespace, question.name, facts.audience)
        facts = replace(facts, token=token, now=_moment(places.now(), token))
    return facts


def _references(pod: Pod) -> list[Reference]:
    """What a Pod's identity depends on, and of one that does not start all that it waits for."""
    waits = pod.phase == PENDING
    return [*references(pod.spec), *(needed(pod.spec) if waits else ())]


def _moment(now: float, token: Token | Unread) -> float:
    """Now, and not before a fresh token was made by a cluster whose clock is ahead of ours."""
    made = 0 if isinstance(token, Unread) else token.claims.get("iat", 0)
    return max(now, made)


def _account_facts(facts: Facts, question: Question, places: Places) -> Facts:
    if not facts.role_arn:
        meant = facts.meant_role
        account = meant.split(":")[4] if meant else ""
        return replace(facts, candidate=places.reader(account).role(meant)) if meant else facts
    account = facts.role_arn.split(":")[4]
    reader = places.reader(account)
    providers = reader.providers(account)
    role = reader.role(facts.role_arn)
    facts = replace(
        facts,
        providers=providers if isinstance(providers, Unread) else tuple(providers),
        role=role,
        neighbours=_neighbours(facts, role, places.cluster),
    )
    return _with_bucket(facts, reader, places) if question.bucket else facts


def _with_bucket(facts: Facts, reader: Aws, places: Places) -> Facts:
    """The bucket's policy, read by whichever account can: S3 shows it to the owner's only."""
    unread: Unread | None = None
    for each in dict.fromkeys((reader, places.aws, *places.others)):
        policy = each.bucket_policy(facts.bucket)
        if not isinstance(policy, Unread):
            owner = "" if isinstance(each.account, Unread) else each.account
            return replace(facts, bucket_policy=policy, bucket_account=owner)
        unread = unread or policy
    return replace(facts, bucket_policy=unread)


def _neighbours(facts: Facts, role: Role | Unread | None, cluster: Cluster) -> frozenset[str]:
    """Other service accounts that the trust policy names, and that are annotated with the role."""
    if not isinstance(role, Role):
        return frozenset()
    named = [each for each in exact_subjects(role.trust_policy) if each != facts.subject]
    found: set[str] = set()
    for subject in named[:NAMED_MAX]:
        namespace, _, name = subject.removeprefix("system:serviceaccount:").partition(":")
        account = cluster.service_account(namespace, name)
        if isinstance(account, ServiceAccount) and account.role_arn == role.arn:
            found.add(subject)
    return frozenset(found)


def _assume(
    facts: Facts, token: Token, question: Question, places: Places
) -> tuple[Answer, Credentials | None]:
    return retried(
        lambda: places.aws.assume_with_web_identity(facts.role_arn, token, SESSION_NAME),
        wait=question.wait if _all_hold(links_before_sts(facts)) else 0,
    )


def _all_hold(links: list[Link]) -> bool:
    """Whether a refusal can only be a change that IAM has not heard of: else no waiting helps."""
    return all(link.status is Status.PASSED for link in links)


def retried(call: Call, *, wait: float) -> tuple[Answer, Credentials | None]:
    """Make a call again while its refusal can be a change that has not propagated yet."""
    start = time.monotonic()
    while True:
        answer, credentials = call()
        waited = time.monotonic() - start
        if answer.allowed or answer.code not in PROPAGATES or waited + RETRY_SECONDS > wait:
            tries = round(waited) if waited > RETRY_SECONDS else 0
            return replace(answer, seconds=tries), credentials
        time.sleep(RETRY_SECONDS)


def _with_chain(facts: Facts, question: Question, places: Places, session: Aws | None) -> Facts:
    """The facts of role B, as far as there is one."""
    target = chain_target(facts, question)
    if target is None:
        return facts
    account = target.role_arn.split(":")[4]
    role_b = places.reader(account).role(target.role_arn)
    chain = ChainFacts(target=target, role=role_b, gone=_gone(facts, role_b, places))
    if session is None:
        return replace(facts, chain=chain)
    answer, credentials = retried(
        lambda: session.assume_role(
            target.role_arn, target.session_name, target.external_id or None,
            target.duration_seconds,
        ),
        wait=question.wait if _all_hold(links_before_chaining(facts, chain)) else 0,
    )  # fmt: skip
    direct = session.list_bucket(question.bucket) if question.bucket else None
    chain = replace(chain, assumed=answer, direct=direct)
    if credentials is not None:
        as_b = session.as_session(credentials)
        data = as_b.list_bucket(question.bucket) if question.bucket else None
        chain = replace(chain, caller=as_b.caller(), data=data)
    return replace(facts, chain=chain)


def _gone(facts: Facts, role_b: Role | Unread | None, places: Places) -> frozenset[str]:
    """The roles of role A's account that role B's trust policy names and that do not exist."""
    if not isinstance(role_b, Role) or not facts.role_arn:
        return frozenset()
    account = facts.role_arn.split(":")[4]
    reader = places.reader(account)
    named = [arn for arn in named_roles(role_b.trust_policy) if arn.split(":")[4] == account]
    return frozenset(arn for arn in named[:NAMED_MAX] if reader.role(arn) is None)


def chain_target(facts: Facts, question: Question) -> ChainTarget | None:
    """Role B as the Pod's profile names it, or as the question does; None when neither does."""
    profile = facts.pod_profiles.get(question.profile)
    if profile is not None and profile.role_arn:
        return ChainTarget(
            role_arn=profile.role_arn,
            expected_arn=question.role_b_arn,
            profile=profile.name,
            external_id=question.external_id or profile.external_id,
            session_name=profile.role_session_name or SESSION_NAME,
            duration_seconds=profile.duration_seconds or 3600,
        )
    if question.role_b_arn:
        return ChainTarget(role_arn=question.role_b_arn, external_id=question.external_id)
    return None
