"""The call with which EKS assumes the role of a Pod Identity association. Pure.

https://docs.aws.amazon.com/eks/latest/userguide/pod-id-abac.html
"""

from irsa.decide.patterns import Key, Value
from irsa.identity.arns import account_of
from irsa.identity.pod_identity import SESSION_TAGS, check_cluster, session_tags
from irsa.identity.subjects import ServiceAccountRef


def call_keys(
    cluster_arn: str, account: ServiceAccountRef, *, disable_session_tags: bool = False
) -> dict[str, Value]:
    """Return the condition keys of the call, in lower case; ValueError for an invalid cluster.

    The tags with the name and the uid of the Pod are there, with values that are not known.
    """
    check_cluster(cluster_arn)
    keys: dict[str, Value] = {
        "aws:sourcearn": cluster_arn,
        "aws:sourceaccount": account_of(cluster_arn),
    }
    if disable_session_tags:
        return keys
    keys |= {f"aws:requesttag/{k}": value for k, value in pod_tags(cluster_arn, account).items()}
    return keys | {"aws:tagkeys": SESSION_TAGS, "sts:transitivetagkeys": SESSION_TAGS}


def pod_tags(cluster_arn: str, account: ServiceAccountRef) -> dict[str, Value]:
    """Return the tags of the session of any Pod: two have values that are not known."""
    tags = session_tags(cluster_arn, account, pod_name="", pod_uid="")
    return {name: value or Key.PRESENT for name, value in tags.items()}
