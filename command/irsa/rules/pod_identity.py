"""Rules for statements that allow EKS Pod Identity. Pure.

EKS makes the call for an association; the role is in the account of the cluster.
https://docs.aws.amazon.com/eks/latest/userguide/pod-id-role.html
"""

from collections.abc import Sequence

from irsa.decide.document import Condition, Statement
from irsa.identity.arns import parse_arn
from irsa.identity.eks import POD_IDENTITY_SERVICE
from irsa.rules.conditions import CLUSTERS, NAMESPACES, narrow, wild
from irsa.rules.principals import actions_text, conditions_text
from irsa.rules.tokens import Hits, TrustContext


def check_pod_identity(allowed: Sequence[Statement], context: TrustContext) -> Hits:
    """Check the statements that allow, each with the conditions of the denials for everyone."""
    trusting = [each for each in allowed if POD_IDENTITY_SERVICE in each.named("Service")]
    for statement in trusting:
        if not statement.covers("sts:AssumeRole"):
            continue
        at, conditions = f"statement {statement.number}:", statement.conditions
        if context.session_tags and not any(each.covers("sts:TagSession") for each in trusting):
            yield "pod-identity-tags", f"{at} {actions_text(statement)}"
        never = [each for each in conditions if _never_holds(each, context.account)]
        for each in never:
            yield "pod-identity-source", f"{at} {each.text} is {', '.join(each.values)}"
        rule = _RULES.get((narrow(conditions, CLUSTERS), narrow(conditions, NAMESPACES)))
        if rule and not never:
            yield rule, f"{at} {POD_IDENTITY_SERVICE} {conditions_text(conditions)}".rstrip()


_RULES = {
    (False, False): "pod-identity-any",
    (False, True): "pod-identity-cluster",
    (True, False): "pod-identity-account",
}
"""By whether conditions name a cluster, and a namespace of it."""


def _never_holds(condition: Condition, account: str) -> bool:
    """Return whether a condition on the source holds for no cluster; of an account, if known."""
    key, patterns = condition.key.lower(), condition.patterns
    # EKS always sends the source: without IfExists or a set operator it would be the same.
    if not condition._replace(operator=condition.base).positive:
        return False
    if key == "aws:sourceaccount":
        return bool(account) and not any(wild(each) or each == account for each in patterns)
    return key == "aws:sourcearn" and all(_names_no_cluster(each, account) for each in patterns)


def _names_no_cluster(pattern: str, account: str) -> bool:
    arn = parse_arn(pattern)
    if arn is None:
        return not wild(pattern)
    parts = [(arn.service, "eks"), (arn.account, account), (arn.kind, "cluster")]
    return any(value and not wild(part) and part != value for part, value in parts)
