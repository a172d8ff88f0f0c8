"""Options of `audit` and `list` that choose the inventory."""

import argparse
from collections.abc import Sequence
from contextlib import ExitStack

from irsa.commands import cli
from irsa.commands.inventory_clusters import read_clusters
from irsa.commands.inventory_saved import read_saved_account
from irsa.commands.inventory_stack import read_stack_inventory
from irsa.inventory.rows import Inventory
from irsa.observe.aws import Aws
from irsa.observe.kubernetes import KubernetesCluster
from irsa_core.identity.arns import account_of, check_role_arn

PRINT_ISSUER = (
    "`aws eks describe-cluster --name NAME --query cluster.identity.oidc.issuer --output text`"
)


_READ = ("context", "region", "assume_role", "stack", "drift", "issuer", "cluster")


def add_inventory_options(command: argparse.ArgumentParser) -> None:
    """The options that `inventory` reads."""
    group = command.add_argument_group("clusters and accounts")
    text = "context of the kubeconfig (default: the current one); repeated: several clusters"
    group.add_argument("--context", **cli.repeated(text))
    group.add_argument("--region", help=cli.REGION)
    text = (
        "role by which its account is read, instead of the credentials' own; may be repeated, once "
        "for each account"
    )
    group.add_argument("--assume-role", type=_role, **cli.repeated(text, "ROLE_ARN"))
    stacks = command.add_argument_group("a stack instead")
    stacks.add_argument(
        "--stack",
        metavar="STACK|FILE",
        help="the roles and service accounts of a Pulumi stack: its name, or a file with its state "
        "or with a preview as JSON, instead of a cluster and an account",
    )
    stacks.add_argument(
        "--drift",
        action="store_true",
        help="with --stack: read the account, too, and name the policies that others gave to the "
        "stack's roles, and access keys of its users that it does not have",
    )
    group.add_argument(
        "--issuer",
        type=_issuer,
        metavar="URL",
        help=f"issuer of the cluster's tokens, from {PRINT_ISSUER} (default: the cluster's, or "
        "the stack's)",
    )
    group.add_argument(
        "--cluster",
        metavar="NAME",
        help="EKS cluster whose Pod Identity associations are read (default: the kubeconfig's, or "
        "the one with the issuer)",
    )


def _issuer(url: str) -> str:
    if not url.startswith("https://") or len(url.split()) != 1:
        raise cli.Stop(f"--issuer {url!r} is not a URL with https://; {PRINT_ISSUER} prints it")
    return url


def _role(arn: str) -> str:
    with cli.stopping("--assume-role "):
        return check_role_arn(arn)


def inventory(
    options: argparse.Namespace, *, whole: bool = False, saved: str | None = None
) -> Inventory:
    """Read the stack, or the clusters and accounts, that the options name, or the account of a
    ``saved`` file; raises `cli.Stop`.

    With ``whole`` also Pods and associations that no finding of `audit` needs.
    """
    if saved:
        _leave_out(options, f"{saved} replaces cluster, account and stack", _READ)
        return read_saved_account(saved)
    _check(options)
    with ExitStack() as opened:
        if options.stack:
            aws = opened.enter_context(Aws(region=options.region)) if options.drift else None
            return read_stack_inventory(options.stack, options.issuer, aws)
        clusters = {
            context: opened.enter_context(KubernetesCluster(context or None))
            for context in options.context or [""]
        }
        aws = opened.enter_context(Aws(region=options.region))
        named = {"issuer": options.issuer, "cluster_name": options.cluster}
        return read_clusters(clusters, aws, **named, assume_role=options.assume_role, whole=whole)


def _check(options: argparse.Namespace) -> None:
    if options.stack:
        reason = "--stack replaces cluster and account"
        _leave_out(options, reason, ("context", "assume_role"))
    elif options.drift:
        raise cli.Stop("--drift needs --stack; give both, or neither")
    if len({*options.context}) < len(options.context):
        raise cli.Stop(f"--context {options.context[-1]}: a context is given twice; give it once")
    if len(options.context) > 1:
        _leave_out(options, "with several contexts", ("issuer", "cluster"))
    accounts = [account_of(arn) for arn in options.assume_role]
    for account in accounts:
        if accounts.count(account) > 1:
            raise cli.Stop(f"--assume-role: two roles of account {account}; give one of them")


def _leave_out(options: argparse.Namespace, reason: str, names: Sequence[str]) -> None:
    for name in names:
        if getattr(options, name):
            raise cli.Stop(f"{reason}; leave --{name.replace('_', '-')} out")
