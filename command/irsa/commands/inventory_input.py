"""The facts of clusters and accounts for `audit` and `list`: live, from files, or of a stack."""

import argparse
import sys
import time
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import NamedTuple

from irsa.audit.findings import AuditFacts, ClusterFacts
from irsa.commands import cli
from irsa.commands.sources import Clients
from irsa.decide.document import statements_of
from irsa.identity.arns import (
    ClusterArn,
    account_of,
    is_oidc_provider,
    issuer_of_principal,
    parse_role_arn,
    partition_of,
)
from irsa.identity.eks import POD_IDENTITY_SERVICE
from irsa.inventory.rows import Gaps
from irsa.observe import saved
from irsa.observe.aws import Aws
from irsa.observe.eks import Association
from irsa.observe.facts import NotAsked, RegisteredProvider, Role, ServiceAccount, Unread
from irsa.observe.files import read_stack
from irsa.observe.iam import AccountPrincipals, federated
from irsa.observe.kubernetes import Cluster
from irsa.observe.pods import FleetPod
from irsa.observe.pulumi import StackResources, StackRole, stack_resources
from irsa.printable import line
from irsa.rules.issuers import issuer as known_issuer

SESSION_NAME = "irsa-inventory"


Problems = dict[str, str]
"""Reasons why clusters and accounts were not read, by context or account id."""


class AuditInput(NamedTuple):
    """The facts of clusters and accounts, and the gaps in them."""

    facts: AuditFacts
    accounts: Sequence[AccountPrincipals]
    gaps: Gaps
    problems: Problems = Problems()

    @property
    def missing(self) -> list[str]:
        """A line for each cluster or account that was not read, and for rules not checked."""
        return [*self.problems.values(), *(each.text for each in self.gaps.unchecked)]


_STACK_ALONE = Gaps(
    "the stack lists its own OIDC providers only; run without --stack for those of the account",
    policies_missing="add --drift, which reads the stack's roles and users in the account",
)
_STACK_SAYS_NOTHING = Unread(
    "when roles were last used", "a stack's state does not say it", "iam:GetRole"
)


class _Cluster(NamedTuple):
    name: str
    issuer_url: str
    service_accounts: Sequence[ServiceAccount]
    client: Cluster | None = None
    eks: ClusterArn = ClusterArn("", "", "", "")


class _Account(NamedTuple):
    name: str
    roles: AccountPrincipals
    providers: tuple[RegisteredProvider, ...]
    gaps: Gaps = Gaps()
    aws: Aws | None = None


def read(options: argparse.Namespace, found: Clients, *, whole: bool = False) -> AuditInput:
    """Read the input of an audit; raises `cli.Stop` if no cluster or no account could be read.

    Associations are read if a role trusts EKS Pod Identity or the EKS cluster is named, since their
    roles may be gone; Pods if there are associations. With ``whole`` both in any case.
    """
    if options.stack:
        return _stack(options, found)
    problems: Problems = {}
    clusters = list(_clusters(options, found, problems))
    issuers = [each.issuer_url for each in clusters]
    if same := [each.name for each in clusters if issuers.count(each.issuer_url) > 1]:
        raise cli.Stop(f"--context {', '.join(same)}: they are one cluster; give one of them")
    accounts = list(_accounts(options, found, clusters, problems))
    if not clusters or not accounts:
        raise cli.Stop("; ".join(problems.values()), cli.UNDECIDED)
    trusting = {each.name for each in accounts if any(map(_trusts_pod_identity, each.roles.roles))}
    facts = AuditFacts(
        clusters=[_facts(options, each, accounts, trusting, whole=whole) for each in clusters],
        accounts=[each.name for each in accounts],
        roles=[role for each in accounts for role in each.roles.roles],
        providers=[provider for each in accounts for provider in each.providers],
        now=time.time(),
    )
    problems |= _unread_accounts(facts, problems) if found.aws else {}
    gaps = replace(
        accounts[0].gaps,
        associations_missing=_texts(
            each.associations for each in facts.clusters if each.account in trusting
        ),
        pods_missing=_texts(each.pods for each in facts.clusters if each.known_associations),
        permissions_missing=_without_policies(facts.roles),
    )
    return AuditInput(facts, [each.roles for each in accounts], gaps, problems)


def _clusters(
    options: argparse.Namespace, found: Clients, problems: Problems
) -> Iterator[_Cluster]:
    if options.service_accounts:
        accounts = saved.service_accounts(options.service_accounts)
        yield _Cluster("", options.issuer, accounts)
    for context, client in found.clusters.items():
        with _reading(options, "cluster", context, problems):
            yield _Cluster(
                context if len(found.clusters) > 1 else "",
                options.issuer or cli.known(client.issuer_url()),
                cli.known(client.service_accounts()),
                client,
                client.eks,
            )


