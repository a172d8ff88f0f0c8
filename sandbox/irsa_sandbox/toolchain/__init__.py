"""Finds or makes the programs that no Python package brings (decision 0006).

- the Pulumi CLI: on PATH, else made from `sandbox/irsa_sandbox/tools/pulumi`;
- etcd, kube-apiserver and kube-controller-manager: all three in ``KUBEBUILDER_ASSETS`` or on PATH,
  else made from `sandbox/irsa_sandbox/tools/kubernetes`, as one binary where they are built;
- the plugins of the providers that are left to them: `irsa_sandbox.toolchain.plugins`.

What is made is downloaded, as `downloads.toml` pins it, or else built from a pinned Go module.
"""

import os
import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from ..cache import cache_folder, cached_build, key, private_umask
from ..folder import is_sandboxs
from . import plugins
from .downloads import NotDownloaded, Progress, ToolError, download
from .go_builds import SOURCES, build, version_of

PULUMI_VERSION = "3.274.1"
PULUMI_OLDEST = (3, 200)
"""Oldest CLI taken from PATH; `PULUMI_DEBUG_PROVIDERS` with handshakes needs a recent one."""

KUBERNETES_VERSION = "1.36.3"
CONTROL_PLANE = ("etcd", "kube-apiserver", "kube-controller-manager")


class Tools(NamedTuple):
    """Paths of the tools."""

    pulumi: Path
    control_plane: Path
    plugins: Mapping[str, Path]
    """Of the providers that are not attached."""


def obtain(on_progress: Progress, providers: plugins.Choice = plugins.ANY) -> Tools:
    """Return the tools; build missing ones side by side. Raises `SandboxError`."""
    with private_umask(), ThreadPoolExecutor(2) as pool:
        control_plane = pool.submit(obtain_control_plane, on_progress)
        pulumi = pool.submit(obtain_pulumi, on_progress).result()
        programs = plugins.obtain(providers, pulumi, on_progress)
        return Tools(pulumi, control_plane.result(), programs)


def obtain_pulumi(on_progress: Progress) -> Path:
    """The Pulumi CLI's path. Raises `ToolError`."""
    # Not a sandbox's own, which a shell has after `env`: it would run itself.
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    others = [path for path in folders if not is_sandboxs(Path(path).parent)]
    on_path = shutil.which("pulumi", path=os.pathsep.join(others))
    if on_path and _is_usable_pulumi(Path(on_path)):
        return Path(on_path)
    lacking = ("no Pulumi CLI", f"Put pulumi {PULUMI_VERSION} on PATH")
    folder = _built("pulumi", PULUMI_VERSION, _build_pulumi, on_progress, lacking)
    return folder / "bin" / "pulumi"


def obtain_control_plane(on_progress: Progress) -> Path:
    """A folder with the three programs of `CONTROL_PLANE`. Raises `ToolError`.

    Found ones are taken only together: a controller manager must not be newer than its API server
    (https://kubernetes.io/releases/version-skew-policy/).
    """
    folder = _find_control_plane()
    if folder is not None:
        return folder
    programs = f"{', '.join(CONTROL_PLANE)} {KUBERNETES_VERSION}"
    fix = f"Put {programs} on PATH, name their folder in KUBEBUILDER_ASSETS"
    lacking = ("no Kubernetes control plane", fix)
    return _built("kubernetes", KUBERNETES_VERSION, _build_control_plane, on_progress, lacking)


def _built(
    tool: str,
    version: str,
    build: Callable[[Path, Progress], None],
    on_progress: Progress,
    lacking: tuple[str, str],
) -> Path:
    """The folder of a tool in the cache, downloaded or else built if it is not there. ``lacking``
    is the problem without it, and the first part of the fix."""

    def make(folder: Path) -> None:
        try:
            download(SOURCES / tool, folder, on_progress)
        except NotDownloaded as error:
            on_progress(f"{tool}: not downloaded, as {error}")
            build(folder, on_progress)

    try:
        return cached_build(key(SOURCES / tool, version), make)
    except ToolError as error:
        problem, fix = lacking
        proxy = "give Go a module proxy (GOPROXY) to build it from"
        raise ToolError(f"{problem}: {error}. {fix}, or {proxy}") from error


def _is_usable_pulumi(path: Path) -> bool:
    # The Automation API takes an installation's root, so the program must lie in its `bin`.
    if path.parent.name != "bin":
        return False
    home = str(cache_folder() / "pulumi-home")  # even this command writes a log
    return version_of([str(path), "version"], PULUMI_HOME=home) >= PULUMI_OLDEST


def _find_control_plane() -> Path | None:
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    if assets and all((Path(assets) / name).exists() for name in CONTROL_PLANE):
        return Path(assets)
    paths = [shutil.which(name) for name in CONTROL_PLANE]
    folders = {Path(path).parent for path in paths if path}
    return folders.pop() if all(paths) and len(folders) == 1 else None


def _build_pulumi(folder: Path, on_progress: Progress) -> None:
    module = "github.com/pulumi/pulumi"
    target = folder / "bin" / "pulumi"
    target.parent.mkdir()
    build(
        "pulumi",
        f"{module}/pkg/v3/cmd/pulumi",
        target,
        on_progress,
        stamps={f"{module}/sdk/v3/go/common/version.Version": PULUMI_VERSION},
    )


def _build_control_plane(folder: Path, on_progress: Progress) -> None:
    major, minor, _ = KUBERNETES_VERSION.split(".")
    version = "k8s.io/component-base/version"
    stamps = {
        f"{version}.gitVersion": f"v{KUBERNETES_VERSION}",
        f"{version}.gitMajor": major,
        f"{version}.gitMinor": minor,
    }
    build("kubernetes", ".", folder / "control-plane", on_progress, stamps=stamps)
    for name in CONTROL_PLANE:
        (folder / name).symlink_to("control-plane")
