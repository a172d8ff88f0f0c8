"""The service accounts of clusters, each with the AWS identities of its Pods. Pure."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from irsa.access import roles_by_account
from irsa.audit.findings import AuditFacts, ClusterFacts, subject_of
from irsa.observe.eks import Association
from irsa.observe.facts import Role, ServiceAccountObject, Unread
from irsa.observe.iam import AccountPrincipals
from irsa.observe.pods import FleetPod
from irsa_core.decide.document import statements_of
from irsa_core.identity.arns import parse_role_arn
from irsa_core.identity.policies import further_clusters
from irsa_core.identity.policy_json import Json
from irsa_core.identity.subjects import ServiceAccountRef
from irsa_core.rules.table import Finding


class IdentityKind(Enum):
    """A source of AWS credentials for Pods; static ones win over all others in every SDK."""

    KEY = "access key"
    POD_IDENTITY = "Pod Identity"
    IRSA = "IRSA"
    PROFILE = "IRSA by profile"


class Identity(NamedTuple):
    """One form of identity of a service account's Pods."""

    kind: IdentityKind
    source: str
    """The role's ARN, or where an access key comes from; empty when it is not known."""
    association: Association | None = None
    """Of Pod Identity, where it was read."""
    targets: tuple[str, ...] = ()
    """Further roles that the role's own policies name for it to assume."""

    def as_json(self) -> Json:
        """The identity for ``--output json``."""
        fields: Json = {"kind": self.kind.value, "source": self.source}
        if self.targets:
            fields["targets"] = list(self.targets)
        if self.association is not None:
            association = self.association
            fields["association"] = {
                "arn": association.arn,
                "target_role": association.target_role_arn or None,
                "session_policy": association.policy or None,
                "session_tags": not association.disable_session_tags,
                "owner": association.owner_arn or None,
            }
        return fields


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """Facts of clusters and accounts, and the gaps in them."""

    facts: AuditFacts
    accounts: Sequence[AccountPrincipals]
    unread: Mapping[str, str] = field(default_factory=dict[str, str])
    """Reasons why clusters and accounts were not read, by context or account id."""
    unchecked: Mapping[str, str] = field(default_factory=dict[str, str])
    """Reasons why rules were not checked, by the rules; empty for those that were."""

    @property
    def missing(self) -> list[str]:
        """A line for each cluster or account that was not read, and for rules not checked."""
        rules = (f"not checked: {each}: {why}" for each, why in self.unchecked.items() if why)
        return [*self.unread.values(), *rules]


@dataclass(frozen=True, kw_only=True)
class ServiceAccountRow:
    """A service account."""

    cluster: ClusterFacts
    account: ServiceAccountObject
    identities: tuple[Identity, ...]
    """All that were seen, what wins first; none where Pods have the node's role, or none."""
    pods: tuple[FleetPod, ...] | None
    """None when Pods were not read."""
    findings: tuple[str, ...]
    """Rules that found something about the service account or its role."""
    further_clusters: int | None = None
    """Clusters for which its roles' trust policies have room within IAM's default quota; None where
    they trust none."""
    trusted_by: tuple[str, ...] = ()
    """ARNs of roles that name it for an association, if none and no other identity was seen."""
    role_used: str | None = None
    """Time of the last use of its role by any caller: ISO 8601, empty for not within 400 days, None
    when that is not known, or it has no role here."""

    @property
    def matters(self) -> bool:
        """True if it has an identity or a finding, or should have an association."""
        return bool(self.identities or self.findings or self.trusted_by)

    @property
    def without_role(self) -> int:
        """Number of its Pods that do not get what the next one gets: they are older than the
        annotation or the association."""
        if any(each.association for each in self.identities):
            return sum(not each.pod_identity for each in self.pods or ())
        wanted = self.account.role_arn
        if not wanted:
            return 0
        return sum(not (each.role_arn == wanted or each.pod_identity) for each in self.pods or ())

    @property
    def unread_secrets(self) -> tuple[str, ...]:
        """Secrets that its Pods take in whole, of which one may be an access key."""
        names = (name for pod in self.pods or () for name in pod.unread)
        return tuple(dict.fromkeys(names))

    def as_json(self) -> Json:
        """The row for ``--output json``."""
        pods = None if self.pods is None else [pod.name for pod in self.pods]
        return {
            "cluster": self.cluster.name or None,
            "account": self.cluster.account,
            "namespace": self.account.namespace,
            "name": self.account.name,
            "identities": [identity.as_json() for identity in self.identities],
            "pods": pods,
            "pods_without_role": None if pods is None else self.without_role,
            "secrets_not_read": None if pods is None else list(self.unread_secrets),
            "trusted_by": list(self.trusted_by),
            "role_last_used": self.role_used,
            "further_clusters": self.further_clusters,
            "findings": list(self.findings),
        }


