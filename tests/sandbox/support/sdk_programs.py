"""Small programs that print who an AWS SDK is, one for each SDK, and how they are made.

Those that are not Python are made once per version of their sources, in the user's cache folder.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from irsa_sandbox.environment_variables import go_build_environment
from tests.sandbox.support.cached_builds import cached_build, needed
from tests.support.processes import ran

SOURCES = Path(__file__).parent / "sdk"


class Program(NamedTuple):
    """A command that prints the caller's ARN, by the default chain or with a profile."""

    command: list[str]
    profile_option: tuple[str, ...] = ()
    """Arguments before the profile's name on the command line."""

    def with_profile(self, profile: str) -> list[str]:
        return [*self.command, *self.profile_option, profile]


def cli() -> Program:
    command = [str(Path(sys.executable).with_name("aws")), "sts", "get-caller-identity"]
    return Program([*command, "--query", "Arn", "--output", "text"], ("--profile",))


def boto3() -> Program:
    return Program([sys.executable, str(SOURCES / "caller.py")])


def javascript() -> Program:
    node, npm = needed("node"), needed("npm")
    return Program([node, str(_made("js", (npm, "ci", "--no-audit", "--no-fund")) / "caller.mjs")])


def go() -> Program:
    compiler = needed("go")
    return Program([str(_made("go", (compiler, "build", "-o", "caller", ".")) / "caller")])


def java() -> Program:
    machine, maven = needed("java"), needed("mvn")
    command = (maven, "-q", "-B", "package", "dependency:copy-dependencies")
    target = _made("java", (*command, "-DincludeScope=runtime")) / "target"
    classes = os.pathsep.join([str(target / "classes"), str(target / "dependency" / "*")])
    # The JVM's time of compiling is most of the program's.
    return Program([machine, "-XX:TieredStopAtLevel=1", "-cp", classes, "Caller"])


PROGRAMS: dict[str, Callable[[], Program]] = {
    "AWS CLI": cli,
    "boto3": boto3,
    "JS v3": javascript,
    "Go v2": go,
    "Java 2": java,
}


@contextmanager
def listing(
    env: Mapping[str, str], bucket: str, lines: list[str], *, pause: float = 0.1
) -> Iterator[None]:
    """Have boto3 list a bucket in this environment, in a process of its own; collect its lines."""
    command = [sys.executable, SOURCES / "lister.py", bucket, str(pause)]

    def read() -> None:
        for line in child.stdout or ():
            lines.extend([line.strip()])

    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as child:
        reader = threading.Thread(target=read)
        reader.start()
        try:
            yield
        finally:
            child.terminate()
            reader.join()


def _made(name: str, command: tuple[str, ...]) -> Path:
    """The folder with the program's sources in which the command has run."""
    folder = _make(name, command)
    if isinstance(folder, str):
        pytest.skip(folder)
    return folder


@cache  # a registry out of reach is waited for once
def _make(name: str, command: tuple[str, ...]) -> Path | str:
    """The folder, or why there is none."""
    environment = go_build_environment(os.environ)

    def make(folder: Path) -> None:
        ran(*command, cwd=folder, env=environment, check=True)

    try:
        return cached_build(f"sdk-{name}", sorted((SOURCES / name).iterdir()), make)
    except subprocess.CalledProcessError as error:
        lines = error.stderr.strip().splitlines()
        return f"{Path(command[0]).name} {command[1]}: {lines[-1] if lines else 'no message'}"
