"""Brings a Pulumi project up in the sandbox through the Automation API (decision 0008).

The project's program runs unchanged, in this process, as an inline program, so that the Pulumi CLI
alone is enough. The project's settings are copied into the sandbox first, because the engine writes
to them.

The engine saves the state once a run, which is much faster than after every step; what a killed
run left is `sandbox.engine.recovery`'s concern. It hangs on the journal of the attached providers,
so where plugins do the work the state is saved at every step instead.
"""

import os
import runpy
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from grpc.experimental.aio import init_grpc_aio  # pyright: ignore[reportAttributeAccessIssue]
from pulumi import RunError, automation
from pulumi.runtime._grpc_settings import _GRPC_CHANNEL_OPTIONS

from ..state import PULUMI_HOME, SandboxError, SandboxState
from .diagnostics import explain, without_repeats
from .project import STACK, copy_settings, read_project
from .quick_stack import QuickStack, pulumi_command
from .recovery import NoRecovery, Recovery

ROOT = Path(__file__).parents[2]

FAST = {"PULUMI_EXPERIMENTAL": "true", "PULUMI_SKIP_CHECKPOINTS": "true"}
"""Save the state at the end of a run only. Never for an `up` of plain Pulumi: it has no journal."""

TARGETS = 300
"""Resources that a refresh names one by one; beyond, it reads all (a command line has an end)."""

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
        plain: bool = False,
    ) -> None:
        """Open the stack, creating it in the sandbox's state if it is new.

        ``project`` is the folder with Pulumi.yaml; ``config`` replaces values of
        Pulumi.<stack>.yaml by key (``irsa:workloads``); a value None removes the key. ``plain``
        does as a `pulumi up` by hand: save the state at every step, and get no help from the
        journal. Raises `SandboxError` for settings that are not right.
        """
        _hide_leftovers()
        _connect_anew()
        _keep_grpc_up()
        plain = plain or bool(sandbox.plugins)
        self._project = project.resolve()
        self._sandbox = sandbox
        self._error: RunError | None = None
        name = read_project(self._project)["name"]
        work_dir = sandbox.path / "projects" / name
        copy_settings(self._project, stack, config or {}, work_dir)
        home = str(sandbox.path / PULUMI_HOME)
        workspace = automation.LocalWorkspace(
            program=self._program,
            work_dir=str(work_dir),
            pulumi_command=pulumi_command(Path(sandbox.pulumi), home),
            pulumi_home=home,
            env_vars={
                **sandbox.engine_environment(),
                **sandbox.aws_environment(),
                **({} if plain else FAST),
                # The copied settings do not say how secrets are encrypted; the state does.
                "PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER": "true",
            },
        )
        backend = sandbox.path / "pulumi"
        with self._one_line():
            self._stack = QuickStack(backend, name, stack, workspace)
        self._recovery = (
            NoRecovery()
            if plain
            else Recovery(sandbox.providers["aws"], backend, name, self._stack)
        )

    def preview(self, on_output: OnOutput | None = None, **options: Any) -> dict[str, int]:
        """The operations that an `up` would do, counted by kind (``same``, ``create``, …)."""
        with self._one_line(), self._recovery.preview():
            result = self._stack.preview(on_output=_shown(on_output), **options)
        return _counts(result.change_summary)

    def up(self, on_output: OnOutput | None = None, **options: Any) -> dict[str, int]:
        """Bring the stack up; the operations done, counted by kind. What a killed run made counts
        as created when this one takes it."""
        with self._run() as out_of_date:
            if out_of_date:
                target = out_of_date if len(out_of_date) <= TARGETS else None
                self._stack.refresh(on_output=_shown(on_output), target=target)
        with self._run():
            result = self._stack.up(on_output=_shown(on_output), **options)
        self._recovery.settle()
        return _counts(result.summary.resource_changes)

    def refresh(self, on_output: OnOutput | None = None, **options: Any) -> dict[str, int]:
        """Read every resource again; what differed, counted by kind."""
        with self._run():
            result = self._stack.refresh(on_output=_shown(on_output), **options)
        return _counts(result.summary.resource_changes)

    def destroy(self, on_output: OnOutput | None = None, **options: Any) -> dict[str, int]:
        """Remove everything that the stack holds; the operations done, counted by kind."""
        with self._run():
            self._recovery.settle()  # what is left may depend on what the state records
            result = self._stack.destroy(on_output=_shown(on_output), **options)
        return _counts(result.summary.resource_changes)

    def outputs(self) -> dict[str, Any]:
        """The stack's outputs, secrets in plain."""
        return {name: output.value for name, output in self._stack.wanted_outputs().items()}

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
            with _program_environment(self._sandbox):
                yield
        except automation.errors.CommandError as error:
            text = str(self._error) if self._error else explain(error)
            raise SandboxError(text) from error

    @contextmanager
    def _run(self) -> Iterator[list[str]]:
        """A run of the engine that changes the state; gives what `Recovery.run` gives."""
        with self._one_line(), self._recovery.run() as out_of_date:
            yield out_of_date


@contextmanager
def _program_environment(sandbox: SandboxState) -> Iterator[None]:
    """What a language host hands on to a program, whose checks ask the cluster (decision 0002)."""
    before = dict(os.environ)
    programs = os.pathsep.join([str(Path(sys.executable).parent), before.get("PATH", os.defpath)])
    os.environ.update(sandbox.aws_environment(), PATH=programs)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _shown(on_output: OnOutput | None) -> OnOutput | None:
    return on_output and without_repeats(on_output)


def _counts(summary: Mapping[Any, int] | None) -> dict[str, int]:
    return {str(getattr(kind, "value", kind)): count for kind, count in (summary or {}).items()}


@cache
def _connect_anew() -> None:
    """Keep connections to engines that have ended out of the way of new ones.

    pulumi closes none of a run's connections, and gRPC shares those to one address: an engine that
    happens to get the port of an earlier one would be taken for gone until the next attempt is due.
    """
    _GRPC_CHANNEL_OPTIONS.append(("grpc.use_local_subchannel_pool", 1))


@cache
def _keep_grpc_up() -> None:
    """Keep gRPC's part for asyncio up for as long as this process lives.

    A program's hooks are a server of that part, which goes down with the last of its servers. After
    a program that failed this is whenever that is collected, on any thread, and perhaps while the
    next program starts. Going down, it races with its own thread
    (https://github.com/grpc/grpc/issues/43364; the way out is in issue 22365).
    """
    init_grpc_aio()  # one user more than there are, so that the last never goes


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
