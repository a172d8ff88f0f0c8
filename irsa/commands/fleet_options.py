"""Where `audit` and `list` read from: a cluster and an account, or what was saved of either."""

import argparse
import sys
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from irsa.audit.findings import AuditFacts
from irsa.commands import cli
from irsa.identity.arns import partition_of
from irsa.inventory.collect import Gaps
from irsa.observe import saved
from irsa.observe.account_roles import AccountRoles
from irsa.observe.aws import Aws
from irsa.observe.facts import RegisteredProvider, ServiceAccount, Unread
from irsa.observe.kubernetes import Cluster

HOW_ISSUER = (
    "`aws eks describe-cluster --name NAME --query cluster.identity.oidc.issuer --output text`"
)


def add_sources(command: argparse.ArgumentParser) -> None:
    """The options that say what to read."""
    cli.add_sources(command)
    add_files(
        command,
        "--service-accounts",
        f"read no cluster, but what `{saved.GET_ACCOUNTS}` printed; needs --issuer",
    )
    add_files(
        command, "--roles", f"read no AWS, but what `{saved.GET_ROLES}` printed, all of its pages"
    )
    add_files(
        command,
        "--providers",
        f"with --roles: what `{saved.LIST_PROVIDERS}` and, for each, `{saved.GET_PROVIDER}` "
        "printed; without it the rules that need it are not checked",
    )
    command.add_argument(
        "--issuer",
        type=_issuer,
        metavar="URL",
        help=f"issuer of the cluster's tokens, as {HOW_ISSUER} prints it (default: the cluster's)",
    )


def add_files(command: argparse.ArgumentParser, option: str, text: str) -> None:
    """An option that names files."""
    command.add_argument(
        option,
        action="append",
        default=[],
        metavar="FILE",
        help=f"{text}; may be repeated; - is standard input",
    )


def _issuer(url: str) -> str:
    if not url.startswith("https://") or len(url.split()) != 1:
        raise cli.Stop(f"--issuer {url!r} is not a URL with https://; {HOW_ISSUER} prints it")
    return url


class Sources(NamedTuple):
    """What is there to be read; None for what is not asked, as files stand in its place."""

    cluster: Cluster | None
    aws: Aws | None


class Fleet(NamedTuple):
    """A cluster and an account, with what is not known of them."""

    facts: AuditFacts
    roles: AccountRoles
    gaps: Gaps


@contextmanager
def sources(options: argparse.Namespace) -> Generator[Sources]:
    """Open what the options name; raises `cli.Stop` for options that contradict each other."""
    if options.service_accounts and options.context:
        raise cli.Stop("--service-accounts says not to ask a cluster; leave --context out")
    if options.service_accounts and not options.issuer:
        raise cli.Stop(f"--service-accounts needs --issuer; {HOW_ISSUER} prints it")
    if options.providers and not options.roles:
        raise cli.Stop("--providers goes with --roles; give both, or neither")
    with ExitStack() as opened:
        yield Sources(
            None if options.service_accounts else opened.enter_context(Cluster(options.context)),
            None if options.roles else opened.enter_context(Aws(region=options.region)),
        )


def read(options: argparse.Namespace, where: Sources, *, policies: bool) -> Fleet | Unread:
    """Everything that an audit looks at, or the first fact that could not be read.

    Permissions policies are kept with ``policies`` only.
    """
    cluster = _cluster(options, where.cluster)
    if isinstance(cluster, Unread):
        return cluster
    account = _account(options, where.aws, policies=policies)
    if isinstance(account, Unread):
        return account
    name, roles, providers, gaps = account
    facts = AuditFacts(
        issuer_url=cluster[0],
        account=name,
        service_accounts=cluster[1],
        roles=roles.roles,
        providers=providers,
        now=time.time(),
    )
    return Fleet(facts, roles, gaps)


def _cluster(
    options: argparse.Namespace, cluster: Cluster | None
) -> tuple[str, list[ServiceAccount]] | Unread:
    if cluster is None:
        return options.issuer, saved.service_accounts(options.service_accounts)
    issuer_url = options.issuer or cluster.issuer_url()
    accounts = cluster.service_accounts()
    if isinstance(issuer_url, Unread):
        return issuer_url
    return accounts if isinstance(accounts, Unread) else (issuer_url, accounts)


class _Account(NamedTuple):
    name: str
    roles: AccountRoles
    providers: tuple[RegisteredProvider, ...]
    gaps: Gaps


def _account(options: argparse.Namespace, aws: Aws | None, *, policies: bool) -> _Account | Unread:
    if aws is None:
        return _saved_account(options, policies=policies)
    account = aws.account
    if isinstance(account, Unread):
        return account
    roles, providers = aws.roles(policies=policies), aws.providers(account)
    if isinstance(roles, Unread):
        return roles
    if isinstance(providers, Unread):
        return providers
    return _Account(account, roles, tuple(providers), Gaps())


def _saved_account(options: argparse.Namespace, *, policies: bool) -> _Account:
    roles = saved.roles(options.roles, policies=policies)
    name, partition = roles.roles[0].account, partition_of(roles.roles[0].arn)
    how_list = f"give --providers what `{saved.LIST_PROVIDERS}` prints"
    how_details = f"give --providers what `{saved.GET_PROVIDER}` prints for each provider"
    if not options.providers:
        return _Account(name, roles, (), Gaps(how_list, how_details, None))
    found = saved.providers(options.providers, name, partition)
    gaps = Gaps(
        "" if found.listed else how_list,
        _missing(how_details, found.undetailed),
        found.undetailed,
    )
    return _Account(name, roles, found.providers, gaps)


def _missing(how: str, undetailed: frozenset[str]) -> str:
    return f"{how}; missing: {', '.join(sorted(undetailed))}" if undetailed else ""


def complain(command: str, text: str) -> None:
    """Tell of what is missing on stderr, where no program takes it for the answer."""
    from irsa.commands.printable import line

    print(line(f"irsa {command}: {text}"), file=sys.stderr)
