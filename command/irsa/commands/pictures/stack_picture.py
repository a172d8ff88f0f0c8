"""A Pulumi stack, or the outcome of a preview, as a tree and as a picture. Pure."""

from collections.abc import Sequence

from irsa.commands.pictures.picture import Box, Picture, draw_assumers, draw_policy
from irsa.commands.pictures.tree import Node
from irsa.observe.eks import Association
from irsa.observe.facts import ServiceAccount
from irsa.observe.pulumi import LATER, PodController, StackResources
from irsa.who.assumers import who_can_assume


def stack_tree(stack: StackResources) -> Node:
    """The roles of a stack, each with its principals and policies."""
    root = Node("stack")
    for role in stack.roles:
        annotated = [a for a in stack.accounts if a.role_arn == role.arn != LATER]
        node = root.add(f"role {role.label}")
        for account in annotated:
            node.add(f"annotated on service account {account.namespace}/{account.name}")
        for each in stack.associations:
            if role.arn in (each.role_arn, each.target_role_arn):
                end = "target role" if role.arn == each.target_role_arn else "role"
                node.add(f"{end} of the association of service account {'/'.join(each.account)}")
        node.add("can be assumed by", *(each.text for each in who_can_assume(role.trust_policy)))
        if role.policies:
            node.add("policies", *(each.name for each in role.policies))
    known = {role.arn for role in stack.roles} - {LATER}
    for account in stack.accounts:
        if account.role_arn not in known:
            name = f"{account.namespace}/{account.name}"
            root.add(f"service account {name}: role {account.role_arn}")
    return root


def stack_picture(stack: StackResources) -> Picture:
    """Everything from the workloads to the buckets and roles that their roles reach."""
    picture = Picture()
    for account in stack.accounts:
        _draw_account(picture, account, stack.workloads)
    for each in stack.associations:
        _draw_association(picture, each, stack.workloads)
    for role in stack.roles:
        box = picture.box("role", role.label)
        draw_assumers(picture, box, who_can_assume(role.trust_policy), {})
        for policy in role.policies:
            draw_policy(picture, box, policy.name, policy.content)
    return picture


def _draw_account(
    picture: Picture, account: ServiceAccount, workloads: Sequence[PodController]
) -> None:
    box = _account_box(picture, account.namespace, account.name, workloads)
    if account.role_arn.startswith("("):  # known after up, or a secret
        picture.box(*box, f"role {account.role_arn}")
    else:
        picture.arrow(box, Box("role", account.role_arn), "annotation")


def _draw_association(
    picture: Picture, association: Association, workloads: Sequence[PodController]
) -> None:
    role = Box("role", association.role_arn)
    picture.arrow(_account_box(picture, *association.account, workloads), role, "association")
    if association.target_role_arn:
        picture.arrow(role, Box("role", association.target_role_arn), "target role")


def _account_box(
    picture: Picture, namespace: str, name: str, workloads: Sequence[PodController]
) -> Box:
    """The box of a service account, and an arrow from each workload that runs as it."""
    box = picture.box("service account", f"{namespace}/{name}")
    for each in workloads if name != LATER else ():
        if (each.namespace, each.service_account) == (namespace, name):
            picture.arrow(Box(each.kind, f"{each.namespace}/{each.name}"), box, "runs as")
    return box
