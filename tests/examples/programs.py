"""The examples in other languages as projects, each with the SDK that Pulumi writes for it.

Programs and SDKs lie in the user's cache folder, once per version of their sources and the schema.
"""

import os
import shutil
import sys
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import pytest

from irsa_components.package.provider import IrsaProvider
from irsa_sandbox.environment_variables import go_build_environment
from irsa_sandbox.toolchain.plugins import write_script
from tests.sandbox.support.cached_builds import cached_build, needed
from tests.support.paths import ROOT
from tests.support.processes import ran

SOURCES = Path(__file__).parent / "languages"
EXAMPLES = ROOT / "examples"


def plugin(folder: Path) -> Path:
    """Put the plugin into a folder for PATH: this CLI has no language host to start it."""
    program = folder / "pulumi-resource-irsa"
    write_script(program, sys.executable, "-u", ROOT / "components")
    return program


def yaml() -> Path:
    """Return the folder of the example in Pulumi YAML; skip the test without its language host."""
    needed("pulumi-language-yaml")
    return EXAMPLES / "yaml"


def typescript() -> Path:
    """Return the folder of the example in TypeScript, with its packages."""
    node, npm = needed("node"), needed("npm")

    def make(folder: Path) -> None:
        _run((npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"), folder)
        compiler = str(folder / "node_modules/typescript/bin/tsc")
        package = folder / "node_modules/@irsa/irsa"
        shutil.copytree(_sdk("nodejs"), package)
        _run((node, compiler, "--skipLibCheck", "--noImplicitAny", "false"), package)
        shutil.copy(package / "package.json", package / "bin/package.json")

    files = ("Pulumi.yaml", "index.ts", "tsconfig.json")
    return _with_sdk("typescript", make, *(EXAMPLES / "typescript" / name for name in files))


def go() -> Path:
    """Return the folder of the example in Go, built."""

    def make(folder: Path) -> None:
        shutil.copytree(_sdk("go"), folder, dirs_exist_ok=True)
        _run((needed("go"), "build", "-o", "reports", "."), folder)

    return _with_sdk("go", make, *(EXAMPLES / "go" / name for name in ("Pulumi.yaml", "main.go")))


LANGUAGES: dict[str, Callable[[], Path]] = {"yaml": yaml, "typescript": typescript, "go": go}


@cache
def _sdk(language: str) -> Path:
    """Return the package's SDK for a language, by Pulumi's own generator."""

    def make(folder: Path) -> None:
        _run((needed("go"), "build", "-o", "generate", "."), folder)

    generator = cached_build("package-sdk_generator", _sources("sdk_generator"), make) / "generate"

    def generate(folder: Path) -> None:
        file = folder / "schema.json"
        file.write_bytes(_schema())
        _run((str(generator), str(file), language, str(folder)), folder)
        file.unlink()

    return cached_build(f"irsa-sdk-{language}", [], generate, _schema(), generator.read_bytes())


def _with_sdk(name: str, make: Callable[[Path], None], *example: Path) -> Path:
    return cached_build(f"example-{name}", [*_sources(name), *example], make, _schema())


def _sources(name: str) -> list[Path]:
    return sorted(each for each in (SOURCES / name).iterdir() if each.is_file())


@cache
def _schema() -> bytes:
    return str(IrsaProvider().schema).encode()


def _run(command: Sequence[str], folder: Path) -> None:
    done = ran(*command, cwd=folder, env=go_build_environment(os.environ))
    if done.returncode:
        output = (done.stdout + done.stderr).strip()
        if "registry" in output and "ENOTFOUND" in output:
            pytest.skip(f"{command[0]}: {output.splitlines()[-1]}")
        pytest.fail(f"{' '.join(command[:2])} in {folder}: {output[-2000:]}")
