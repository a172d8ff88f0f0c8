"""The rules of an audit, from audit_rules.yaml. Pure."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from irsa_core import tables
from irsa_core.identity.policy_json import Json

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
"""The severest first; SARIF's levels."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that an audit looks for."""

    severity: Severity
    text: str
    """The finding."""
    why: str
    """The attack that it allows, or the failure."""
    remedy: str
    """The remedy. It never allows more callers."""
    page: str
    """The page of AWS on which the rule rests."""


RULES = tables.rows(Rule, tables.load(Path(__file__).with_name("audit_rules.yaml"))["rules"])
"""The rules by name, the severest first."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a rule found."""

    rule: str
    subject: str
    """``service account dev/s3-app``, ``role arn:…``, ``user arn:…`` or ``OIDC provider arn:…``."""
    found: str
    advice: str = ""
    """The remedy, if it is not the rule's."""
    cluster: str = ""
    """The context of its cluster, where several clusters are audited; empty for what is the
    account's alone."""
    account: str = ""
    """The account of the role, the user, the provider or the cluster."""

    @property
    def title(self) -> str:
        """The subject with its cluster."""
        return f"{self.subject} in cluster {self.cluster}" if self.cluster else self.subject

    @property
    def severity(self) -> Severity:
        """The rule's."""
        return RULES[self.rule].severity

    @property
    def remedy(self) -> str:
        """The remedy."""
        return self.advice or RULES[self.rule].remedy

    def as_json(self) -> Json:
        """The finding for ``--output json``."""
        rule = RULES[self.rule]
        return {
            "rule": self.rule,
            "severity": rule.severity,
            "cluster": self.cluster or None,
            "account": self.account,
            "subject": self.subject,
            "text": rule.text,
            "why": rule.why,
            "found": self.found,
            "remedy": self.remedy,
            "page": rule.page,
        }
