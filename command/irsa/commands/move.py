"""``python -m irsa move NAMESPACE/SERVICE-ACCOUNT --to MECHANISM``: IRSA or EKS Pod Identity.

The only command that changes something, and only with ``--yes``: without it the steps are printed,
done or to do. A move can be interrupted: the same command goes on from what it finds.
"""

import argparse

from irsa import PROGRAM
from irsa.commands import cli
from irsa.commands.sources import add_cluster, places
from irsa.move.changes import Stopped, Unknown
from irsa.move.plan import NAMES, Step, notes, owned, program, standing, steps
from irsa.move.refusals import ask, unproven
from irsa.move.run import Runner, check_refusals
from irsa.observe.facts import Unread
from irsa.observe.files import is_file, read_stack
from irsa.observe.kubernetes import KubernetesCluster
from irsa.observe.stack_chains import stack_of
from irsa.printable import lines
from irsa.verify.facts import Question

STEPS_LEFT = 4
"""Exit code: nothing failed, and steps are left."""


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    cli.add_account(command)
    command.add_argument(
        "--to", choices=NAMES, required=True, help="the mechanism that the Pods are to have"
    )
    command.add_argument(
        "--yes", action="store_true", help="make the changes; without it the steps are printed"
    )
    command.add_argument(
        "--wait",
        action="store_true",
        help="with --yes: wait until the old tokens and sessions are over, for up to a day",
    )
    command.add_argument(
        "--stack",
        metavar="STACK|FILE",
        help="a Pulumi stack; if it owns what has to change, the lines for its program are "
        "printed and nothing is changed",
    )
    add_cluster(command)


def run(options: argparse.Namespace) -> int:
    """Run the command; its exit code."""
    namespace, name = cli.account(options.account, options.namespace)
    stack = None
    if options.stack:
        with cli.stopping(f"--stack {options.stack}: "):
            named = "" if is_file(options.stack) else options.stack
            stack = stack_of(read_stack(options.stack), named)
    question = Question(namespace=namespace, name=name, stack=stack)
    with places(options.context, options.region) as where:
        runner = Runner(question, options.to, where, lambda: KubernetesCluster(options.context))
        with (
            cli.stopping("", on=Stopped, code=cli.FAILS),
            cli.stopping("", on=Unknown, code=cli.UNDECIDED),
        ):
            return _run(runner, options)


def _run(runner: Runner, options: argparse.Namespace) -> int:
    move = runner.observe()
    planned = [*steps(move)]
    resources = owned(move, runner.question.stack)
    move = move if resources else ask(move, runner.sources)
    changes = options.yes and not resources
    account = runner.sources.aws.account
    where = [f"context {runner.sources.cluster.context}", f"cluster {move.facts.cluster_arn}"]
    where.append(f"account {move.role.account if isinstance(account, Unread) else account}")
    title = f"{move.title} to {NAMES[move.to]}, with role {move.role.arn}"
    print(lines(", ".join(where), title), flush=True)
    for step in planned:
        if step.done or not changes:
            _say(step)
    if any(not step.done for step in planned):
        print(lines(*notes(move)))
    check_refusals(move)
    if resources:
        print(lines(*program(move, resources)))
    if not changes:
        return cli.HOLDS if all(step.done for step in planned) else STEPS_LEFT
    waiting = runner.carry_out(move, _say, wait=options.wait)
    if waiting is None:
        for fact in unproven(move):
            text = f"not proven, {fact} is not known; ask inside a new Pod, by `{PROGRAM} verify"
            raise Unknown(f"role {move.role.arn}: {text} --exec`; {standing(runner.observe())}")
        return cli.HOLDS
    _say(waiting)
    print(lines("run the same command again then, or now with --wait"))
    return STEPS_LEFT


def _say(step: Step) -> None:
    print(lines(f"  {'✓' if step.done else '·'} {step.key:<13} {step.text}"), flush=True)
