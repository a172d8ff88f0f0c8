"""The commands that fix an EKS Pod Identity association, and install the agent. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from irsa import PROGRAM
from irsa.access import Judgement, trusts_association
from irsa.identity.arns import ClusterArn, cluster_arn
from irsa.identity.injection import without_agent
from irsa.identity.pod_identity import (
    TargetedBy,
    pod_identity_trust_policy,
    target_role_trust_policy,
)
from irsa.identity.policy_json import Json, statements
from irsa.observe.eks import AGENT, Association
from irsa.observe.facts import Role, Unread
from irsa.verify.facts import ByAssociation, named_role
from irsa.verify.link import Remedy, Resource, ShellCommand, aws
from irsa.verify.remedies.pod import restart
from irsa.verify.remedies.trust import ADD_STATEMENT, Fixer, TrustFix, let_trust


@dataclass(frozen=True, kw_only=True)
class AssociationFixer(Fixer):
    """A role that an association uses, and that EKS should be allowed to assume for it."""

    wanted: Json
    """The trust policy that allows the association, and nothing else."""

    def with_exception(self, document: Json, positions: Sequence[int]) -> Json | None:
        """None: EKS and role A call for every service account that has the role."""

    def allow(self, document: Json) -> TrustFix:
        """Add the statements for the association."""
        return self.add(document, ADD_STATEMENT, *statements(self.wanted))


def role_of_association(facts: ByAssociation, role: Role) -> AssociationFixer:
    """The role that EKS assumes for the association."""
    cluster, account, disabled = facts.cluster_arn, facts.account, _disabled(facts)
    return AssociationFixer(
        role=role,
        wanted=pod_identity_trust_policy([cluster], [account], disable_session_tags=disabled),
        judging=lambda each: trusts_association(
            each, cluster, account, disable_session_tags=disabled
        ),
    )


def target_role(
    facts: ByAssociation, role_a: Role, role: Role, judging: Callable[[Role], Judgement]
) -> AssociationFixer:
    """The target role, which EKS assumes with the session of role A."""
    named = TargetedBy(role_a.arn, facts.cluster_arn, facts.account, _disabled(facts))
    wanted = target_role_trust_policy([named])
    return AssociationFixer(role=role, judging=judging, wanted=wanted)


def with_tags(facts: ByAssociation) -> ByAssociation:
    """The facts with the association's session tags enabled."""
    found = facts.associated
    return replace(facts, association=found and replace(found, disable_session_tags=False))


def _disabled(facts: ByAssociation) -> bool:
    return bool(facts.associated and facts.associated.disable_session_tags)


KEPT = (
    "restart the Pods: the agent keeps the credentials of running ones for up to 6 h, with a "
    "target role for 59 min"
)


def create(facts: ByAssociation) -> Remedy:
    """Create the association, if its role is known, and for Pods that an agent can serve."""
    if any(without_agent(pod.spec, pod.labels) for pod in facts.judged):
        return use_irsa(facts)
    if not facts.expected_role:
        return Remedy("create it; with --role-arn the command is printed")
    command = _association(
        facts,
        "create-pod-identity-association",
        namespace=facts.namespace,
        service_account=facts.name,
        role_arn=facts.expected_role,
        target_role_arn=facts.expected_target,
    )
    text = "create it and restart the Pods: the webhook acts on new ones only"
    return _with_trust(facts, Remedy(text, (command, *restart(facts))))


def _with_trust(facts: ByAssociation, remedy: Remedy) -> Remedy:
    """Let the role trust EKS before, which refuses an association with a role that does not."""
    role = named_role(facts)
    if not isinstance(role, Role):
        return remedy
    fixer = role_of_association(with_tags(facts), role)
    if fixer.trusts(role.trust_policy):
        return remedy
    trust = let_trust(facts, role, fixer.fix(fixer.judge(role.trust_policy)))
    if not trust.commands:
        return trust
    return Remedy(f"{trust.text}; then {remedy.text}", (*trust.commands, *remedy.commands))


def correct(facts: ByAssociation, association: Association, **changes: str) -> Remedy:
    """Change the association's roles, unless an add-on manages it."""
    if association.owner_arn:
        return owned(association)
    command = _update(facts, association, **changes)
    return _with_trust(facts, Remedy(f"correct it, and {KEPT}", (command, *restart(facts))))


def use_irsa(facts: ByAssociation) -> Remedy:
    """Let `move` give the Pods IRSA before it deletes the association; no command while other Pods
    of the service account use it."""
    listed = () if isinstance(facts.pods, Unread) else facts.pods
    own = [pod for pod in listed if pod.lives and pod.service_account == facts.name]
    served = [pod.name for pod in own if not without_agent(pod.spec, pod.labels)]
    title, found = f"{facts.namespace}/{facts.name}", facts.associated
    if served:
        text = "give these Pods a service account of their own, with IRSA"
        return Remedy(f"{text}: Pod {served[0]} of {title} needs the association")
    if found is None or found.owner_arn or facts.expects_association:
        return owned(found) if found and found.owner_arn else Remedy(f"use IRSA for {title}")
    words = (*PROGRAM.split(), "move", title, "--to", "irsa", "--yes")
    text = "move it to IRSA: trust and annotation come first, and the association goes last"
    return Remedy(text, (ShellCommand(words, Resource("annotation", title)),))


def enable_tags(facts: ByAssociation, association: Association) -> Remedy:
    """Have EKS send session tags, so that a condition can name the service account."""
    if association.owner_arn:
        return owned(association)
    if association.policy:
        return Remedy(
            "remove its session policy, and enable session tags: a statement without tags is for "
            "every service account of the cluster that gets an association with the role"
        )
    command = _update(facts, association, no_disable_session_tags=True)
    text = f"enable its session tags, and {KEPT}"
    return _with_trust(facts, Remedy(text, (command, *restart(facts))))


def owned(association: Association) -> Remedy:
    """Leave the association to the add-on that manages it."""
    return Remedy(f"change it in the add-on that manages it: {association.owner_arn}")


def install_agent(facts: ByAssociation) -> ShellCommand:
    """Install the agent's add-on."""
    cluster = cluster_arn(facts.cluster_arn)
    return aws(
        "eks",
        "create-addon",
        changes=Resource("add-on", f"{cluster.name}:{AGENT}"),
        cluster_name=cluster.name,
        addon_name=AGENT,
        region=cluster.region,
    )


def _update(facts: ByAssociation, association: Association, **options: str | bool) -> ShellCommand:
    operation = "update-pod-identity-association"
    return _association(facts, operation, association_id=association.id, **options)


def _association(facts: ByAssociation, operation: str, **options: str | bool) -> ShellCommand:
    cluster: ClusterArn = cluster_arn(facts.cluster_arn)
    name = f"{cluster.name}:{facts.namespace}/{facts.name}"
    return aws(
        "eks",
        operation,
        changes=Resource("association", name),
        cluster_name=cluster.name,
        **options,
        region=cluster.region,
    )
