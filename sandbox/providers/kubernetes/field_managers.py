"""Managers of an object's fields, as in pulumi-kubernetes 4.29 and later. Pure.

It creates objects as `CREATOR`, without server-side apply, and changes them with server-side apply
as a manager of the resource's own. Before a change, that manager takes over what the creator, or a
person with kubectl, has set. A ``…Patch`` resource is applied at once and takes nothing over.
https://kubernetes.io/docs/reference/using-api/server-side-apply/#managers
"""

import secrets
from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

Entry = Mapping[str, Any]
"""One entry of ``metadata.managedFields``."""

CREATOR = "pulumi-kubernetes"

# By the beginning of a manager's name: `kubectl` is `kubectl-edit` and `kubectl-annotate` too.
_TAKEN_OVER = (
    ("kubectl", "Apply"),
    ("kubectl", "Update"),
    ("before-first-apply", "Update"),
    (CREATOR, "Update"),
    ("pulumi-resource-kubernetes", "Update"),
)


def new_manager() -> str:
    """A name for one resource's manager, different every time."""
    return f"{CREATOR}-{secrets.token_hex(4)}"


def taken_over(entries: Sequence[Entry], manager: str) -> list[Entry] | None:
    """``managedFields`` after ``manager`` took over, or None where there is nothing to take."""
    own = [each for each in entries if _is_own(each, manager)]
    others = [each for each in entries if each not in own and not _is_taken_over(each)]
    taken = [each for each in entries if each not in own and _is_taken_over(each)]
    if not taken:
        return None
    fields = reduce(_union, (each["fieldsV1"] for each in (*own, *taken)))
    mine = {**[*own, *taken][0], "manager": manager, "operation": "Apply", "fieldsV1": fields}
    return [*others, mine]


def made_without_apply(entries: Sequence[Entry]) -> bool:
    """Return True if the creator still owns its fields: no change since the creation."""
    return any(each["manager"] == CREATOR and each["operation"] == "Update" for each in entries)


def _is_own(entry: Entry, manager: str) -> bool:
    return (
        entry["manager"] == manager
        and entry["operation"] == "Apply"
        and not entry.get("subresource")
    )


def _is_taken_over(entry: Entry) -> bool:
    return not entry.get("subresource") and any(
        entry["manager"].startswith(name) and entry["operation"] == operation
        for name, operation in _TAKEN_OVER
    )


def _union(left: Mapping[str, Any], right: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _union(left.get(key, {}), right.get(key, {})) for key in {**left, **right}}
