"""The sources of `audit` and `list`: a cluster and an account, files of them, or a stack."""

import argparse
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import NamedTuple, TypeVar

from irsa.audit.findings import AuditFacts
from irsa.commands import cli
from irsa.decide.document import statements_of
from irsa.identity.arns import account_of, parse_role_arn, partition_of
from irsa.identity.eks import POD_IDENTITY_SERVICE, ROLE_ARN_ANNOTATION
from irsa.inventory.collect import Gaps
from irsa.observe import saved
from irsa.observe.account_roles import AccountRoles
from irsa.observe.aws import Aws
from irsa.observe.facts import (
    PermissionsPolicy,
    RegisteredProvider,
    Role,
    ServiceAccount,
    Unread,
)
from irsa.observe.files import read_stack
from irsa.observe.fleet_pods import FleetPod
from irsa.observe.iam_calls import Associations
from irsa.observe.kubernetes import Cluster
from irsa.observe.previews import resources_of
from irsa.observe.pulumi_resources import (
    StackRole,
    accounts_of,
    associations_of,
    issuers_of,
    providers_of,
    roles_of,
)

T = TypeVar("T")

PRINT_ISSUER = (
    "`aws eks describe-cluster --name NAME --query cluster.identity.oidc.issuer --output text`"
)


def add_sources(command: argparse.ArgumentParser) -> None:
    """Add the options that name the sources."""
    cli.add_sources(command)
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
        "stack's roles",
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


class Clients(NamedTuple):
    """The clients to read with; None where files are read instead."""

    cluster: Cluster | None
    aws: Aws | None


class AuditInput(NamedTuple):
    """The facts of a cluster and an account, and the gaps in them."""

    facts: AuditFacts
    roles: AccountRoles
    gaps: Gaps
    pods: Sequence[FleetPod] | str = ()
    """A text says why they were not read; so it does for associations."""
    associations: Associations | str = ""


_STACK_ALONE = Gaps(
    "the stack lists its own OIDC providers only; run without --stack for those of the account",
    policies_missing="add --drift, which reads the account's policies of the stack's roles",
)
_STACK_SAYS_NOTHING = Unread(
    "when roles were last used", "a stack's state does not say it", "iam:GetRole"
)


@contextmanager
def sources(options: argparse.Namespace) -> Generator[Clients]:
    """Open the sources; raises `cli.Stop` for options that contradict each other."""
    if options.stack:
        for name in ("context", "service_accounts", "roles", "providers"):
            if getattr(options, name):
                option = name.replace("_", "-")
                raise cli.Stop(f"--stack replaces cluster and account; leave --{option} out")
        with ExitStack() as opened:
            yield Clients(
                None,
                opened.enter_context(Aws(region=options.region)) if options.drift else None,
            )
        return
    if options.drift:
        raise cli.Stop("--drift needs --stack; give both, or neither")
    if options.service_accounts and options.context:
        raise cli.Stop("--service-accounts replaces the cluster; leave --context out")
    if options.service_accounts and not options.issuer:
        raise cli.Stop(f"--service-accounts needs --issuer; {PRINT_ISSUER} prints it")
    if options.providers and not options.roles:
        raise cli.Stop("--providers needs --roles; give both, or neither")
    with ExitStack() as opened:
        yield Clients(
            None if options.service_accounts else opened.enter_context(Cluster(options.context)),
            None if options.roles else opened.enter_context(Aws(region=options.region)),
        )


def read(options: argparse.Namespace, found: Clients, *, every_pod: bool = False) -> AuditInput:
    """Read the input of an audit; raises `cli.Stop` if a fact could not be read.

    Associations are read if a role trusts EKS Pod Identity, and Pods if there are associations;
    both in any case with ``every_pod``.
    """
    if options.stack:
        return _stack(options, found)
    issuer_url, accounts = _cluster(options, found.cluster)
    if found.aws is None:
        name, roles, providers, gaps = _saved_account(options)
    else:
        name, gaps = cli.known(found.aws.account), Gaps()
        roles = cli.known(found.aws.roles(policies=True))
        providers = tuple(cli.known(found.aws.providers(name)))
    associations: Associations | str = {}
    trusted = any(map(_trusts_pod_identity, roles.roles))
    if every_pod or trusted:
        associations = _associations(options, found, issuer_url)
    pods = _pods(options, found) if every_pod or associations else ()
    facts = AuditFacts(
        issuer_url=issuer_url,
        account=name,
        service_accounts=accounts,
        roles=roles.roles,
        providers=providers,
        associations=() if isinstance(associations, str) else tuple(associations.values()),
        pods=() if isinstance(pods, str) else pods,
        now=time.time(),
    )
    gaps = replace(
        gaps,
        associations_missing=associations if isinstance(associations, str) and trusted else "",
        pods_missing=pods if isinstance(pods, str) and facts.associations else "",
        permissions_missing=_without_policies(roles.roles),
    )
    return AuditInput(facts, roles, gaps, pods, associations)


def _trusts_pod_identity(role: Role) -> bool:
    return any(
        POD_IDENTITY_SERVICE in each.named("Service") for each in statements_of(role.trust_policy)
    )


