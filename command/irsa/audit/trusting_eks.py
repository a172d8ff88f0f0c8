"""Roles that trust EKS Pod Identity, by the clusters and service accounts that they name. Pure."""

from collections.abc import Iterator, Mapping, Sequence

from irsa.access import trusts_association
from irsa.decide.document import Condition, Statement, statements_of
from irsa.decide.patterns import Pattern
from irsa.decide.truth import Verdict
from irsa.identity.eks import POD_IDENTITY_SERVICE
from irsa.identity.subjects import ServiceAccountRef
from irsa.observe.facts import Role
from irsa.rules.conditions import guarded, wild

_TAG = "aws:requesttag/"


def trusts_cluster(role: Role, cluster_arn: str) -> bool:
    """Return whether a role trusts EKS for a cluster; for one whose ARN is not known, whether for
    any."""
    return any(True for _ in _trusting(role, cluster_arn))


def roles_by_account(
    roles: Sequence[Role], cluster_arn: str
) -> Mapping[ServiceAccountRef, Sequence[str]]:
    """Return the ARNs of roles by the service accounts that they name for associations of a
    cluster."""
    found: dict[ServiceAccountRef, list[str]] = {}
    for role in roles:
        for account in dict.fromkeys(
            account for each in _trusting(role, cluster_arn) for account in _named(each)
        ):
            judged = trusts_association(role, cluster_arn, account, disable_session_tags=False)
            if judged.verdict is Verdict.ALLOW:
                found.setdefault(account, []).append(role.arn)
    return found


def _trusting(role: Role, cluster_arn: str) -> Iterator[Statement]:
    values = {
        "aws:sourcearn": cluster_arn,
        f"{_TAG}eks-cluster-arn": cluster_arn,
        f"{_TAG}eks-cluster-name": cluster_arn.rpartition("/")[2],
    }
    for each in guarded(statements_of(role.trust_policy)):
        if POD_IDENTITY_SERVICE in each.named("Service") and each.covers("sts:AssumeRole"):
            asked = (c for c in each.conditions if c.positive and c.key.lower() in values)
            if all(_has(c, values[c.key.lower()]) for c in asked):
                yield each


def _has(condition: Condition, value: str) -> bool:
    return any(Pattern.parse(each).matches(value) for each in condition.patterns)


def _named(statement: Statement) -> Iterator[ServiceAccountRef]:
    namespaces, names = (
        [
            value
            for each in statement.conditions
            if each.positive and each.key.lower() == f"{_TAG}kubernetes-{tag}"
            for value in each.patterns
            if not wild(value)
        ]
        for tag in ("namespace", "service-account")
    )
    yield from (ServiceAccountRef(each, name) for each in namespaces for name in names)
