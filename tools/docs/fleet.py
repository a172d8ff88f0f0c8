"""The table of docs/fleet.md: how many clusters one role can trust, and how many roles 40 take."""

from math import ceil

from irsa.identity.arns import provider_arn_for
from irsa.identity.policies import irsa_trust_policy
from irsa.identity.quotas import ROLES_PER_ACCOUNT, TRUST_POLICY_QUOTA, TRUST_POLICY_QUOTA_MAX
from irsa.identity.subjects import service_account_ref
from tools.docs.markdown import table

CLUSTERS = 40
QUOTAS = (TRUST_POLICY_QUOTA, 2 * TRUST_POLICY_QUOTA, TRUST_POLICY_QUOTA_MAX)


def clusters_of_a_role(quota: int) -> int:
    """How many clusters' providers fit into the trust policy of one service account's role."""
    number = 0
    while _fits(number + 1, quota):
        number += 1
    return number


def clusters_table() -> str:
    """A row for a role for each cluster, and one for each size of the trust policy."""
    of_quota = [(f"{quota:,} characters", clusters_of_a_role(quota)) for quota in QUOTAS]
    rows = [("any", 1), *of_quota]
    head = (
        "trust policy quota", "clusters of a role", f"roles for {CLUSTERS} clusters",
        f"such workloads in an account of {ROLES_PER_ACCOUNT:,} roles",
    )  # fmt: skip
    return table(head, [(quota, *map(str, _roles(clusters))) for quota, clusters in rows])


def _roles(clusters: int) -> tuple[int, int, int]:
    roles = ceil(CLUSTERS / clusters)
    return clusters, roles, ROLES_PER_ACCOUNT // roles


def _fits(clusters: int, quota: int) -> bool:
    providers = [
        provider_arn_for(f"oidc.eks.us-east-1.amazonaws.com/id/{number:032X}", "111122223333")
        for number in range(clusters)
    ]
    try:
        irsa_trust_policy(providers, [service_account_ref("dev", "s3-app")], quota=quota)
    except ValueError:
        return False
    return True
