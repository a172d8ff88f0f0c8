"""The call with which EKS assumes the role of a Pod Identity association, and its session policy.

Pure.

https://docs.aws.amazon.com/eks/latest/userguide/pod-id-abac.html
"""

import json

from irsa.decide.document import Kind
from irsa.decide.patterns import Key, Value
from irsa.decide.statements import compile_policy
from irsa.identity.arns import account_of
from irsa.identity.pod_identity import SESSION_POLICY_MAX, SESSION_TAGS, check_cluster, session_tags
from irsa.identity.policies import size_of_text
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


def check_session_policy(text: str) -> None:
    """Raise ValueError for what EKS refuses as the session policy of an association."""
    if size_of_text(text) > SESSION_POLICY_MAX:
        raise ValueError(
            f"it has {size_of_text(text)} characters; EKS accepts {SESSION_POLICY_MAX}, name fewer "
            "resources"
        )
    try:
        compile_policy(json.loads(text), "session policy", Kind.IDENTITY)
    except ValueError as error:
        raise ValueError(f"it is not a policy ({error}); correct it") from None
