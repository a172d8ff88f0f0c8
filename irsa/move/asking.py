"""Ask, before a change, for what the steps of a move that are left need."""

from collections.abc import Iterator
from dataclasses import replace

from irsa.access import allows
from irsa.decide.verdict import Verdict
from irsa.identity.arns import cluster_arn, parse_session_arn
from irsa.identity.eks import POD_IDENTITY_SERVICE
from irsa.identity.policies import size
from irsa.identity.quotas import TRUST_POLICY_QUOTA
from irsa.move.changes import known
from irsa.move.facts import Move
from irsa.move.plan import steps
from irsa.move.trust import SESSION_NAME, with_caller
from irsa.observe.aws import Aws
from irsa.observe.facts import RUNNING, Role, Unread
from irsa.observe.kubernetes import Cluster


def ask(move: Move, cluster: Cluster, aws: Aws) -> Move:
    """Return the move with the answers; raises `Unknown` where the API server gives none."""
    denied = [*_by_cluster(move, cluster)]
    denied += [] if denied else _trials(move, cluster)
    denied += _for_pod(move, cluster, aws)
    unasked: list[str] = []
    for action, resource in _aws_needs(move):
        answer = _may(aws, action, resource)
        if isinstance(answer, Unread):
            unasked.append(f"{action} on {resource}, as it {answer.text}")
        elif not answer:
            denied.append(f"{resource}: the caller may not call {action}; grant it")
    document = None if move.trusts_wanted else with_caller(move.role, move.wanted)
    if document is not None and size(document) > TRUST_POLICY_QUOTA:
        quota, text = aws.trust_quota(), f"its trust policy will have {size(document)} characters"
        if isinstance(quota, Unread):
            unasked.append(f"role {move.role.arn}: {text}, and it {quota.text}")
        elif size(document) > quota:
            fix = "remove a statement, or have AWS raise the quota"
            denied.append(f"role {move.role.arn}: {text}, and the quota is {quota}; {fix}")
    return replace(move, denied=tuple(denied), unasked=tuple(unasked))


def _by_cluster(move: Move, cluster: Cluster) -> Iterator[str]:
    namespace, name = move.facts.account
    needed = [("patch", "serviceaccounts", name), ("create", "serviceaccounts/token", name)]
    needed += [("create", "pods", "")] if move.outdated else []
    needed += [("patch", f"{each.kind}s.apps", each.name) for each in move.outdated if each.rolls]
    for verb, resource, asked in needed:
        if not known(cluster.may(namespace, verb, resource, asked)):
            yield f"{resource} {namespace}/{asked}: the cluster denies {verb}; grant it by RBAC"


def _trials(move: Move, cluster: Cluster) -> Iterator[str]:
    """Say that a Pod of a template would be refused now, such as by a quota."""
    for owner in move.outdated:
        template = owner.template
        spec = template and cluster.next_pod(move.facts.namespace, template)
        if isinstance(spec, Unread):
            yield f"trial Pod of {owner.title}: {spec.reason}; let the cluster accept one more"


def _for_pod(move: Move, cluster: Cluster, aws: Aws) -> Iterator[str]:
    """Say that the caller may not ask EKS for a Pod's session, asking for one before there is any."""
    pod = move.facts.pod
    if move.to_pod_identity and not move.association and pod is not None and pod.phase == RUNNING:
        token = known(cluster.token(*move.facts.account, POD_IDENTITY_SERVICE, pod))
        answer, _ = aws.assume_for_pod(cluster_arn(move.facts.cluster_arn).name, token)
        if isinstance(answer, Unread):
            yield f"{answer.text}; {answer.remedy}"


def _aws_needs(move: Move) -> Iterator[tuple[str, str]]:
    """Actions that the steps which are left need, each with its resource."""
    left = {each.key for each in steps(move) if not each.done}
    if left & {"trust", "distrust"}:
        yield "iam:UpdateAssumeRolePolicy", move.role.arn
    if "associate" in left:
        yield "eks:CreatePodIdentityAssociation", move.facts.cluster_arn
        yield "iam:PassRole", move.role.arn
    if "dissociate" in left and move.association is not None:
        yield "eks:DeletePodIdentityAssociation", move.association.arn


def _may(aws: Aws, action: str, resource: str) -> bool | Unread:
    """IAM's answer for the caller, or else the evaluator's if the caller is a role's session."""
    caller = aws.caller().arn
    session = parse_session_arn(caller)
    role = aws.role(session.role_arn) if session else None
    answer = aws.simulate(role.arn if isinstance(role, Role) else caller, action, resource)
    if isinstance(answer, Unread) and isinstance(role, Role):
        judged = allows(role, action, resource, session_name=SESSION_NAME).verdict
        return answer if judged is Verdict.UNKNOWN else judged is Verdict.ALLOW
    return answer
