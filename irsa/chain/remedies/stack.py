"""Remedies for what a stack owns: its program puts that right, and not a command beside it. Pure.

A change by hand would be drift, which the next `pulumi up` takes back or, worse, does not notice.
https://www.pulumi.com/docs/iac/cli/commands/pulumi_refresh/
"""

import shlex
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from irsa.chain.facts import Facts
from irsa.chain.link import Link, Status
from irsa.identity.arns import account_of, partition_of, provider_arn_for
from irsa.observe.stack import Resource, Stack

OF_ROLE_B = ("chain-role", "chain-trust", "chain-permissions")
"""Links whose remedies change role B."""


def by_the_stack(link: Link, facts: Facts) -> Link:
    """The link, its remedy given to the stack as far as the stack owns what has to change."""
    stack = facts.stack
    if stack is None or link.status is not Status.FAILED:
        return link
    role_arn = facts.role_arn
    if link.key in OF_ROLE_B and facts.role_b is not None:
        role_arn = facts.role_b.target.role_arn
    owned: list[Resource] = []
    kept: list[str] = []
    for command in link.commands:
        changed = changed_by(shlex.split(command), role_arn)
        if changed is not None and changed in stack.owned:
            owned.append(changed)
        else:
            kept.append(command)
    if not owned:
        return link
    return replace(link, remedy=_remedy(stack, owned), commands=(*_commands(stack), *kept))


def _remedy(stack: Stack, owned: Sequence[Resource]) -> str:
    things = " and ".join(map(str, dict.fromkeys(owned)))
    named = f"the stack {stack.name}" if stack.name else "the stack"
    way = "" if stack.name else " with `pulumi refresh` and `pulumi up`"
    return (
        f"{things} belongs to {named}: let it put that right{way}, in the folder of its program; "
        "if the program or its configuration is wrong, correct it first"
    )


def _commands(stack: Stack) -> tuple[str, ...]:
    if not stack.name:
        return ()
    return tuple(shlex.join(["pulumi", verb, "--stack", stack.name]) for verb in ("refresh", "up"))


def changed_by(words: Sequence[str], role_arn: str) -> Resource | None:
    """What a remedy's command changes; None for one that only restarts something."""
    options = dict(pairwise(words))
    if words[0] == "kubectl":
        return _in_cluster(words, options.get("--namespace", "default"))
    if words[:3] == ["aws", "s3", "mb"]:
        return Resource("bucket", words[3].removeprefix("s3://"))
    if "--bucket" in options:
        return Resource("bucket policy", options["--bucket"])
    if "--role-name" in options:
        return _of_role(words[2], options, role_arn)
    if "--policy-arn" in options:
        return Resource("policy", options["--policy-arn"])
    if "--open-id-connect-provider-arn" in options:
        return Resource("OIDC provider", options["--open-id-connect-provider-arn"])
    if "--url" in options:
        account, partition = account_of(role_arn), partition_of(role_arn)
        provider_arn = provider_arn_for(options["--url"], account, partition=partition)
        return Resource("OIDC provider", provider_arn)
    return None


def _of_role(verb: str, options: dict[str, str], role_arn: str) -> Resource:
    role = options["--role-name"]
    if verb == "detach-role-policy":
        return Resource("attachment", f"{role}:{options['--policy-arn']}")
    policy = options.get("--policy-name", "")
    # A policy of ours gives the role what its stack should; another one is whoever put it there.
    if policy and not policy.startswith("irsa-"):
        return Resource("inline policy", f"{role}:{policy}")
    return Resource("role", role_arn)


def _in_cluster(words: Sequence[str], namespace: str) -> Resource | None:
    match words[1:]:
        case ["create", "serviceaccount", name, *_]:
            return Resource("service account", f"{namespace}/{name}")
        case ["annotate", "serviceaccount", name, *_]:
            return Resource("annotation", f"{namespace}/{name}")
        case ["set", "serviceaccount", kind, name, *_] | ["patch", kind, name, *_]:
            return Resource(kind, f"{namespace}/{name}")
        case ["set", _, target, *_]:
            kind, _, name = target.partition("/")
            return Resource(kind, f"{namespace}/{name}")
        case _:
            return None
