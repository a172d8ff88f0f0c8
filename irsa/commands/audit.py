"""``python -m irsa audit``: check the service accounts of a cluster and the roles of an account.

Reads service accounts, roles and OIDC providers, files saved from them, or the state of a stack.
"""

import argparse
import json
import time
from collections.abc import Sequence

from irsa.audit.findings import AuditFacts, Finding
from irsa.audit.table import RULES
from irsa.commands import cli
from irsa.commands.inventory_sources import add_sources, read, sources
from irsa.commands.printable import lines
from irsa.identity.arns import account_of, parse_role_arn
from irsa.identity.eks import ROLE_ARN_ANNOTATION
from irsa.identity.policy_json import Json
from irsa.inventory.collect import Gaps, Unchecked, audited
from irsa.observe.facts import Role, ServiceAccount
from irsa.observe.files import read_stack
from irsa.observe.previews import resources_of
from irsa.observe.pulumi_resources import accounts_of, issuers_of, providers_of, roles_of

SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
OUTPUTS = ("text", "json", "sarif")


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    command = cli.parser(
        "audit",
        "Check the service accounts of a cluster and the roles of an account.",
        outputs=OUTPUTS,
    )
    command.add_argument(
        "--stack",
        metavar="STACK|FILE",
        help="the roles and service accounts of a Pulumi stack: its name, or a file with its state "
        "or with a preview as JSON, instead of a cluster and an account",
    )
    add_sources(command)
    return command


STACK_ALONE = Gaps(
    "the stack lists its own OIDC providers only; run without --stack for those of the account"
)


def run(options: argparse.Namespace) -> int:
    """Run the command; its exit code."""
    if options.stack:
        facts, gaps = stack_facts(options.stack, options.issuer), STACK_ALONE
    else:
        with sources(options) as opened:
            found = read(options, opened, policies=False)
        facts, gaps = found.facts, found.gaps
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


def stack_facts(stack: str, issuer_url: str | None) -> AuditFacts:
    """Return the roles of a stack, and the service accounts that are annotated with them.

    Raises `cli.Stop` for a stack without roles, or without the issuer of its cluster.
    """
    try:
        resources = resources_of(read_stack(stack)).resources
    except ValueError as error:
        raise cli.Stop(f"{stack}: {error}") from None
    roles = [
        Role(each.arn, "", each.trust_policy)
        for each in roles_of(resources)
        if parse_role_arn(each.arn) and not isinstance(each.trust_policy, str)
    ]
    if not roles:
        raise cli.Stop(f"{stack}: it has no IAM role whose ARN and trust policy are known")
    issuers = [issuer_url] if issuer_url else issuers_of(resources)
    if not issuers:
        raise cli.Stop(f"{stack}: it has no cluster and no OIDC provider; give --issuer")
    arns = {role.arn for role in roles}
    return AuditFacts(
        issuer_url=issuers[0],
        account=account_of(roles[0].arn),
        service_accounts=[
            ServiceAccount(each.namespace, each.name, {ROLE_ARN_ANNOTATION: each.role_arn})
            for each in accounts_of(resources)
            if each.role_arn in arns
        ],
        roles=roles,
        providers=providers_of(resources),
        now=time.time(),
    )


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
    report.append(
        f"{annotated} annotated service accounts and {len(facts.roles)} roles of account "
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
