"""Small programs that print who an AWS SDK is, one for each SDK, and how they are made.

Those that are not Python are made once per version of their sources, in the user's cache folder.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from sandbox.cache import cache_folder, finished, lock
from sandbox.environment_variables import for_go

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
    return Program([node, str(_made("js", (npm, "ci", "--no-audit", "--no-fund")) / "caller.mjs")])


def javascript_bucket() -> list[str]:
    """A command that prints the keys of the bucket that is named behind it."""
    node, npm = _needed("node"), _needed("npm")
    folder = _made("js-bucket", (npm, "ci", "--no-audit", "--no-fund"))
    return [node, str(folder / "list.mjs")]


def go() -> Program:
    compiler = _needed("go")
    return Program([str(_made("go", (compiler, "build", "-o", "caller", ".")) / "caller")])


def _needed(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not on PATH")
    return found


def _made(name: str, command: tuple[str, ...]) -> Path:
    """The folder with the program's sources in which the command has run."""
    made = _make(name, command)
    if isinstance(made, str):
        pytest.skip(made)
    return made


@cache  # a registry out of reach is waited for once
def _make(name: str, command: tuple[str, ...]) -> Path | str:
    """The folder, or why there is none."""
    sources = sorted((SOURCES / name).iterdir())
    version = hashlib.sha256(b"".join(file.read_bytes() for file in sources)).hexdigest()[:12]
    folder = cache_folder() / f"sdk-{name}-{version}"
    environment = for_go(os.environ)
    with lock(folder):
        if folder.exists():
            return folder
        try:
            with finished(folder) as unfinished:
                shutil.copytree(SOURCES / name, unfinished, dirs_exist_ok=True)
                subprocess.run(
                    command,
                    cwd=unfinished,
                    env=environment,
                    capture_output=True,
                    text=True,
                    check=True,
                )
        except subprocess.CalledProcessError as error:
            lines = error.stderr.strip().splitlines()
            return f"{Path(command[0]).name} {command[1]}: {lines[-1] if lines else 'no message'}"
    return folder
