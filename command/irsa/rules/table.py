"""The rules of an audit, from irsa/data/audit_rules.yaml. Pure."""

from dataclasses import dataclass
from typing import Literal

from irsa import data

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


RULES = data.rows(Rule, data.load("audit_rules.yaml")["rules"])
"""The rules by name, the severest first."""
