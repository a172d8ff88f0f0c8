"""AWS identity in a Pod's spec, container by container. Pure.

https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/
"""

import re
from collections.abc import Iterator, Mapping
from posixpath import dirname
from typing import NamedTuple

from irsa.observe.facts import ConfigFile, NotMounted, Objects, Unread
from irsa_core.identity.eks import POD_IDENTITY_VOLUME, TOKEN_VOLUME
from irsa_core.identity.policy_json import Json, mapping

_REFERENCE = re.compile(r"\$(?:\$|\((?P<name>[^)]*)\))")
DEFAULT_FOLDER = "/.aws"
"""End of the folder in which SDKs look for both files when no variable names them."""


class TokenMount(NamedTuple):
    """A projected service-account token as a container sees it."""

    volume: str
    path: str
    """The token's file in the container."""
    audience: str
    seconds: int


class Container(NamedTuple):
    """A container, and where it stands in the Pod's spec and in the template of its owner."""

    spec: Json
    field: str
    """``containers`` or ``initContainers``."""
    position: int

    @property
    def name(self) -> str:
        """The container's name."""
        return self.spec["name"]


class Variable(NamedTuple):
    """A variable as a container gets it."""

    value: str | None
    """None when it cannot be known here: a Secret's value, a field of the node."""
    kind: str = ""
    """``ConfigMap`` or ``Secret`` when it is taken from there, else empty."""
    object: str = ""
    """Name of that object."""
    key: str = ""
    """Its key there."""
    whole: bool = False
    """True if ``envFrom`` takes it, with all others of that object."""


class Reference(NamedTuple):
    """A ConfigMap or Secret, of which something is needed."""

    kind: str
    name: str
    prefix: str | None = None
    """Prefix that ``envFrom`` puts before its keys; None when one key is taken."""
    key: str = ""
    variable: str = ""
    """The variable that the key becomes; empty when it becomes a file."""


def containers(spec: Json) -> list[Container]:
    """All containers, those first that run on. Ephemeral ones the webhook never touches."""
    return [
        Container(container, field, index)
        for field in ("containers", "initContainers")
        for index, container in enumerate(parts(spec, field))
    ]


def same_container(spec: Json, item: Container) -> Container | None:
    """The container of that name in another spec, such as a template's."""
    return next((e for e in containers(spec) if (e.field, e.name) == (item.field, item.name)), None)


def variables(container: Json) -> dict[str, str | None]:
    """The variables in a container's ``env``; None is one whose value is taken from elsewhere."""
    return {
        each["name"]: None if each.get("valueFrom") else each.get("value") or ""
        for each in parts(container, "env")
    }


def environment(container: Json, objects: Objects) -> dict[str, Variable]:
    """All variables of a container: ``envFrom``, then ``env``, which wins.

    Objects that were not read give none.
    https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/
    """
    by_name: dict[str, Variable] = {}
    for reference in whole_objects(container):
        values = objects.get((reference.kind, reference.name))
        if isinstance(values, Mapping):
            for key, value in values.items():
                name = f"{reference.prefix}{key}"
                by_name[name] = Variable(value, reference.kind, reference.name, key, whole=True)
    for env in parts(container, "env"):
        name, reference = env["name"], _single(env)
        if reference:
            kind, of, _, key, _ = reference
            values = objects.get((kind, of))
            taken = values if isinstance(values, Mapping) else {key: None}
            if key in taken:
                by_name[name] = Variable(taken[key], kind, of, key)
        elif env.get("valueFrom"):
            by_name[name] = Variable(env.get("value"))  # which `with_fields` has put there
        else:
            by_name[name] = Variable(_expanded(env.get("value") or "", by_name))
    return by_name


def with_fields(pod: Json) -> Json:
    """The spec of a Pod, where each variable that takes a lasting field of it has its value.

    https://kubernetes.io/docs/concepts/workloads/pods/downward-api/#available-fields
    """
    for entry in (env for item in containers(pod["spec"]) for env in parts(item.spec, "env")):
        reference = mapping(mapping(entry.get("valueFrom")).get("fieldRef"))
        part, _, name = str(reference.get("fieldPath")).partition(".")
        if isinstance(value := mapping(pod.get(part)).get(name), str):
            entry["value"] = value
    return pod["spec"]


