"""``python -m irsa verify``: walk the chain of a service account, and name the link that fails.

One row a link, in the order in which a request takes them, each with what was expected and found,
and the remedy as commands. Needs read access only; what it cannot read, it says.
"""

import argparse
import json
import sys
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

from irsa.chain.all_links import chain
from irsa.chain.gather import Places, Question, gather
from irsa.chain.link import Link, Status, failing_link, verdict
from irsa.commands import cli, printable
from irsa.identity.errors import AwsError
from irsa.identity.token import Token, decode_unverified
from irsa.observe.aws import Aws
from irsa.observe.files import is_file, read_stack, read_text
from irsa.observe.kubernetes import Cluster
from irsa.observe.stack import Stack, StackWorkload, outputs_of, skipped_of, stack_of, workloads_of

EXIT_CODES = {Status.PASSED: cli.SO, Status.FAILED: cli.NOT_SO, Status.UNKNOWN: cli.UNDECIDED}
MARKS = {Status.PASSED: "✓", Status.FAILED: "✗", Status.UNKNOWN: "?"}
WAIT = 90.0  # seconds


def main(arguments: Sequence[str]) -> int:
    """Run the command; its exit code."""
    return cli.run("verify", _run, arguments)


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    made = cli.parser("verify", "Walk the chain from a service account to its data.")
    add_chain_options(made)
    made.add_argument("--token-file", help="use the token in this file instead of a fresh one")
    made.add_argument(
        "--exec",
        action="store_true",
        dest="inside",
        help="ask the AWS CLI inside the Pod, too (needs kubectl, and create on pods/exec)",
    )
    made.add_argument(
        "--wait",
        type=float,
        default=WAIT,
        metavar="SECONDS",
        help=f"how long a change in AWS may take to propagate (default: {WAIT:.0f})",
    )
    return made


def add_chain_options(made: argparse.ArgumentParser) -> None:
    """The options that say which chain."""
    made.add_argument(
        "--stack",
        metavar="STACK|FILE",
        help="account A's stack: its name, or a file with its state or its outputs as JSON",
    )
    made.add_argument("--workload", help="with --stack: one workload (default: all of them)")
    made.add_argument("--namespace", help="namespace of the service account")
    made.add_argument("--service-account", metavar="NAME", help="the service account")
    made.add_argument("--deployment", help="Deployment that should run as the service account")
    made.add_argument(
        "--container",
        action="append",
        default=[],
        metavar="NAME",
        help="judge this container of the Pods only; may be repeated (default: all of them, but "
        "for those that other webhooks added)",
    )
    made.add_argument("--role-arn", help="role that the annotation should name")
    made.add_argument("--bucket", help="bucket that the role, or role B, should list")
    made.add_argument(
        "--profile", help="profile of the Pod's own AWS config file that leads to role B"
    )
    made.add_argument("--chain", metavar="ROLE_ARN", help="role B, when no profile names it")
    made.add_argument("--external-id", help="external id to send to role B")
    made.add_argument(
        "--trusting-profile",
        action="append",
        default=[],
        metavar="NAME",
        help="AWS profile of this machine that can read role B's account; may be repeated",
    )
    cli.add_sources(made)


def _run(arguments: Sequence[str]) -> int:
    options = parser().parse_args(arguments)
    asked = questions(options)
    with places(options) as where:
        results = [(question, chain(gather(question, where))) for question in asked]
    if options.output == "json":
        print(json.dumps([result_json(*each) for each in results], indent=1))
    else:
        print("\n\n".join(text(*each) for each in results))
    return EXIT_CODES[verdict([link for _, links in results for link in links])]


@contextmanager
def places(options: argparse.Namespace) -> Generator[Places]:
    """The cluster and the accounts that the options name."""
    with ExitStack() as opened:
        cluster = opened.enter_context(Cluster(options.context))
        profiles = (None, *options.trusting_profile)
        found = [Aws(profile=name, region=options.region) for name in profiles]
        for aws in found:
            opened.enter_context(aws)
        yield Places(cluster, found[0], tuple(found[1:]))


def questions(options: argparse.Namespace) -> list[Question]:
    """The chains that the options name; raises `cli.Stop` when they name none."""
    token = read_token(getattr(options, "token_file", None))
    wait: float = getattr(options, "wait", 0.0)
    if options.stack:
        return list(_of_stack(options, read_stack(options.stack), token, wait))
    if not options.namespace or not options.service_account:
        raise cli.Stop("give --namespace and --service-account, or --stack")
    workload = StackWorkload("", options.namespace, options.service_account, "")
    return [_question(options, workload, token, wait)]


def _question(
    options: argparse.Namespace,
    workload: StackWorkload,
    token: Token | None,
    wait: float,
    stack: Stack | None = None,
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
        role_b_arn=options.chain or workload.role_b_arn,
        external_id=options.external_id or workload.external_id,
        stack=stack,
        inside=getattr(options, "inside", False),
        token=token,
        wait=wait,
    )


def _of_stack(
    options: argparse.Namespace, document: dict[str, object], token: Token | None, wait: float
) -> Iterable[Question]:
    try:
        outputs = outputs_of(document)
        found, skipped = workloads_of(outputs), skipped_of(outputs)
    except ValueError as error:
        raise cli.Stop(f"{options.stack}: {error}") from None
    if options.workload in skipped:
        reason = skipped[options.workload]
        raise cli.Stop(f"workload {options.workload!r} of {options.stack} has {reason}")
    chosen = [each for each in found if options.workload in (None, each.name)]
    if not chosen:
        names = ", ".join(each.name for each in found) or "none with a service account"
        raise cli.Stop(f"no workload {options.workload!r} in {options.stack}; there are {names}")
    if options.workload is None:
        for name, reason in skipped.items():
            print(printable.line(f"skipped: workload {name}, {reason}"), file=sys.stderr)
    stack = stack_of(document, "" if is_file(options.stack) else options.stack)
    return [_question(options, each, token, wait, stack) for each in chosen]


def read_token(file: str | None) -> Token | None:
    """The token in a file; raises `cli.Stop` for what is no token."""
    if file is None:
        return None
    try:
        return decode_unverified(read_text(file).strip())
    except AwsError as error:
        raise cli.Stop(f"--token-file {file}: {error.message}") from error


def result_json(question: Question, links: Sequence[Link]) -> dict[str, object]:
    """One chain's result for ``--output json``."""
    failing = failing_link(links)
    return {
        "namespace": question.namespace,
        "service_account": question.name,
        "verdict": verdict(links).value,
        "failing_link": failing.key if failing else None,
        "links": [link.as_json() for link in links],
    }


def _command(command: str) -> Iterator[str]:
    """A command as it can be read and pasted: a policy in it goes on over several lines."""
    first, *others = command.split("\n")
    yield f"                $ {first}"
    yield from (f"                {line}" for line in others)


def text(question: Question, links: Sequence[Link]) -> str:
    """One chain's result for people."""
    report = [f"{question.namespace}/{question.name}"]
    for link in links:
        report.append(f"  {MARKS[link.status]} {link.key:<16} {link.title}")
        if link.status is not Status.PASSED:
            report.append(f"      expected  {link.expected}")
        report.append(f"      found     {link.found}")
        if link.remedy:
            report.append(f"      remedy    {link.remedy}")
            report += [line for command in link.commands for line in _command(command)]
    failing = failing_link(links)
    report.append(f"{verdict(links).value}{f': the link {failing.key!r}' if failing else ''}")
    return printable.lines(*report)
