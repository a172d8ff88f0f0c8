"""Facts of an audit: a cluster, its annotated service account, and the roles of its account."""

from typing import Any

from irsa.audit.findings import AuditFacts, ClusterFacts
from irsa.observe.facts import RegisteredProvider, Role, ServiceAccountObject
from tests.support.world import ACCOUNT_A, ISSUER, NAME, NAMESPACE, NOW, PROVIDER_ARN, ROLE_ARN


def annotated(role_arn: str = ROLE_ARN, **more: str) -> ServiceAccountObject:
    """The service account of the world, with annotations of EKS."""
    named = {f"eks.amazonaws.com/{key}": e for key, e in {"role-arn": role_arn, **more}.items()}
    return ServiceAccountObject(NAMESPACE, NAME, named)


def cluster(issuer: str = ISSUER, **changed: Any) -> ClusterFacts:
    """A cluster with the annotated service account."""
    default = {"account": ACCOUNT_A, "service_accounts": [annotated()]}
    return ClusterFacts(issuer_url=f"https://{issuer}", **default | changed)


def role(document: Any, arn: str = ROLE_ARN, unique_id: str = "AROA1", **more: Any) -> Role:
    return Role(arn, unique_id, document, **more)


def provider(
    arn: str = PROVIDER_ARN, *client_ids: str, thumbprints: Any = ()
) -> RegisteredProvider:
    return RegisteredProvider(arn, client_ids or ("sts.amazonaws.com",), thumbprints)


def facts(*roles: Role, **changed: Any) -> AuditFacts:
    """The facts of the account with these roles, its cluster and the cluster's provider."""
    default = {"clusters": [cluster()], "accounts": [ACCOUNT_A], "providers": [provider()]}
    return AuditFacts(roles=roles, now=NOW, **default | changed)