def _without_policies(roles: Sequence[Role]) -> str:
    return next((each.policies.remedy for each in roles if isinstance(each.policies, Unread)), "")


def _pods(options: argparse.Namespace, found: Clients) -> list[FleetPod] | str:
    if options.pods:
        return saved.pods(options.pods)
    if found.cluster is None:
        return f"Pods: not known; give --pods the output of `{saved.GET_PODS}`"
    return _or_text(found.cluster.pods())


def _associations(
    options: argparse.Namespace, found: Clients, issuer_url: str
) -> Associations | str:
    what = "Pod Identity associations"
    if found.aws is None:
        return f"{what}: not read, since AWS was not asked"
    name = options.cluster or (found.cluster.eks_name if found.cluster else "")
    names = [name] if name else found.aws.clusters(issuer_url)
    if isinstance(names, Unread):
        return names.text
    if not names:
        return f"{what}: not read; no EKS cluster in {found.aws.region} has issuer {issuer_url}"
    return _or_text(found.aws.pod_identities(*names))


def _or_text(fact: T | Unread) -> T | str:
    return fact.text if isinstance(fact, Unread) else fact


def _cluster(
    options: argparse.Namespace, cluster: Cluster | None
) -> tuple[str, list[ServiceAccount]]:
    if cluster is None:
        return options.issuer, saved.service_accounts(options.service_accounts)
    return options.issuer or cli.known(cluster.issuer_url()), cli.known(cluster.service_accounts())


class _Account(NamedTuple):
    name: str
    roles: AccountRoles
    providers: tuple[RegisteredProvider, ...]
    gaps: Gaps


def _saved_account(options: argparse.Namespace) -> _Account:
    roles = saved.roles(options.roles, policies=True)
    name, partition = roles.roles[0].account, partition_of(roles.roles[0].arn)
    give_list = f"give --providers the output of `{saved.LIST_PROVIDERS}`"
    give_details = f"give --providers the output of `{saved.GET_PROVIDER}` for each provider"
    if not options.providers:
        return _Account(name, roles, (), Gaps(give_list, give_details, None))
    found = saved.providers(options.providers, name, partition)
    missing = ", ".join(sorted(found.undetailed))
    gaps = Gaps(
        "" if found.listed else give_list,
        f"{give_details}; missing: {missing}" if missing else "",
        found.undetailed,
    )
    return _Account(name, roles, found.providers, gaps)


def _stack(options: argparse.Namespace, found: Clients) -> AuditInput:
    """Return the roles of a stack, and the service accounts that have them."""
    stack, issuer_url, aws = options.stack, options.issuer, found.aws
    try:
        resources = resources_of(read_stack(stack)).resources
    except ValueError as error:
        raise cli.Stop(f"{stack}: {error}") from None
    stack_roles = roles_of(resources)
    roles = tuple(
        Role(each.arn, "", each.trust_policy, policies=_documents(each))
        for each in stack_roles
        if parse_role_arn(each.arn) and not isinstance(each.trust_policy, str)
    )
    if not roles:
        raise cli.Stop(f"{stack}: it has no IAM role whose ARN and trust policy are known")
    issuers = [issuer_url] if issuer_url else issuers_of(resources)
    if not issuers:
        raise cli.Stop(f"{stack}: it has no cluster and no OIDC provider; give --issuer")
    arns = {role.arn for role in roles}
    live = cli.known(aws.roles(policies=True)) if aws else None
    associations: Associations = {
        each.account: each for each in associations_of(resources) if each.role_arn in arns
    }
    pods = _pods(options, found)
    facts = AuditFacts(
        issuer_url=issuers[0],
        account=account_of(roles[0].arn),
        service_accounts=[
            ServiceAccount(each.namespace, each.name, {ROLE_ARN_ANNOTATION: each.role_arn})
            for each in accounts_of(resources)
            if each.role_arn in arns
        ],
        roles=roles,
        providers=providers_of(resources),
        associations=tuple(associations.values()),
        pods=() if isinstance(pods, str) else pods,
        now=time.time(),
        foreign_policies=_foreign_policies(stack_roles, live.roles) if live else {},
    )
    last_used = live.last_used if live else _STACK_SAYS_NOTHING
    gaps = replace(
        _STACK_ALONE,
        policies_missing="" if live else _STACK_ALONE.policies_missing,
        pods_missing=pods if isinstance(pods, str) and associations else "",
    )
    return AuditInput(facts, AccountRoles(roles, last_used), gaps, pods, associations)


def _documents(role: StackRole) -> tuple[PermissionsPolicy, ...]:
    return tuple(
        PermissionsPolicy(each.name, each.document, each.arn)
        for each in role.policies
        if not isinstance(each.document, str)
    )


def _foreign_policies(
    roles: Sequence[StackRole], live: Sequence[Role]
) -> Mapping[str, Sequence[str]]:
    """Return the policies of a stack's roles that the account has and the stack has not."""
    own = {role.arn: {each.arn or each.name for each in role.policies} for role in roles}
    return {
        role.arn: sorted(
            {each.arn or each.name for each in cli.known(role.policies)} - own[role.arn]
        )
        for role in live
        if role.arn in own
    }