def _accounts(
    options: argparse.Namespace, found: Clients, clusters: Sequence[_Cluster], problems: Problems
) -> Iterator[_Account]:
    """The account of the credentials, unless others are given and all clusters are theirs; and
    those of the roles to assume."""
    if found.aws is None:
        yield _saved_account(options)
        return
    own, wanted = cli.known(found.aws.account), {each.eks.account for each in clusters}
    roles = {account_of(arn): arn for arn in options.assume_role}
    if not roles or (own not in roles and {own, ""} & wanted):
        roles = {own: "", **roles}
    for account, arn in roles.items():
        with _reading(options, "account", account, problems):
            aws = cli.known(found.aws.as_role(arn, SESSION_NAME)) if arn else found.aws
            listed = cli.known(aws.roles())
            yield _Account(account, listed, tuple(cli.known(aws.providers(account))), aws=aws)


@contextmanager
def _reading(
    options: argparse.Namespace, kind: str, name: str, problems: Problems
) -> Generator[None]:
    """Turn a `cli.Stop` into a problem; of several clusters and accounts, name this one there, and
    on a terminal now."""
    named = len(options.context) + len(options.assume_role) > 1
    if named and sys.stderr.isatty():
        print(line(f"reading {kind} {name}"), file=sys.stderr)
    try:
        yield
    except cli.Stop as stop:
        problems[name] = f"{kind} {name}: {stop}" if named else str(stop)


def _unread_accounts(facts: AuditFacts, problems: Problems) -> Problems:
    """The accounts of clusters for which there are no credentials."""
    found: dict[str, list[str]] = {}
    for each in facts.clusters:
        if each.account not in (*facts.accounts, *problems):
            found.setdefault(each.account, []).append(each.name or "the cluster")
    way_out = "give --assume-role a role of it that the credentials may assume"
    return {
        account: f"account {account} of {' and '.join(names)}: not read; {way_out}"
        for account, names in found.items()
    }


def _facts(
    options: argparse.Namespace,
    cluster: _Cluster,
    accounts: Sequence[_Account],
    trusting: Collection[str],
    *,
    whole: bool,
) -> ClusterFacts:
    """Read the rest of a cluster; ``trusting`` are accounts with roles that trust EKS."""
    registered = (
        account.name
        for account in accounts
        if any(each.issuer_url == cluster.issuer_url for each in account.providers)
    )
    name = cluster.eks.account or next(registered, accounts[0].name)
    account = next((each for each in accounts if each.name == name), None)
    aws = account and account.aws
    associations: Sequence[Association] | Unread = ()
    if whole or name in trusting or options.cluster or cluster.eks.name:
        associations = _associations(options, cluster, aws and aws.in_region(cluster.eks.region))
    wanted = whole or (associations and not isinstance(associations, Unread))
    return ClusterFacts(
        name=cluster.name,
        issuer_url=cluster.issuer_url,
        account=name,
        service_accounts=cluster.service_accounts,
        associations=associations,
        pods=_pods(options, cluster.client) if wanted else (),
    )


def _trusts_pod_identity(role: Role) -> bool:
    return any(
        POD_IDENTITY_SERVICE in each.named("Service") for each in statements_of(role.trust_policy)
    )


def _texts(facts: Iterable[object]) -> str:
    return "; ".join(dict.fromkeys(each.text for each in facts if isinstance(each, Unread)))


def _without_policies(roles: Sequence[Role]) -> str:
    return next((each.policies.remedy for each in roles if isinstance(each.policies, Unread)), "")


def _pods(options: argparse.Namespace, cluster: Cluster | None) -> Sequence[FleetPod] | Unread:
    if options.pods:
        return saved.pods(options.pods)
    why = f"Pods: not known; give --pods the output of `{saved.GET_PODS}`"
    return cluster.pods() if cluster else NotAsked("Pods", why, "--pods")


def _associations(
    options: argparse.Namespace, cluster: _Cluster, aws: Aws | None
) -> Sequence[Association] | Unread:
    what = "Pod Identity associations"
    if aws is None:
        return NotAsked(what, f"{what}: not read, since AWS was not asked", "AWS")
    name, url = options.cluster or cluster.eks.name, cluster.issuer_url
    names = [name] if name else aws.clusters(url)
    if isinstance(names, Unread):
        return names
    if not names:
        why = f"{what}: not read; no EKS cluster in {aws.region} has issuer {url}"
        return NotAsked(what, why, "--region")
    found = aws.pod_identities(*names)
    return found if isinstance(found, Unread) else [*found.values()]


def _saved_account(options: argparse.Namespace) -> _Account:
    roles = saved.roles(options.roles)
    name, partition = roles.roles[0].account, partition_of(roles.roles[0].arn)
    give_list = f"give --providers the output of `{saved.LIST_PROVIDERS}`"
    give_details = f"give --providers the output of `{saved.GET_PROVIDER}` for each provider"
    if not options.providers:
        return _Account(name, roles, (), Gaps(give_list, give_details, None))
    found = saved.providers(options.providers, name, partition)
    missing = ", ".join(sorted(found.undetailed))
    gaps = Gaps(
        "" if found.listed else give_list,
        f"{give_details}; missing: {missing}" if missing else "",
        found.undetailed,
    )
    return _Account(name, roles, found.providers, gaps)


