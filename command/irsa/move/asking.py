"""Ask, before a change, for what the steps of a move that are left need."""

from collections.abc import Iterator
from dataclasses import replace

from irsa.access import allows
from irsa.decide.verdict import Verdict
from irsa.identity.arns import parse_session_arn
from irsa.move.changes import known
from irsa.move.facts import Move
from irsa.move.plan import steps
from irsa.move.trust import SESSION_NAME
from irsa.observe.aws import FOR_POD_IDENTITY, Aws
from irsa.observe.facts import Role, Unread
from irsa.observe.kubernetes import Cluster
from irsa.verify.gather import Sources
from irsa.verify.link import Status
from irsa.verify.links.pod_identity import agent


def ask(move: Move, sources: Sources) -> Move:
    """Return the move with the answers; raises `Unknown` where the API server gives none."""
    denied, unasked = [*_by_cluster(move, sources.cluster)], list[str]()
    for action, resource in _aws_needs(move):
        answer = _may(sources.aws, action, resource)
        if isinstance(answer, Unread):
            unasked.append(f"{action} on {resource} ({answer.reason})")
        elif not answer:
            denied.append(f"{resource}: the caller may not call {action}; grant it")
    return replace(move, denied=tuple(denied), unasked=(*unasked, *unproven(move)))


def unproven(move: Move) -> list[str]:
    """Say what is not known of the agent on the nodes, through which Pods get their sessions."""
    link = agent(move.facts)
    unknown = move.to_pod_identity and link.status is Status.UNKNOWN
    return [f"the agent of the Pods' nodes ({link.found})"] if unknown else []


def _by_cluster(move: Move, cluster: Cluster) -> Iterator[str]:
    """Say what RBAC denies, and that a Pod of a template would be refused, such as by a quota."""
    namespace, name = move.facts.account
    needed = [("patch", "serviceaccounts", name), ("create", "serviceaccounts/token", name)]
    needed += [("patch", f"{each.kind}s.apps", each.name) for each in move.outdated if each.rolls]
    for verb, resource, object_ in needed:
        if not known(cluster.may(namespace, verb, resource, object_)):
            yield f"{resource} {namespace}/{object_}: the cluster denies {verb}; grant it by RBAC"
    for owner in move.outdated:
        spec = owner.template and cluster.next_pod(namespace, owner.template)
        if isinstance(spec, Unread):
            yield f"trial Pod of {owner.title}: {spec.reason}; let the cluster accept one"


def _aws_needs(move: Move) -> list[tuple[str, str]]:
    """Actions that the steps which are left need, each with its resource."""
    left = {each.key for each in steps(move) if not each.done}
    role, cluster, found = move.role.arn, move.facts.cluster_arn, move.association
    needs = [
        ({"trust", "distrust"}, "iam:UpdateAssumeRolePolicy", role),
        ({"associate"}, "eks:CreatePodIdentityAssociation", cluster),
        ({"associate"}, "iam:PassRole", role),
        ({"associate"}, FOR_POD_IDENTITY, cluster),
        ({"dissociate"}, "eks:DeletePodIdentityAssociation", found.arn if found else ""),
    ]
    return [(action, resource) for keys, action, resource in needs if keys & left]


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
