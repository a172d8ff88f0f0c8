"""Resources in the JSON of Pulumi: a state or a preview. Pure.

https://github.com/pulumi/pulumi/blob/master/pkg/backend/display/json.go
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from irsa.identity.policy_json import Json
from irsa.observe.shapes import mapping, mappings

STABLE = ("arn", "bucket", "name", "uniqueId")
"""Outputs that no update changes: another value is another resource."""

NOT_OURS = "neither a `pulumi stack export` nor a `pulumi preview --json`"
WITHOUT_SAMES = "`pulumi preview --json --show-sames` has them"


class Listed(NamedTuple):
    """Resources as Pulumi writes them, with ``type``, ``urn``, ``inputs`` and ``outputs``."""

    resources: Sequence[Json]
    missing: str = ""
    """Reason why resources of the stack are missing; empty when none is."""


def resources_of(document: Json) -> Listed:
    """Return the resources of a stack as they are, or as they will be after the previewed `up`.

    ValueError for a document that is neither a state nor a preview.
    """
    if "steps" in document or "changeSummary" in document:
        return _digest_resources(document)
    resources = state_resources(document)
    if resources is None:
        raise ValueError(NOT_OURS)
    # What is marked has been replaced, and only waits for its deletion.
    return _listed(each for each in resources if not each.get("delete"))


def state_resources(document: Json) -> list[Json] | None:
    """The resources of a `pulumi stack export` or a state file; None for any other document."""
    deployment: object = document.get("deployment")
    if deployment is None:
        deployment = mapping(document.get("checkpoint")).get("latest")
    if mapping(deployment) is not deployment:
        return None
    return mappings(mapping(deployment).get("resources"))


def _listed(resources: Iterable[Json], missing: str = "") -> Listed:
    """Sort resources by URN: the engine's own order differs between runs."""
    return Listed(sorted(resources, key=lambda each: str(each.get("urn"))), missing)


def _digest_resources(document: Json) -> Listed:
    """Read a `preview --json`: without ``--show-sames`` it has the stack and the changes only."""
    steps = mappings(document.get("steps"))
    resources = {
        str(new.get("urn")): _state_after(step.get("op"), mapping(step.get("oldState")), new)
        for step in steps
        if (new := mapping(step.get("newState")))
    }
    for each in mappings(document.get("diagnostics")):
        if each.get("severity") == "error":
            message = str(each.get("message")).strip().removeprefix("error: ")
            return _listed(resources.values(), f"the preview failed: {message}")
    unchanged = mapping(document.get("changeSummary")).get("same", 0)
    shown = sum(step.get("op") == "same" for step in steps)
    if isinstance(unchanged, int) and unchanged > shown:
        missing = f"the preview leaves {unchanged - shown} unchanged resources out; {WITHOUT_SAMES}"
        return _listed(resources.values(), missing)
    return _listed(resources.values())


def _state_after(operation: object, old: Json, new: Json) -> Json:
    """Return a resource after its step, which has only the new outputs."""
    before = mapping(old.get("outputs"))
    if operation == "update":
        before = {name: before[name] for name in STABLE if name in before}
    elif operation != "same":
        before = {}
    return {**new, "outputs": {**before, **mapping(new.get("outputs"))}}
