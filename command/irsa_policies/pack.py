"""The pack: a policy for each rule."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyConfigSchema,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    Severity,
    StackValidationArgs,
    StackValidationPolicy,
)

from irsa.identity.arns import name_of
from irsa.identity.policy_json import Json
from irsa.observe.shapes import mapping
from irsa.printable import lines
from irsa.rules.finding import Finding
from irsa.rules.table import Rule
from irsa_policies import config
from irsa_policies.one_resource import PROVIDER, ROLE, findings_of, names_of
from irsa_policies.one_stack import SERVICE_ACCOUNT, Reported, Stack, service_account_of
from irsa_policies.properties import resource_json, stack_json
from irsa_policies.rules import BEFORE_THE_POD, OF_STACKS, PACK

LEVELS = {
    "error": EnforcementLevel.MANDATORY,
    "warning": EnforcementLevel.ADVISORY,
    "note": EnforcementLevel.ADVISORY,
}
_SEVERITIES = {"error": Severity.HIGH, "warning": Severity.MEDIUM, "note": Severity.LOW}


def policies() -> list[Policy]:
    """One policy a rule, in the table's order."""
    return [_policy(name, rule) for name, rule in PACK.items()]


def _policy(name: str, rule: Rule) -> Policy:
    common: dict[str, Any] = {
        "name": name,
        "description": rule.text,
        "enforcement_level": LEVELS[rule.severity],
        "severity": _SEVERITIES[rule.severity],
        "remediation_steps": rule.remedy,
        "url": rule.page,
        "config_schema": PolicyConfigSchema(config.schema_of(name)),
    }
    if name in BEFORE_THE_POD:
        return _InBothForms(name, common)
    if name in OF_STACKS:
        return StackValidationPolicy(validate=_stack_check(name), **common)
    return ResourceValidationPolicy(validate=_resource_check(name), **common)


class _InBothForms(ResourceValidationPolicy, StackValidationPolicy):
    """A rule of stacks that is asked before a service account is made, too.

    The engine asks of a whole stack when everything is made. The roles of a new stack come before
    the service accounts that name them, so each is judged with what came before it.
    """

    def __init__(self, rule: str, common: Mapping[str, Any]) -> None:
        Policy.__init__(self, **common)
        self._rule = rule
        self._before: dict[str, Json] = {}
        self._said: set[tuple[str, str | None]] = set()

    def has_validation(self) -> bool:
        """True: it checks and changes nothing."""
        return True

    def has_remediation(self) -> bool:
        """False: it checks and changes nothing."""
        return False

    def validate(self, args: Any, report_violation: ReportViolation) -> None:
        """Check a stack, or a service account with the roles that came before it."""

        def report(message: str, urn: str | None = None) -> None:
            if (message, urn) not in self._said:
                self._said.add((message, urn))
                report_violation(message, urn)

        if isinstance(args, StackValidationArgs):
            _stack_check(self._rule)(args, report)
        elif args.resource_type in (ROLE, PROVIDER):
            self._before[args.urn] = resource_json(args)
        elif args.resource_type == SERVICE_ACCOUNT:
            resource = resource_json(args)
            stack = Stack(list(self._named_by(resource)), time.time())
            _report(self._rule, stack.check_service_account(resource), args.get_config(), report)

    def _named_by(self, resource: Json) -> Iterator[Json]:
        """Yield the OIDC providers, and the roles of the name that a service account names."""
        account = service_account_of(resource)
        name = name_of(account.role_arn) if account else ""
        for each in self._before.values():
            if each["type"] == PROVIDER or mapping(each["outputs"]).get("name") == name:
                yield each


def _resource_check(rule: str) -> Callable[[ResourceValidationArgs, ReportViolation], None]:
    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        if args.resource_type not in (ROLE, PROVIDER):
            return
        resource, settings = resource_json(args), args.get_config()
        found = findings_of(resource, quota=config.quota_of(settings))
        reported = (Reported(each, args.urn, names_of(resource)) for each in found)
        _report(rule, reported, settings, report)

    return validate


def _stack_check(rule: str) -> Callable[[StackValidationArgs, ReportViolation], None]:
    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        stack = Stack(list(stack_json(args.resources)), time.time())
        _report(rule, stack.findings(), args.get_config(), report)

    return validate


def _report(rule: str, found: Iterable[Reported], settings: Any, report: ReportViolation) -> None:
    for each in dict.fromkeys(found):
        if each.finding.rule == rule and not config.is_excepted(settings, each.urn, each.names):
            report(message_of(each.finding), each.urn)


def message_of(finding: Finding) -> str:
    """Return finding, reason and remedy as three lines; the SDK puts the rule's own
    text before it."""
    own = finding.remedy if finding.verified else finding.advice
    return lines(
        f"found   {finding.subject}: {finding.found}",
        f"why     {PACK[finding.rule].why}",
        f"remedy  {own or PACK[finding.rule].remedy}",
    )
