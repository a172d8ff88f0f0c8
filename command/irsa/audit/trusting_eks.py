"""Roles that trust EKS Pod Identity, by the clusters and service accounts that they name. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product

from irsa.access import ACCOUNT_TAGS, trusts_association
from irsa.observe.facts import Role
from irsa_core.decide.document import Statement, statements_of
from irsa_core.decide.truth import Verdict
from irsa_core.identity.subjects import ServiceAccountRef
from irsa_core.rules.conditions import guarded, wild


def trusts_cluster(role: Role, cluster_arn: str) -> bool:
    """Return whether a role may trust EKS for service accounts of a cluster with a known ARN."""
    judged = trusts_association(role, cluster_arn, None, disable_session_tags=False)
    return bool(cluster_arn) and judged.verdict is not Verdict.DENY


def roles_by_account(
    roles: Iterable[Role], cluster_arn: str
) -> Mapping[ServiceAccountRef, Sequence[Role]]:
    """Return roles by the service accounts that they name for associations of a cluster."""
    trusting: dict[ServiceAccountRef, list[Role]] = {}
    for role in roles:
        listed = guarded(statements_of(role.trust_policy))
        for account in dict.fromkeys(account for grant in listed for account in _named(grant)):
            judged = trusts_association(role, cluster_arn, account, disable_session_tags=False)
            if judged.verdict is Verdict.ALLOW:
                trusting.setdefault(account, []).append(role)
    return trusting


def _named(statement: Statement) -> Iterator[ServiceAccountRef]:
    exact = [
        [
            value
            for condition in statement.conditions
            if condition.positive and condition.key.lower() == tag
            for value in condition.patterns
            if not wild(value)
        ]
        for tag in ACCOUNT_TAGS
    ]
    yield from (ServiceAccountRef(*names) for names in product(*exact))
