"""The pack: a policy for each rule."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyConfigSchema,
    PolicyProviderResource,
    PolicyResource,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    Severity,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError

from irsa.identity.arns import account_of, is_account_id, name_of
from irsa.identity.policy_json import UNKNOWN_OUTPUT, Json, mapping
from irsa.observe.pulumi import PROVIDER, ROLE, SERVICE_ACCOUNT
from irsa.printable import lines
from irsa.rules.table import Finding, Rule
from irsa_policies.one_resource import findings_of, names_of
from irsa_policies.one_stack import Reported, Stack, service_account_of
from irsa_policies.rules import BEFORE_THE_POD, OF_STACKS, PACK, is_excepted, quota_of, schema_of


def plain(value: object) -> Any:
    """The value with ordinary dicts and lists, and `UNKNOWN_OUTPUT` for unknown values."""
    if isinstance(value, Mapping):
        return {str(key): _looked_up(value, key) for key in cast("Mapping[object, object]", value)}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_looked_up(value, index) for index in range(len(value))]
    return value


def _looked_up(container: Any, key: object) -> Any:
    try:
        return plain(container[key])
    except UnknownValueError:
        return UNKNOWN_OUTPUT


def resource_json(args: ResourceValidationArgs) -> Json:
    """A resource before it is made, as `irsa.observe.pulumi` reads one."""
    fields = plain(args.props)
    return {
        "type": args.resource_type,
        "urn": args.urn,
        "outputs": fields,
        "account": _account(fields, args.provider),
    }


def stack_json(resources: Sequence[PolicyResource]) -> Iterator[Json]:
    """The resources of a stack, in the same form."""
    for each in resources:
        fields = plain(each.props)
        yield {
            "type": each.resource_type,
            "urn": each.urn,
            "parent": each.parent.urn if each.parent else None,
            "outputs": fields,
            "account": _account(fields, each.provider),
            "depends": {
                name: [one.urn for one in on] for name, on in each.property_dependencies.items()
            },
        }


def _account(fields: Json, provider: PolicyProviderResource | None) -> str:
    """The account that a resource is in: its ARN says so, or the only one that its AWS provider
    may work in; empty when neither does."""
    arn = fields.get("arn")
    if isinstance(arn, str) and is_account_id(account_of(arn)):
        return account_of(arn)
    settings = mapping(plain(provider.props)) if provider else {}
    allowed = settings.get("allowedAccountIds")
    try:
        listed: object = json.loads(allowed) if isinstance(allowed, str) else allowed
    except ValueError:
        return ""
    accounts = cast("list[object]", listed) if isinstance(listed, list) else []
    return str(accounts[0]) if len(accounts) == 1 and is_account_id(str(accounts[0])) else ""


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
        "config_schema": PolicyConfigSchema(schema_of(name)),
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
        found = findings_of(resource, quota=quota_of(settings))
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
        if each.finding.rule == rule and not is_excepted(settings, each.urn, each.names):
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
