"""EKS Pod Identity: trust policies, the target role's external id, and session tags. Pure.

https://docs.aws.amazon.com/eks/latest/userguide/pod-identities.html
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from irsa_core.identity.arns import account_of, check_role_arn, cluster_arn, partition_of, root_arn
from irsa_core.identity.eks import POD_IDENTITY_SERVICE, STS_AUDIENCE
from irsa_core.identity.policies import (
    ConditionEntry,
    Document,
    check_trust_size,
    document,
    irsa_trust_policy,
    one_or_list,
    trust_statement,
)
from irsa_core.identity.quotas import TRUST_POLICY_QUOTA, TRUST_POLICY_QUOTA_MAX
from irsa_core.identity.subjects import ServiceAccountPattern, ServiceAccountRef, Subject

ASSUME_AND_TAG: Final = ("sts:AssumeRole", "sts:TagSession")
"""Actions of the call that EKS makes for a Pod: its session tags need the second one."""

CLUSTER_TAG: Final = "eks-cluster-arn"
NAMESPACE_TAG: Final = "kubernetes-namespace"
SERVICE_ACCOUNT_TAG: Final = "kubernetes-service-account"
SESSION_TAGS: Final = (
    CLUSTER_TAG,
    "eks-cluster-name",
    NAMESPACE_TAG,
    SERVICE_ACCOUNT_TAG,
    "kubernetes-pod-name",
    "kubernetes-pod-uid",
)
"""Tags that EKS gives to a session, all of them transitive.
https://docs.aws.amazon.com/eks/latest/userguide/pod-id-abac.html"""

SESSION_SECONDS: Final = 6 * 3600
"""Length of a session that EKS opens for a Pod, whatever the role's maximum is: the agent keeps it
for as long. https://docs.aws.amazon.com/eks/latest/userguide/pod-id-how-it-works.html"""
SESSION_POLICY_MAX: Final = 2048
"""Characters of an association's session policy."""


class TargetedBy(NamedTuple):
    """An association that names a role as its target role."""

    role_arn: str
    """The association's own role, which assumes the target role."""

    cluster_arn: str
    service_account: ServiceAccountRef
    disable_session_tags: bool = False


def check_role(role_arn: str, of_cluster: str) -> str:
    """Return the ARN of an association's role, or raise ValueError if EKS cannot pass it."""
    check_role_arn(role_arn)
    cluster = cluster_arn(of_cluster)
    if account_of(role_arn) != cluster.account:
        raise ValueError(
            f"role {role_arn} is not in account {cluster.account} of the cluster; give a role of "
            "that account, and the other one as target role"
        )
    if partition_of(role_arn) != cluster.partition:
        raise ValueError(
            f"role {role_arn} is not in partition {cluster.partition} of the cluster; begin its "
            f"ARN with arn:{cluster.partition}:"
        )
    return role_arn


def external_id(of_cluster: str, account: ServiceAccountRef) -> str:
    """Return the ``sts:ExternalId`` with which EKS assumes an association's target role.

    https://docs.aws.amazon.com/eks/latest/userguide/pod-id-assign-target-role.html
    """
    cluster = cluster_arn(of_cluster)
    return "/".join((cluster.region, cluster.account, cluster.name, *account))


def session_tags(
    of_cluster: str, account: ServiceAccountRef, *, pod_name: str, pod_uid: str
) -> Mapping[str, str]:
    """Return the tags of the session of a Pod."""
    values = (of_cluster, cluster_arn(of_cluster).name, *account, pod_name, pod_uid)
    return dict(zip(SESSION_TAGS, values, strict=True))


def service_account_trust_policy(
    subjects: Sequence[Subject],
    *,
    provider_arns: Sequence[str] = (),
    cluster_arns: Sequence[str] = (),
    audience: str = STS_AUDIENCE,
    disable_session_tags: bool = False,
    further_statements: Sequence[Document] = (),
    quota: int = TRUST_POLICY_QUOTA,
) -> Document:
    """Trust service accounts by IRSA, EKS Pod Identity or both, then ``further_statements``.

    ValueError as `irsa_core.identity.policies.irsa_trust_policy` and `pod_identity_trust_policy`.
    """
    of_account = {account_of(arn): arn for arn in (*provider_arns, *cluster_arns)}
    if len(of_account) > 1:
        raise ValueError(
            f"{' and '.join(of_account.values())} are in different accounts, and a role trusts the "
            "providers and clusters of its own account; give each account a role"
        )
    statements: list[Document] = []
    if provider_arns:
        by_token = irsa_trust_policy(
            provider_arns, subjects, audience=audience, quota=TRUST_POLICY_QUOTA_MAX
        )
        statements += by_token["Statement"]
    if cluster_arns:
        by_association = pod_identity_trust_policy(
            cluster_arns, subjects, disable_session_tags=disable_session_tags
        )
        statements += by_association["Statement"]
    return check_trust_size(document(*statements, *further_statements), quota)