@dataclass(frozen=True)
class Listing:
    """The rows, with notes for the reader."""

    rows: Sequence[ServiceAccountRow]
    """By cluster, namespace and name."""
    notes: Sequence[str]
    """Facts that could not be read or are not counted, a line each."""
    clusters: Sequence[ClusterFacts]

    def as_json(self) -> Json:
        """The listing for ``--output json``."""
        return {
            "clusters": [
                {"name": each.name or None, "issuer": each.issuer_url, "account": each.account}
                for each in self.clusters
            ],
            "service_accounts": [row.as_json() for row in self.rows],
            "notes": list(self.notes),
        }


def listing(inventory: Inventory, findings: Sequence[Finding]) -> Listing:
    """Every service account of the clusters as a row."""
    rows: list[ServiceAccountRow] = []
    notes: dict[str, list[str]] = {}
    clusters = inventory.facts.clusters
    for cluster in clusters:
        cluster_rows = _rows(inventory, findings, cluster)
        rows += cluster_rows
        for note in dict.fromkeys(_notes(inventory, findings, cluster, cluster_rows)):
            notes.setdefault(note, []).append(cluster.name)
    lines = [
        note if len(names) == len(clusters) else f"{', '.join(names)}: {note}"
        for note, names in notes.items()
    ]
    return Listing(rows, lines, clusters)


def _rows(
    inventory: Inventory, findings: Sequence[Finding], cluster: ClusterFacts
) -> list[ServiceAccountRow]:
    """The service accounts of a cluster."""
    pods: dict[tuple[str, str], list[FleetPod]] = {}
    for pod in cluster.known_pods:
        pods.setdefault((pod.namespace, pod.service_account), []).append(pod)
    associations = {association.account: association for association in cluster.known_associations}
    rules: dict[str, list[str]] = defaultdict(list)
    for finding in findings:
        if finding.cluster in ("", cluster.name):
            rules[finding.subject].append(finding.rule)
    last_used = {
        arn: time
        for account in inventory.accounts
        if not isinstance(account.last_used, Unread)
        for arn, time in account.last_used.items()
    }
    roles = {role.arn: role for role in inventory.facts.roles}
    trusting = [role for role in roles.values() if role.account == cluster.account]
    by_account = roles_by_account(trusting, cluster.arn)
    rows: list[ServiceAccountRow] = []
    for account in sorted(cluster.service_accounts, key=lambda ref: (ref.namespace, ref.name)):
        at = ServiceAccountRef(account.namespace, account.name)
        account_pods = None if isinstance(cluster.pods, Unread) else pods.get(at, [])
        identities = tuple(
            identity._replace(targets=tuple(_targets(identity, roles)))
            for identity in _identities(account, account_pods or (), associations.get(at))
        )
        arns = _roles(identities)
        rooms = [further_clusters(roles[arn].trust_policy) for arn in arns if arn in roles]
        subjects = [subject_of(*at)]
        subjects += [f"role {arn}" for arn in arns]
        rows.append(
            ServiceAccountRow(
                cluster=cluster,
                account=account,
                identities=identities,
                pods=None if account_pods is None else tuple(account_pods),
                findings=tuple(dict.fromkeys(r for s in subjects for r in rules.get(s, ()))),
                trusted_by=()
                if any(i.source for i in identities)
                else tuple(role.arn for role in by_account.get(at, ())),
                further_clusters=min((e for e in rooms if e is not None), default=None),
                role_used=max((last_used[e] for e in arns if e in last_used), default=None),
            )
        )
    return rows


