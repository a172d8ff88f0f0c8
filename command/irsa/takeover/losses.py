"""Resources that a previewed `up` imports or creates, and deletes under another URN. Pure.

Pulumi deletes last and compares URNs alone: such an `up` is green, and the resource is gone.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from irsa.observe.pulumi import logical_name, output
from irsa.takeover.children import child_key, kind_of, part, physical_id
from irsa_core.identity.arns import account_of
from irsa_core.identity.policy_json import Json, mapping, mappings
from irsa_core.identity.pulumi_types import NEW, ROLE, USER
from irsa_core.rules.table import Finding

_IMPORTS = ("import", "import-replacement")
_CREATES = ("create", "create-replacement", "replace")
_DELETES = ("delete", "delete-replaced", "replace")


def losses(document: Json) -> Iterator[Finding]:
    """Yield a finding for each resource that a preview makes, and deletes under another URN."""
    made: dict[tuple[str, str], list[Json]] = defaultdict(list)
    families: dict[str, list[Json]] = defaultdict(list)
    gone: dict[str, Json] = {}
    read: dict[str, Json] = {}
    accounts: dict[str, str] = {}
    # The engine's own order differs between runs.
    for step in sorted(mappings(document.get("steps")), key=lambda step: str(step.get("urn"))):
        operation = step.get("op")
        old, new = mapping(step.get("oldState")), mapping(step.get("newState"))
        if operation in (*_IMPORTS, *_CREATES):
            name = physical_id(kind_of(new), mapping(new.get("inputs")))
            name = str(new.get("importID")) if operation in _IMPORTS else name
            made[kind_of(new), name].append(new)
            families[str(new.get("parent"))].append(new)
        if operation in _DELETES:
            gone[str(old.get("urn"))] = old
        elif operation == "update":  # after an import: what the provider has read
            read[str(old.get("urn"))] = old
        if account := account_of(output(old, "arn")):
            accounts[_provider(old)] = account
    pairs = {
        (str(new.get("urn")), urn): (new, old)
        for urn, old in gone.items()
        if _is_deleted(old, gone)
        for name in _ids(old) - {""}
        for new in made.get((kind_of(old), name), ())
        if new.get("urn") != urn
    }
    moved = {new: part(old) for new, old in pairs}
    for (urn, old_urn), (new, old) in pairs.items():
        same = _is_same(old, new, read.get(urn, {}), accounts)
        if same is not False:
            yield Finding(
                "imported-and-deleted" if same else "perhaps-deleted",
                f"{kind_of(old).rpartition(':')[2]} {old.get('id')}",
                f"{urn} has it during the `up`, which ends with the deletion of {old_urn}",
                _lines(old_urn, new, families[str(new.get("parent"))], moved),
            )


def _ids(state: Json) -> set[str]:
    properties = {**mapping(state.get("outputs")), **mapping(state.get("inputs"))}
    return {str(state.get("id", "")), physical_id(kind_of(state), properties)}


def _is_deleted(state: Json, gone: Mapping[str, Json]) -> bool:
    """Return False for a resource that stays in AWS when it leaves the stack."""
    states = [state, gone.get(str(state.get("deletedWith")), {})]
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


def _lines(old: str, new: Json, family: Sequence[Json], moved: Mapping[str, str]) -> str:
    """Return the lines with which a resource takes over what an old URN has."""
    component, _, name = part(str(new.get("parent"))).rpartition("$")[2].partition("::")
    if not component.startswith("irsa:"):
        return f"give it ResourceOptions(aliases=[{json.dumps(old)}]) instead of import_"
    owner = next((logical_name(child) for child in family if child.get("type") in (ROLE, USER)), "")
    keys = {child_key(child, owner): moved.get(str(child.get("urn")), NEW) for child in family}
    return (
        f"in {component.rpartition(':')[2]} {name!r}, remove imported or imported_id and write "
        f"taken_over={json.dumps(keys)}"
    )
