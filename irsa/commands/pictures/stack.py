"""The picture of a Pulumi stack, or of what a preview says it will be. Pure."""

from collections.abc import Mapping, Sequence

from irsa.commands.pictures.picture import Box, Picture, Way, draw_assumers, draw_policy
from irsa.observe.pulumi_resources import LATER, PodController, StackAccount, StackRole
from irsa.who.assumers import Assumer


def of_stack(
    roles: Sequence[StackRole],
    accounts: Sequence[StackAccount],
    workloads: Sequence[PodController],
    who: Mapping[str, Sequence[Assumer]],
) -> Picture:
    """Everything from what runs to what its role reaches; ``who`` is by the roles' URNs."""
    picture = Picture()
    for account in accounts:
        _draw_account(picture, account, workloads)
    for role in roles:
        box = picture.box("role", role.label)
        draw_assumers(picture, box, who[role.urn], {})
        for policy in role.policies:
            draw_policy(picture, box, policy.name, policy.document)
    return picture


def _draw_account(
    picture: Picture, account: StackAccount, workloads: Sequence[PodController]
) -> None:
    box = picture.box("service account", f"{account.namespace}/{account.name}")
    for each in workloads if account.name != LATER else ():
        if (each.namespace, each.service_account) == (account.namespace, account.name):
            start = Box(each.kind, f"{each.namespace}/{each.name}")
            picture.arrow(start, box, Way("runs as"))
    if account.role_arn.startswith("("):  # known after up, or a secret
        picture.box(*box, f"role {account.role_arn}")
    else:
        picture.arrow(box, Box("role", account.role_arn), Way("annotation"))


def of_trust(name: str, assumers: Sequence[Assumer]) -> Picture:
    """The picture of a trust policy that is in a file."""
    picture = Picture()
    draw_assumers(picture, picture.box("role", name), assumers, {})
    return picture