def _expanded(text: str, env: Mapping[str, Variable]) -> str | None:
    """The text with each ``$(NAME)`` replaced; None when one of them is not known."""
    known = {name: each.value for name, each in env.items() if each.value is not None}
    unknown = env.keys() - known.keys()
    names = {match["name"] for match in _REFERENCE.finditer(text)}
    return None if names & unknown else expand(text, known)


def expand(text: str, values: Mapping[str, str]) -> str:
    """Replace ``$(NAME)`` by a variable defined before it; ``$$`` is a dollar; others stay."""

    def value(match: re.Match[str]) -> str:
        return "$" if match["name"] is None else values.get(match["name"], match[0])

    return _REFERENCE.sub(value, text)


def access_key(given: Mapping[str, Variable]) -> Variable | None:
    """A container's static access key, which SDKs take before all else; an empty one is none."""
    key = given.get("AWS_ACCESS_KEY_ID")
    return None if key is None or key.value == "" else key


def token_mounts(spec: Json, container: Json) -> list[TokenMount]:
    """The projected tokens that a container mounts, the webhook's first."""
    mounts: dict[str, str] = {}
    for mount in parts(container, "volumeMounts"):
        mounts.setdefault(mount["name"], mount["mountPath"].rstrip("/"))
    tokens: list[TokenMount] = []
    for volume in parts(spec, "volumes"):
        for source in parts(volume.get("projected") or {}, "sources"):
            token: Json = source.get("serviceAccountToken") or {}
            # Every Pod has a token for the API server itself; that one names no audience.
            if token.get("audience") and volume["name"] in mounts:
                path = f"{mounts[volume['name']]}/{token['path']}"
                seconds = token.get("expirationSeconds", 3600)
                tokens.append(TokenMount(volume["name"], path, token["audience"], seconds))
    return sorted(tokens, key=lambda mount: mount.volume != TOKEN_VOLUME)


def is_associated(spec: Json) -> bool:
    """Return whether the webhook prepared a Pod for EKS Pod Identity."""
    return any(volume["name"] == POD_IDENTITY_VOLUME for volume in parts(spec, "volumes"))


def is_touched(spec: Json) -> bool:
    """Return whether the webhook has been at a Pod at all: it adds the volume even if it skips."""
    names = (TOKEN_VOLUME, POD_IDENTITY_VOLUME)
    return any(volume["name"] in names for volume in parts(spec, "volumes"))


class AwsFile(NamedTuple):
    """Path of one of the SDKs' two files in a container, and the volume behind it."""

    variable: str
    path: str
    reference: Reference | None
    """None when the file comes with the image, or from a volume that says nothing of it."""
    mounted: bool = True
    """False if no volume is mounted at the path or above it."""


CONFIG = ("AWS_CONFIG_FILE", "config")
CREDENTIALS = ("AWS_SHARED_CREDENTIALS_FILE", "credentials")
CA_BUNDLE = ("AWS_CA_BUNDLE", "")
"""The certificates that SDKs trust; no folder has some by default."""


def aws_file(
    spec: Json, container: Json, variable: tuple[str, str], env: Mapping[str, Variable]
) -> AwsFile | None:
    """The AWS config or credentials file of a container; None when nothing says that it has one."""
    name, default = variable
    path = env[name].value if name in env else ""
    if path is None:
        return AwsFile(name, "", None)
    mounted = {m["mountPath"].rstrip("/"): m for m in parts(container, "volumeMounts")}
    if not path:
        folders = (folder for folder in mounted if folder.endswith(DEFAULT_FOLDER))
        files = (file for file in mounted if file.endswith(f"{DEFAULT_FOLDER}/{default}"))
        path = next((f"{folder}/{default}" for folder in folders), next(files, ""))
        mount = mounted.get(path) or mounted.get(dirname(path))
        volumes = parts(spec, "volumes") if len(containers(spec)) == 1 else ()
        empty = [volume["name"] for volume in volumes if "emptyDir" in volume]
        if not (path and default and mount) or mount["name"] in empty:
            return None
    # SDKs expand a path such as ~/.aws/config.
    absolute = path.startswith("/")
    covered = not absolute or any(f"{path}/".startswith(f"{folder}/") for folder in mounted)
    return AwsFile(name, path, _behind(spec, mounted, path), covered)


