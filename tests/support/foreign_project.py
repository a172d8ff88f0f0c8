"""A project that has nothing of this repository but the installed package, and its pytest."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

from irsa_sandbox.engine.stack import ROOT
from tests.support.processes import ran

ENTRY_POINT = "[pytest11]\nirsa_sandbox = irsa_sandbox.pytest_plugin\n"


class ForeignProject:
    """A folder with tests. The package is on its path as a wheel would have installed it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "project"
        self.folder.mkdir()
        self._installed = folder / "site-packages"
        facts = self._installed / "irsa-0.dist-info"
        facts.mkdir(parents=True)
        (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: irsa\nVersion: 0\n")
        (facts / "entry_points.txt").write_text(ENTRY_POINT)
        for package in ("command/irsa", "core/irsa_core", "sandbox/irsa_sandbox"):
            (self._installed / Path(package).name).symlink_to(ROOT / package)

    def write(self, **files: str) -> None:
        """Python files, each by its name without `.py`."""
        for name, text in files.items():
            (self.folder / f"{name}.py").write_text(dedent(text))

    def pytest(self, *arguments: str, env: Mapping[str, str] | None = None) -> Any:
        """Run its tests, warnings being errors; both outputs are in ``stdout``."""
        both = {"capture_output": False, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        command = self.command(*arguments)
        return ran(*command, cwd=self.folder, env=self.environment(env), **both)

    def command(self, *arguments: str) -> list[str]:
        """Return the command that runs its tests."""
        options = ["-q", "-W", "error", "-p", "no:cacheprovider", *arguments]
        return [sys.executable, "-m", "pytest", *options]

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """The environment to run them in."""
        return {**os.environ, "PYTHONPATH": str(self._installed), **(more or {})}
