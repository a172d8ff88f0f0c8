"""A program in the virtual environment of its project, whose Python runs it as Pulumi would."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pulumi.automation import _stack
from pulumi.automation._server import LanguageServer
from pulumi.runtime.proto import language_pb2
from typing_extensions import override

from ..errors import SandboxError
from ..reaper import reaper

RUNNER = Path(__file__).with_name("run_program.py")
REPORTED = 32
"""Exit code of a program whose error the engine has already."""


def virtualenv_of(project: Path, settings: Mapping[str, Any]) -> Path | None:
    """Return the folder of the virtual environment that a Pulumi.yaml names."""
    match settings.get("runtime"):
        case {"options": {"virtualenv": str(name)}}:
            return project / name
        case {"options": {"toolchain": "uv"}}:
            return project / ".venv"
    return None


class Program(NamedTuple):
    """A program that a Python other than this one runs."""

    project: Path
    python: Path

    def __call__(self) -> None:
        """Stand for the program where Pulumi asks for a function; `_Server` does not call it."""

    def run(self, request: language_pb2.RunRequest) -> language_pb2.RunResponse:
        """Run the program for the engine that made the request."""
        with (
            subprocess.Popen(
                # A program that fails leaves pulumi's coroutines unfinished, not by its fault.
                [self.python, "-W", "ignore:coroutine:RuntimeWarning", RUNNER],
                cwd=self.project,
                stdin=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,  # Ctrl-C is for the engine, which ends the program
            ) as done,
            reaper(done.pid),
        ):
            _, told = done.communicate(request.SerializeToString())
        text = told.decode(errors="replace")
        if done.returncode in (0, REPORTED):
            print(text, file=sys.stderr, end="")
            return language_pb2.RunResponse(bail=done.returncode == REPORTED)
        why = text.strip().rpartition("\n")[2] or f"exit code {done.returncode}"
        return language_pb2.RunResponse(error=f"{self.python}: {why}")


def program_of(project: Path, folder: Path | None) -> Program | None:
    """Return the program if another Python than this one runs it. Raises `SandboxError`."""
    if folder is None or not folder.exists() or folder.resolve() == Path(sys.prefix).resolve():
        return None
    python = folder.absolute() / "bin" / "python"
    if not python.exists():
        raise SandboxError(f"{project / 'Pulumi.yaml'}: virtualenv: {python} does not exist")
    stacks: Any = _stack
    stacks.LanguageServer = _Server  # there is no option for it
    return Program(project, python)


class _Server(LanguageServer):
    @override
    def Run(self, request: Any, context: Any) -> Any:
        program: Any = self.program
        if isinstance(program, Program):
            return program.run(request)
        return super().Run(request, context)
