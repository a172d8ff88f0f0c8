"""The commands that fix an EKS Pod Identity association, and install the agent. Pure."""

from irsa.identity.arns import ClusterArn, cluster_arn
from irsa.observe.facts import Role
from irsa.observe.iam_calls import Association
from irsa.observe.pod_identity import AGENT
from irsa.verify.facts import Facts
from irsa.verify.remedies.association_trust import role_of_association
from irsa.verify.remedies.iam import replace_trust
from irsa.verify.remedies.pod import restart
from irsa.verify.remedy import Remedy, Resource, ShellCommand, aws

KEPT = (
    "restart the Pods: the agent keeps the credentials of running ones for up to 6 h, with a "
    "target role for 59 min"
)


def create(facts: Facts) -> Remedy:
    """Create the association, if its role is known."""
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
    return Remedy(text, (*_with_trust(facts), command, *restart(facts)))


def _with_trust(facts: Facts) -> list[ShellCommand]:
    """Let the role trust EKS, which refuses an association with a role that does not."""
    role = facts.role
    if not isinstance(role, Role):
        return []
    fixer = role_of_association(facts, role)
    if fixer.trusts(role.trust_policy):
        return []
    fix = fixer.fix(fixer.judge(role.trust_policy))
    return [replace_trust(role, fix.document)] if fix.document else []


def correct(facts: Facts, association: Association, **changes: str) -> Remedy:
    """Change the association's roles, unless an add-on manages it."""
    if association.owner_arn:
        return owned(association)
    command = _association(
        facts, "update-pod-identity-association", association_id=association.id, **changes
    )
    return Remedy(f"correct it, and {KEPT}", (*_with_trust(facts), command, *restart(facts)))


def delete(facts: Facts, association: Association) -> Remedy:
    """Delete the association, unless an add-on manages it, so that Pods get IRSA's variables."""
    if association.owner_arn:
        return owned(association)
    command = _association(facts, "delete-pod-identity-association", association_id=association.id)
    named = "" if facts.annotated_role else "annotate the service account with its role, "
    text = f"use IRSA: {named}delete the association and restart the Pods"
    return Remedy(text, (command, *restart(facts)))


def owned(association: Association) -> Remedy:
    """Leave the association to the add-on that manages it."""
    return Remedy(f"change it in the add-on that manages it: {association.owner_arn}")


def install_agent(facts: Facts) -> ShellCommand:
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


def _association(facts: Facts, operation: str, **options: str) -> ShellCommand:
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
