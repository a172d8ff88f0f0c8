"""``python -m irsa audit``: check the service accounts of a cluster and the roles of an account.

Reads service accounts, roles and OIDC providers, files saved from them, or the state of a stack.
"""

import argparse
import json
from collections.abc import Sequence

from irsa.audit.findings import AuditFacts, Finding
from irsa.audit.table import RULES
from irsa.commands import cli
from irsa.commands.inventory_sources import add_sources, read, sources
from irsa.commands.printable import lines
from irsa.identity.policy_json import Json
from irsa.inventory.collect import Unchecked, audited

SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
OUTPUTS = ("text", "json", "sarif")


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    command = cli.parser(
        "audit",
        "Check the service accounts of a cluster and the roles of an account.",
        outputs=OUTPUTS,
    )
    add_sources(command)
    return command


def run(options: argparse.Namespace) -> int:
    """Run the command; its exit code."""
    with sources(options) as opened:
        facts, _, gaps, *_ = read(options, opened)
    findings, unchecked = audited(facts, gaps), gaps.unchecked
    if options.output == "json":
        print(json.dumps([finding.as_json() for finding in findings], indent=1))
    elif options.output == "sarif":
        print(json.dumps(sarif(findings, unchecked), indent=1))
    else:
        print(text(facts, findings, unchecked))
    for each in unchecked if options.output != "text" else ():
        cli.complain("audit", each.text)
    return cli.FAILS if any(each.severity != "note" for each in findings) else cli.HOLDS


def text(
    facts: AuditFacts, findings: Sequence[Finding], unchecked: Sequence[Unchecked] = ()
) -> str:
    """Return the findings as text, and the rules that were not checked."""
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
    by_eks = f", {len(facts.associations)} Pod Identity associations" if facts.associations else ""
    report.append(
        f"{annotated} annotated service accounts{by_eks} and {len(facts.roles)} roles of account "
        f"{facts.account}: {len(findings) or 'no'} findings"
    )
    report += [each.text for each in unchecked]
    return lines(*report)


def sarif(findings: Sequence[Finding], unchecked: Sequence[Unchecked] = ()) -> Json:
    """Return the findings as SARIF 2.1.0, with a notification for rules that were not checked.

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
    notifications = [{"level": "warning", "message": {"text": each.text}} for each in unchecked]
    invocation = {"executionSuccessful": True, "toolExecutionNotifications": notifications}
    return {
        "$schema": SARIF_SCHEMA,
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "invocations": [invocation], "results": results}],
    }
