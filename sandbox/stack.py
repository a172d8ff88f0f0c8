"""Brings a Pulumi project up in the sandbox through the Automation API (decision D3).

The project's program runs unchanged, in this process, as an inline program, so that the Pulumi CLI
alone is enough. The project's settings are copied into the sandbox first, because the engine writes
to them.
"""

import json
import runpy
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from pulumi import RunError, automation

from sandbox.diagnostics import explain, without_repeats
from sandbox.project import STACK, copy_settings, read_project
from sandbox.state import JOURNAL, SandboxError, SandboxState

ROOT = Path(__file__).parents[1]

FAST = {"PULUMI_EXPERIMENTAL": "true", "PULUMI_SKIP_CHECKPOINTS": "true"}
"""For previews, which have nothing to lose (decision D13). An `up` keeps its checkpoints, so that a
killed one can go on."""

SETTLE_TIMEOUT = 10.0  # seconds

_LEFT_OVER = ("no running event loop", "coroutine ignored GeneratorExit")

OnOutput = Callable[[str], Any]


class SandboxStack:
    """One stack of one project of this repository, in one sandbox."""

    def __init__(
        self,
        sandbox: SandboxState,
        project: Path = ROOT,
        *,
        stack: str = STACK,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        """Open the stack, creating it in the sandbox's state if it is new.

        ``project`` is the folder with Pulumi.yaml; ``config`` replaces values of
        Pulumi.<stack>.yaml by key (``irsa:workloads``); a value None removes the key. Raises
        `SandboxError` for settings that are not right.
        """
        _hide_leftovers()
        self._project = project.resolve()
        self._settings = self._project / f"Pulumi.{stack}.yaml"
        self._sandbox = sandbox
        self._error: RunError | None = None
        name = read_project(self._project)["name"]
        work_dir = sandbox.path / "projects" / name
        copy_settings(self._project, stack, config or {}, work_dir)
        command = automation.PulumiCommand(root=str(Path(sandbox.pulumi).parents[1]))
        options = automation.LocalWorkspaceOptions(
            work_dir=str(work_dir),
            pulumi_command=command,
            pulumi_home=str(sandbox.path / "pulumi-home"),
            env_vars={
                **sandbox.engine_environment(),
                **sandbox.aws_environment(),
                # The copied settings do not say how secrets are encrypted; the state does.
                "PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER": "true",
            },
        )
        with self._one_line():
            self._stack = automation.create_or_select_stack(
                stack, project_name=name, program=self._program, opts=options
            )
            self._recover()

    def preview(self, on_output: OnOutput | None = None, **options: Any) -> dict[str, int]:
        """The operations that an `up` would do, counted by kind (``same``, ``create``, …)."""
        with self._one_line(), self._environment(FAST):
            result = self._stack.preview(on_output=_shown(on_output), **options)
        return _counts(result.change_summary)

    def up(self, on_output: OnOutput | None = None, **options: Any) -> dict[str, int]:
        """Bring the stack up; the operations done, counted by kind."""
        with self._one_line():
            result = self._stack.up(on_output=_shown(on_output), **options)
        return _counts(result.summary.resource_changes)

    def refresh(self, on_output: OnOutput | None = None, **options: Any) -> dict[str, int]:
        """Read every resource again; what differed, counted by kind."""
        with self._one_line():
            result = self._stack.refresh(on_output=_shown(on_output), **options)
        return _counts(result.summary.resource_changes)

    def destroy(self, on_output: OnOutput | None = None, **options: Any) -> dict[str, int]:
        """Remove everything that the stack holds; the operations done, counted by kind."""
        with self._one_line():
            result = self._stack.destroy(on_output=_shown(on_output), **options)
        return _counts(result.summary.resource_changes)

    def outputs(self) -> dict[str, Any]:
        """The stack's outputs, secrets in plain."""
        return {name: output.value for name, output in self._stack.outputs().items()}

    def export(self) -> dict[str, Any]:
        """The stack's deployment as the state file holds it (secrets encrypted)."""
        return dict(self._stack.export_stack().deployment or {})

    def _program(self) -> None:
        folder = str(self._project)
        sys.path.insert(0, folder)  # as a language host does, which runs a program's folder
        try:
            runpy.run_path(str(self._project / "__main__.py"), run_name="__main__")
        except RunError as error:
            self._error = error
            raise
        finally:
            sys.path.remove(folder)

    @contextmanager
    def _one_line(self) -> Iterator[None]:
        """Turn what the program or the engine refused into one line."""
        self._error = None
        try:
            yield
        except automation.errors.CommandError as error:
            text = str(self._error) if self._error else explain(error, str(self._settings))
            raise SandboxError(text) from error

    @contextmanager
    def _environment(self, more: Mapping[str, str]) -> Iterator[None]:
        workspace = self._stack.workspace
        before = workspace.env_vars
        workspace.env_vars = {**before, **more}
        try:
            yield
        finally:
            workspace.env_vars = before

    def _recover(self) -> None:
        """After a killed run, do what a person does: release its lock (`pulumi cancel`), and put
        what it was creating and has not recorded into the state, or drop it, if it was not made
        (`pulumi stack export`, `import` and `refresh`; the options of `refresh` for pending creates
        leave the resources out of the state in 3.274)."""
        if not self._release_locks_of_the_dead():
            return
        exported = self._stack.export_stack()
        deployment: dict[str, Any] = dict(exported.deployment or {})
        pending = {
            operation["resource"]["urn"]: operation["resource"]
            for operation in deployment.pop("pending_operations", None) or ()
            if operation["type"] == "creating"
        }
        if not pending:
            return
        made = [
            {**pending[urn], "id": resource_id, "outputs": pending[urn].get("inputs", {})}
            for urn, resource_id in self._made(pending).items()
        ]
        deployment["resources"] = [*deployment["resources"], *made]
        self._stack.import_stack(automation.Deployment(exported.version, deployment))
        if made:
            self.refresh()

    def _made(self, pending: Iterable[str]) -> dict[str, str]:
        """The ids of those of the ``pending`` resources that the providers made after all."""
        journal = self._sandbox.path / JOURNAL
        deadline = time.monotonic() + SETTLE_TIMEOUT
        while True:
            lines = journal.read_text().splitlines() if journal.exists() else []
            last = {entry["urn"]: entry["id"] for entry in map(json.loads, lines)}
            unfinished = [urn for urn in pending if last.get(urn, "") is None]
            if not unfinished or time.monotonic() > deadline:
                return {urn: last[urn] for urn in pending if last.get(urn)}
            time.sleep(0.1)

    def _release_locks_of_the_dead(self) -> bool:
        released = False
        for file in (self._sandbox.path / "pulumi").glob(".pulumi/locks/**/*.json"):
            try:
                holder = json.loads(file.read_text())["pid"]
            except (OSError, ValueError, KeyError):
                continue  # released, or being written
            if not _is_alive(holder):
                file.unlink(missing_ok=True)
                released = True
        return released


def _shown(on_output: OnOutput | None) -> OnOutput | None:
    return on_output and without_repeats(on_output)


def _counts(summary: Mapping[Any, int] | None) -> dict[str, int]:
    return {str(getattr(kind, "value", kind)): count for kind, count in (summary or {}).items()}


@cache
def _hide_leftovers() -> None:
    """Keep pulumi's own clean-up of a failed program from printing tracebacks.

    Its inline server drops the program's coroutines unfinished, and each complains, whenever it is
    collected, that its event loop is gone or that it cannot be closed. Nothing else is kept quiet.
    """
    before = sys.unraisablehook

    def hook(found: Any) -> None:
        if not (isinstance(found.exc_value, RuntimeError) and str(found.exc_value) in _LEFT_OVER):
            before(found)

    sys.unraisablehook = hook


def _is_alive(pid: int) -> bool:
    """Whether a process runs; one that nobody waited for after its end does not."""
    listed = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return listed.stdout.strip()[:1] not in ("", "Z")
