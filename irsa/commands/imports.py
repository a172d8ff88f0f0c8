"""``python -m irsa import``: roles that others have made, as configuration that takes them over.

Reads the roles that trust a cluster, from the account itself or from the state of Terraform, and
writes account A's Pulumi.<stack>.yaml. With it, the first `pulumi up` imports them. Changes nothing
in AWS.
"""

import argparse
import json
import re
import sys
from collections.abc import Sequence

from irsa.chain.imports.configuration import ClusterTarget, Imported, Taken, import_roles
from irsa.commands import cli
from irsa.commands.new_file import write_new
from irsa.commands.printable import lines
from irsa.identity.arns import (
    issuer_from_provider_arn,
    issuer_of_principal,
    provider_arn_for,
)
from irsa.identity.eks import STS_AUDIENCE
from irsa.identity.policy_json import Json
from irsa.identity.regions import partition_of_region, region_of_issuer
from irsa.observe.aws import Aws
from irsa.observe.existing_roles import ExistingRole, federated
from irsa.observe.facts import Unread
from irsa.observe.kubernetes import Cluster
from irsa.observe.terraform import read_terraform

OUTPUTS = ("yaml", "json")
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_/.:-]*")
SCHEMA = "# yaml-language-server: $schema=schemas/account-a.json\n"


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    command = cli.parser(
        "import",
        "Write the configuration with which the stack takes existing roles over. Exit codes: "
        "0 all roles of the cluster, 1 some are left out, 2 wrong usage or input, 3 could not be "
        "read.",
        outputs=OUTPUTS,
    )
    command.add_argument(
        "--cluster",
        metavar="NAME",
        help="name of the cluster in EKS (default: as eksctl's tags say)",
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
        help="read the roles from a state of Terraform or OpenTofu, or from what "
        "`terraform show -json` wrote, and nothing else; - is standard input",
    )
    command.add_argument(
        "--file", metavar="FILE", help="write Pulumi.<stack>.yaml here (default: standard output)"
    )
    command.add_argument(
        "--force", action="store_true", help="replace a file that says something else"
    )
    command.add_argument(
        "--add-audience",
        action="store_true",
        help="also take roles that accept every audience of the provider; the stack adds a "
        f"condition on aud, for {STS_AUDIENCE}",
    )
    cli.add_sources(command)
    return command


def run(options: argparse.Namespace) -> int:
    """Run the command; its exit code."""
    if options.file and options.output != OUTPUTS[0]:
        raise cli.Stop("--file writes YAML; leave it or --output json out")
    if options.terraform_state:
        roles = read_terraform(options.terraform_state)
        provider_arn = options.provider_arn or _only_provider(roles, options.terraform_state)
        _check_provider(provider_arn)
        region = options.region
    else:
        with Aws(region=options.region) as aws:
            provider_arn = options.provider_arn or _provider_of(options.context, aws)
            _check_provider(provider_arn)
            region = aws.region
            found = aws.existing_roles(provider_arn)
        if isinstance(found, Unread):
            raise cli.Stop(found.text, cli.UNDECIDED)
        roles = found
    own = [each for each in roles if provider_arn in federated(each.trust_policy)]
    if not own:
        raise cli.Stop(
            f"no role trusts {provider_arn}; --provider-arn names another one", cli.FAILS
        )
    target = _target(options, provider_arn, region, own)
    imported = import_roles(roles, target, add_audience=options.add_audience)
    _say(options, imported)
    return cli.FAILS if imported.left_out else cli.HOLDS


def _provider_of(context: str | None, aws: Aws) -> str:
    """The provider of a cluster in the account of the credentials."""
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
    """The OIDC provider of a cluster that the roles of a state trust."""
    trusted = {each for role in roles for each in federated(role.trust_policy)}
    clusters = sorted(each for each in trusted if region_of_issuer(issuer_of_principal(each)))
    if len(clusters) == 1:
        return clusters[0]
    what = f"roles trust {', '.join(clusters)}" if clusters else "no role trusts an EKS cluster"
    raise cli.Stop(f"{source}: {what}; --provider-arn names the cluster's OIDC provider")


