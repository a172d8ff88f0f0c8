"""The links `association` and `agent` of EKS Pod Identity. Pure.

https://docs.aws.amazon.com/eks/latest/userguide/pod-identities.html
"""

from collections.abc import Iterator, Mapping

from irsa.access import allows
from irsa.decide.truth import Verdict
from irsa.identity.arns import cluster_arn
from irsa.identity.injection import without_agent
from irsa.identity.pod_identity import external_id
from irsa.observe.eks import AGENT, AUTO_MODE, FOR_POD_IDENTITY, Association, EksCluster
from irsa.observe.facts import Unread
from irsa.verify.facts import ByAssociation
from irsa.verify.link import Check, Link, Status
from irsa.verify.links.containers import names, pods_that
from irsa.verify.remedies.account import found_role
from irsa.verify.remedies.pod_identity import correct, create, install_agent, use_irsa

ACTIVE = "ACTIVE"
CHANGING = ("CREATING", "UPDATING")
SEE = f"see why: kubectl describe daemonset {AGENT} --namespace kube-system"


def association(facts: ByAssociation) -> Link:
    """Check whether the service account has its association, with the right roles."""
    target = f" and target role {facts.expected_target}" if facts.expected_target else ""
    wanted = f"an EKS Pod Identity association with {facts.expected_role or 'a role'}{target}"
    check = Check("association", wanted)
    found = facts.association
    if isinstance(found, Unread):
        return check.unknown(found)
    if facts.cluster is None:
        text = f"no EKS cluster of region {facts.region} has this cluster's issuer"
        return check.failed(text, "name the context and the region of the stack's cluster")
    if found is None:
        text = f"no association for this service account{found_role(facts)}"
        return check.failed(text, create(facts))
    if facts.role_arn != found.role_arn:
        text = f"{found.id} names {found.role_arn}{found_role(facts)}"
        return check.failed(text, correct(facts, found, role_arn=facts.role_arn))
    if facts.expects_association and found.target_role_arn != facts.expected_target:
        text = f"{found.id} has target role {found.target_role_arn or '(none)'}"
        if not facts.expected_target:
            return check.failed(text, "remove the target role from the association")
        return check.failed(text, correct(facts, found, target_role_arn=facts.expected_target))
    sent = external_id(facts.cluster_arn, facts.account)
    if found.target_role_arn and found.external_id != sent:
        text = f"EKS sends external id {found.external_id!r} to the target role, not {sent!r}"
        return check.failed(text, "let the target role's trust policy ask for that one")
    return check.passed("; ".join(_described(facts, found)))


def _described(facts: ByAssociation, found: Association) -> Iterator[str]:
    yield f"{found.id} names {found.role_arn}"
    if found.target_role_arn:
        yield f"target role {found.target_role_arn}, with external id {found.external_id}"
    if found.policy:
        yield "a session policy limits the session"
    if found.disable_session_tags:
        yield "session tags are disabled"
    if found.owner_arn:
        yield f"add-on {found.owner_arn} manages it"
    if facts.annotated_role:
        yield f"it wins over the annotation {facts.annotated_role}"


def agent(facts: ByAssociation) -> Link:
    """Check whether the agent answers on the nodes of the Pods, and may call EKS there."""
    wanted = f"{AGENT} ready on every node of the Pods, whose role may call {FOR_POD_IDENTITY}"
    check = Check("agent", wanted)
    if not isinstance(facts.cluster, EksCluster):
        return check.undecided("the EKS cluster is not known", facts.cluster)
    unserved = [pod for pod in facts.judged if without_agent(pod.spec, pod.labels)]
    if unserved:
        place = without_agent(unserved[0].spec, unserved[0].labels)
        text = f"{pods_that(unserved, 'is', 'are')} on {place}, where no agent runs"
        return check.failed(text, use_irsa(facts))
    link = _installed(facts, check, facts.cluster)
    return link if link.status is Status.FAILED else _on_nodes(facts, check) or link


def _installed(facts: ByAssociation, check: Check, cluster: EksCluster) -> Link:
    """Check whether the agent runs in the cluster."""
    addon = cluster.addon
    if cluster.auto_mode:
        return check.passed("EKS Auto Mode runs it on its nodes")
    if addon not in (None, ACTIVE, *CHANGING):
        name = cluster_arn(cluster.arn).name
        see = f"aws eks describe-addon --cluster-name {name} --addon-name {AGENT}"
        return check.failed(f"the add-on is {addon}", f"see its health: {see}")
    if isinstance(facts.agent, Unread):
        return check.unknown(facts.agent)
    if facts.agent:
        return check.passed(f"ready on {names(sorted(facts.agent))}")
    if addon is None:
        text = "no add-on and no Pod of it: nothing answers the Pods"
        return check.failed(text, "install the add-on", install_agent(facts))
    text = f"the add-on is {addon}, and no Pod of it is ready"
    return check.failed(text, SEE) if addon == ACTIVE else check.unknown(text, "ask again")


def _on_nodes(facts: ByAssociation, check: Check) -> Link | None:
    """Return the link of nodes whose agent cannot serve the Pods, or may not; None without."""
    groups: Mapping[str, str] = {} if isinstance(facts.nodes, Unread) else facts.nodes
    served = frozenset[str]() if isinstance(facts.agent, Unread) else facts.agent
    asked = facts.nodes_of_pods | groups.keys()
    missing = [e for e in sorted(asked - served) if groups.get(e) != AUTO_MODE]
    unread = [e for e in (facts.agent if missing else None, facts.nodes) if isinstance(e, Unread)]
    if missing and not unread:
        where = f"where the Pods {'run' if facts.nodes_of_pods.issuperset(missing) else 'can run'}"
        return check.failed(f"no agent is ready on {names(missing)}, {where}", SEE)
    for group, role in facts.node_roles.items():
        if isinstance(role, Unread):
            unread.append(role)
            continue
        judged = allows(role, FOR_POD_IDENTITY, facts.cluster_arn, session_name=None)
        text = f"role {role.name} of the nodes ({group}): {judged.text}"
        if judged.verdict is Verdict.DENY:
            return check.failed(text, f"allow {FOR_POD_IDENTITY} to it: these nodes gain it")
        if judged.verdict is Verdict.UNKNOWN:
            return check.undecided(text, role.policies, role.boundary)
    return check.undecided("", *unread) if unread else None
