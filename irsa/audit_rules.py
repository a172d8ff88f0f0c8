"""What an audit looks for in service accounts and in the trust policies of roles. Pure.

Each rule is a row of `RULES`; findings come out sorted by severity.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from irsa.chain_facts import ROLE_ARN, STS_AUDIENCE
from irsa.chaining_links import orphaned_principals
from irsa.evaluate import Verdict
from irsa.facts import AUDIENCE_ANNOTATION, Json, Provider, Role, ServiceAccount, Token
from irsa.judgement import Judgement, principals, statements, trusts_token

SEVERITIES = ("error", "warning", "note")


class Rule(NamedTuple):
    """One thing that an audit looks for."""

    severity: str
    text: str
    remedy: str


RULES = {
    "everyone": Rule(
        "error",
        "the trust policy lets everyone assume the role",
        "name the principal, or narrow the statement with a condition",
    ),
    "no-sub": Rule(
        "error",
        "no condition on sub: every service account of the cluster may assume the role",
        "add StringEquals <issuer>:sub with the service account's subject",
    ),
    "broad-sub": Rule(
        "error",
        "the pattern on sub matches service accounts of other namespaces",
        "spell the namespace out, up to its colon: system:serviceaccount:NAMESPACE:…",
    ),
    "weak-operator": Rule(
        "error",
        "the operator on sub or aud holds when the key is absent, or for all but some values",
        "use StringEquals, or StringLike for a pattern",
    ),
    "orphaned-principal": Rule(
        "error",
        "the trust policy names a principal that was deleted (IAM shows its unique id)",
        "write the trust policy again with the ARN of the role as it is now",
    ),
    "role-missing": Rule(
        "error",
        "the annotation names a role that does not exist",
        "create the role, or correct the annotation",
    ),
    "annotation": Rule(
        "error", "the annotation is not the ARN of a role", "annotate the role's ARN"
    ),
    "trust-mismatch": Rule(
        "error",
        "the role's trust policy does not allow the service account",
        "python -m irsa verify names the condition and prints the remedy",
    ),
    "no-aud": Rule(
        "warning",
        "no condition on aud: a token for any audience of the provider is taken",
        "add StringEquals <issuer>:aud sts.amazonaws.com",
    ),
    "whole-namespace": Rule(
        "warning",
        "the pattern on sub matches every service account of the namespace",
        "name the service accounts, or a prefix of theirs",
    ),
    "deleted-provider": Rule(
        "warning",
        "the trust policy names an OIDC provider that is not registered",
        "remove the statement, or register the provider again",
    ),
    "root-principal": Rule(
        "warning",
        "the trust policy delegates to a whole account, without a condition",
        "name the role, or add ArnEquals aws:PrincipalArn",
    ),
    "no-external-id": Rule(
        "warning",
        "another account may assume the role without an external id or a named role",
        "add StringEquals sts:ExternalId, or name the role",
    ),
    "unused-role": Rule(
        "note",
        "the role trusts this cluster, and no service account is annotated with it",
        "annotate the service account, or delete the role",
    ),
    "other-account": Rule(
        "note",
        "the annotation names a role of another account, which was not looked at",
        "run the audit with that account's credentials, too",
    ),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a rule found."""

    rule: str
    subject: str
    """``service account dev/s3-app`` or ``role arn:…``."""
    found: str

    @property
    def severity(self) -> str:
        """``error``, ``warning`` or ``note``."""
        return RULES[self.rule].severity

    def as_json(self) -> Json:
        """The finding for ``--output json``."""
        rule = RULES[self.rule]
        return {
            "rule": self.rule,
            "severity": rule.severity,
            "subject": self.subject,
            "text": rule.text,
            "found": self.found,
            "remedy": rule.remedy,
        }


@dataclass(frozen=True, kw_only=True)
class AuditFacts:
    """A cluster and an account."""

    issuer_url: str
    account: str
    service_accounts: Sequence[ServiceAccount]
    roles: Sequence[Role]
    providers: Sequence[Provider]
    now: float


def audit(facts: AuditFacts) -> list[Finding]:
    """All findings, the severest first."""
    found = [*_of_service_accounts(facts), *_of_roles(facts)]
    order = list(RULES)
    return sorted(
        found, key=lambda f: (SEVERITIES.index(f.severity), order.index(f.rule), f.subject)
    )


