"""The links `association` and `agent` of EKS Pod Identity, and the commands that fix them. Pure.

https://docs.aws.amazon.com/eks/latest/userguide/pod-identities.html
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from irsa.access import Judgement, allows, trusts_association
from irsa.observe.eks import AGENT, AUTO_MODE, FOR_POD_IDENTITY, Association, DescribedCluster
from irsa.observe.facts import Role, Unread
from irsa.verify.containers import names, pods_that
from irsa.verify.facts import ByAssociation, Facts, named_role
from irsa.verify.link import Check, Link, Remedy, Resource, ShellCommand, Status, aws, irsa
from irsa.verify.remedies.pod import restart
from irsa.verify.remedies.trust import Fixer, found_role, let_trust
from irsa_core.decide.truth import Verdict
from irsa_core.identity.arns import cluster_arn
from irsa_core.identity.injection import without_agent
from irsa_core.identity.pod_identity import (
    TargetedBy,
    external_id,
    pod_identity_trust_policy,
    target_role_trust_policy,
)

ACTIVE = "ACTIVE"
CHANGING = ("CREATING", "UPDATING")
SEE = f"see why: kubectl describe daemonset {AGENT} --namespace kube-system"


def association(facts: ByAssociation) -> Link:
    """Check whether the service account has its association, with the right roles."""
    target = f" and target role {facts.expected_target}" if facts.expected_target else ""
    expected = f"an EKS Pod Identity association with {facts.expected_role or 'a role'}{target}"
    check = Check("association", expected)
    actual = facts.association
    if isinstance(actual, Unread):
        return check.unknown(actual)
    if facts.cluster is None:
        text = f"no EKS cluster of region {facts.region} has this cluster's issuer"
        return check.failed(text, "name the context and the region of the stack's cluster")
    if actual is None:
        text = f"no association for this service account{found_role(facts)}"
        return check.failed(text, create(facts))
    if facts.role_arn != actual.role_arn:
        text = f"{actual.id} names {actual.role_arn}{found_role(facts)}"
        return check.failed(text, correct(facts, actual, role_arn=facts.role_arn))
    if facts.expects_association and actual.target_role_arn != facts.expected_target:
        text = f"{actual.id} has target role {actual.target_role_arn or '(none)'}"
        if not facts.expected_target:
            return check.failed(text, "remove the target role from the association")
        return check.failed(text, correct(facts, actual, target_role_arn=facts.expected_target))
    sent = external_id(facts.cluster_arn, facts.account)
    if actual.target_role_arn and actual.external_id != sent:
        text = f"EKS sends external id {actual.external_id!r} to the target role, not {sent!r}"
        return check.failed(text, "let the target role's trust policy ask for that one")
    return check.passed("; ".join(_described(facts, actual)))


def _described(facts: ByAssociation, actual: Association) -> Iterator[str]:
    yield f"{actual.id} names {actual.role_arn}"
    if actual.target_role_arn:
        yield f"target role {actual.target_role_arn}, with external id {actual.external_id}"
    if actual.policy:
        yield "a session policy limits the session"
    if actual.disable_session_tags:
        yield "session tags are disabled"
    if actual.owner_arn:
        yield f"add-on {actual.owner_arn} manages it"
    if facts.annotated_role:
        yield f"it wins over the annotation {facts.annotated_role}"


def agent(facts: ByAssociation) -> Link:
    """Check whether the agent answers on the nodes of the Pods, and may call EKS there."""
    expected = f"{AGENT} ready on every node of the Pods, whose role may call {FOR_POD_IDENTITY}"
    check = Check("agent", expected)
    if not isinstance(facts.cluster, DescribedCluster):
        return check.unknown("the EKS cluster is not known", facts.cluster)
    unserved = [pod for pod in facts.judged if without_agent(pod.spec, pod.labels)]
    if unserved:
        place = without_agent(unserved[0].spec, unserved[0].labels)
        text = f"{pods_that(unserved, 'is', 'are')} on {place}, where no agent runs"
        return check.failed(text, use_irsa(facts))
    link = _installed(facts, check, facts.cluster)
    return link if link.status is Status.FAILED else _on_nodes(facts, check) or link


def _installed(facts: ByAssociation, check: Check, cluster: DescribedCluster) -> Link:
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
        command = _eks(facts, "create-addon", "add-on", AGENT, addon_name=AGENT)
        return check.failed(text, "install the add-on", command)
    text = f"the add-on is {addon}, and no Pod of it is ready"
    return check.failed(text, SEE) if addon == ACTIVE else check.unknown(text, remedy="ask again")


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
            return check.unknown(text, role.policies, role.boundary)
    return check.unknown("", *unread) if unread else None


def role_of_association(facts: Facts, role: Role) -> Fixer:
    """The role that EKS assumes for the association."""
    cluster, account, disabled = facts.cluster_arn, facts.account, _disabled(facts)
    return Fixer(
        role=role,
        wanted=pod_identity_trust_policy([cluster], [account], disable_session_tags=disabled),
        judging=lambda e: trusts_association(e, cluster, account, disable_session_tags=disabled),
    )


def target_role(
    facts: Facts, role_a: Role, role: Role, judging: Callable[[Role], Judgement]
) -> Fixer:
    """The target role, which EKS assumes with the session of role A."""
    named = TargetedBy(role_a.arn, facts.cluster_arn, facts.account, _disabled(facts))
    return Fixer(role=role, judging=judging, wanted=target_role_trust_policy([named]))


def with_tags(facts: Facts) -> Facts:
    """The facts with the association's session tags enabled."""
    found = facts.associated
    tagged = found and replace(found, disable_session_tags=False)
    return replace(facts, association=tagged) if tagged else facts


