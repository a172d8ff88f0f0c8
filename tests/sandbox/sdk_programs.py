"""Small programs that print who an AWS SDK is, one for each SDK, and how they are made.

Those that are not Python are made once per version of their sources, in the user's cache folder.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from sandbox.toolchain import cache_folder, finished, lock

SOURCES = Path(__file__).parent / "sdk"


class Program(NamedTuple):
    """A command that prints the caller's ARN, by the default chain or with a profile."""

    command: list[str]
    profile_option: tuple[str, ...] = ()
    """What goes before the profile's name on the command line."""

    def with_profile(self, profile: str) -> list[str]:
        return [*self.command, *self.profile_option, profile]


def cli() -> Program:
    command = [str(Path(sys.executable).with_name("aws")), "sts", "get-caller-identity"]
    return Program([*command, "--query", "Arn", "--output", "text"], ("--profile",))


def boto3() -> Program:
    return Program([sys.executable, str(SOURCES / "caller.py")])


def javascript() -> Program:
    node, npm = _needed("node"), _needed("npm")

    def install(folder: Path) -> None:
        shutil.copytree(SOURCES / "js", folder, dirs_exist_ok=True)
        _make([npm, "ci", "--no-audit", "--no-fund"], folder)

    return Program([node, str(_made("js", install) / "caller.mjs")])


def go() -> Program:
    compiler = _needed("go")

    def build(folder: Path) -> None:
        _make([compiler, "build", "-o", str(folder / "caller"), "."], SOURCES / "go")

    return Program([str(_made("go", build) / "caller")])


def _needed(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not on PATH")
    return found


def _made(name: str, make: Callable[[Path], None]) -> Path:
    sources = sorted((SOURCES / name).iterdir())
    version = hashlib.sha256(b"".join(file.read_bytes() for file in sources)).hexdigest()[:12]
    folder = cache_folder() / f"sdk-{name}-{version}"
    with lock(folder):
        if not folder.exists():
            with finished(folder) as unfinished:
                make(unfinished)
    return folder


def _make(command: list[str], cwd: Path) -> None:
    environment = {**os.environ, "CGO_ENABLED": "0", "GOWORK": "off"}
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        pytest.skip(f"{' '.join(command[:2])} failed: {lines[-1] if lines else 'no message'}")
