"""Comparison of a program under two providers: the differences, and the list that explains them."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import pulumi.automation as automation

from irsa_sandbox.providers.values import DEFAULTS

MISSING = "(missing)"

Resources = Mapping[tuple[str, str], Mapping[str, Any]]
"""Resources, or steps of the engine, by their type and their URN."""


State = Mapping[str, Mapping[str, Any]]
"""The resources of a stack, whole, by their URNs."""

_NOT_COMPARED = {"created", "id", "modified", "sourcePosition", "stackTrace"}
"""Times, ids and source positions of a resource."""

_RANDOM = (
    (r"\d{4}-\d\d-\d\dT[\d:.]+(?:Z|\+00:00)", "<time>"),
    (r"(AKIA|AIDA|ANPA|AROA)[A-Z0-9]{12,}", r"\1<id>"),
    (r"\bsg-[0-9a-f]{8,}", "<the cluster's own group>"),
    (r"\bsgr-[0-9a-f]+", "<rule id>"),
    (r"(:(?:addon|nodegroup)/[^/\"]+/[^/\"]+/)[0-9a-f-]+", r"\1<uuid>"),
    (r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "<uid>"),
    (r"\bpulumi-kubernetes-[0-9a-f]{8}\b", "<field manager>"),
    (r"\b(eks-[^/\"]+)-[0-9a-f]{8}\b", r"\1-<id>"),
    (r"\beks\.\d+", "<EKS's own version>"),
    (r"\b(oidc\.eks\.[a-z0-9-]+\.amazonaws\.com/id/)[A-F0-9]{32}", r"\1<id>"),
    (r"https://127\.0\.0\.1:\d+", "<the cluster's address>"),
)
"""Values that AWS, Kubernetes, the sandbox and the engine generate each time."""


class Difference(NamedTuple):
    """One value that is not the same on both sides; `MISSING` where a side has none."""

    type: str
    name: str
    path: str
    attached: Any
    published: Any


class Written(NamedTuple):
    """Differences that are as they are, and why."""

    resource: str
    """A regular expression for ``TYPE::NAME``, as is the next one for the path."""

    path: str
    reason: str

    def covers(self, found: Difference) -> bool:
        resource = f"{found.type}::{found.name}"
        return bool(re.fullmatch(self.resource, resource) and re.fullmatch(self.path, found.path))


def differences(attached: Resources, published: Resources) -> list[Difference]:
    found: list[Difference] = []
    for kind, urn in sorted({*attached, *published}):
        sides = (side.get((kind, urn), MISSING) for side in (attached, published))
        name = urn.rpartition("::")[2]
        found += [Difference(kind, name, *each) for each in _differences("", *sides)]
    return found


def unwritten(found: Sequence[Difference], written: Sequence[Written]) -> list[Difference]:
    """The differences that no entry of the list covers."""
    return [each for each in found if not any(entry.covers(each) for entry in written)]


def state_of(deployment: Mapping[str, Any]) -> State:
    """The resources of an exported stack."""
    return {each["urn"]: each for each in deployment["resources"]}


def settled(ours: State, theirs: State) -> tuple[Resources, Resources]:
    """Both without what no two runs have in common: times, ids, made-up names."""
    return _settled(ours, theirs), _settled(theirs, ours)


class Steps:
    """Listens to a run of the engine for what it does to resources, and why."""

    def __init__(self) -> None:
        self.taken: dict[tuple[str, str], dict[str, Any]] = {}

    def __call__(self, event: automation.EngineEvent) -> None:
        # Only the second kind says what a refresh has found.
        told = event.resource_pre_event or event.res_outputs_event
        step = told and told.metadata
        if step and step.op not in ("same", "read", "refresh"):
            # A replacement is several steps on one URN.
            self.taken[step.type, step.urn] = {
                **self.taken.get((step.type, step.urn), {}),
                str(step.op.value): {
                    "keys": sorted(step.keys or []),
                    "diffs": sorted(step.diffs or []),
                    "detailed": {
                        path: difference.diff_kind.value
                        for path, difference in (step.detailed_diff or {}).items()
                    },
                },
            }


def _differences(path: str, one: Any, other: Any) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted({*one, *other}):
            inner = f"{path}.{key}".lstrip(".")
            yield from _differences(inner, one.get(key, MISSING), other.get(key, MISSING))
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, both in enumerate(zip(one, other, strict=True)):
            yield from _differences(f"{path}[{number}]", *both)
    elif one != other:
        yield path, one, other


def _settled(state: State, other: State) -> Resources:
    made_up = _made_up(state, other)
    things: dict[tuple[str, str], dict[str, Any]] = {}
    for urn, resource in state.items():
        compared = {k: v for k, v in resource.items() if k not in _NOT_COMPARED}
        compared["dependencies"] = sorted(compared.get("dependencies", ()))
        compared["propertyDependencies"] = {
            name: sorted(urns or ())
            for name, urns in compared.get("propertyDependencies", {}).items()
        }
        text = json.dumps(compared)
        for made, name in made_up.items():
            text = text.replace(made, name)
        for pattern, name in _RANDOM:
            text = re.sub(pattern, name, text)
        things[resource["type"], urn] = json.loads(text)
    return things


def _made_up(state: State, other: State) -> dict[str, str]:
    """The ids and generated names of a state's resources, where the other state differs."""
    names: dict[str, str] = {}
    for urn in state.keys() & other.keys():
        resource, logical = state[urn], urn.rpartition("::")[2]
        if "id" in resource and resource["id"] != other[urn].get("id"):
            names[resource["id"]] = f"<id of {logical}>"
        inputs = resource.get("inputs", {})
        for given in ("name", "nodeGroupName"):
            if given in inputs.get(DEFAULTS, ()):
                names[inputs[given]] = f"<name of {logical}>"
    # An id may have a name within: the longer one first.
    return dict(sorted(names.items(), key=lambda each: -len(each[0])))