def _disabled(facts: Facts) -> bool:
    return bool(facts.associated and facts.associated.disable_session_tags)


KEPT = (
    "restart the Pods: the agent keeps the credentials of running ones for up to 6 h, with a "
    "target role for 59 min"
)


def create(facts: Facts) -> Remedy:
    """Create the association, if its role is known, and for Pods that an agent can serve."""
    if any(without_agent(pod.spec, pod.labels) for pod in facts.judged):
        return use_irsa(facts)
    if not facts.expected_role:
        return Remedy("create it; with --role-arn the command is printed")
    names = {"namespace": facts.namespace, "service_account": facts.name}
    names |= {"role_arn": facts.expected_role, "target_role_arn": facts.expected_target}
    command = _association(facts, "create", **names)
    text = "create it and restart the Pods: the webhook acts on new ones only"
    return _with_trust(facts, text, command)


def _with_trust(facts: Facts, text: str, command: ShellCommand) -> Remedy:
    """Let the role trust EKS before, which refuses an association with a role that does not."""
    role, remedy = named_role(facts), Remedy(text, (command, *restart(facts)))
    if not isinstance(role, Role):
        return remedy
    fixer = role_of_association(with_tags(facts), role)
    if fixer.judged.verdict is Verdict.ALLOW:
        return remedy
    trust = let_trust(facts, fixer)
    if not trust.commands:
        return trust
    return Remedy(f"{trust.text}; then {text}", (*trust.commands, *remedy.commands))


def correct(
    facts: Facts, association: Association, text: str = "correct it", **changes: str | bool
) -> Remedy:
    """Change the association, unless an add-on manages it."""
    if association.owner_arn:
        return owned(association)
    command = _association(facts, "update", association_id=association.id, **changes)
    return _with_trust(facts, f"{text}, and {KEPT}", command)


def use_irsa(facts: Facts) -> Remedy:
    """Let `move` give the Pods IRSA before it deletes the association; no command while other Pods
    of the service account use it."""
    listed = () if isinstance(facts.pods, Unread) else facts.pods
    account_pods = [pod for pod in listed if pod.lives and pod.service_account == facts.name]
    served = [pod.name for pod in account_pods if not without_agent(pod.spec, pod.labels)]
    title, actual = f"{facts.namespace}/{facts.name}", facts.associated
    if served:
        text = "give these Pods a service account of their own, with IRSA"
        return Remedy(f"{text}: Pod {served[0]} of {title} needs the association")
    if actual is None or actual.owner_arn or facts.expects_association:
        return owned(actual) if actual and actual.owner_arn else Remedy(f"use IRSA for {title}")
    text = "move it to IRSA: trust and annotation come first, and the association goes last"
    moved = Resource("annotation", title)
    return Remedy(text, (irsa("move", title, "--to", "irsa", "--yes", changes=moved),))


def enable_tags(facts: Facts, association: Association) -> Remedy:
    """Have EKS send session tags, so that a condition can name the service account."""
    if association.policy and not association.owner_arn:
        return Remedy(
            "remove its session policy, and enable session tags: a statement without tags is for "
            "every service account of the cluster that gets an association with the role"
        )
    return correct(facts, association, "enable its session tags", no_disable_session_tags=True)


def owned(association: Association) -> Remedy:
    """Leave the association to the add-on that manages it."""
    return Remedy(f"change it in the add-on that manages it: {association.owner_arn}")


def _association(facts: Facts, verb: str, **options: str | bool) -> ShellCommand:
    operation, title = f"{verb}-pod-identity-association", f"{facts.namespace}/{facts.name}"
    return _eks(facts, operation, "association", title, **options)


def _eks(facts: Facts, operation: str, kind: str, name: str, **options: str | bool) -> ShellCommand:
    """A command that changes something of the cluster in EKS."""
    cluster = cluster_arn(facts.cluster_arn)
    changes, given = Resource(kind, f"{cluster.name}:{name}"), {**options, "region": cluster.region}
    return aws("eks", operation, changes=changes, cluster_name=cluster.name, **given)