def pod_identity_trust_policy(
    cluster_arns: Sequence[str], subjects: Iterable[Subject], *, disable_session_tags: bool = False
) -> Document:
    """Trust EKS for the associations of service accounts in those clusters, and for nothing else.

    The clusters are of one account, the role's. Each namespace has its own statement, since the
    lists of one statement's conditions combine freely. Without session tags no condition can name
    a service account: any user who may create an association in the clusters decides.

    ValueError when there is no cluster or no subject, and for clusters of two accounts.
    https://docs.aws.amazon.com/eks/latest/userguide/pod-id-role.html
    """
    clusters = list(dict.fromkeys(cluster_arns))
    accounts = {cluster_arn(arn).account for arn in clusters}
    subjects = list(subjects)
    if len(accounts) != 1 or not subjects:
        scope = f"clusters of {len(accounts)} accounts and {len(subjects)} subjects"
        raise ValueError(
            f"trust for EKS Pod Identity needs clusters of one account and a subject, not {scope}; "
            "a role serves the clusters of its own account"
        )
    source: list[ConditionEntry] = [
        ("StringEquals", "aws:SourceAccount", accounts.pop()),
        ("ArnEquals", "aws:SourceArn", one_or_list(clusters)),
    ]
    if disable_session_tags:
        return document(_statement(*source))
    names: dict[tuple[str, str], set[str]] = {}
    for subject in subjects:
        operator = "StringLike" if isinstance(subject, ServiceAccountPattern) else "StringEquals"
        names.setdefault((subject.namespace, operator), set()).add(subject[1])
    return document(
        *(
            _statement(*source, *_tags(clusters, namespace, sorted(accounts_of_it), operator))
            for (namespace, operator), accounts_of_it in sorted(names.items())
        )
    )


def target_role_trust_policy(associations: Iterable[TargetedBy]) -> Document:
    """Trust the roles of associations whose target role this is.

    The principal is their account with a condition on the role's ARN: the role may be created
    later, and be recreated. ``sts:ExternalId`` is a key of AssumeRole alone, so TagSession has a
    statement of its own. Associations of one role share statements if each combination of their
    clusters and service accounts in a namespace is one of them: IAM accepts 2048 characters.
    https://docs.aws.amazon.com/eks/latest/userguide/pod-id-assign-target-role.html
    """
    groups: dict[tuple[str, str, bool], list[TargetedBy]] = {}
    for caller in sorted({*associations}):
        check_role(caller.role_arn, caller.cluster_arn)
        key = caller.role_arn, caller.service_account.namespace, caller.disable_session_tags
        groups.setdefault(key, []).append(caller)
    statements: list[Document] = []
    for group in groups.values():
        clusters = {caller.cluster_arn for caller in group}
        names = {caller.service_account.name for caller in group}
        whole = len(clusters) * len(names) == len(group)
        for part in [group] if whole else [[caller] for caller in group]:
            statements += _target_statements(part)
    return document(*statements)


def _target_statements(group: Sequence[TargetedBy]) -> list[Document]:
    """Trust associations of one role, in one namespace."""
    role, _, (namespace, _), disable_session_tags = group[0]
    account = root_arn(account_of(role), partition=partition_of(role))
    conditions: list[ConditionEntry] = [("ArnEquals", "aws:PrincipalArn", role)]
    if not disable_session_tags:
        clusters = sorted({caller.cluster_arn for caller in group})
        names = sorted({caller.service_account.name for caller in group})
        conditions += _tags(clusters, namespace, names)
    ids = sorted({external_id(caller.cluster_arn, caller.service_account) for caller in group})
    by_id: ConditionEntry = ("StringEquals", "sts:ExternalId", one_or_list(ids))
    assume = trust_statement({"AWS": account}, "sts:AssumeRole", *conditions, by_id)
    if disable_session_tags:
        return [assume]
    return [assume, trust_statement({"AWS": account}, "sts:TagSession", *conditions)]


def _statement(*conditions: ConditionEntry) -> Document:
    return trust_statement({"Service": POD_IDENTITY_SERVICE}, list(ASSUME_AND_TAG), *conditions)


def _tags(
    clusters: list[str], namespace: str, names: list[str], operator: str = "StringEquals"
) -> list[ConditionEntry]:
    """Return the conditions on the session tags of service accounts."""
    return [
        ("StringEquals", f"aws:RequestTag/{CLUSTER_TAG}", one_or_list(clusters)),
        ("StringEquals", f"aws:RequestTag/{NAMESPACE_TAG}", namespace),
        (operator, f"aws:RequestTag/{SERVICE_ACCOUNT_TAG}", one_or_list(names)),
    ]
