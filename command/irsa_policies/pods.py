"""Pods that have an access key beside their role. Pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from irsa.identity.outputs import UNKNOWN_OUTPUT
from irsa.identity.policy_json import Json
from irsa.observe.pod_spec import containers, environment
from irsa.observe.shapes import mapping
from irsa.rules.finding import Finding

KINDS = {
    "kubernetes:core/v1:Pod": (),
    "kubernetes:apps/v1:Deployment": ("template", "spec"),
    "kubernetes:apps/v1:StatefulSet": ("template", "spec"),
    "kubernetes:apps/v1:DaemonSet": ("template", "spec"),
    "kubernetes:apps/v1:ReplicaSet": ("template", "spec"),
    "kubernetes:batch/v1:Job": ("template", "spec"),
    "kubernetes:batch/v1:CronJob": ("jobTemplate", "spec", "template", "spec"),
}
"""Kinds that create Pods, and the path of the Pods' spec under ``spec``."""

_OBJECTS = {"kubernetes:core/v1:Secret": "Secret", "kubernetes:core/v1:ConfigMap": "ConfigMap"}
_KEY = "AWS_ACCESS_KEY_ID"


def findings(
    resources: Sequence[Json], with_role: Collection[tuple[str, str]]
) -> Iterator[tuple[str, Finding]]:
    """URN and finding of each; ``with_role`` are namespaces and names of service accounts."""
    for resource in resources:
        path = KINDS.get(str(resource["type"]))
        if path is None:
            continue
        fields = mapping(resource.get("outputs"))
        metadata, spec = mapping(fields.get("metadata")), mapping(fields.get("spec"))
        for name in path:
            spec = mapping(spec.get(name))
        namespace = str(metadata.get("namespace", "default"))
        if (namespace, str(spec.get("serviceAccountName") or "default")) not in with_role:
            continue
        subject = f"{str(resource['type']).rpartition(':')[2]} {namespace}/{metadata.get('name')}"
        urn = str(resource["urn"])
        try:
            found = list(_keys(spec, _objects(resources, namespace)))
        except (AttributeError, KeyError, TypeError):
            # No Pod's form, or a part of it is still to come.
            when = "known after `up`" if UNKNOWN_OUTPUT in str(spec) else "not of a Pod's form"
            text = f"not checked yet: the variables of its containers are {when}"
            yield urn, Finding("not-checked", subject, text)
            continue
        yield from ((urn, Finding("key-and-role", subject, text)) for text in found)


def _keys(spec: Json, objects: Mapping[tuple[str, str], Mapping[str, None]]) -> Iterator[str]:
    for container in containers(spec):
        given = environment(container.spec, objects)
        # An empty one is none to the SDKs.
        if _KEY in given and given[_KEY].value != "":
            source = given[_KEY]
            where = f" from {source.kind} {source.object}" if source.object else ""
            yield f"container {container.name} has {_KEY}{where}"


def _objects(
    resources: Sequence[Json], namespace: str
) -> dict[tuple[str, str], Mapping[str, None]]:
    """The keys of the namespace's ConfigMaps and Secrets that are in the stack, without values."""
    objects: dict[tuple[str, str], Mapping[str, None]] = {}
    for resource in resources:
        kind = _OBJECTS.get(str(resource["type"]))
        fields = mapping(resource.get("outputs"))
        metadata = mapping(fields.get("metadata"))
        if kind and str(metadata.get("namespace", "default")) == namespace:
            keys = {**mapping(fields.get("data")), **mapping(fields.get("stringData"))}
            objects[kind, str(metadata.get("name"))] = dict.fromkeys(keys)
    return objects
