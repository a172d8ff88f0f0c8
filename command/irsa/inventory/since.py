"""A report of `audit` or `list` against an earlier one of the same command. Pure."""

import json
from collections.abc import Collection, Sequence
from typing import NamedTuple, TypeVar

from irsa.identity.policy_json import Json
from irsa.inventory.rows import Row
from irsa.rules.finding import Finding

T = TypeVar("T", Finding, Row)


class Fields(NamedTuple):
    """The fields of an entry of a report that are compared."""

    key: tuple[str, ...]
    """Those that make it the same one."""
    value: tuple[str, ...] = ()
    """Those that change it."""


FINDINGS = Fields(("rule", "cluster", "subject", "found"))
ROWS = Fields(
    ("cluster", "namespace", "name"),
    ("identities", "pods_without_role", "secrets_not_read", "findings"),
)
"""Times, numbers of calls and names of Pods change without a change of the service account."""


def changes(
    entries: Sequence[T], earlier: Sequence[Json], fields: Fields, unread: Collection[str]
) -> tuple[list[T], str]:
    """Return the entries that are new or changed, and a line with the number of the others.

    What was reported of a cluster or account that is ``unread`` now is not counted as gone.
    """

    def picked(entry: Json, names: Sequence[str]) -> str:
        return json.dumps([entry.get(name) for name in names])

    before = {picked(each, fields.key): each for each in earlier}
    reported = [(each, each.as_json()) for each in entries]
    now = {picked(entry, fields.key): (each, entry) for each, entry in reported}
    fresh = [
        each
        for name, (each, entry) in now.items()
        if name not in before or picked(before[name], fields.value) != picked(entry, fields.value)
    ]
    gone = sum(
        name not in now and not {each.get("cluster"), each.get("account")}.intersection(unread)
        for name, each in before.items()
    )
    same = len(now) - len(fresh)
    return fresh, f"against --since: {len(fresh)} new or changed, {same} unchanged, {gone} gone"
