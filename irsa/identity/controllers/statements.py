"""Statements, and the ARNs that they name, of the controllers' policies. Pure."""

from collections.abc import Sequence

from irsa.identity.arns import Arn, ClusterArn, parse_arn
from irsa.identity.policies import VERSION, ConditionEntry, Document, condition_block, size
from irsa.identity.quotas import POLICY_SIZE_MAX


def allow(
    actions: str | list[str], resources: str | list[str], *conditions: ConditionEntry
) -> Document:
    """Return a statement that allows actions on resources, under all of the conditions."""
    statement: Document = {"Effect": "Allow", "Action": actions, "Resource": resources}
    return statement | ({"Condition": condition_block(*conditions)} if conditions else {})


def permissions_policy(*statements: Document) -> Document:
    """Return a policy of these statements, or raise ValueError if IAM would not store it."""
    document: Document = {"Version": VERSION, "Statement": list(statements)}
    if size(document) > POLICY_SIZE_MAX:
        raise ValueError(
            f"the policy has {size(document)} characters and IAM accepts {POLICY_SIZE_MAX}: give "
            "fewer resources to one policy, or a pattern of their names"
        )
    return document


def regional_arn(cluster: ClusterArn, service: str, resource: str) -> str:
    """Return the ARN of a resource in a cluster's account and region."""
    return str(Arn(cluster.partition, service, cluster.region, cluster.account, resource))


def check_arns(arns: Sequence[str], service: str, prefix: str) -> list[str]:
    """Return the ARNs of resources that begin with a prefix, or raise ValueError."""
    for arn in arns:
        parsed = parse_arn(arn)
        if parsed is None or parsed.service != service or not parsed.resource.startswith(prefix):
            raise ValueError(
                f"{arn!r} is not the ARN that the policy needs; expected "
                f"arn:aws:{service}:<region>:<account>:{prefix}<name>"
            )
    return list(arns)
