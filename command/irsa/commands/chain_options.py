"""Options of `verify` and `explain` that choose the chains."""

import argparse
import re
from collections.abc import Sequence
from itertools import product, starmap

from irsa.commands import cli
from irsa.commands.sources import add_cluster
from irsa.observe.files import is_file, read_stack
from irsa.observe.stack_chains import Stack, StackChain, chains_of, stack_of
from irsa.verify.facts import Grant, Question
from irsa_core.identity.arns import check_role_arn, parse_arn
from irsa_core.identity.names import check_bucket_name
from irsa_core.identity.policy_json import Json


def add_chain_options(command: argparse.ArgumentParser) -> None:
    """The options of `questions`, and those that name the places."""
    cli.add_account(command, "?")
    group = command.add_argument_group("stack and Pods")
    group.add_argument(
        "--stack",
        metavar="STACK|FILE",
        help="a stack whose program uses the irsa components: its name, or a file that "
        "`pulumi stack export` wrote; - is standard input",
    )
    group.add_argument(
        "--workload",
        metavar="NAME",
        help="with --stack: the Workload, ServiceAccountRole or PodIdentityAssociation of this "
        "logical name (default: all of them, or those of the service account)",
    )
    group.add_argument("--deployment", help="Deployment that should run as the service account")
    text = (
        "check only this container of the Pods; may be repeated (default: all but those that other "
        "webhooks added)"
    )
    group.add_argument("--container", **cli.repeated(text))
    group = command.add_argument_group("access")
    role_arn, bucket = cli.checked(check_role_arn), cli.checked(check_bucket_name)
    text = "role that annotation or association should name"
    group.add_argument("--role-arn", type=role_arn, help=text)
    group.add_argument(
        "--bucket",
        type=bucket,
        help="bucket that the role, or role B, should list; what the role's policies name in it is "
        "judged, too",
    )
    for name, what in (("action", "such as sqs:SendMessage"), ("resource", "its ARN, or *")):
        text = (
            f"{name} that the role, or role B, should be allowed, {what}; may be repeated, each "
            "action on each resource"
        )
        group.add_argument(f"--{name}", **cli.repeated(text, name.upper()))
    group = command.add_argument_group("role B")
    group.add_argument(
        "--profile",
        help="profile of the Pod's own AWS config file that leads to role B (default: each that "
        "does)",
    )
    text = "role B, when no profile names it"
    group.add_argument("--role-b", type=role_arn, metavar="ROLE_ARN", help=text)
    group.add_argument("--external-id", help="external id to send to role B")
    text = "AWS profile of this machine that can read role B's account; may be repeated"
    group.add_argument("--trusting-profile", **cli.repeated(text))
    add_cluster(command)


def questions(options: argparse.Namespace) -> tuple[list[Question], list[str]]:
    """The chains that the options name, and the components without one; raises `cli.Stop` when they
    name none."""
    if options.account and options.service_account:
        raise cli.Stop(f"{options.account} is given beside --service-account; give one")
    if options.account:
        options.namespace, options.service_account = cli.account(options.account, options.namespace)
    if options.stack:
        document = read_stack(options.stack)
        with cli.stopping(f"--stack {options.stack}: "):
            stack = stack_of(document, "" if is_file(options.stack) else options.stack)
            chains, skipped = _chosen(options, document)
        return [_question(options, chain, stack) for chain in chains], skipped
    if not options.namespace or not options.service_account:
        raise cli.Stop("give NAMESPACE/SERVICE-ACCOUNT, such as dev/s3-app, or --stack")
    namespace, name = cli.account(f"{options.namespace}/{options.service_account}")
    return [_question(options, StackChain(namespace=namespace, name=name), None)], []


def _grants(options: argparse.Namespace) -> tuple[Grant, ...]:
    if bool(options.action) != bool(options.resource):
        option, lacking = sorted(
            ("--action", "--resource"), key=lambda e: not getattr(options, e[2:])
        )
        raise cli.Stop(f"{option} is given without {lacking}; give both, or --bucket")
    for action in options.action:
        if not re.fullmatch(r"[\w-]+:[\w*?]+", action):
            raise cli.Stop(f"--action {action}: not an action; give SERVICE:ACTION: s3:GetObject")
    for resource in options.resource:
        if resource != "*" and parse_arn(resource) is None:
            raise cli.Stop(f"--resource {resource}: not an ARN; give arn:aws:SERVICE:… or *")
        if ":secretsmanager:" in resource and not re.search(r"[*?]|-\w{6}$", resource):
            why = "a secret's ARN ends in - and six characters, and a policy without them fits none"
            raise cli.Stop(f"--resource {resource}: {why}; give the ARN of describe-secret")
    return tuple(starmap(Grant, product(options.action, options.resource)))


def _chosen(options: argparse.Namespace, document: Json) -> tuple[Sequence[StackChain], list[str]]:
    """The chains of a stack that the options choose, and a line for each component without one."""
    chains, skipped = chains_of(document)
    chosen = [
        chain
        for chain in chains
        if options.workload in (None, chain.component)
        and options.namespace in (None, chain.namespace)
        and options.service_account in (None, chain.name)
        and (not chain.profile or options.profile in (None, chain.profile))
        and (not chain.role_b_arn or options.role_b in (None, chain.role_b_arn))
    ]
    if not chosen:
        there = [chain.label for chain in chains]
        there += [f"{name} ({reason})" for name, reason in skipped]
        names = ("workload", "namespace", "service_account", "profile", "role_b")
        choices = (getattr(options, name) for name in names)
        what = "/".join(choice for choice in choices if choice) or "a service account with a role"
        raise ValueError(f"no chain of {what}; the stack has {', '.join(there)}")
    every = options.workload is None
    return chosen, [f"skipped: {name}, {reason}" for name, reason in skipped if every]


def _question(options: argparse.Namespace, chain: StackChain, stack: Stack | None) -> Question:
    names = ("deployment", "bucket", "profile", "external_id")
    overrides = {name: getattr(options, name) for name in names}
    overrides |= {"expected_role": options.role_arn, "role_b_arn": options.role_b}
    return Question(
        **vars(chain) | {name: value for name, value in overrides.items() if value},
        expects_association=bool(chain.association_id),
        containers=tuple(options.container),
        grants=_grants(options),
        stack=stack,
    )
