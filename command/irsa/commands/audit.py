"""``python -m irsa audit``: check the service accounts of clusters and the roles of accounts.

Reads service accounts, roles and OIDC providers, or a saved account, or the state of a stack.
"""

import argparse
import json
from collections.abc import Sequence
from hashlib import sha256
from urllib.parse import quote

from irsa.audit.findings import AuditFacts, audit
from irsa.commands import cli
from irsa.commands.inventory_options import add_inventory_options, earlier_report, inventory
from irsa.commands.inventory_saved import SAVE
from irsa.identity.policy_json import Json
from irsa.inventory.rows import FINDINGS, changes
from irsa.printable import lines
from irsa.rules.table import RULES, Finding

SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
OUTPUTS = ("text", "json", "sarif")


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    command = cli.parser(
        "audit",
        "Check the service accounts of clusters and the roles of accounts.",
        outputs=OUTPUTS,
    )
    command.add_argument(
        "saved",
        nargs="?",
        metavar="FILE",
        help=f"all pages of what `{SAVE}` prints, instead of a cluster and an account; - is "
        "standard input",
    )
    add_inventory_options(command)
    return command


def run(options: argparse.Namespace) -> int:
    """Run the command; its exit code."""
    earlier = earlier_report(options.since, "audit", FINDINGS) if options.since else []
    given = inventory(options, saved=options.saved)
    findings, missing = audit(given.facts), given.missing
    if options.since:
        findings, counts = changes(findings, earlier, FINDINGS, given.unread)
        missing = [*missing, counts]
    if options.output == "json":
        print(json.dumps([finding.as_json() for finding in findings], indent=1))
    elif options.output == "sarif":
        print(json.dumps(sarif(findings, missing), indent=1))
    else:
        print(text(given.facts, findings, missing))
    for each in missing if options.output != "text" else ():
        cli.complain("audit", each)
    if any(each.severity != "note" for each in findings):
        return cli.FAILS
    return cli.UNDECIDED if given.unread else cli.HOLDS


def text(facts: AuditFacts, findings: Sequence[Finding], missing: Sequence[str] = ()) -> str:
    """Return the findings as text, and what was not read or checked."""
    report: list[str] = []
    for finding in findings:
        rule = RULES[finding.rule]
        report += [
            f"{rule.severity:<8} {finding.rule:<19} {finding.title}",
            f"         {rule.text}",
            f"         found   {finding.found}",
            f"         remedy  {finding.remedy}",
        ]
    annotated = sum(
        bool(account.role_arn) for each in facts.clusters for account in each.service_accounts
    )
    by_eks = f", {len(facts.associations)} Pod Identity associations" if facts.associations else ""
    report.append(
        f"{annotated} annotated service accounts{by_eks} and {len(facts.roles)} roles of account "
        f"{' and '.join(facts.accounts)}: {len(findings) or 'no'} findings"
    )
    return lines(*report, *missing)


def sarif(findings: Sequence[Finding], missing: Sequence[str] = ()) -> Json:
    """Return the findings as SARIF 2.1.0, with a notification for what was not read or checked.

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
            "message": {"text": f"{each.title}: {RULES[each.rule].text} ({each.found})"},
            # GitHub takes no file of which a result has no physical location.
            "locations": [
                {
                    "logicalLocations": [{"fullyQualifiedName": each.title}],
                    "physicalLocation": {
                        "artifactLocation": {"uri": quote(each.title)},
                        "region": {"startLine": 1},
                    },
                }
            ],
            "partialFingerprints": {
                "primaryLocationLineHash": sha256(f"{each.title} {each.found}".encode()).hexdigest()
            },
        }
        for each in findings
    ]
    driver = {"name": "irsa audit", "rules": rules}
    notifications = [{"level": "warning", "message": {"text": each}} for each in missing]
    invocation = {"executionSuccessful": True, "toolExecutionNotifications": notifications}
    return {
        "$schema": SARIF_SCHEMA,
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "invocations": [invocation], "results": results}],
    }
