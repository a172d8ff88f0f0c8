"""``python -m irsa audit``: check the service accounts of clusters and the roles of accounts.

Reads service accounts, roles and OIDC providers, or a saved account, or the state of a stack.
"""

import argparse
import json
from collections.abc import Sequence
from datetime import UTC, datetime

from irsa.audit.findings import AuditFacts, audit
from irsa.commands import cli
from irsa.commands.baseline import read_baseline, without_known
from irsa.commands.inventory_options import add_inventory_options, inventory
from irsa.commands.inventory_saved import SAVE
from irsa.commands.sarif import Result, report
from irsa.printable import code, lines, table
from irsa_core.identity.policy_json import Json
from irsa_core.rules.table import RULES, SEVERITIES, Finding


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    command.add_argument(
        "saved",
        nargs="?",
        metavar="FILE",
        help=f"all pages of what `{SAVE}` prints, instead of a cluster and an account; - is "
        "standard input",
    )
    add_inventory_options(command)
    command.add_argument(
        "--baseline",
        metavar="FILE",
        help="known findings, as YAML or JSON: rule, subject, owner and until (a date), and found "
        "where only that is known; they are left out until then",
    )


def run(options: argparse.Namespace) -> int:
    """Run the command; its exit code."""
    baseline = read_baseline(options.baseline) if options.baseline else []
    scan = inventory(options, saved=options.saved)
    findings, missing = audit(scan.facts), scan.missing
    if options.baseline:
        findings, notes = without_known(findings, baseline, datetime.now(UTC).date())
        missing = [*missing, *notes]
    if options.output == "json":
        print(cli.json_text(findings=[e.as_json() for e in findings], unchecked=missing))
    elif options.output == "sarif":
        print(json.dumps(sarif(findings, missing), indent=1))
    elif options.output == "markdown":
        print(markdown(scan.facts, findings, missing))
    else:
        print(text(scan.facts, findings, missing))
    if options.output in ("json", "sarif"):
        cli.complain("audit", *missing)
    if any(finding.severity != "note" for finding in findings):
        return cli.FAILS
    return cli.UNDECIDED if scan.unread else cli.HOLDS


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
    return lines(*report, _count(facts, findings), *missing)


def markdown(facts: AuditFacts, findings: Sequence[Finding], missing: Sequence[str] = ()) -> str:
    """Return the findings as a comment on a pull request, and what was not read or checked."""
    rows = [
        [
            f"**{finding.severity}**",
            f"[{finding.rule}]({RULES[finding.rule].page})",
            code(finding.title),
            f"{RULES[finding.rule].text}: {code(finding.found)}",
            code(finding.advice) if finding.advice else finding.remedy,
        ]
        for finding in findings
    ]
    listed = table(("severity", "rule", "where", "found", "remedy"), rows) if rows else ()
    return lines(f"**{_count(facts, findings)}**", "", *listed, "", *(f"- {e}" for e in missing))


def _count(facts: AuditFacts, findings: Sequence[Finding]) -> str:
    accounts = [account for cluster in facts.clusters for account in cluster.service_accounts]
    annotated = sum(bool(account.role_arn) for account in accounts)
    by_eks = len(facts.associations)
    read = [_number(annotated, "annotated service account")]
    read += [_number(by_eks, "Pod Identity association")] * bool(by_eks)
    judged = _number(len(facts.roles) + len(facts.untold), "role")
    if facts.untold:
        judged = f"{len(facts.roles)} of {judged}"
    kinds = [finding.severity for finding in findings]
    counts = [_number(kinds.count(kind), kind) for kind in SEVERITIES if kind in kinds]
    return (
        f"{', '.join(read)} and {judged} of account "
        f"{' and '.join(facts.accounts)}: {', '.join(counts) or 'no findings'}"
    )


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"


def sarif(findings: Sequence[Finding], missing: Sequence[str] = ()) -> Json:
    """Return the findings as SARIF."""
    results = [
        Result(e.rule, e.severity, e.title, f"{RULES[e.rule].text} ({e.found})", e.found)
        for e in findings
    ]
    return report("irsa audit", _SARIF_RULES, results, missing)


_SARIF_RULES = [
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
