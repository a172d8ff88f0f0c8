"""The options that say which chains: what `verify` and `explain` have in common."""

import argparse
import sys
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager

from irsa.commands import cli, printable
from irsa.observe.aws import Aws
from irsa.observe.files import is_file, read_stack
from irsa.observe.kubernetes import Cluster
from irsa.observe.stack import Stack, StackWorkload, outputs_of, skipped_of, stack_of, workloads_of
from irsa.verify.gather import Question, Sources


def add_chain_options(command: argparse.ArgumentParser) -> None:
    """The options that `questions` and `places` read."""
    command.add_argument(
        "--stack",
        metavar="STACK|FILE",
        help="account A's stack: its name, or a file with its state or its outputs as JSON",
    )
    command.add_argument("--workload", help="with --stack: one workload (default: all of them)")
    command.add_argument("--namespace", help="namespace of the service account")
    command.add_argument("--service-account", metavar="NAME", help="the service account")
    command.add_argument("--deployment", help="Deployment that should run as the service account")
    command.add_argument(
        "--container",
        action="append",
        default=[],
        metavar="NAME",
        help="check only this container of the Pods; may be repeated (default: all but those "
        "that other webhooks added)",
    )
    command.add_argument("--role-arn", help="role that the annotation should name")
    command.add_argument("--bucket", help="bucket that the role, or role B, should list")
    command.add_argument(
        "--profile", help="profile of the Pod's own AWS config file that leads to role B"
    )
    cli.add_role_b(command, metavar="ROLE_ARN", text="role B, when no profile names it")
    command.add_argument("--external-id", help="external id to send to role B")
    command.add_argument(
        "--trusting-profile",
        action="append",
        default=[],
        metavar="NAME",
        help="AWS profile of this machine that can read role B's account; may be repeated",
    )
    cli.add_sources(command)


@contextmanager
def places(options: argparse.Namespace) -> Generator[Sources]:
    """The cluster and the accounts that the options name."""
    with ExitStack() as opened:
        cluster = opened.enter_context(Cluster(options.context))
        accounts = [
            opened.enter_context(Aws(profile=name, region=options.region))
            for name in (None, *options.trusting_profile)
        ]
        yield Sources(cluster, accounts[0], tuple(accounts[1:]))


def questions(options: argparse.Namespace) -> list[Question]:
    """The chains that the options name; raises `cli.Stop` when they name none."""
    if options.stack:
        document = read_stack(options.stack)
        stack = stack_of(document, "" if is_file(options.stack) else options.stack)
        return [_question(options, each, stack) for each in _workloads(options, document)]
    if not options.namespace or not options.service_account:
        raise cli.Stop("give --namespace and --service-account, or --stack")
    workload = StackWorkload("", options.namespace, options.service_account, "")
    return [_question(options, workload, None)]


def _workloads(options: argparse.Namespace, document: dict[str, object]) -> Sequence[StackWorkload]:
    """The workloads of a stack that are asked about; tells on stderr of those without a chain."""
    try:
        outputs = outputs_of(document)
        workloads, skipped = workloads_of(outputs), skipped_of(outputs)
    except ValueError as error:
        raise cli.Stop(f"{options.stack}: {error}") from None
    if options.workload in skipped:
        reason = skipped[options.workload]
        raise cli.Stop(f"workload {options.workload!r} of {options.stack} has {reason}")
    chosen = [each for each in workloads if options.workload in (None, each.name)]
    if not chosen:
        names = ", ".join(each.name for each in workloads) or "none with a service account"
        raise cli.Stop(f"no workload {options.workload!r} in {options.stack}; there are {names}")
    if options.workload is None:
        for name, reason in skipped.items():
            print(printable.line(f"skipped: workload {name}, {reason}"), file=sys.stderr)
    return chosen


def _question(
    options: argparse.Namespace, workload: StackWorkload, stack: Stack | None
) -> Question:
    """What the options say wins over what the stack says."""
    return Question(
        namespace=options.namespace or workload.namespace,
        name=options.service_account or workload.service_account,
        role_arn=options.role_arn or workload.role_arn,
        deployment=options.deployment or workload.deployment,
        containers=tuple(options.container),
        bucket=options.bucket or workload.bucket,
        profile=options.profile or workload.profile,
        role_b_arn=options.role_b or workload.role_b_arn,
        external_id=options.external_id or workload.external_id,
        stack=stack,
    )
