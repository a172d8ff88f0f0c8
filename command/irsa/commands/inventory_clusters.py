"""The inventory of clusters and the accounts that they are in, read live."""

import sys
import time
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from irsa.audit.findings import AuditFacts, ClusterFacts
from irsa.commands import cli
from irsa.inventory.rows import Inventory
from irsa.observe.aws import Aws
from irsa.observe.eks import Association
from irsa.observe.facts import RegisteredProvider, Unread
from irsa.observe.iam import AccountPrincipals
from irsa.observe.kubernetes import KubernetesCluster
from irsa.printable import line
from irsa_core.identity.arns import ClusterArn, account_of, partition_of

SESSION_NAME = "irsa-inventory"
_ASSOCIATIONS = "Pod Identity associations"

Problems = dict[str, str]
"""Reasons why clusters and accounts were not read, by context or account id."""
Reading = Callable[[str, str], AbstractContextManager[None]]
"""Context for the reading of a cluster or an account, of that name."""


class _Account(NamedTuple):
    name: str
    roles: AccountPrincipals
    providers: Sequence[RegisteredProvider]
    aws: Aws


def read_clusters(
    clients: Mapping[str, KubernetesCluster],
    aws: Aws,
    *,
    issuer: str | None = None,
    cluster_name: str | None = None,
    assume_role: Sequence[str] = (),
    whole: bool = False,
) -> Inventory:
    """Read clusters, by context, and accounts; raises `cli.Stop` if none of either could be read.

    Associations are read if a role trusts EKS Pod Identity or the EKS cluster is named, since their
    roles may be gone; Pods if there are associations. With ``whole`` both in any case.
    """
    problems: Problems = {}
    named = len([*filter(None, clients), *assume_role]) > 1
    reading = partial(_reading, problems, named=named)
    clusters = list(_clusters(issuer, clients, reading))
    issuers = [cluster.issuer_url for cluster, _ in clusters]
    if same := [cluster.name for cluster, _ in clusters if issuers.count(cluster.issuer_url) > 1]:
        raise cli.Stop(f"--context {', '.join(same)}: they are one cluster; give one of them")
    owners = {cluster.account for cluster, _ in clusters}
    accounts = list(_accounts(assume_role, aws, owners, reading))
    if not clusters or not accounts:
        raise cli.Stop("; ".join(problems.values()), cli.UNDECIDED)
    trusting = {e.name for e in accounts if any(role.trusts_pod_identity for role in e.roles.roles)}
    facts = AuditFacts(
        clusters=[_whole(*e, accounts, trusting, cluster_name, whole=whole) for e in clusters],
        accounts=[account.name for account in accounts],
        roles=[role for account in accounts for role in account.roles.roles],
        providers=[provider for account in accounts for provider in account.providers],
        now=time.time(),
    )
    asked = (cluster.associations for cluster in facts.clusters if cluster.account in trusting)
    pods = (cluster.pods for cluster in facts.clusters if cluster.known_associations)
    policies = (role.policies for role in facts.roles)
    without_policies = (unread.remedy for unread in policies if isinstance(unread, Unread))
    return Inventory(
        facts=facts,
        accounts=[account.roles for account in accounts],
        unread=problems | _unread_accounts(facts, problems),
        unchecked={
            "disabled-tags, no-agent": _texts(asked),
            "no-agent": _texts(pods),
            "forged-tags, pass-any-role": next(without_policies, ""),
        },
    )


def _clusters(
    issuer: str | None, clients: Mapping[str, KubernetesCluster], reading: Reading
) -> Iterator[tuple[ClusterFacts, KubernetesCluster]]:
    """The clusters with their service accounts; of no account where the kubeconfig says none."""
    for context, client in clients.items():
        with reading("cluster", context):
            cluster = ClusterFacts(
                name=context if len(clients) > 1 else "",
                issuer_url=issuer or cli.known(client.issuer_url()),
                account=client.eks.account,
                service_accounts=cli.known(client.service_accounts()),
            )
            yield cluster, client


def _accounts(
    assume_role: Sequence[str], aws: Aws, owners: Collection[str], reading: Reading
) -> Iterator[_Account]:
    """The account of the credentials, unless others are given and all clusters are theirs; and
    those of the roles to assume. ``owners`` are the clusters' accounts."""
    home, roles = cli.known(aws.account), {account_of(arn): arn for arn in assume_role}
    if not roles or (home not in roles and {home, ""} & {*owners}):
        roles = {home: "", **roles}
    for account, arn in roles.items():
        with reading("account", account):
            reader = cli.known(aws.as_role(arn, SESSION_NAME)) if arn else aws
            listed = cli.known(reader.roles())
            yield _Account(account, listed, cli.known(reader.providers(account)), reader)


@contextmanager
def _reading(problems: Problems, kind: str, name: str, *, named: bool) -> Generator[None]:
    """Turn a `cli.Stop` into a problem; of several clusters and accounts, name this one there, and
    on a terminal now."""
    if named and sys.stderr.isatty():
        print(line(f"reading {kind} {name}"), file=sys.stderr)
    try:
        yield
    except cli.Stop as stop:
        problems[name] = f"{kind} {name}: {stop}" if named else str(stop)


def _unread_accounts(facts: AuditFacts, problems: Problems) -> Problems:
    """The accounts of clusters for which there are no credentials."""
    unread: dict[str, list[str]] = {}
    for cluster in facts.clusters:
        if cluster.account not in (*facts.accounts, *problems):
            unread.setdefault(cluster.account, []).append(cluster.name or "the cluster")
    way_out = "give --assume-role a role of it that the credentials may assume"
    return {
        account: f"account {account} of {' and '.join(names)}: not read; {way_out}"
        for account, names in unread.items()
    }


def _whole(
    cluster: ClusterFacts,
    client: KubernetesCluster,
    accounts: Sequence[_Account],
    trusting: Collection[str],
    cluster_name: str | None,
    *,
    whole: bool,
) -> ClusterFacts:
    """Read the rest of a cluster; ``trusting`` are accounts with roles that trust EKS."""
    eks, url = client.eks, cluster.issuer_url
    registered = (e.name for e in accounts if any(p.issuer_url == url for p in e.providers))
    account = cluster.account or next(registered, accounts[0].name)
    owner = next((candidate for candidate in accounts if candidate.name == account), None)
    name = cluster_name or eks.name
    associations: Sequence[Association] | Unread = ()
    arn = ""
    if owner is None:
        needed = f"credentials of account {account}"
        associations = Unread(_ASSOCIATIONS, f"account {account} was not read", needed)
    elif whole or account in trusting or name:
        regional = owner.aws.in_region(eks.region)
        names = [name] if name else regional.clusters(url)
        if isinstance(names, Unread):
            associations = names
        elif not names:
            why = f"no EKS cluster in {regional.region} has issuer {url}"
            associations = Unread(_ASSOCIATIONS, why, "the EKS cluster's --region")
        else:
            associations = regional.pod_identities(*names)
            if len(names) == 1 and owner.roles.roles:
                partition = partition_of(owner.roles.roles[0].arn)
                arn = str(ClusterArn(partition, regional.region, account, names[0]))
    reads_pods = whole or (associations and not isinstance(associations, Unread))
    pods = client.pods() if reads_pods else ()
    return replace(cluster, arn=arn, account=account, associations=associations, pods=pods)


def _texts(facts: Iterable[object]) -> str:
    return "; ".join(dict.fromkeys(each.text for each in facts if isinstance(each, Unread)))
