"""The call with which EKS assumes the role of a Pod Identity association, and its session policy.

Pure.

https://docs.aws.amazon.com/eks/latest/userguide/pod-id-abac.html
"""

import json

from irsa_core.decide.document import DocumentType
from irsa_core.decide.patterns import Key, Value
from irsa_core.decide.statements import compile_policy
from irsa_core.identity.arns import ClusterArn
from irsa_core.identity.arns import cluster_arn as parse_cluster
from irsa_core.identity.pod_identity import SESSION_POLICY_MAX, SESSION_TAGS
from irsa_core.identity.policies import size_of_text
from irsa_core.identity.subjects import ServiceAccountRef


def call_keys(
    cluster_arn: str, account: ServiceAccountRef, *, disable_session_tags: bool = False
) -> dict[str, Value]:
    """Return the condition keys of the call, in lower case; ValueError for an invalid cluster."""
    cluster = parse_cluster(cluster_arn)
    keys: dict[str, Value] = {"aws:sourcearn": cluster_arn, "aws:sourceaccount": cluster.account}
    if disable_session_tags:
        return keys
    keys |= {f"aws:requesttag/{name}": tag for name, tag in pod_tags(cluster, account).items()}
    return keys | {"aws:tagkeys": SESSION_TAGS, "sts:transitivetagkeys": SESSION_TAGS}


def pod_tags(cluster: ClusterArn, account: ServiceAccountRef) -> dict[str, Value]:
    """Return the tags of the session of any Pod, whose name and uid are not known."""
    values = (str(cluster), cluster.name, *account, Key.PRESENT, Key.PRESENT)
    return dict(zip(SESSION_TAGS, values, strict=True))


def check_session_policy(text: str) -> None:
    """Raise ValueError for what EKS refuses as the session policy of an association."""
    if size_of_text(text) > SESSION_POLICY_MAX:
        raise ValueError(
            f"it has {size_of_text(text)} characters; EKS accepts {SESSION_POLICY_MAX}, name fewer "
            "resources"
        )
    try:
        compile_policy(json.loads(text), "session policy", DocumentType.IDENTITY)
    except ValueError as error:
        raise ValueError(f"it is not a policy ({error}); correct it") from None
