"""Administrators of an EKS cluster, by its access entries.

Of AWS's access policies only AmazonEKSClusterAdminPolicy on the whole cluster has an effect in the
sandbox; other principals are authenticated, and RBAC gives them nothing.
https://docs.aws.amazon.com/eks/latest/userguide/access-policies.html
"""

from typing import Any

from irsa.identity.arns import parse_session_arn

_ADMIN = "AmazonEKSClusterAdminPolicy"


def administrators(eks: Any, cluster: str) -> frozenset[str]:
    """The principals that are administrators of the cluster, as `principal` spells them.

    ``eks`` is a boto3 client.
    """
    return frozenset(
        principal(arn)
        for arn in eks.list_access_entries(clusterName=cluster)["accessEntries"]
        for policy in eks.list_associated_access_policies(clusterName=cluster, principalArn=arn)[
            "associatedAccessPolicies"
        ]
        if policy["policyArn"].endswith(f"/{_ADMIN}") and policy["accessScope"]["type"] == "cluster"
    )


def principal(arn: str) -> str:
    """The ARN without a path, and of a role for a session of it, whose ARN has no path either."""
    if session := parse_session_arn(arn):
        return session.role_arn
    kind, slash, name = arn.partition("/")
    return f"{kind}{slash}{name.rpartition('/')[2]}"
