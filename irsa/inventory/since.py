"""A report of `audit` or `list` against an earlier one of the same command. Pure."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from irsa.audit.findings import Finding
from irsa.identity.policy_json import Json
from irsa.inventory.rows import Row

T = TypeVar("T", Finding, Row)

FINDING = ("rule", "cluster", "subject", "found")
"""The fields that make a finding the same one."""
ROW = ("cluster", "namespace", "name")
COMPARED = ("identities", "pods_without_role", "secrets_not_read", "findings")
"""The fields of a row that change it; times, numbers of calls and names of Pods do not."""


@dataclass(frozen=True)
class Changes(Generic[T]):
    """The entries that differ from those of an earlier report, and the number of the others."""

    fresh: Sequence[T]
    """New or changed."""
    unchanged: int
    gone: int

    @property
    def text(self) -> str:
        """The numbers in one line."""
        return (
            f"against --since: {len(self.fresh)} new or changed, {self.unchanged} unchanged, "
            f"{self.gone} gone"
        )


def new_findings(
    findings: Sequence[Finding], earlier: Sequence[Json], unread: Collection[str]
) -> Changes[Finding]:
    """Compare findings. What was found earlier in a cluster or account that is ``unread`` now is
    not counted as gone."""
    return _changes(findings, earlier, unread, FINDING, ())


def new_rows(rows: Sequence[Row], earlier: Sequence[Json], unread: Collection[str]) -> Changes[Row]:
    """Compare service accounts, as `new_findings` does."""
    return _changes(rows, earlier, unread, ROW, COMPARED)


def _changes(
    entries: Sequence[T],
    earlier: Sequence[Json],
    unread: Collection[str],
    key: Sequence[str],
    compared: Sequence[str],
) -> Changes[T]:
    def picked(entry: Json, names: Sequence[str]) -> str:
        return json.dumps([entry.get(name) for name in names])

    before = {picked(each, key): each for each in earlier}
    now = {picked(each.as_json(), key): each for each in entries}
    fresh = [
        each
        for name, each in now.items()
        if name not in before or picked(before[name], compared) != picked(each.as_json(), compared)
    ]
    gone = [
        each
        for name, each in before.items()
        if name not in now and not {each.get("cluster"), each.get("account")}.intersection(unread)
    ]
    return Changes(fresh, len(now) - len(fresh), len(gone))
