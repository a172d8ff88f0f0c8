"""The examples of docs/package.md as commands, each with the SDK that Pulumi writes for it.

What is made lies in the user's cache folder, once per version of its sources and of the schema.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

from components.package.schema import package_schema
from sandbox.cache import cache_folder, finished, lock
from sandbox.environment_variables import for_go
from tests.support.paths import ROOT

SOURCES = Path(__file__).parent / "package"
EXAMPLES = ROOT / "tools/docs/examples/package"
PLUGIN = f"""#!/bin/sh
exec {sys.executable} -u {ROOT}/components/package "$@"
"""

Command = list[str]
"""A program that takes an operation, the stack's name and the OIDC provider's ARN."""


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

    return _python(_made("python", None, make))


def plain_python() -> Command:
    """The same, for a program that uses the components themselves."""
    return _python(ROOT)


def yaml() -> Command:
    """Where Pulumi's language host for YAML is installed, which is in no registry."""
    _needed("pulumi-language-yaml")
    return [*plain_python(), str(EXAMPLES / "Pulumi.yaml")]


def _python(path: Path) -> Command:
    return ["env", f"PYTHONPATH={path}", sys.executable, str(SOURCES / "python/run.py")]


def typescript() -> Command:
    node, npm = _needed("node"), _needed("npm")

    def make(folder: Path) -> None:
        _run((npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"), folder)
        package = folder / "node_modules/@pulumi/irsa"
        shutil.copytree(_sdk("nodejs"), package)
        compiler = str(folder / "node_modules/typescript/bin/tsc")
        _run((node, compiler, "--skipLibCheck", "--noImplicitAny", "false"), package)
        shutil.copy(package / "package.json", package / "bin/package.json")
        _run((node, compiler), folder)

    return [node, str(_made("nodejs", EXAMPLES / "index.ts", make) / "run.js")]


def go() -> Command:
    compiler = _needed("go")

    def make(folder: Path) -> None:
        shutil.copytree(_sdk("go"), folder, dirs_exist_ok=True)
        _run((compiler, "build", "-o", "reports", "."), folder)

    return [str(_made("go", EXAMPLES / "reports.go", make) / "reports")]


@cache
def _sdk(language: str) -> Path:
    """The package's SDK for a language, by Pulumi's own generator."""
    compiler = _needed("go")

    def make(folder: Path) -> None:
        _run((compiler, "build", "-o", "generate", "."), folder)

    generator = _made("sdk_generator", None, make) / "generate"
    schema = json.dumps(package_schema(), sort_keys=True).encode()
    version = hashlib.sha256(schema + generator.read_bytes()).hexdigest()[:12]
    folder = cache_folder() / f"irsa-sdk-{language}-{version}"
    with lock(folder):
        if not folder.exists():
            with finished(folder) as unfinished:
                file = unfinished / "schema.json"
                file.write_bytes(schema)
                _run((str(generator), str(file), language, str(unfinished)), unfinished)
                file.unlink()
    return folder


def _made(name: str, example: Path | None, make) -> Path:
    """The folder with the sources of that name and the example in which ``make`` has run."""
    files = sorted(each for each in (SOURCES / name).iterdir() if each.is_file())
    content = b"".join(each.read_bytes() for each in [*files, *([example] if example else [])])
    if name != "sdk_generator":
        content += json.dumps(package_schema(), sort_keys=True).encode()
    folder = cache_folder() / f"package-{name}-{hashlib.sha256(content).hexdigest()[:12]}"
    with lock(folder):
        if not folder.exists():
            with finished(folder) as unfinished:
                for each in [*files, *([example] if example else [])]:
                    shutil.copy(each, unfinished)
                make(unfinished)
    return folder


def _run(command: Sequence[str], folder: Path) -> None:
    done = subprocess.run(
        command, cwd=folder, env=for_go(os.environ), capture_output=True, text=True, check=False
    )
    if done.returncode:
        output = (done.stdout + done.stderr).strip()
        if "registry" in output and "ENOTFOUND" in output:
            pytest.skip(f"{command[0]}: {output.splitlines()[-1]}")
        pytest.fail(f"{' '.join(command[:2])} in {folder}: {output[-2000:]}")


def _needed(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not on PATH")
    return found
