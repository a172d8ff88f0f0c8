"""The published plugins of the providers, for a sandbox that leaves providers to them (record 9).

Found on PATH, in the user's Pulumi folder or, built by `make real-kubernetes`, in the cache; else
installed into the cache by Pulumi's own installer
(https://www.pulumi.com/docs/iac/cli/commands/pulumi_plugin_install/).
"""

import shlex
import shutil
from argparse import ArgumentTypeError
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from ..cache import cached_build, entry, key, private_umask
from .downloads import Progress, ToolError
from .go_builds import SOURCES, build, install

PROVIDERS = ("aws", "eks", "kubernetes")
ATTACHED = "attached"
PUBLISHED = "published"

DOWNLOADS = "https://get.pulumi.com"
CONNECT_TIMEOUT = 3.0  # seconds

MODULE = "github.com/pulumi/pulumi-kubernetes/provider/v4"
MODULE_VERSION = "4.24.0"
"""The release before the commit in `sandbox/irsa_sandbox/tools/pulumi-kubernetes/go.mod`."""


class Choice(NamedTuple):
    """The providers that a sandbox leaves to plugins."""

    names: frozenset[str] | None = None
    """Just these; None: whichever a running sandbox leaves to them, and none in a new one."""

    home: Path = Path("~/.pulumi").expanduser()
    """The user's Pulumi folder, of which nothing is changed."""


ANY = Choice()


def names(text: str) -> frozenset[str]:
    """The providers that ``--providers`` leaves to plugins. Raises `ArgumentTypeError`."""
    if text in (ATTACHED, PUBLISHED):
        return frozenset(PROVIDERS if text == PUBLISHED else ())
    providers = frozenset(text.split(","))
    if unknown := sorted(providers.difference(PROVIDERS)):
        raise ArgumentTypeError(
            f"{unknown[0]!r} is no provider; give {ATTACHED}, {PUBLISHED}, or some of "
            f"{','.join(PROVIDERS)} that are left to plugins"
        )
    return providers


def obtain(choice: Choice, pulumi: Path, on_progress: Progress) -> dict[str, Path]:
    """The programs of the plugins chosen. Raises `ToolError`."""
    paths = {
        name: find(name, choice.home) or _install(name, choice.home, pulumi, on_progress)
        for name in sorted(choice.names or ())
    }
    if paths:
        which = ", ".join(f"{name} ({program})" for name, program in paths.items())
        on_progress(f"providers: published plugins of {which}")
    return paths


def link(programs: Mapping[str, Path], home: Path) -> None:
    """Let an engine with this Pulumi folder find the plugins, in the version that it asks for.

    Pulumi looks for plugins in folders of its own, which cannot be links, so a script stands there.
    """
    for name, program in programs.items():
        write_script(_in_home(name, home), program)


def link_packages(theirs: Path, home: Path) -> None:
    """Let an engine with this Pulumi folder find the packages that `pulumi package add` fetched
    from git into the user's. Their folders cannot be links either; what is in them can."""
    for folder in theirs.glob("plugins/resource-*.*_*-v*"):  # named after HOST_PATH
        linked = home / folder.relative_to(theirs)
        if folder.is_dir() and not linked.exists():
            linked.mkdir(parents=True)
            for content in folder.iterdir():
                (linked / content.name).symlink_to(content)


def write_script(file: Path, *command: str | Path) -> None:
    """Write a program that runs the command with further arguments."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f'#!/bin/sh\nexec {shlex.join(map(str, command))} "$@"\n')
    file.chmod(0o700)


def build_kubernetes(on_progress: Progress) -> Path:
    """pulumi-kubernetes' plugin, built unless the cache has it. Raises `ToolError`."""
    file, embedded = _file("kubernetes"), ("schema.json", "terraform-mapping.json")

    def make(folder: Path) -> None:
        build(
            "pulumi-kubernetes",
            ".",
            folder / file,
            on_progress,
            stamps={f"{MODULE}/pkg/version.Version": MODULE_VERSION},
            beside={name: f"{MODULE}//cmd/{file}/{name}" for name in embedded},
        )

    with private_umask():
        return cached_build(_built_kubernetes(), make) / file


def find(name: str, home: Path) -> Path | None:
    """The program of an installed plugin."""
    if on_path := shutil.which(_file(name)):
        return Path(on_path)
    theirs = _in_home(name, home)
    if theirs.exists():
        return theirs
    in_cache = [_in_home(name, entry(_installation(name)))]
    if name == "kubernetes":
        in_cache.append(entry(_built_kubernetes()) / _file(name))
    return next((program for program in in_cache if program.exists()), None)


def _install(name: str, home: Path, pulumi: Path, on_progress: Progress) -> Path:
    if not _reachable():
        hint = ", nor built by `make real-kubernetes`" if name == "kubernetes" else ""
        raise ToolError(
            f"no published plugin of {name}: it is neither {_file(name)} on PATH nor "
            f"{_version(name)} in {home}{hint}, and {DOWNLOADS} does not answer"
        )

    def make(folder: Path) -> None:
        on_progress(f"{name}: installing the published plugin {_version(name)}")
        command = [pulumi, "plugin", "install", "resource", name, _version(name)]
        problem = f"no published plugin of {name}"
        install(command, _in_home(name, folder), problem, PULUMI_HOME=str(folder))

    return _in_home(name, cached_build(_installation(name), make))


def _reachable() -> bool:
    import httpx2  # takes 0.1 s

    try:
        httpx2.head(DOWNLOADS, timeout=CONNECT_TIMEOUT)
    except httpx2.HTTPError:
        return False
    return True


def _built_kubernetes() -> str:
    return key(SOURCES / "pulumi-kubernetes", MODULE_VERSION)


def _installation(name: str) -> str:
    return f"plugin-{name}-{_version(name)}"


def _in_home(name: str, home: Path) -> Path:
    return home / "plugins" / f"resource-{name}-v{_version(name)}" / _file(name)


def _file(name: str) -> str:
    return f"pulumi-resource-{name}"


def _version(name: str) -> str:
    """The one that programs ask for: that of the package they import."""
    return version(f"pulumi-{name}")
