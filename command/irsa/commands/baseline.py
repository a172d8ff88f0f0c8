"""Known findings of ``irsa audit``, each with an owner, until a date."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches

import yaml

from irsa.commands import cli
from irsa.observe.files import read_text
from irsa_core.identity.policy_json import as_list, mapping
from irsa_core.rules.table import RULES, Finding

_NEEDED = ("rule", "subject", "owner", "until")


@dataclass(frozen=True, slots=True)
class BaselineEntry:
    """A known finding."""

    rule: str
    subject: str
    found: str
    """Empty: whatever the rule finds there."""
    until: date

    def covers(self, finding: Finding) -> bool:
        """Return whether a finding is this one."""
        same = (self.rule, self.subject) == (finding.rule, finding.subject)
        return same and self.found in ("", finding.found)


def read_baseline(file: str) -> list[BaselineEntry]:
    """Read a file of known findings; raises `cli.Stop` for any other."""
    try:
        document: object = yaml.safe_load(read_text(file))
    except yaml.YAMLError:
        document = ""
    entries: list[BaselineEntry] = []
    for number, row in enumerate(map(mapping, as_list(document)), 1):
        start = f"--baseline {file}: entry {number}"
        if missing := [key for key in _NEEDED if not row.get(key)]:
            raise cli.Stop(f"{start} has no {missing[0]}; each has rule, subject, owner and until")
        rule, until = row["rule"], row["until"]
        if rule not in RULES:
            near = get_close_matches(str(rule), RULES, 1, cutoff=0)[0]
            raise cli.Stop(f"{start}: {rule!r} is no rule of audit; the nearest is {near}")
        try:
            day = date.fromisoformat(str(until))
        except ValueError:
            text = f"{start}: until {until!r} is not a date; write it as 2027-03-31"
            raise cli.Stop(text) from None
        entries.append(BaselineEntry(rule, str(row["subject"]), str(row.get("found", "")), day))
    return entries


def without_known(
    findings: Sequence[Finding], entries: Sequence[BaselineEntry], today: date
) -> tuple[list[Finding], list[str]]:
    """Return the findings that are not known, and lines about the others."""
    valid = [entry for entry in entries if entry.until >= today]
    left = [f for f in findings if not any(entry.covers(f) for entry in valid)]
    gone = sum(not any(entry.covers(f) for f in findings) for entry in entries)
    notes = [f"baseline: {len(findings) - len(left)} known, {gone} entries without a finding"]
    late = [e for e in entries if e.until < today and any(e.covers(f) for f in findings)]
    return left, notes + [
        f"baseline: {e.rule} of {e.subject} was known until {e.until}" for e in late
    ]
