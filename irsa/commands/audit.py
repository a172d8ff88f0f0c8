"""``python -m irsa audit``: every annotated service account of a cluster against IAM.

Reads the service accounts of the cluster and the roles and OIDC providers of one account.
"""

import argparse
import json
import time
from collections.abc import Sequence

from irsa.chain.audit.findings import AuditFacts, Finding, audit
from irsa.chain.audit.table import RULES
from irsa.commands import cli
from irsa.commands.printable import lines
from irsa.identity.policy_json import Json
from irsa.observe.aws import Aws
from irsa.observe.facts import Unread
from irsa.observe.kubernetes import Cluster

SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
OUTPUTS = ("text", "json", "sarif")


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    command = cli.parser(
        "audit", "Check every service account and role of a cluster.", outputs=OUTPUTS
    )
    cli.add_sources(command)
    return command


def run(options: argparse.Namespace) -> int:
    """Run the command; its exit code."""
    with Cluster(options.context) as cluster, Aws(region=options.region) as aws:
        facts = read(cluster, aws)
    if isinstance(facts, Unread):
        raise cli.Stop(facts.text, cli.UNDECIDED)
    findings = audit(facts)
    if options.output == "json":
        print(json.dumps([finding.as_json() for finding in findings], indent=1))
    elif options.output == "sarif":
        print(json.dumps(sarif(findings), indent=1))
    else:
        print(text(facts, findings))
    return cli.FAILS if any(each.severity != "note" for each in findings) else cli.HOLDS


def read(cluster: Cluster, aws: Aws) -> AuditFacts | Unread:
    """Everything that an audit looks at, or the first fact that could not be read."""
    issuer_url = cluster.issuer_url()
    service_accounts = cluster.service_accounts()
    account = aws.account
    if isinstance(account, Unread):
        return account
    roles, providers = aws.roles(), aws.providers(account)
    if isinstance(issuer_url, Unread):
        return issuer_url
    if isinstance(service_accounts, Unread):
        return service_accounts
    if isinstance(roles, Unread):
        return roles
    if isinstance(providers, Unread):
        return providers
    return AuditFacts(
        issuer_url=issuer_url,
        account=account,
        service_accounts=service_accounts,
        roles=roles,
        providers=providers,
        now=time.time(),
    )


def text(facts: AuditFacts, findings: Sequence[Finding]) -> str:
    """The findings for people."""
    report: list[str] = []
    for finding in findings:
        rule = RULES[finding.rule]
        report += [
            f"{rule.severity:<8} {finding.rule:<19} {finding.subject}",
            f"         {rule.text}",
            f"         found   {finding.found}",
            f"         remedy  {finding.remedy}",
        ]
    annotated = sum(bool(account.role_arn) for account in facts.service_accounts)
    report.append(
        f"{annotated} annotated service accounts and {len(facts.roles)} roles of account "
        f"{facts.account}: {len(findings) or 'no'} findings"
    )
    return lines(*report)


def sarif(findings: Sequence[Finding]) -> Json:
    """The findings as SARIF 2.1.0.

    https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
    """
    rules = [
        {
            "id": key,
            "shortDescription": {"text": rule.text},
            "fullDescription": {"text": rule.why},
            "help": {"text": rule.remedy},
            "helpUri": rule.page,
            "defaultConfiguration": {"level": rule.severity},
        }
        for key, rule in RULES.items()
    ]
    results = [
        {
            "ruleId": each.rule,
            "level": each.severity,
            "message": {"text": f"{each.subject}: {RULES[each.rule].text} ({each.found})"},
            "locations": [{"logicalLocations": [{"fullyQualifiedName": each.subject}]}],
        }
        for each in findings
    ]
    driver = {"name": "irsa audit", "rules": rules}
    return {
        "$schema": SARIF_SCHEMA,
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": results}],
    }
