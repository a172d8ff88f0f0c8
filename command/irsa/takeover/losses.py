"""Resources that a previewed `up` imports or creates, and deletes under another URN. Pure.

Pulumi deletes last and compares URNs alone: such an `up` is green, and the resource is gone.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from irsa.identity.arns import account_of
from irsa.identity.policy_json import Json, mapping, mappings
from irsa.observe.pulumi import ROLE, logical_name, output
from irsa.rules.table import Finding
from irsa.takeover.children import NEW, USER, child_key, part, physical_id

_MAKES = ("import", "import-replacement", "create", "create-replacement")


class _Step(NamedTuple):
    place: int
    operation: str
    urn: str
    kind: str
    """Without the V2 of types that pulumi-aws has renamed."""
    state: Json
    """The new one of a resource that is made, the old one of one that is deleted."""


def losses(document: Json) -> Iterator[Finding]:
    """Yield a finding for each resource that a preview makes, and deletes under another URN."""
    made: dict[tuple[str, str], list[_Step]] = defaultdict(list)
    families: dict[object, dict[str, Json]] = defaultdict(dict)
    gone: dict[str, _Step] = {}
    read: dict[str, Json] = {}
    accounts: dict[str, str] = {}
    for place, each in enumerate(mappings(document.get("steps"))):
        operation, old = str(each.get("op")), mapping(each.get("oldState"))
        state = mapping(each.get("newState")) if operation in _MAKES else old
        urn, kind = str(state.get("urn")), str(state.get("type")).replace("V2", "")
        step = _Step(place, operation, urn, kind, state)
        if operation in _MAKES:
            name = state.get("importID") or physical_id(kind, mapping(state.get("inputs")))
            made[kind, str(name)].append(step)
            families[state.get("parent")][urn] = state
        elif operation in ("delete", "delete-replaced"):
            gone[urn] = step
        elif operation == "update":
            read[urn] = old  # after an import, what the provider has read
        if account := account_of(output(old, "arn")):
            accounts[_provider(old)] = account
    pairs = {
        (new.urn, old.urn): (new.state, old)
        for old in gone.values()
        if _is_deleted(old.state, gone)
        for name in _ids(old) - {""}
        for new in made.get((old.kind, name), ())
        # What is deleted before it is created anew is there afterwards.
        if old.operation == "delete" or old.place > new.place or "importID" in new.state
    }
    moved = {new: part(old) for new, old in pairs}
    for (urn, old_urn), (new, old) in pairs.items():
        same = _is_same(old.state, new, read.get(urn, {}), accounts)
        if same is not False:
            yield Finding(
                "imported-and-deleted" if same else "perhaps-deleted",
                f"{old.kind.rpartition(':')[2]} {old.state.get('id')}",
                f"{urn} has it during the `up`, which ends with the deletion of {old_urn}",
                _lines(urn, old_urn, families[new.get("parent")], moved),
            )


def _ids(old: _Step) -> set[str]:
    properties = {**mapping(old.state.get("outputs")), **mapping(old.state.get("inputs"))}
    return {str(old.state.get("id", "")), physical_id(old.kind, properties)}


def _is_deleted(state: Json, gone: Mapping[str, _Step]) -> bool:
    """Return False for a resource that stays in AWS when it leaves the stack."""
    owner = gone.get(str(state.get("deletedWith")))
    states = [state, owner.state if owner else {}]
    return not any(each.get("retainOnDelete") or each.get("external") for each in states)


def _is_same(old: Json, new: Json, read: Json, accounts: Mapping[str, str]) -> bool | None:
    """Return whether two resources of one id are one; None if that is not known. Two accounts may
    have roles of one name, and two providers may work in one account."""
    if _provider(old) == _provider(new):
        return True
    for one, another in (
        (_identity(old), _identity(read)),
        (accounts.get(_provider(old)), accounts.get(_provider(new))),
    ):
        if one and another:
            return one == another
    return None


def _provider(state: Json) -> str:
    """The URN of a resource's provider, whose id is not known before it exists."""
    return str(state.get("provider")).rpartition("::")[0]


def _identity(state: Json) -> object:
    metadata = mapping(mapping(state.get("outputs")).get("metadata"))
    return output(state, "arn") or metadata.get("uid")


def _lines(urn: str, old: str, family: Mapping[str, Json], moved: Mapping[str, str]) -> str:
    """Return the lines with which a resource takes over what an old URN has."""
    if urn == old:
        return "give it ResourceOptions(delete_before_replace=True)"
    component, _, name = part(str(family[urn].get("parent"))).rpartition("$")[2].partition("::")
    if not component.startswith("irsa:"):
        return f"give it ResourceOptions(aliases=[{json.dumps(old)}]) instead of import_"
    owner = next((logical_name(e) for e in family.values() if e.get("type") in (ROLE, USER)), "")
    keys = {child_key(each, owner): moved.get(child, NEW) for child, each in family.items()}
    return (
        f"in {component.rpartition(':')[2]} {name!r}, remove imported or imported_id and write "
        f"taken_over={json.dumps(keys)}"
    )
