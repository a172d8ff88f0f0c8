"""``python -m irsa import``: existing roles as a program that imports them.

Reads the roles that trust a cluster, from the account itself or from the state of Terraform, and
prints a program with the components. Its first `pulumi up` imports the roles. The command changes
nothing in AWS.
"""

import argparse
import sys
from collections.abc import Sequence

from irsa import PROGRAM
from irsa.commands import cli
from irsa.commands.sources import add_cluster
from irsa.identity.arns import issuer_from_provider_arn, issuer_of_principal, provider_arn_for
from irsa.identity.eks import STS_AUDIENCE
from irsa.identity.regions import partition_of_region, region_of_issuer
from irsa.imports.program import python_program, yaml_program
from irsa.imports.roles import Imported, import_roles
from irsa.observe.aws import Aws
from irsa.observe.eks import Associations
from irsa.observe.facts import Unread
from irsa.observe.iam import ExistingRole, federated
from irsa.observe.kubernetes import Cluster
from irsa.observe.terraform import read_terraform
from irsa.printable import lines

FORMATS = {"python": python_program, "yaml": yaml_program}


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    command = cli.Parser(
        prog=f"{PROGRAM} import",
        description="Print a program that imports existing roles with the components. Exit codes: "
        "0 all roles of the cluster, 1 some are left out, 2 wrong usage or input, 3 could not be "
        "read.",
        allow_abbrev=False,
    )
    command.add_argument(
        "--format",
        choices=FORMATS,
        default="python",
        help="language of the program: Python or Pulumi YAML (default: python)",
    )
    command.add_argument(
        "--provider-arn",
        metavar="ARN",
        help="the cluster's IAM OIDC provider (default: that of --context; with "
        "--terraform-state the only one that roles trust)",
    )
    command.add_argument(
        "--terraform-state",
        metavar="FILE",
        help="read the roles from a state of Terraform or OpenTofu, and nothing else; - is "
        "standard input",
    )
    command.add_argument(
        "--add-audience",
        action="store_true",
        help="also import roles that accept every audience of the provider; the first `pulumi up` "
        f"adds a condition on aud, for {STS_AUDIENCE}",
    )
    command.add_argument(
        "--only-associations",
        action="store_true",
        help="also import roles that EKS Pod Identity may use for more than the cluster's "
        "associations; the first `pulumi up` limits them to these",
    )
    add_cluster(command)
    return command


def run(options: argparse.Namespace) -> int:
    """Run the command; its exit code."""
    associations: Associations = {}
    if options.terraform_state:
        roles = read_terraform(options.terraform_state)
        provider_arn = options.provider_arn or _only_provider(roles, options.terraform_state)
        region = _region(options, provider_arn)
    else:
        with Aws(region=options.region) as aws:
            provider_arn = options.provider_arn or _provider_of(options.context, aws)
            region = _region(options, provider_arn) or aws.region
        with Aws(region=region) as aws:
            associations = _associations_of(provider_arn, aws)
            used = {each.role_arn for each in associations.values()}
            roles = cli.known(aws.existing_roles(provider_arn, used))
    if not region:
        raise cli.Stop(f"{provider_arn} does not say which region the cluster is in; give --region")
    imported = import_roles(
        roles,
        provider_arn,
        region,
        add_audience=options.add_audience,
        only_associations=options.only_associations,
        associations=[*associations.values()],
    )
    if not imported.taken and not imported.left_out:
        raise cli.Stop(
            f"no role trusts {provider_arn}; --provider-arn names another one", cli.FAILS
        )
    if imported.taken or imported.associations:
        sys.stdout.write(FORMATS[options.format](imported))
    print(report(imported), file=sys.stderr)
    return cli.FAILS if imported.left_out else cli.HOLDS


def _region(options: argparse.Namespace, provider_arn: str) -> str | None:
    try:
        issuer = issuer_from_provider_arn(provider_arn)
    except ValueError as error:
        raise cli.Stop(f"--provider-arn: {error}") from None
    return options.region or region_of_issuer(issuer)


def _associations_of(provider_arn: str, aws: Aws) -> Associations:
    issuer = issuer_of_principal(provider_arn)
    if not region_of_issuer(issuer):
        return {}  # not a cluster of EKS
    names = cli.known(aws.clusters(f"https://{issuer}"))
    return cli.known(aws.pod_identities(*names)) if names else {}


def _provider_of(context: str | None, aws: Aws) -> str:
    with Cluster(context) as cluster:
        issuer = cluster.issuer_url()
    account = aws.account
    for each in (issuer, account):
        if isinstance(each, Unread):
            raise cli.Stop(each.text, cli.UNDECIDED)
    region = region_of_issuer(str(issuer))
    partition = partition_of_region(region) if region else "aws"
    return provider_arn_for(str(issuer), str(account), partition=partition)


def _only_provider(roles: Sequence[ExistingRole], source: str) -> str:
    trusted = {each for role in roles for each in federated(role.trust_policy)}
    clusters = sorted(each for each in trusted if region_of_issuer(issuer_of_principal(each)))
    if len(clusters) == 1:
        return clusters[0]
    what = f"roles trust {', '.join(clusters)}" if clusters else "no role trusts an EKS cluster"
    raise cli.Stop(f"{source}: {what}; --provider-arn names the cluster's OIDC provider")


def report(imported: Imported) -> str:
    """A line for each role, and for a trust policy that will change."""
    changes = {
        "rewritten": "`pulumi up` writes its trust policy in other words, for the same callers",
        "tightened": f"`pulumi up` limits its trust policy to the audience {STS_AUDIENCE}",
        "limited": "`pulumi up` limits its trust policy to associations of this cluster",
    }
    taken, left_out = imported.taken, imported.left_out
    said = [f"taken      {each.role.arn}{_origin(each.role)}, as {each.name}" for each in taken]
    said += [
        f"{each.trust_policy:<9}  {each.role.arn}: {changes[each.trust_policy]}"
        for each in taken
        if each.trust_policy in changes
    ]
    said += [f"left out   {each.role.arn}{_origin(each.role)}: {each.reason}" for each in left_out]
    said += [
        f"taken      association {each.arguments['imported_id']}, as {each.name}"
        for each in imported.associations
    ]
    said += [
        f"untagged   association {each.arguments['imported_id']}: `pulumi up` removes its tags "
        f"{', '.join(each.tags)}"
        for each in imported.associations
        if each.tags
    ]
    said += [
        f"left out   association of {'/'.join(each.account)}: {manager} manages it"
        for each, manager in imported.owned
    ]
    others = f"; {_roles(imported.others)} of other clusters or none" if imported.others else ""
    return lines(*said, f"{_roles(len(taken))} taken, {len(left_out)} left out{others}")


def _roles(number: int) -> str:
    return "1 role" if number == 1 else f"{number} roles"


def _origin(role: ExistingRole) -> str:
    return f" ({role.origin})" if role.origin else ""
