"""Reader of one chain's facts; it tries no call and judges nothing."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from difflib import get_close_matches
from functools import cached_property

from irsa.access import roles_by_account, trusts_token
from irsa.observe.aws import Aws
from irsa.observe.aws_config import Profile
from irsa.observe.eks import DescribedCluster
from irsa.observe.errors import CollectError
from irsa.observe.facts import PENDING, RUNNING, Role, ServiceAccountObject, Unreached, Unread
from irsa.observe.iam import AccountPrincipals
from irsa.observe.kubernetes import KubernetesCluster
from irsa.observe.pod_spec import containers, needed, references
from irsa.verify.containers import goes_by_name
from irsa.verify.facts import (
    SESSION_NAME,
    ByAssociation,
    ChainFacts,
    Facts,
    Question,
    RoleB,
    chaining_profiles,
    decided,
    session_role,
)
from irsa_core.decide.truth import Verdict
from irsa_core.identity.arns import account_of, check_role_arn, cluster_arn, name_of, parse_role_arn
from irsa_core.identity.quotas import DEFAULT_SESSION_DURATION
from irsa_core.identity.subjects import ServiceAccountRef
from irsa_core.identity.token import Token

TRUSTING_PROFILE = "name a profile of that account with --trusting-profile, or ask its owner"


@dataclass(frozen=True)
class Sources:
    """The cluster and the accounts that are read."""

    cluster: KubernetesCluster
    aws: Aws
    others: tuple[Aws, ...] = ()
    """Credentials of further accounts, to read roles there."""
    now: Callable[[], float] = field(default=time.time)

    def reader(self, account: str) -> Aws:
        """The credentials of an account, or else the caller's own."""
        return next((aws for aws in (self.aws, *self.others) if aws.account == account), self.aws)

    @cached_property
    def listed(self) -> Mapping[Aws, AccountPrincipals | Unread]:
        """The accounts' roles and policies, which are read once for all chains."""
        return {aws: aws.roles() for aws in dict.fromkeys((self.aws, *self.others))}

    @property
    def place(self) -> dict[str, str]:
        """Context, cluster and account, by which a reader sees that these are the ones meant."""
        account = self.aws.account
        known = "unknown" if isinstance(account, Unread) else account
        return {"context": self.cluster.context, "cluster": self.cluster.title, "account": known}


def gather_each(question: Question, sources: Sources) -> list[Facts]:
    """Read the facts of a chain: for each profile that leads to a role B, if the question names
    neither.

    Raises `CollectError` as `gather` does.
    """
    facts = gather(question, sources)
    if question.profile or question.role_b_arn or not chaining_profiles(facts):
        return [facts]
    each_profile = (replace(facts, profile=name) for name in chaining_profiles(facts))
    return [replace(chain, role_b=_role_b(chain, sources)) for chain in each_profile]


def gather(question: Question, sources: Sources) -> Facts:
    """Read the facts of one chain.

    Raises `CollectError` for a container that no Pod has, and for what cannot be a role's ARN.
    """
    arns = (question.expected_role, question.expected_target, question.role_b_arn)
    for arn in filter(None, arns):
        try:
            check_role_arn(arn)
        except ValueError as error:
            raise CollectError(str(error)) from error
    facts = _cluster_facts(question, sources)
    names = dict.fromkeys(e.name for pod in facts.judged for e in containers(pod.spec))
    wrong = [name for name in facts.containers if names and name not in names]
    if wrong:
        there = f"in the Pods of {facts.namespace}/{facts.name}; there are {', '.join(names)}"
        raise CollectError(f"--container: no container {wrong[0]!r} {there}")
    facts = decided(_account_facts(facts, sources))  # a role alone can show EKS Pod Identity
    eks = facts.cluster
    if isinstance(facts, ByAssociation) and isinstance(eks, DescribedCluster):
        used = facts.nodes_of_pods
        groups = sources.cluster.node_groups() if used else {}
        nodes = groups if isinstance(groups, Unread) else {e: groups.get(e, "") for e in used}
        facts = replace(facts, agent=sources.cluster.agent())
        facts = with_nodes(facts, eks, nodes, sources.aws)
    facts = replace(facts, role_b=_role_b(facts, sources))
    if facts.given_token is not None or not isinstance(facts.service_account, ServiceAccountObject):
        return facts
    token = _token(facts, sources.cluster)
    # At least the time of a fresh token from a cluster whose clock is fast.
    issued = token.claims.get("iat", 0) if isinstance(token, Token) else 0
    return replace(facts, token=token, now=max(sources.now(), issued))