def _check_provider(provider_arn: str) -> None:
    try:
        issuer_from_provider_arn(provider_arn)
    except ValueError as error:
        raise cli.Stop(f"--provider-arn: {error}") from None


def _target(
    options: argparse.Namespace,
    provider_arn: str,
    region: str | None,
    own: Sequence[ExistingRole],
) -> ClusterTarget:
    """The cluster that the configuration names; ``own`` are the roles that trust it."""
    region = options.region or region_of_issuer(issuer_from_provider_arn(provider_arn)) or region
    if not region:
        raise cli.Stop(f"{provider_arn} does not say which region the cluster is in; give --region")
    tagged = {each.eksctl_cluster for each in own} - {""}
    name = options.cluster or (tagged.pop() if len(tagged) == 1 else None)
    if not name:
        raise cli.Stop("give --cluster: nothing says what the cluster is called in EKS")
    try:
        partition_of_region(region)
    except ValueError as error:
        raise cli.Stop(str(error)) from None
    return ClusterTarget(name=name, region=region, provider_arn=provider_arn)


def _say(options: argparse.Namespace, imported: Imported) -> None:
    """The configuration where it is wanted, and on stderr what happened to each role."""
    if options.output == "json":
        print(json.dumps(as_json(imported), indent=1))
        return
    text = yaml_of(imported)
    if options.file:
        write_new(options.file, text, force=options.force)
        where = f"wrote {options.file}"
    else:
        sys.stdout.write(text)
        where = "this is the configuration"
    print(report(imported, where), file=sys.stderr)


def yaml_of(imported: Imported) -> str:
    """The settings file of a stack that takes the roles over."""
    import yaml  # 20 ms, and only this needs it

    class Dumper(yaml.SafeDumper):
        """Quotes what other readers of YAML than Python's take for a number, such as ``1e3``."""

        def represent_str(self, data: str) -> yaml.ScalarNode:
            node: yaml.ScalarNode = super().represent_str(data)
            node.style = None if _PLAIN.fullmatch(data) and node.style is None else '"'
            return node

    Dumper.add_representer(str, Dumper.represent_str)
    body = yaml.dump(
        {"config": imported.configuration},
        Dumper=Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=100,
    )
    return SCHEMA + body


def report(imported: Imported, where: str) -> str:
    """What happened to each role, for people."""
    said = [
        f"taken      {each.role.arn}{_origin(each.role)}, as {each.entry['name']}"
        for each in imported.taken
    ]
    said += [
        f"rewritten  {each.role.arn}: the trust policy will be written anew; the same callers"
        for each in imported.taken
        if each.rewritten and not each.tightened
    ]
    said += [
        f"tightened  {each.role.arn}: accepts every audience of the provider today, and then only "
        f"{STS_AUDIENCE}"
        for each in imported.taken
        if each.tightened
    ]
    said += [
        f"left out   {each.role.arn}{_origin(each.role)}: {each.reason}"
        for each in imported.left_out
    ]
    others = f"; {_roles(imported.others)} of other clusters or none" if imported.others else ""
    said.append(
        f"{where}: {_roles(len(imported.taken))} taken, {len(imported.left_out)} left out{others}"
    )
    return lines(*said)


def as_json(imported: Imported) -> Json:
    """The same for programs."""
    return {
        "configuration": imported.configuration,
        "taken": [
            {
                "role": each.role.arn,
                "origin": each.role.origin,
                "entry": each.entry["name"],
                "trust_policy": _trust_policy(each),
            }
            for each in imported.taken
        ],
        "left_out": [
            {"role": each.role.arn, "origin": each.role.origin, "reason": each.reason}
            for each in imported.left_out
        ],
        "others": imported.others,
    }


def _trust_policy(taken: Taken) -> str:
    if taken.tightened:
        return "tightened"
    return "rewritten" if taken.rewritten else "unchanged"


def _roles(number: int) -> str:
    return "1 role" if number == 1 else f"{number} roles"


def _origin(role: ExistingRole) -> str:
    return f" ({role.origin})" if role.origin else ""