def _roles(identities: Sequence[Identity]) -> tuple[str, ...]:
    kinds = (IdentityKind.IRSA, IdentityKind.POD_IDENTITY)
    roles = [each.source for each in identities if each.kind in kinds]
    roles += [each.association.target_role_arn for each in identities if each.association]
    return tuple(dict.fromkeys(filter(None, roles)))


def _identities(
    account: ServiceAccountObject, pods: Sequence[FleetPod], associated: Association | None
) -> Iterator[Identity]:
    keys = dict.fromkeys(key for pod in pods for key in pod.keys)
    yield from (Identity(IdentityKind.KEY, key) for key in keys)
    if associated or any(pod.pod_identity for pod in pods):
        role_arn = associated.role_arn if associated else ""
        yield Identity(IdentityKind.POD_IDENTITY, role_arn, associated)
    injected = dict.fromkeys(pod.role_arn for pod in pods if pod.role_arn)
    for arn in dict.fromkeys(filter(None, (account.role_arn, *injected))):
        yield Identity(IdentityKind.IRSA, arn)
    if any(pod.own_token for pod in pods):
        yield Identity(IdentityKind.PROFILE, "")


def _targets(identity: Identity, roles: Mapping[str, Role]) -> Iterator[str]:
    """Return the roles that a role's policies name, but the target role of its association."""
    role = roles.get(identity.source)
    policies = role.known_policies if role else ()
    target_arn = identity.association.target_role_arn if identity.association else ""
    listed = (statement for policy in policies for statement in statements_of(policy.content))
    named = (arn for statement in listed if statement.allows and statement.covers("sts:AssumeRole")
             for arn in statement.resources)  # fmt: skip
    for arn in dict.fromkeys(named):
        if parse_role_arn(arn) and not set(arn) & {"*", "?", "$"} and arn != target_arn:
            yield arn


def _notes(
    inventory: Inventory,
    findings: Sequence[Finding],
    cluster: ClusterFacts,
    rows: Sequence[ServiceAccountRow],
) -> Iterator[str]:
    """Return what was not read or is not counted of a cluster, a line each."""
    for read in (cluster.pods, cluster.associations):
        if isinstance(read, Unread):
            yield read.text
    for principals in inventory.accounts:
        if isinstance(principals.last_used, Unread):
            yield principals.last_used.text
    rules = [finding.rule for finding in findings if finding.cluster == cluster.name]
    if unused := rules.count("unused-role"):
        yield f"roles that trust this cluster without a service account (unused-role): {unused}"
    if secrets := sum(bool(row.unread_secrets) for row in rows):
        yield (
            "service accounts whose Pods take whole Secrets as variables, of which one may be an "
            f"access key (Secrets are not read): {secrets}"
        )


KEY = ("cluster", "namespace", "name")
"""The fields of a row in JSON that make it the same one."""
_VALUE = ("identities", "pods_without_role", "secrets_not_read", "findings")
"""Those that change it: times, numbers of calls and names of Pods do not."""


def changes(
    rows: Sequence[ServiceAccountRow], earlier: Sequence[Json], unread: Collection[str]
) -> tuple[list[ServiceAccountRow], str]:
    """Return the rows that are new or changed, and a line with the number of the others.

    What was reported of a cluster or account that is ``unread`` now is not counted as gone.
    """

    def picked(entry: Json, names: Sequence[str]) -> str:
        return json.dumps([entry.get(name) for name in names])

    before = {picked(row, KEY): row for row in earlier}
    now = {picked(entry := row.as_json(), KEY): (row, entry) for row in rows}
    fresh = [
        row
        for name, (row, entry) in now.items()
        if name not in before or picked(before[name], _VALUE) != picked(entry, _VALUE)
    ]
    gone = sum(
        name not in now and not {row.get("cluster"), row.get("account")}.intersection(unread)
        for name, row in before.items()
    )
    same = len(now) - len(fresh)
    return fresh, f"against --since: {len(fresh)} new or changed, {same} unchanged, {gone} gone"
