"""What a Pod's spec says about its AWS identity. Pure.

https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/
"""

from collections.abc import Iterator
from posixpath import dirname
from typing import NamedTuple

from irsa.facts import TOKEN_VOLUME, ConfigFile, Json


class TokenMount(NamedTuple):
    """A projected service-account token as a container sees it."""

    volume: str
    path: str
    """The token's file in the container."""
    audience: str
    seconds: int


def main_container(spec: Json) -> Json:
    """The container that the checks look at: the first one, which `kubectl exec` takes too."""
    return spec["containers"][0]


def variables(container: Json) -> dict[str, str | None]:
    """The variables of a container; None is one whose value is taken from elsewhere."""
    return {each["name"]: each.get("value") for each in _list(container, "env")}


def token_mounts(spec: Json, container: Json) -> list[TokenMount]:
    """The projected tokens that a container mounts, the webhook's first."""
    mounts: dict[str, str] = {}
    for mount in _list(container, "volumeMounts"):
        mounts.setdefault(mount["name"], mount["mountPath"].rstrip("/"))
    found: list[TokenMount] = []
    for volume in _list(spec, "volumes"):
        for source in _list(volume.get("projected") or {}, "sources"):
            token: Json = source.get("serviceAccountToken") or {}
            # Every Pod has a token for the API server itself; that one names no audience.
            if token.get("audience") and volume["name"] in mounts:
                path = f"{mounts[volume['name']]}/{token['path']}"
                seconds = token.get("expirationSeconds", 3600)
                found.append(TokenMount(volume["name"], path, token["audience"], seconds))
    return sorted(found, key=lambda mount: mount.volume != TOKEN_VOLUME)


def config_map_of(spec: Json) -> ConfigFile | None:
    """The ConfigMap key that stands at ``AWS_CONFIG_FILE``; its text is not read yet."""
    container = main_container(spec)
    path = variables(container).get("AWS_CONFIG_FILE")
    if not path:
        return None
    mounted = {m["mountPath"].rstrip("/"): m for m in _list(container, "volumeMounts")}
    mount = mounted.get(path) or mounted.get(dirname(path))
    if mount is None:
        return None
    for volume in _list(spec, "volumes"):
        source: Json | None = volume.get("configMap")
        if volume["name"] == mount["name"] and source:
            file = mount.get("subPath") or path.rpartition("/")[2]
            keys = {item["path"]: item["key"] for item in _list(source, "items")}
            return ConfigFile(source["name"], keys.get(file, file), None)
    return None


def sources_of_variables(spec: Json) -> Iterator[tuple[str, str, str]]:
    """Kind, name and prefix of every object that the container's ``envFrom`` takes in whole."""
    for source in _list(main_container(spec), "envFrom"):
        for field, kind in (("secretRef", "Secret"), ("configMapRef", "ConfigMap")):
            if field in source:
                yield kind, source[field]["name"], source.get("prefix", "")


def _list(fields: Json, name: str) -> list[Json]:
    return fields.get(name) or []
