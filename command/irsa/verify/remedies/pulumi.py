"""Leave to a Pulumi stack what it owns. Pure.

A command that changes a resource of a stack makes the resource differ from the stack's state, and
the next `pulumi up` may undo it. `pulumi refresh` and `pulumi up` repair it for good.
https://www.pulumi.com/docs/iac/cli/commands/pulumi_refresh/
"""

from collections.abc import Sequence
from dataclasses import replace

from irsa.observe.stack_chains import Resource, Stack
from irsa.verify.link import Link
from irsa.verify.remedy import Remedy, ShellCommand


def left_to_stack(link: Link, stack: Stack | None) -> Link:
    """Return the link with `pulumi` in place of the commands that change the stack's resources."""
    commands = link.remedy.commands
    changed = [each.changes for each in commands if each.changes is not None]
    owned = [each for each in changed if stack and each in stack.owned]
    if stack is None or not owned:
        return link
    kept = (each for each in commands if each.changes not in owned)
    return replace(link, remedy=Remedy(_text(stack, owned), (*_pulumi(stack), *kept)))


def _text(stack: Stack, owned: Sequence[Resource]) -> str:
    resources = " and ".join(map(str, dict.fromkeys(owned)))
    named = f"the stack {stack.name}" if stack.name else "the stack"
    how = "" if stack.name else " with `pulumi refresh` and `pulumi up`"
    # pulumi-kubernetes takes fields over from kubectl in an `up`, and refuses them in its preview.
    in_cluster = any(each.kind in ("annotation", "configmap", "deployment") for each in owned)
    conflict = "; if its preview stops at a conflict with kubectl, add --skip-preview"
    return (
        f"{resources} belongs to {named}: let it put that right{how}, in the folder of its "
        "program; if the program or its configuration is wrong, correct it first"
        f"{conflict if in_cluster else ''}"
    )


def _pulumi(stack: Stack) -> list[ShellCommand]:
    verbs = ("refresh", "up") if stack.name else ()
    return [ShellCommand(("pulumi", verb, "--stack", stack.name)) for verb in verbs]