def _behind(spec: Json, mounted: Mapping[str, Json], path: str) -> Reference | None:
    """The ConfigMap's or Secret's key that stands at a path."""
    mount = mounted.get(path) or mounted.get(dirname(path))
    if mount is None:
        return None
    file = mount.get("subPath") or path.rpartition("/")[2]
    for volume in parts(spec, "volumes"):
        if volume["name"] == mount["name"]:
            for kind, name, source in _sources(volume):
                keys = {item["path"]: item["key"] for item in parts(source, "items")}
                return Reference(kind, name, key=keys.get(file, file))
    return None


def _sources(volume: Json) -> Iterator[tuple[str, str, Json]]:
    """Return the ConfigMaps and Secrets of a volume."""
    return object_sources(volume, *parts(volume.get("projected") or {}, "sources"))


def read_file(file: AwsFile, objects: Objects) -> ConfigFile | Unread:
    """An AWS file as it was read."""
    if file.reference is None:
        return (Unread if file.mounted else NotMounted)(
            f"the file that {file.variable} names ({file.path or 'unknown'})",
            f"it is on no {'ConfigMap or Secret ' if file.mounted else ''}volume",
            "a look into the container",
            "ask inside the Pod, with --exec",
        )
    kind, name, _, key, _ = file.reference
    values = objects.get((kind, name))
    if isinstance(values, Unread):
        return values
    return ConfigFile(name, key, None if values is None else values.get(key), kind)


def config_file(spec: Json, item: Container, objects: Objects) -> ConfigFile | Unread | None:
    """The AWS config file of a container; None when nothing says that it has one."""
    file = aws_file(spec, item.spec, CONFIG, environment(item.spec, objects))
    return read_file(file, objects) if file else None


def references(spec: Json) -> list[Reference]:
    """Return the ConfigMaps and Secrets that variables and the AWS files come from."""
    objects: list[Reference] = []
    for item in containers(spec):
        container = item.spec
        objects += whole_objects(container)
        env = environment(container, {})
        for entry in parts(container, "env"):
            reference = _single(entry) if entry["name"].startswith("AWS_") else None
            objects += [reference] if reference else []
        for variable in (CONFIG, CREDENTIALS, CA_BUNDLE):
            file = aws_file(spec, container, variable, env)
            objects += [file.reference] if file and file.reference else []
    return objects


def needed(spec: Json) -> list[Reference]:
    """Every ConfigMap and Secret without which a container cannot start."""
    refs = [ref for volume in parts(spec, "volumes") for ref in _sources(volume)]
    for item in containers(spec):
        entries: list[Json] = [env.get("valueFrom") or {} for env in parts(item.spec, "env")]
        refs += object_sources(*parts(item.spec, "envFrom"), *entries)
    return [Reference(kind, name) for kind, name, ref in refs if not ref.get("optional")]


def whole_objects(container: Json) -> list[Reference]:
    """The objects that a container's ``envFrom`` takes in whole."""
    return [
        Reference(kind, name, entry.get("prefix") or "")
        for entry in parts(container, "envFrom")
        for kind, name, _ in object_sources(entry)
    ]


def _single(entry: Json) -> Reference | None:
    """The key that a variable's ``valueFrom`` takes; None for fields of the Pod and the like."""
    for kind, name, source in object_sources(entry.get("valueFrom") or {}):
        return Reference(kind, name, key=source["key"], variable=entry["name"])
    return None


def object_sources(*entries: Json) -> Iterator[tuple[str, str, Json]]:
    """Kind, name and fields of the ConfigMaps and Secrets of volumes, of their sources or of
    variables."""
    for field, source in (each for entry in entries for each in entry.items()):
        kind = _KINDS.get(field.removesuffix("Ref").removesuffix("Key"))
        if source and kind:
            yield kind, source.get("name") or source.get("secretName", ""), source


_KINDS = {"configMap": "ConfigMap", "secret": "Secret"}


def env_from_index(container: Json, variable: Variable) -> int | None:
    """The position of a variable's object among the container's ``envFrom``."""
    whole = [(each.kind, each.name) for each in whole_objects(container)]
    at = (variable.kind, variable.object)
    return whole.index(at) if at in whole else None


def parts(fields: Json, name: str) -> list[Json]:
    """The objects of a list; none where it is missing or null."""
    return fields.get(name) or []
