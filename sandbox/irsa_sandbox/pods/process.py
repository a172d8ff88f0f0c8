"""A Pod's environment, volumes and tokens, laid out for a local process.

Mount paths cannot be had without a container, so they are mapped: `/etc/aws` becomes a folder
below a private one, in variables, in ConfigMap files and in the command alike. So is the address of
the EKS Pod Identity Agent.
"""

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from posixpath import normpath
from typing import Any

import lightkube
from lightkube.core.exceptions import ApiError
from lightkube.resources.core_v1 import ConfigMap, Secret

from irsa_core.identity.eks import CREDENTIALS_URI
from irsa_core.identity.policy_json import Json

from .spec import Files, Lookup, ProjectedToken, VolumeFile, environment, expand, volume_files
from .token import kept_fresh

AGENT = CREDENTIALS_URI.removesuffix("/v1/credentials")
_AGENT = re.compile(rf"{re.escape(AGENT)}(?::80)?(?![\w.:])")
CONTENT_VOLUMES = frozenset({"configMap", "downwardAPI", "emptyDir", "projected", "secret"})


@dataclass(frozen=True)
class PodProcess:
    """Environment and files of a process that acts as a Pod's container."""

    env: dict[str, str]
    """All its variables; nothing is inherited from the caller but PATH and LANG."""

    root: Path
    """The private folder that stands for the container's root."""

    mount_paths: tuple[str, ...]
    """Paths that are mapped to below `root`."""

    agent: str | None = None
    """URL of the EKS Pod Identity Agent."""

    def local(self, text: str) -> str:
        """`text` with each mount path and the agent's address in it mapped."""
        mapped = map_paths(text, self.mount_paths, self.root)
        return _AGENT.sub(self.agent, mapped) if self.agent else mapped


def find_object(client: lightkube.Client, kind: Any, name: str, **where: str) -> Any:
    """Return the object of that name, or None if there is none."""
    try:
        return client.get(kind, name, **where)
    except ApiError as error:
        if error.status.code == HTTPStatus.NOT_FOUND:
            return None
        raise


def object_lookup(client: lightkube.Client, namespace: str) -> Lookup:
    """Read ConfigMaps and Secrets of a namespace; None stands for one that does not exist."""
    kinds = {"ConfigMap": ConfigMap, "Secret": Secret}

    def lookup(kind: str, name: str) -> Json | None:
        found = find_object(client, kinds[kind], name, namespace=namespace)
        return found and found.to_dict()

    return lookup


def map_paths(text: str, mount_paths: tuple[str, ...], root: Path) -> str:
    """Put `root` before each of `mount_paths` where it stands as a path of its own in `text`.

    `/tmp` is found in `dir=/tmp/a` and in `/tmp:/usr`, not in `/tmpfs`, `/var/tmp` or `s3://tmp`.
    """
    if not mount_paths:
        return text
    paths = "|".join(map(re.escape, mount_paths))
    return re.sub(rf"(?<![\w./~-])(?:{paths})(?![\w.-])", lambda m: f"{root}{m[0]}", text)


@contextmanager
def pod_process(
    client: lightkube.Client,
    folder: Path,
    pod: Json,
    *,
    container: str | None = None,
    extra_env: Mapping[str, str] | None = None,
    agent: str | None = None,
    on_note: Callable[[str], None],
) -> Iterator[PodProcess]:
    """Lay out a Pod's container below `folder` for the time of the context, tokens kept fresh.

    The container is the Pod's first one unless named. `extra_env` goes last; `agent` is the URL of
    the node's EKS Pod Identity Agent. Raises `LookupError` for an unknown container and
    `PodNotReady` when the source of a volume, of a variable or of a token is missing.
    """
    spec = _container(pod, container)
    lookup = object_lookup(client, pod["metadata"]["namespace"])
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    base = Path(tempfile.mkdtemp(prefix="exec-", dir=folder)).resolve()  # mode 0700
    try:
        root, home = base / "root", base / "home"
        root.mkdir()
        home.mkdir()
        variables = environment(spec, pod, lookup)
        mounts = {  # without `..`, which could lead out of the private folder
            normpath("/" + mount["mountPath"].lstrip("/")): mount
            for mount in spec.get("volumeMounts", ())
        }
        process = PodProcess({}, root, tuple(mounts), agent)
        process.env.update(_base_env(pod, home))
        process.env.update({name: process.local(value) for name, value in variables.items()})
        process.env.update(extra_env or {})
        tokens = _lay_out(pod, mounts, variables, lookup, process, on_note)
        if mounts:
            on_note(f"mount paths are below {root} here: {', '.join(sorted(mounts))}")
        with kept_fresh(client, pod, tokens, on_note):
            yield process
    finally:
        shutil.rmtree(base)


def _container(pod: Json, name: str | None) -> Json:
    containers = pod["spec"]["containers"]
    for container in containers:
        if name in (None, container["name"]):
            return container
    names = ", ".join(container["name"] for container in containers)
    raise LookupError(f"pod {pod['metadata']['name']} has no container {name!r}; it has {names}")


def _base_env(pod: Json, home: Path) -> dict[str, str]:
    # Before the caller's PATH comes the running Python's folder: the AWS CLI is installed there.
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
    return {
        "PATH": path,
        "LANG": os.environ.get("LANG", "C.UTF-8"),
        "HOME": str(home),  # so that no ~/.aws is found
        "HOSTNAME": pod["metadata"]["name"],
    }


def _lay_out(
    pod: Json,
    mounts: Mapping[str, Json],
    variables: Mapping[str, str],
    lookup: Lookup,
    process: PodProcess,
    on_note: Callable[[str], None],
) -> dict[Path, ProjectedToken]:
    """Write every mount's files; return where tokens belong."""
    volumes = {volume["name"]: volume for volume in pod["spec"].get("volumes", ())}
    tokens: dict[Path, ProjectedToken] = {}
    empty_dirs: dict[tuple[str, str], Path] = {}
    for path, mount in sorted(mounts.items()):
        volume = volumes[mount["name"]]
        if not CONTENT_VOLUMES & volume.keys():
            on_note(f"volume {volume['name']} is an empty folder here: {path}")
        target = Path(f"{process.root}{path}")
        sub_path = expand(mount.get("subPathExpr", ""), variables) or mount.get("subPath", "")
        files = _below(volume_files(volume, pod, lookup), sub_path)
        if not files:
            # An emptyDir that is mounted twice is one folder.
            first = empty_dirs.setdefault((volume["name"], sub_path), target)
            target.parent.mkdir(parents=True, exist_ok=True)
            if first == target or target.exists():
                target.mkdir(exist_ok=True)
            else:
                target.symlink_to(first)
        for name, file in files.items():
            file_path = target / name if name else target
            file_path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(file.content, ProjectedToken):
                tokens[file_path] = file.content
            else:
                _write(file_path, file, file.content, process)
    return tokens


def _below(files: Files, sub_path: str) -> Files:
    """The part of a volume that a mount shows; the name of a single file becomes empty."""
    if not sub_path:
        return files
    if sub_path in files:
        return {"": files[sub_path]}
    prefix = sub_path.rstrip("/") + "/"
    return {name.removeprefix(prefix): f for name, f in files.items() if name.startswith(prefix)}


def _write(path: Path, file: VolumeFile, content: bytes, process: PodProcess) -> None:
    if file.from_config_map:
        with suppress(UnicodeDecodeError):  # binary content names no path
            content = process.local(content.decode()).encode()
    path.write_bytes(content)
    path.chmod(file.mode & 0o700)  # no one else is to read it, whatever the volume says
