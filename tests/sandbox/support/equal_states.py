"""Two states of one program, compared resource by resource: what a stand-in leaves, and the
published plugin."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from sandbox.providers.values import DEFAULTS, changes

State = Mapping[str, dict[str, Any]]
"""The resources of a stack by their URNs."""

_NOT_COMPARED = {"created", "id", "modified", "sourcePosition", "stackTrace"}
"""When, under which id, and by which line of whose source a resource was made."""

_RANDOM = (
    (re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(?:Z|\+00:00)"), "<time>"),
    (re.compile(r"\bAROA[A-Z0-9]{12,}"), "<role id>"),
    (re.compile(r"\bsg-[0-9a-f]{8,}"), "<the cluster's own group>"),
    (re.compile(r"\bsgr-[0-9a-f]+"), "<rule id>"),
    (re.compile(r"(:addon/[^/\"]+/[^/\"]+/)[0-9a-f-]+"), r"\1<uuid>"),
    (re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "<uid>"),
    (re.compile(r"\bpulumi-kubernetes-[0-9a-f]{8}\b"), "<field manager>"),
    (re.compile(r"\beks\.\d+"), "<EKS's own version>"),
)
"""What AWS, Kubernetes and the engine make up at every run."""


class Difference(NamedTuple):
    """Something that is not the same in both states."""

    resource: str
    """Logical name."""

    path: str
    """Where in the resource, or nothing for a resource that one of them lacks."""

    ours: Any
    theirs: Any

    def __str__(self) -> str:
        return (
            f"{self.resource} {self.path}: {_short(self.ours)} ours, {_short(self.theirs)} theirs"
        )


def resources(deployment: Mapping[str, Any]) -> State:
    """The resources of an exported stack."""
    return {each["urn"]: each for each in deployment["resources"]}


def differences(ours: State, theirs: State) -> Iterator[Difference]:
    """What differs, but for what no two runs have in common: times, ids, made-up names."""
    for urn in sorted(ours.keys() ^ theirs.keys()):
        yield Difference(urn.rpartition("::")[2], "", urn in ours, urn in theirs)
    urns = sorted(ours.keys() & theirs.keys())
    left_names, right_names = _made_up(ours, theirs), _made_up(theirs, ours)
    for urn in urns:
        left, right = _settled(ours[urn], left_names), _settled(theirs[urn], right_names)
        for change in changes(left, right):
            yield Difference(
                urn.rpartition("::")[2],
                change.path,
                _at(left, change.path),
                _at(right, change.path),
            )


def _made_up(state: State, other: State) -> dict[str, str]:
    """The ids of the state's resources, and names that nobody gave, where the other has others."""
    names: dict[str, str] = {}
    for urn in state.keys() & other.keys():
        resource, logical = state[urn], urn.rpartition("::")[2]
        if "id" in resource and resource["id"] != other[urn].get("id"):
            names[resource["id"]] = f"<id of {logical}>"
        inputs = resource.get("inputs", {})
        if "name" in inputs.get(DEFAULTS, ()):
            names[inputs["name"]] = f"<name of {logical}>"
    return names


def _settled(resource: Mapping[str, Any], made_up: Mapping[str, str]) -> dict[str, Any]:
    """The resource with names in place of what is another at each run."""
    compared = {k: v for k, v in resource.items() if k not in _NOT_COMPARED}
    compared["dependencies"] = sorted(compared.get("dependencies", ()))
    compared["propertyDependencies"] = {
        name: sorted(urns or ()) for name, urns in compared.get("propertyDependencies", {}).items()
    }
    text = json.dumps(compared)
    for made, name in made_up.items():
        text = text.replace(made, name)
    for pattern, name in _RANDOM:
        text = pattern.sub(name, text)
    return json.loads(text)


def _at(value: Any, path: str) -> Any:
    for name, quoted, index in re.findall(r'([^.\[\]"]+)(?=[.\[]|$)|\["([^"]+)"\]|\[(\d+)\]', path):
        try:
            value = (
                value[int(index)] if index and isinstance(value, list) else value[name or quoted]
            )
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) < 200 else f"{text[:200]}…"
