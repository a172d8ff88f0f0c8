"""``python -m irsa takeover``: the lines with which a program takes over what a stack has."""

import argparse
import json
import re
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from irsa.commands import cli
from irsa.observe.files import read_stack
from irsa.observe.pulumi import stack_resources
from irsa.printable import lines
from irsa.takeover.children import part
from irsa.takeover.components import Takeover, follow_move, takeovers
from irsa_core.identity.policy_json import Json
from irsa_core.identity.pulumi_types import NEW, POLICY, ROLE


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    command.add_argument(
        "stack",
        metavar="STACK|FILE",
        help="the stack's name, or a file with its state or with what `pulumi preview --json "
        "--show-sames` prints; - is standard input. Lines are for its roles with their policies, "
        "managed policies, buckets, associations, service accounts and OIDC providers",
    )
    text = (
        "physical or logical name, ARN or URN of what is taken over; may be repeated (default: all "
        "of it)"
    )
    command.add_argument("--name", **cli.repeated(text))
    command.add_argument(
        "--to",
        type=_stack,
        metavar="ORG/PROJECT/STACK",
        help="stack of the program that takes over; if it is not STACK, the command that moves the "
        "resources is printed, too",
    )


def _stack(text: str) -> list[str]:
    parts = text.split("/")
    if len(parts) != len(("org", "project", "stack")) or not all(parts):
        raise cli.Stop(f"--to {text!r} is not ORG/PROJECT/STACK; `pulumi stack ls` has the name")
    return parts


def run(options: argparse.Namespace) -> int:
    """Run the command; its exit code."""
    document = read_stack(options.stack)
    with cli.stopping(f"{options.stack}: "):
        missing = stack_resources(document).missing
    plans, names = takeovers(document), {*options.name}
    for name in options.name:
        if not any(name in plan.names for plan in plans):
            raise cli.Stop(f"--name {name}: it has no lines in this stack; leave it out to see all")
    chosen = [plan for plan in plans if (names & plan.names if names else plan.component)]
    if not chosen:
        raise cli.Stop(f"{options.stack}: it has nothing that a component takes over")
    if move := _move(chosen, options.to):
        follow_move(chosen, document)
    if options.output == "json":
        listed = [_as_json(plan) for plan in chosen]
        print(cli.json_text(move=move, components=listed, unchecked=[missing] if missing else []))
    else:
        first = [shlex.join(move), "# then take them out of that stack's program"] if move else []
        named = [e for e in chosen if e.component and e.resource.kind in (POLICY, ROLE)]
        outputs = Counter(map(_output, named))
        # Of two roles a-b and a_b each keeps its ARN: they would share a variable.
        arns = {plan.arn: _output(plan) for plan in named if outputs[_output(plan)] == 1}
        print(lines(*first, *(line for plan in chosen for line in _source(plan, arns))))
    if missing:
        cli.complain("takeover", f"{missing}: lines may be missing")
    return cli.UNDECIDED if missing else cli.HOLDS


def _move(chosen: Sequence[Takeover], to: Sequence[str] | None) -> list[str]:
    """Return the command that moves resources to another stack; empty for this one."""
    urns = [urn for each in chosen for urn in each.taken_over.values() if urn != NEW]
    stack, project = urns[0].split(":")[2], urns[0].split("::")[1]
    if not to or [*to[1:]] == [project, stack]:
        return []
    places = ["--source", f"{to[0]}/{project}/{stack}", "--dest", "/".join(to)]
    return ["pulumi", "state", "move", *places, *urns]


def _as_json(each: Takeover) -> Json:
    return {
        "component": each.component or None,
        "name": each.resource.name,
        "arguments": each.arguments,
        "taken_over": {key: part(urn) for key, urn in each.taken_over.items()},
        "by_hand": each.by_hand,
    }


def _output(each: Takeover) -> str:
    """Return the ARN of a role or policy, as an output of the variable that the lines set."""
    kind, output = ("policy", "arn") if each.resource.kind == POLICY else ("role", "role_arn")
    return re.sub(r"\W", "_", f"{kind}_{each.resource.name}") + f".{output}"


def _source(plan: Takeover, arns: Mapping[str, str]) -> Iterator[str]:
    """Yield the lines of a program, and comments on what they leave out."""
    name, urns = json.dumps(plan.resource.name), plan.taken_over
    arguments = [f"{key}={_python(key, value, arns)}," for key, value in plan.arguments.items()]
    made = f"{arns[plan.arn].partition('.')[0]} = " if plan.arn in arns else ""
    if plan.component == "aws.iam.Policy":
        alias = json.dumps(f"urn:pulumi:{{get_stack()}}::{{get_project()}}::{part(*urns.values())}")
        yield from (f"{made}aws.iam.Policy(", f"    {name},", *(f"    {e}" for e in arguments))
        yield from (f"    opts=ResourceOptions(aliases=[f{alias}]),", ")")
    elif plan.component:
        yield from (f"{made}{plan.component}(", f"    {name},", f"    {plan.component}Args(")
        yield from (f"        {line}" for line in arguments)
        yield "        taken_over={"
        for key, urn in urns.items():
            yield f"            {json.dumps(key)}: {json.dumps(part(urn))},"
        yield from ("        },", "    ),", ")")
    else:
        yield f"# no component makes {plan.resource.urn}"
    yield from (f"# by hand: {line}" for line in plan.by_hand)


def _python(argument: str, value: object, arns: Mapping[str, str]) -> str:
    """Return a value as Python; an ARN that another resource makes as its output, so that the
    engine deletes a role before its policies."""
    if argument == "service_account":
        namespace, _, name = str(value).partition("/")
        return f"ServiceAccount(namespace={json.dumps(namespace)}, name={json.dumps(name)})"
    text = json.dumps(value, ensure_ascii=False)
    if argument in ("policy_arns", "permissions_boundary", "role_arn"):
        return re.sub(r'"(arn:[^"]+)"(?!:)', lambda e: arns.get(e[1], e[0]), text)
    return repr(value) if re.search(r"\b(true|false|null)\b", text) else text