def search(facts: Facts, sources: Sources) -> Facts:
    """Read the accounts' roles and policies; where one role alone is meant for the service account,
    read the chain again as if the user had named it."""
    read = [account for account in sources.listed.values() if not isinstance(account, Unread)]
    iam = sources.listed[sources.reader(account_of(session_role(facts)))]
    trusting = _trusting(facts, [role for account in read for role in account.roles])
    facts = replace(facts, iam=iam, trusting=iam if isinstance(iam, Unread) else trusting)
    role = _meant(facts)
    if role is None:
        return facts
    by_eks = not _by_token(facts, role)
    named = replace(facts, expected_role=role.arn, expects_association=by_eks, found_role=role.arn)
    return replace(gather(named, sources), iam=iam, trusting=facts.trusting)


def _trusting(facts: Facts, roles: Sequence[Role]) -> tuple[Role, ...]:
    """The roles whose trust policy names the service account exactly, and allows it."""
    by_eks = roles_by_account(roles, facts.cluster_arn)
    of_eks = {each.arn for each in by_eks.get(facts.account, ())}
    return tuple(
        role
        for role in roles
        if role.arn != facts.role_arn and (role.arn in of_eks or _by_token(facts, role))
    )


def _by_token(facts: Facts, role: Role) -> bool:
    named = facts.account.subject in json.dumps(role.trust_policy)
    if not named or not isinstance(facts.token, Token) or isinstance(facts, ByAssociation):
        return False
    judged = trusts_token(role, facts.token, session_name=SESSION_NAME, now=facts.now)
    return judged.verdict is Verdict.ALLOW


def _meant(facts: Facts) -> Role | None:
    """The role that trusts the service account, where association or annotation is wrong: the only
    one, or the only one of a similar name."""
    trusting = facts.trusting
    if facts.expected_role or isinstance(trusting, Unread):
        return None
    names = {role.name: role for role in trusting}
    wrong = name_of(facts.associated.role_arn if facts.associated else facts.annotated_role)
    near = get_close_matches(wrong, names, 2)
    if len(trusting) == 1 or len(near) != 1:
        return trusting[0] if len(trusting) == 1 else None
    return names[near[0]]


def _cluster_facts(question: Question, sources: Sources) -> Facts:
    cluster, namespace = sources.cluster, question.namespace
    workloads = cluster.workloads(namespace)
    facts = ChainFacts(
        **{option.name: getattr(question, option.name) for option in fields(Question)},
        now=sources.now(),
        region=sources.aws.region,
        service_account=cluster.service_account(namespace, question.name),
        pods=workloads if isinstance(workloads, Unread) else workloads.pods,
        owners=() if isinstance(workloads, Unread) else workloads.owners,
        network_policies=cluster.network_policies(namespace),
        webhook=cluster.webhook(),
        token=question.given_token,
        keys=cluster.keys(),
    )
    if isinstance(facts.service_account, Unreached):
        where = f"context {cluster.context}; --context names another"
        raise CollectError(f"{facts.service_account.text}; {where}", undecided=True)
    if facts.service_account is None:
        listed = cluster.service_accounts()
        if not isinstance(listed, Unread):
            listed = tuple(ServiceAccountRef(account.namespace, account.name) for account in listed)
        facts = replace(facts, existing=listed)
    # The objects that a Pod's identity, or its start while it is Pending, depends on.
    objects = [reference for pod in facts.judged for reference in references(pod.spec)]
    objects += [e for pod in facts.judged if pod.phase == PENDING for e in needed(pod.spec)]
    facts = replace(facts, objects=cluster.objects(namespace, objects))
    eks = _eks_cluster(sources)
    association = (
        sources.aws.association(eks, facts.account) if isinstance(eks, DescribedCluster) else eks
    )
    facts = decided(replace(facts, cluster=eks, association=association))
    tried = facts.judged if isinstance(facts, ByAssociation) else facts.unmutated
    template = next((pod.template for pod in tried if pod.template), None)
    return replace(facts, next_pod=cluster.next_pod(namespace, template)) if template else facts


def _eks_cluster(sources: Sources) -> DescribedCluster | Unread | None:
    """The cluster as EKS knows it; None if it is not EKS's."""
    name = eks_name(sources.cluster, sources.aws)
    if name is None or isinstance(name, Unread):
        return name
    cluster = sources.aws.eks_cluster(name)
    if isinstance(cluster, Unread):
        return cluster
    # The kubeconfig does not say all of it.
    pairs = zip(sources.cluster.eks, cluster_arn(cluster.arn), strict=True) if cluster else ()
    if cluster is None or any(said not in ("", part) for said, part in pairs):
        text = cluster.arn if cluster else "no cluster of this name"
        reason, needed = f"region {sources.aws.region} has {text}", "its account and region"
        fix = "give --region and credentials of the kubeconfig's cluster"
        return Unread(f"EKS cluster {name} of the kubeconfig", reason, needed, fix)
    return cluster


