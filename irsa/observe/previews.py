"""Resources in the JSON of Pulumi: a state, a preview, a log of the engine's events. Pure.

The forms, and what each leaves out, from the engine's source:
https://github.com/pulumi/pulumi/blob/master/pkg/backend/display/json.go (`preview --json`, and its
lines under PULUMI_ENABLE_STREAMING_JSON_PREVIEW, which `--event-log` writes as well),
https://github.com/pulumi/pulumi/blob/master/sdk/go/common/apitype/events.go
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from irsa.identity.policy_json import Json
from irsa.observe.shapes import mapping, mappings

STABLE = ("arn", "bucket", "name", "uniqueId")
"""Outputs that no update changes: another value is another resource."""

NOT_OURS = (
    "neither a `pulumi stack export`, nor a `pulumi preview --json`, nor the lines of an event log"
)
WITHOUT_SAMES = "`pulumi preview --json --show-sames` has them"


@dataclass(frozen=True, slots=True)
class Listed:
    """Resources as Pulumi writes them, with ``type``, ``urn``, ``inputs`` and ``outputs``."""

    resources: Sequence[Json]
    missing: str = ""
    """Reason why resources of the stack are missing; empty when none is."""


def resources_of(documents: Sequence[Json]) -> Listed:
    """Return the resources of a stack as they are, or as they will be after the previewed `up`.

    ``documents`` are the JSON objects of one file: an event log has one a line, all else has one in
    all. ValueError for anything else.
    """
    if any(_event(each) for each in documents):
        return _event_resources(documents)
    if len(documents) != 1:
        raise ValueError(NOT_OURS)
    [document] = documents
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
        str(step["newState"].get("urn")): _state_after(
            step.get("op"), step["oldState"], step["newState"]
        )
        for step in map(_with_states, steps)
        if step["newState"]
    }
    errors = [
        _message(each)
        for each in mappings(document.get("diagnostics"))
        if each.get("severity") == "error"
    ]
    if errors:
        return _listed(resources.values(), f"the preview failed: {errors[0]}")
    unchanged = mapping(document.get("changeSummary")).get("same", 0)
    shown = sum(step.get("op") == "same" for step in steps)
    if isinstance(unchanged, int) and unchanged > shown:
        missing = f"the preview leaves {unchanged - shown} unchanged resources out; {WITHOUT_SAMES}"
        return _listed(resources.values(), missing)
    return _listed(resources.values())


def _message(diagnostic: Json) -> str:
    """Return a diagnostic's message without the engine's colour marks."""
    return _COLOUR.sub("", str(diagnostic.get("message"))).strip().removeprefix("error: ")


_COLOUR = re.compile(r"<\{%[^%]*%\}>")


def _with_states(step: Json) -> Json:
    return {
        **step,
        "oldState": mapping(step.get("oldState")),
        "newState": mapping(step.get("newState")),
    }


def _event(document: Json) -> str:
    """Return the kind of an engine event, such as ``summaryEvent``; empty for another document."""
    return next((key for key in document if key.endswith("Event") and "sequence" in document), "")


def _event_resources(documents: Sequence[Json]) -> Listed:
    """Read an event log, which has every resource; the last event of each counts."""
    resources: dict[str, Json] = {}
    summary: Json | None = None
    errors: list[str] = []
    for document in documents:
        kind = _event(document)
        event = mapping(document.get(kind))
        step = mapping(event.get("metadata"))
        old, new = mapping(step.get("old")), mapping(step.get("new"))
        if kind == "summaryEvent":
            summary = event
        elif kind == "diagnosticEvent" and event.get("severity") == "error":
            errors.append(_message(event))
        elif kind == "resOpFailedEvent" and old:
            resources[str(step.get("urn"))] = old  # as it was before
        elif kind in ("resourcePreEvent", "resOutputsEvent") and new:
            resources[str(step.get("urn"))] = _state_after(step.get("op"), old, new)
    return _listed(resources.values(), _unfinished(summary, errors))


def _unfinished(summary: Json | None, errors: Sequence[str]) -> str:
    if errors:
        return f"the run failed: {errors[0]}"
    if summary is None:
        return "the log ends before the run does"
    result = summary.get("result", "succeeded")
    return "" if result == "succeeded" else f"the run {result}"


def _state_after(operation: object, old: Json, new: Json) -> Json:
    """Return a resource after its step, which has only the new outputs."""
    before = mapping(old.get("outputs"))
    if operation == "update":
        before = {name: before[name] for name in STABLE if name in before}
    elif operation != "same":
        before = {}
    return {**new, "outputs": {**before, **mapping(new.get("outputs"))}}
