"""The examples of docs/package.md as commands, each with the SDK that Pulumi writes for it.

What is made lies in the user's cache folder, once per version of its sources and of the schema.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import pytest

from components.package.schema import package_schema
from sandbox.environment_variables import for_go
from tests.sandbox.support.made import made, needed
from tests.support.paths import ROOT

SOURCES = Path(__file__).parent / "package"
EXAMPLES = ROOT / "tools/docs/examples/package"
PLUGIN = f"""#!/bin/sh
exec {sys.executable} -u {ROOT}/components/package "$@"
"""

Command = list[str]
"""A program that takes an operation, the stack's name and its configuration as JSON."""


def plugin(folder: Path) -> Path:
    """A folder for PATH with the plugin, for a CLI that has no language host to start it."""
    program = folder / "pulumi-resource-irsa"
    program.write_text(PLUGIN)
    program.chmod(0o755)
    return folder


def python() -> Command:
    """Runs the program that is its last argument."""

    def make(folder: Path) -> None:
        shutil.copytree(_sdk("python"), folder / "sdk")
        pip = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps")
        _run((*pip, "--target", str(folder), str(folder / "sdk")), folder)

    return _python(_with_sdk("python", make))


def plain_python() -> Command:
    """The same, for a program that uses the components themselves."""
    return _python(ROOT)


def yaml() -> Command:
    """Where Pulumi's language host for YAML is installed, which is in no registry."""
    needed("pulumi-language-yaml")
    return [*plain_python(), str(EXAMPLES / "Pulumi.yaml")]


def _python(path: Path) -> Command:
    return ["env", f"PYTHONPATH={path}", sys.executable, str(SOURCES / "python/run.py")]


def typescript() -> Command:
    node, npm = needed("node"), needed("npm")

    def make(folder: Path) -> None:
        _run((npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"), folder)
        package = folder / "node_modules/@pulumi/irsa"
        shutil.copytree(_sdk("nodejs"), package)
        compiler = str(folder / "node_modules/typescript/bin/tsc")
        _run((node, compiler, "--skipLibCheck", "--noImplicitAny", "false"), package)
        shutil.copy(package / "package.json", package / "bin/package.json")
        _run((node, compiler), folder)

    return [node, str(_with_sdk("nodejs", make, EXAMPLES / "index.ts") / "run.js")]


def go() -> Command:
    compiler = needed("go")

    def make(folder: Path) -> None:
        shutil.copytree(_sdk("go"), folder, dirs_exist_ok=True)
        _run((compiler, "build", "-o", "reports", "."), folder)

    return [str(_with_sdk("go", make, EXAMPLES / "reports.go") / "reports")]


@cache
def _sdk(language: str) -> Path:
    """The package's SDK for a language, by Pulumi's own generator."""
    compiler = needed("go")

    def make(folder: Path) -> None:
        _run((compiler, "build", "-o", "generate", "."), folder)

    generator = made("package-sdk_generator", _sources("sdk_generator"), make) / "generate"

    def generate(folder: Path) -> None:
        file = folder / "schema.json"
        file.write_bytes(_schema())
        _run((str(generator), str(file), language, str(folder)), folder)
        file.unlink()

    return made(f"irsa-sdk-{language}", [], generate, _schema(), generator.read_bytes())


def _with_sdk(name: str, make: Callable[[Path], None], *example: Path) -> Path:
    """The folder with a language's sources and the example, which depends on the SDK."""
    return made(f"package-{name}", [*_sources(name), *example], make, _schema())


def _sources(name: str) -> list[Path]:
    return sorted(each for each in (SOURCES / name).iterdir() if each.is_file())


def _schema() -> bytes:
    return json.dumps(package_schema(), sort_keys=True).encode()


def _run(command: Sequence[str], folder: Path) -> None:
    done = subprocess.run(
        command, cwd=folder, env=for_go(os.environ), capture_output=True, text=True, check=False
    )
    if done.returncode:
        output = (done.stdout + done.stderr).strip()
        if "registry" in output and "ENOTFOUND" in output:
            pytest.skip(f"{command[0]}: {output.splitlines()[-1]}")
        pytest.fail(f"{' '.join(command[:2])} in {folder}: {output[-2000:]}")