def with_nodes(
    facts: ByAssociation, cluster: DescribedCluster, nodes: Mapping[str, str] | Unread, aws: Aws
) -> ByAssociation:
    """The facts with these nodes, by node group, and with the roles of their groups."""
    groups = () if isinstance(nodes, Unread) else {*nodes.values()}
    roles = {group: aws.node_role(cluster, group) for group in groups}
    return replace(facts, nodes=nodes, node_roles=roles)


def eks_name(cluster: KubernetesCluster, aws: Aws) -> str | Unread | None:
    """The EKS cluster's name, by its kubeconfig or else by its issuer; None if it is not EKS's."""
    if cluster.eks.name:
        return cluster.eks.name
    issuer_url = cluster.issuer_url()
    names = issuer_url if isinstance(issuer_url, Unread) else aws.clusters(issuer_url)
    if isinstance(names, Unread):
        return names
    if len(names) > 1:
        reason, fix = f"{', '.join(names)} have this issuer", "run `aws eks update-kubeconfig`"
        return Unread("EKS cluster", reason, "a kubeconfig that names it", fix)
    return next(iter(names), None)


def _token(facts: Facts, cluster: KubernetesCluster) -> Token | Unread | None:
    """A fresh token of the service account; EKS Pod Identity needs a running Pod for one."""
    pod = facts.pod if isinstance(facts, ByAssociation) else None
    if isinstance(facts, ByAssociation) and (pod is None or pod.phase != RUNNING):
        return None
    return cluster.token(*facts.account, facts.audience, pod)


def _account_facts(facts: Facts, sources: Sources) -> Facts:
    if not facts.role_arn:
        return facts
    account = account_of(facts.role_arn)
    reader = sources.reader(account)
    listed, role = reader.providers(account), reader.role(facts.role_arn)
    providers = listed if isinstance(listed, Unread) else tuple(listed)
    asked = dict.fromkeys(grant.resource for grant in facts.grants)
    policies = {arn: sources.reader(account_of(arn)).resource_policy(arn) for arn in asked}
    facts = replace(facts, providers=providers, role=role, resource_policies=policies)
    # S3 shows a bucket's policy to its owner's account only.
    readers = dict.fromkeys((reader, sources.aws, *sources.others))
    for reader in readers if facts.bucket else ():
        policy = reader.bucket_policy(facts.bucket)
        if not isinstance(policy, Unread):
            owner = "" if isinstance(reader.account, Unread) else reader.account
            return replace(facts, bucket_policy=policy, bucket_account=owner)
        facts = replace(facts, bucket_policy=facts.bucket_policy or policy)
    return facts


def _role_b(facts: Facts, sources: Sources) -> RoleB | None:
    target = named_role_b(facts)
    if target is None:
        return None
    account = account_of(target.role_arn)
    reader = sources.reader(account)
    role_b = reader.role(target.role_arn) if parse_role_arn(target.role_arn) else None
    if isinstance(role_b, Unread) and reader.account != account:
        role_b = replace(role_b, way_out=TRUSTING_PROFILE)
    if target.session_name == SESSION_NAME and goes_by_name(role_b):
        target = replace(target, session_name="")
    return replace(target, role=role_b)


def named_role_b(facts: Facts) -> RoleB | None:
    """Role B as association, profile or question name it; None when none of them does."""
    association = facts.associated
    if association and association.target_role_arn:
        return RoleB(
            role_arn=association.target_role_arn,
            external_id=association.external_id,
            session_name="",
            tags=facts.session_tags,
        )
    profile = facts.pod_profiles.get(facts.profile)
    if profile is None or not profile.role_arn:
        profile = Profile("", role_arn=facts.role_b_arn)
    if not profile.role_arn:
        return None
    return RoleB(
        role_arn=profile.role_arn,
        expected_arn=facts.role_b_arn,
        profile=profile.name,
        external_id=facts.external_id or profile.external_id,
        session_name=profile.role_session_name or SESSION_NAME,
        duration_seconds=profile.duration_seconds or DEFAULT_SESSION_DURATION,
        tags=facts.session_tags,
    )
