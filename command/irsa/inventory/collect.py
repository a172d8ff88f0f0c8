"""The audit of a cluster and an account of which not all was read. Pure.

A rule that needs a missing fact finds nothing, and is named.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from irsa.audit.findings import AuditFacts, audit
from irsa.rules.table import Finding

NEED_LIST = ("deleted-provider", "other-cluster")
"""Rules that need to know which OIDC providers the account has."""
NEED_DETAILS = ("client-ids", "thumbprint")
"""Rules that need to know how an OIDC provider is registered."""
NEED_ASSOCIATIONS = ("disabled-tags", "no-agent")
"""Rules that need to know the Pod Identity associations of the cluster."""
NEED_POLICIES = ("forged-tags", "pass-any-role")
"""Rules that need to know the permissions policies of roles."""


class Unchecked(NamedTuple):
    """Rules that were not checked."""

    rules: tuple[str, ...]
    why: str
    """The missing input, and the option that gives it."""

    @property
    def text(self) -> str:
        """The whole in one line."""
        return f"not checked: {', '.join(self.rules)}: {self.why}"


@dataclass(frozen=True, slots=True)
class Gaps:
    """Missing facts of a cluster and an account; a text is the option or permission that gives
    them."""

    list_missing: str = ""
    """The option that gives the list of all; empty when it is known."""
    details_missing: str = ""
    """The option that gives details; empty when those of all providers are known."""
    undetailed: frozenset[str] | None = frozenset()
    """ARNs of the providers without details; None when it is all of them."""
    policies_missing: str = ""
    """The option that reads the policies of a stack's roles; empty when they are known."""
    associations_missing: str = ""
    pods_missing: str = ""
    permissions_missing: str = ""

    @property
    def unchecked(self) -> list[Unchecked]:
        """The rules that cannot be checked, or not for every provider."""
        gaps = (
            (NEED_LIST, self.list_missing),
            (NEED_DETAILS, self.details_missing),
            (("foreign-policy", "foreign-key"), self.policies_missing),
            (NEED_ASSOCIATIONS, self.associations_missing),
            (("no-agent",), self.pods_missing),
            (NEED_POLICIES, self.permissions_missing),
        )
        return [Unchecked(rules, why) for rules, why in gaps if why]


def audited(facts: AuditFacts, gaps: Gaps) -> Sequence[Finding]:
    """The findings that rest on known facts."""
    return [each for each in audit(facts) if not _rests_on(each, gaps)]


def _rests_on(finding: Finding, gaps: Gaps) -> bool:
    if finding.rule in NEED_LIST:
        return bool(gaps.list_missing)
    if finding.rule not in NEED_DETAILS:
        return False
    return gaps.undetailed is None or finding.subject.rpartition(" ")[2] in gaps.undetailed
