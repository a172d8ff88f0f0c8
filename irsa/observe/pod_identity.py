"""Reads the associations of EKS Pod Identity.

https://docs.aws.amazon.com/eks/latest/APIReference/API_ListPodIdentityAssociations.html
"""

from typing import Any

Associations = dict[tuple[str, str], str]
"""The role's ARN by namespace and service account."""


def read_associations(client: Any, cluster: str) -> Associations:
    """All associations of a cluster. The listing has no roles: each takes a call of its own."""
    pages = client.get_paginator("list_pod_identity_associations").paginate(clusterName=cluster)
    listed = [each for page in pages for each in page["associations"]]
    found: Associations = {}
    for each in listed:
        answer = client.describe_pod_identity_association(
            clusterName=cluster, associationId=each["associationId"]
        )
        found[each["namespace"], each["serviceAccount"]] = answer["association"]["roleArn"]
    return found
