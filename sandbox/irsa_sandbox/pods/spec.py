"""Content of a Pod's volumes and environment. Pure: a lookup gives objects, tokens are only named.

https://kubernetes.io/docs/concepts/storage/projected-volumes/
https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/
"""

import base64
import json
import re
from collections.abc import Callable
from typing import NamedTuple

from irsa.observe.pod_spec import expand, object_sources
from irsa_core.identity.policy_json import Json

DEFAULT_MODE = 0o644
DEFAULT_TOKEN_SECONDS = 3600  # the API server's default for a serviceAccountToken projection

Lookup = Callable[[str, str], Json | None]
"""``lookup(kind, name)``: a ConfigMap or Secret of the Pod's namespace, or None."""

_KEYED_FIELD = re.compile(r"metadata\.(?P<field>labels|annotations)\['(?P<key>[^']+)'\]")


class PodNotReady(Exception):
    """A container cannot start; reason and message are the real kubelet's."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.message = message


class ProjectedToken(NamedTuple):
    """A service-account token that a volume asks for."""

    audience: str | None
    """None stands for the API server itself."""

    seconds: int
    """Lifetime."""


class VolumeFile(NamedTuple):
    """One file of a volume."""

    content: bytes | ProjectedToken
    mode: int
    from_config_map: bool = False


Files = dict[str, VolumeFile]


def volume_files(volume: Json, pod: Json, lookup: Lookup) -> Files:
    """The files of a volume by relative path; none for an emptyDir or a kind not known here.

    Raises `PodNotReady` when a ConfigMap, a Secret or a key that must be there is missing.
    """
    if projected := volume.get("projected"):
        mode = projected.get("defaultMode", DEFAULT_MODE)
        files: Files = {}
        for source in projected.get("sources") or ():
            files |= _source_files(source, mode, pod, lookup)
        return files
    source = volume.get("secret") or volume.get("configMap") or volume.get("downwardAPI") or {}
    return _source_files(volume, source.get("defaultMode", DEFAULT_MODE), pod, lookup)


def environment(container: Json, pod: Json, lookup: Lookup) -> dict[str, str]:
    """A container's variables, references expanded.

    A ``resourceFieldRef`` is left out: a local process has no limits. Raises `PodNotReady` when
    something that a variable is read from is missing.
    """
    variables: dict[str, str] = {}
    for source in container.get("envFrom") or ():
        for kind, name, reference in object_sources(source):
            prefix = source.get("prefix", "")
            for key, value in _env_data(kind, name, reference, lookup).items():
                variables[prefix + key] = _text(value)
    for variable in container.get("env") or ():
        if "valueFrom" in variable:
            value = _value_from(variable["valueFrom"], pod, lookup)
            if value is not None:
                variables[variable["name"]] = value
        else:
            variables[variable["name"]] = expand(variable.get("value", ""), variables)
    return variables


def _source_files(source: Json, mode: int, pod: Json, lookup: Lookup) -> Files:
    if token := source.get("serviceAccountToken"):
        seconds = token.get("expirationSeconds", DEFAULT_TOKEN_SECONDS)
        return {
            token["path"]: VolumeFile(ProjectedToken(token.get("audience") or None, seconds), mode)
        }
    for kind, name, object_source in object_sources(source):
        return _object_files(kind, name, object_source, mode, lookup)
    files: Files = {}
    for item in (source.get("downwardAPI") or {}).get("items") or ():
        if reference := item.get("fieldRef"):
            content = _field(pod, reference["fieldPath"]).encode()
            files[item["path"]] = VolumeFile(content, item.get("mode", mode))
    return files


def _object(kind: str, name: str, reference: Json, lookup: Lookup, reason: str) -> Json:
    """The object, empty for an optional one that is missing; raises `PodNotReady`."""
    found = lookup(kind, name)
    if found is None and not reference.get("optional"):
        raise PodNotReady(reason, f'{kind.lower()} "{name}" not found')
    return found or {}


def _object_files(kind: str, name: str, source: Json, mode: int, lookup: Lookup) -> Files:
    data = _data(kind, _object(kind, name, source, lookup, "ContainerCreating"))
    every_key: list[Json] = [{"key": key, "path": key} for key in data]
    files: Files = {}
    for item in source.get("items") or every_key:
        if item["key"] in data:
            content = data[item["key"]]
            files[item["path"]] = VolumeFile(content, item.get("mode", mode), kind == "ConfigMap")
        elif not source.get("optional"):
            what = f'{kind.lower()} "{name}" references non-existent key: {item["key"]}'
            raise PodNotReady("ContainerCreating", what)
    return files


def _value_from(source: Json, pod: Json, lookup: Lookup) -> str | None:
    if reference := source.get("fieldRef"):
        return _field(pod, reference["fieldPath"])
    for kind, name, reference in object_sources(source):
        data = _env_data(kind, name, reference, lookup)
        if reference["key"] in data:
            return _text(data[reference["key"]])
        if not reference.get("optional"):
            where = f"{kind} {pod['metadata']['namespace']}/{name}"
            message = f"couldn't find key {reference['key']} in {where}"
            raise PodNotReady("CreateContainerConfigError", message)
    return None


def _env_data(kind: str, name: str, reference: Json, lookup: Lookup) -> dict[str, bytes]:
    found = _object(kind, name, reference, lookup, "CreateContainerConfigError")
    return _data(kind, {"data": found.get("data")})  # a variable never has binaryData


def _data(kind: str, obj: Json) -> dict[str, bytes]:
    data = obj.get("data") or {}
    if kind == "Secret":
        return {key: base64.b64decode(value) for key, value in data.items()}
    binary = obj.get("binaryData") or {}
    texts = {key: value.encode() for key, value in data.items()}
    return texts | {key: base64.b64decode(value) for key, value in binary.items()}


def _field(pod: Json, path: str) -> str:
    """A field of the Pod as the downward API writes it. The API server takes no other path."""
    metadata = pod["metadata"]
    if keyed := _KEYED_FIELD.fullmatch(path):
        return (metadata.get(keyed["field"]) or {}).get(keyed["key"], "")
    if path in ("metadata.labels", "metadata.annotations"):
        pairs = metadata.get(path.removeprefix("metadata.")) or {}
        return "\n".join(f"{key}={json.dumps(value)}" for key, value in sorted(pairs.items()))
    # `status.podIPs` and `status.hostIPs` have one address here, as the singular.
    part, _, name = path.removesuffix("s").partition(".")
    return pod.get(part, {}).get(name) or ""


def _text(value: bytes) -> str:
    """Variables may hold any bytes; this is how Python spells those that are no UTF-8."""
    return value.decode(errors="surrogateescape")
