"""The options that name what is read, and the clients that those name: one cluster with the AWS
region, or all sources of `audit` and `list`."""

import argparse
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from irsa.commands import cli
from irsa.identity.arns import account_of, check_role_arn
from irsa.observe import saved
from irsa.observe.aws import Aws
from irsa.observe.kubernetes import Cluster


def add_cluster(command: argparse.ArgumentParser) -> None:
    """Add the options that name the cluster and the AWS region."""
    command.add_argument("--context", help="context of the kubeconfig (default: the current one)")
    add_region(command)


def add_region(command: argparse.ArgumentParser) -> None:
    """Add the option that names the AWS region."""
    command.add_argument("--region", help="AWS region (default: the cluster's, or boto3's)")


@contextmanager
def cluster_and_aws(options: argparse.Namespace) -> Generator[tuple[Cluster, Aws]]:
    """The cluster, and AWS in the region of the option, or else of the kubeconfig's cluster."""
    with (
        Cluster(options.context) as cluster,
        Aws(region=options.region or cluster.eks.region or None) as aws,
    ):
        yield cluster, aws


PRINT_ISSUER = (
    "`aws eks describe-cluster --name NAME --query cluster.identity.oidc.issuer --output text`"
)


def add_sources(command: argparse.ArgumentParser) -> None:
    """Add the options that name the sources."""
    command.add_argument(
        "--context",
        action="append",
        default=[],
        metavar="NAME",
        help="context of the kubeconfig (default: the current one); repeated: several clusters",
    )
    add_region(command)
    command.add_argument(
        "--assume-role",
        action="append",
        default=[],
        type=_role,
        metavar="ROLE_ARN",
        help="role by which its account is read, instead of the credentials' own; may be repeated, "
        "once for each account",
    )
    command.add_argument(
        "--stack",
        metavar="STACK|FILE",
        help="the roles and service accounts of a Pulumi stack: its name, or a file with its state "
        "or with a preview as JSON, instead of a cluster and an account",
    )
    command.add_argument(
        "--drift",
        action="store_true",
        help="with --stack: read the account, too, and name the policies that others gave to the "
        "stack's roles, and access keys of its users that it does not have",
    )
    add_files(
        command,
        "--service-accounts",
        f"output of `{saved.GET_ACCOUNTS}`, instead of a cluster; needs --issuer",
    )
    add_files(
        command, "--roles", f"output of `{saved.GET_ROLES}` with all of its pages, instead of AWS"
    )
    add_files(
        command,
        "--providers",
        f"with --roles: output of `{saved.LIST_PROVIDERS}` and, for each, of "
        f"`{saved.GET_PROVIDER}`; without it the rules that need it are not checked",
    )
    command.add_argument(
        "--issuer",
        type=_issuer,
        metavar="URL",
        help=f"issuer of the cluster's tokens, from {PRINT_ISSUER} (default: the cluster's)",
    )
    add_files(command, "--pods", f"output of `{saved.GET_PODS}`, instead of a cluster")
    command.add_argument(
        "--cluster",
        metavar="NAME",
        help="EKS cluster whose Pod Identity associations are read (default: the kubeconfig's, or "
        "the one with the issuer)",
    )
    command.add_argument(
        "--since",
        metavar="FILE",
        help="an earlier report of the same command with --output json: only what is new or "
        "changed is printed, and the rest counted; - is standard input",
    )


def add_files(command: argparse.ArgumentParser, option: str, text: str) -> None:
    """Add an option that names files."""
    command.add_argument(
        option,
        action="append",
        default=[],
        metavar="FILE",
        help=f"{text}; may be repeated; - is standard input",
    )


def _issuer(url: str) -> str:
    if not url.startswith("https://") or len(url.split()) != 1:
        raise cli.Stop(f"--issuer {url!r} is not a URL with https://; {PRINT_ISSUER} prints it")
    return url


def _role(arn: str) -> str:
    try:
        return check_role_arn(arn)
    except ValueError as error:
        raise cli.Stop(f"--assume-role {error}") from None


class Clients(NamedTuple):
    """The clients to read with; none where files are read instead."""

    clusters: Mapping[str, Cluster]
    """By context."""
    aws: Aws | None


@contextmanager
def sources(options: argparse.Namespace) -> Generator[Clients]:
    """Open the sources; raises `cli.Stop` for options that contradict each other."""
    _check(options)
    contexts = () if options.stack or options.service_accounts else options.context or [""]
    needs_aws = options.drift if options.stack else not options.roles
    with ExitStack() as opened:
        yield Clients(
            {each: opened.enter_context(Cluster(each or None)) for each in contexts},
            opened.enter_context(Aws(region=options.region)) if needs_aws else None,
        )


def _check(options: argparse.Namespace) -> None:
    if options.stack:
        _leave_out(
            options,
            "--stack replaces cluster and account",
            ("context", "service_accounts", "roles", "providers", "assume_role"),
        )
    elif options.drift:
        raise cli.Stop("--drift needs --stack; give both, or neither")
    if options.service_accounts:
        _leave_out(options, "--service-accounts replaces the cluster", ("context",))
    if options.service_accounts and not options.issuer:
        raise cli.Stop(f"--service-accounts needs --issuer; {PRINT_ISSUER} prints it")
    if options.providers and not options.roles:
        raise cli.Stop("--providers needs --roles; give both, or neither")
    if options.roles:
        _leave_out(options, "--roles replaces the account", ("assume_role",))
    if len(options.context) > 1:
        _leave_out(options, "with several contexts", ("issuer", "pods", "cluster"))
    accounts = [account_of(each) for each in options.assume_role]
    for account in accounts:
        if accounts.count(account) > 1:
            raise cli.Stop(f"--assume-role: two roles of account {account}; give one of them")


def _leave_out(options: argparse.Namespace, reason: str, names: Sequence[str]) -> None:
    for name in names:
        if getattr(options, name):
            raise cli.Stop(f"{reason}; leave --{name.replace('_', '-')} out")