def _stack(options: argparse.Namespace, found: Clients) -> AuditInput:
    """Return the roles of a stack, and the service accounts that have them."""
    name, aws = options.stack, found.aws
    try:
        stack = stack_resources(read_stack(name))
    except ValueError as error:
        raise cli.Stop(f"{name}: {error}") from None
    roles = [
        Role(each.arn, "", each.trust_policy, policies=each.policies)
        for each in stack.roles
        if parse_role_arn(each.arn) and not isinstance(each.trust_policy, str)
    ]
    if not roles and stack.missing:
        raise cli.Stop(f"{name}: {stack.missing}", cli.UNDECIDED)
    if not roles:
        raise cli.Stop(f"{name}: it has no IAM role whose ARN and trust policy are known")
    issuers = [options.issuer] if options.issuer else stack.issuers or _trusted_issuers(roles)
    issuers = [each for each in issuers if known_issuer(each.removeprefix("https://")) is None]
    if not issuers:
        raise cli.Stop(f"{name}: neither a cluster nor a role names an issuer; give --issuer")
    live = cli.known(aws.roles()) if aws else None
    arns = {role.arn for role in roles}
    associations = [each for each in stack.associations if each.role_arn in arns]
    pods = _pods(options, None)
    facts = AuditFacts(
        clusters=[*_stack_clusters(stack, roles, issuers, associations, pods)],
        accounts=list(dict.fromkeys(role.account for role in roles)),
        roles=roles,
        providers=stack.providers,
        now=time.time(),
        foreign_policies=_foreign_policies(stack.roles, live.roles) if live else {},
        foreign_keys=_foreign_keys(aws, stack.access_keys) if aws else {},
    )
    gaps = replace(
        _STACK_ALONE,
        policies_missing="" if live else _STACK_ALONE.policies_missing,
        pods_missing=_texts([pods]) if associations else "",
    )
    last_used = live.last_used if live else _STACK_SAYS_NOTHING
    problems = {name: f"{name}: {stack.missing}"} if stack.missing else Problems()
    return AuditInput(facts, [AccountPrincipals(tuple(roles), last_used)], gaps, problems)


def _stack_clusters(
    stack: StackResources,
    roles: Sequence[Role],
    issuers: Sequence[str],
    associations: Sequence[Association],
    pods: Sequence[FleetPod] | Unread,
) -> Iterator[ClusterFacts]:
    """Return a stack's service accounts by issuer: a stack does not say in which cluster one is, so
    it is in one that its role trusts, or else in the first."""
    trusted = {role.arn: federated(role.trust_policy) for role in roles}
    accounts = [each for each in stack.accounts if each.role_arn in trusted]
    annotated = {(each.namespace, each.name) for each in accounts}
    unannotated = (each.account for each in associations if each.account not in annotated)
    accounts += [ServiceAccount(*each, {}) for each in unannotated]
    found: dict[str, list[ServiceAccount]] = {issuers[0]: []}
    for each in accounts:
        urls = [f"https://{issuer_of_principal(arn)}" for arn in trusted.get(each.role_arn, ())]
        url = next((url for url in issuers if url in urls), issuers[0])
        found.setdefault(url, []).append(each)
    for url, own in found.items():
        yield ClusterFacts(
            issuer_url=url,
            account=roles[0].account,
            service_accounts=own,
            associations=associations if url == issuers[0] else (),
            pods=pods,
            whole=False,
        )


def _trusted_issuers(roles: Sequence[Role]) -> list[str]:
    named = (arn for role in roles for arn in federated(role.trust_policy))
    providers = dict.fromkeys(filter(is_oidc_provider, named))
    return [f"https://{issuer_of_principal(arn)}" for arn in providers]


def _foreign_keys(aws: Aws, keys: Mapping[str, Sequence[str]]) -> Mapping[str, Sequence[str]]:
    """Return the access keys of a stack's users that the account has and the stack has not. A
    user of another account may have the name of one here."""
    return {
        arn: sorted({*cli.known(aws.access_keys(arn))}.difference(ids))
        for arn, ids in keys.items()
        if account_of(arn) == aws.account
    }


def _foreign_policies(
    roles: Sequence[StackRole], live: Sequence[Role]
) -> Mapping[str, Sequence[str]]:
    """Return the policies of a stack's roles that the account has and the stack has not."""
    own = {role.arn: {each.arn or each.name for each in role.policies} for role in roles}
    return {
        role.arn: sorted(
            {each.arn or each.name for each in cli.known(role.policies)} - own[role.arn]
        )
        for role in live
        if role.arn in own
    }
