"""Resources that a previewed `up` imports or creates, and deletes under another URN. Pure.

Pulumi deletes last and compares URNs alone: such an `up` is green, and the resource is gone.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from irsa.observe.pulumi import StateResource, typed
from irsa.takeover.children import child_key, part, physical_id
from irsa_core.identity.arns import account_of
from irsa_core.identity.policy_json import Json, mapping, mappings
from irsa_core.identity.pulumi_types import NEW, ROLE, USER
from irsa_core.rules.table import Finding

_IMPORTS = ("import", "import-replacement")
_CREATES = ("create", "create-replacement", "replace")
_DELETES = ("delete", "delete-replaced", "replace")


def losses(document: Json) -> Iterator[Finding]:
    """Yield a finding for each resource that a preview makes, and deletes under another URN."""
    made: dict[tuple[str, str], list[StateResource]] = defaultdict(list)
    families: dict[str, list[StateResource]] = defaultdict(list)
    gone: dict[str, StateResource] = {}
    read: dict[str, StateResource] = {}
    accounts: dict[str, str] = {}
    # The engine's own order differs between runs.
    for step in sorted(mappings(document.get("steps")), key=lambda step: str(step.get("urn"))):
        operation = step.get("op")
        old, new = (StateResource(mapping(step.get(e))) for e in ("oldState", "newState"))
        if operation in (*_IMPORTS, *_CREATES):
            name = physical_id(new.kind, new.inputs)
            name = str(new.state.get("importID")) if operation in _IMPORTS else name
            made[new.kind, name].append(new)
            families[new.parent].append(new)
        if operation in _DELETES:
            gone[old.urn] = old
        elif operation == "update":  # after an import: what the provider has read
            read[old.urn] = old
        if account := account_of(old.output("arn")):
            accounts[old.provider] = account
    pairs = {
        (new.urn, urn): (new, old)
        for urn, old in gone.items()
        if _is_deleted(old, gone)
        for name in {old.id, physical_id(old.kind, {**old.outputs, **old.inputs})} - {""}
        for new in made.get((old.kind, name), ())
        if new.urn != urn
    }
    moved = {new: part(old) for new, old in pairs}
    for (urn, old_urn), (new, old) in pairs.items():
        same = _is_same(old, new, read.get(urn, StateResource({})), accounts)
        if same is not False:
            yield Finding(
                "imported-and-deleted" if same else "perhaps-deleted",
                f"{old.kind.rpartition(':')[2]} {old.id}",
                f"{urn} has it during the `up`, which ends with the deletion of {old_urn}",
                _lines(old_urn, new, families[new.parent], moved),
            )


def _is_deleted(resource: StateResource, gone: Mapping[str, StateResource]) -> bool:
    """Return False for a resource that stays in AWS when it leaves the stack."""
    owner = gone.get(str(resource.state.get("deletedWith")), resource)
    states = (resource.state, owner.state)
    return not any(each.get("retainOnDelete") or each.get("external") for each in states)


def _is_same(
    old: StateResource, new: StateResource, read: StateResource, accounts: Mapping[str, str]
) -> bool | None:
    """Return whether two resources of one id are one; None if that is not known. Two accounts may
    have roles of one name, and two providers may work in one account."""
    if old.provider == new.provider:
        return True
    for one, another in (
        (_identity(old), _identity(read)),
        (accounts.get(old.provider), accounts.get(new.provider)),
    ):
        if one and another:
            return one == another
    return None


def _identity(resource: StateResource) -> object:
    return resource.output("arn") or mapping(resource.outputs.get("metadata")).get("uid")


def _lines(
    old: str, new: StateResource, family: Sequence[StateResource], moved: Mapping[str, str]
) -> str:
    """Return the lines with which a resource takes over what an old URN has."""
    component, _, name = part(new.parent).rpartition("$")[2].partition("::")
    if not component.startswith("irsa:"):
        return f"give it ResourceOptions(aliases=[{json.dumps(old)}]) instead of import_"
    owner = next((child.name for child in typed(family, ROLE, USER)), "")
    keys = {child_key(child, owner): moved.get(child.urn, NEW) for child in family}
    return (
        f"in {component.rpartition(':')[2]} {name!r}, remove imported or imported_id and write "
        f"taken_over={json.dumps(keys)}"
    )