def _of_service_accounts(facts: AuditFacts) -> Iterator[Finding]:
    roles = {role.arn: role for role in facts.roles}
    for account in facts.service_accounts:
        if not account.role_arn:
            continue
        subject = f"service account {account.namespace}/{account.name}"
        if not ROLE_ARN.fullmatch(account.role_arn):
            yield Finding("annotation", subject, account.role_arn)
        elif account.role_arn.split(":")[4] != facts.account:
            yield Finding("other-account", subject, account.role_arn)
        elif account.role_arn not in roles:
            yield Finding("role-missing", subject, account.role_arn)
        else:
            judged = judge(facts, roles[account.role_arn], account)
            if judged.verdict is Verdict.DENY:
                yield Finding("trust-mismatch", subject, f"{account.role_arn}: {judged.text}")


def judge(facts: AuditFacts, role: Role, account: ServiceAccount) -> Judgement:
    """Whether a role trusts a service account of this cluster, by its trust policy alone."""
    audience = account.annotations.get(AUDIENCE_ANNOTATION, STS_AUDIENCE)
    claims = {
        "iss": facts.issuer_url,
        "sub": account.subject,
        "aud": [audience],
        "iat": facts.now - 1,
        "exp": facts.now + 600,
    }
    return trusts_token(role, Token("", {}, claims), session_name="irsa-audit", now=facts.now)


def _of_roles(facts: AuditFacts) -> Iterator[Finding]:
    used = {account.role_arn for account in facts.service_accounts}
    registered = {provider.arn for provider in facts.providers}
    issuer = facts.issuer_url.removeprefix("https://")
    for role in facts.roles:
        subject = f"role {role.arn}"
        for number, statement in enumerate(statements(role.trust_policy), start=1):
            if statement.get("Effect") != "Allow":
                continue
            for rule, found in _of_statement(statement, role, registered):
                yield Finding(rule, subject, f"statement {number}: {found}")
        trusted = {arn.partition("/")[2] for arn in _federated(role.trust_policy)}
        if issuer in trusted and role.arn not in used:
            yield Finding("unused-role", subject, issuer)


def _of_statement(statement: Json, role: Role, registered: set[str]) -> Iterator[tuple[str, str]]:
    conditions: Json = statement.get("Condition", {})
    federated = [arn for arn in principals(statement, "Federated") if ":oidc-provider/" in arn]
    everyone = statement.get("Principal") == "*" or "*" in principals(statement, "AWS")
    if everyone and not conditions:
        yield "everyone", "Principal *"
    for arn in federated:
        if arn not in registered:
            yield "deleted-provider", arn
    if federated:
        yield from _of_web_identity(conditions)
    for id_ in orphaned_principals({"Statement": [statement]}):
        yield "orphaned-principal", id_
    keys = {key.lower() for block in conditions.values() for key in block}
    for principal in principals(statement, "AWS"):
        account = _account_of(principal)
        whole = principal in (account, f"arn:{role.arn.split(':')[1]}:iam::{account}:root")
        if whole and not conditions:
            yield "root-principal", principal
        elif whole and account != role.account and not keys & _NARROWING:
            yield "no-external-id", principal


_NARROWING = {"sts:externalid", "aws:principalarn", "aws:principalorgid"}
_ACCOUNT = re.compile(r"(?:arn:aws[a-z-]*:iam::)?([0-9]{12})(?::.*)?")
_WEAK = re.compile(r"^ForAllValues:|Not|IfExists$", re.IGNORECASE)


def _of_web_identity(conditions: Mapping[str, Json]) -> Iterator[tuple[str, str]]:
    """What is wrong with the conditions on the token's claims."""
    seen: set[str] = set()
    for operator, block in conditions.items():
        for key, value in block.items():
            claim = key.rpartition(":")[2].lower()
            if claim not in ("sub", "aud"):
                continue
            seen.add(claim)
            if _WEAK.search(operator):
                yield "weak-operator", f"{operator} {key}"
            elif claim == "sub" and operator.lower().endswith("like"):
                values: list[str] = [value] if isinstance(value, str) else value
                yield from _of_patterns(values)
    if "sub" not in seen:
        yield "no-sub", f"conditions on {', '.join(sorted(seen)) or 'nothing'}"
    if "aud" not in seen:
        yield "no-aud", f"conditions on {', '.join(sorted(seen)) or 'nothing'}"


def _of_patterns(values: Sequence[str]) -> Iterator[tuple[str, str]]:
    for value in values:
        fixed = re.split(r"[*?]", value, maxsplit=1)[0]
        if fixed == value:
            continue
        if not re.fullmatch(r"system:serviceaccount:[^:]+:.*", fixed):
            yield "broad-sub", value
        elif not value[len(fixed) :].strip("*?") and fixed.endswith(":"):
            yield "whole-namespace", value


def _federated(document: Json) -> Iterator[str]:
    for statement in statements(document):
        if statement.get("Effect") == "Allow":
            yield from principals(statement, "Federated")


def _account_of(principal: str) -> str:
    found = _ACCOUNT.fullmatch(principal)
    return found[1] if found else ""
