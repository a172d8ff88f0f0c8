"""Run a Pulumi program in the sandbox through the Automation API (decision 0008).

The program runs in this process, or with the Python of its project's virtual environment, so that
the Pulumi CLI alone is enough. The project's settings are copied into the sandbox first, because
the engine writes to them.
"""

import logging
import runpy
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache, partial
from operator import methodcaller
from pathlib import Path
from subprocess import CalledProcessError
from traceback import format_exception, format_tb, walk_tb
from typing import Any, TypeVar

import grpc
import pulumi
from pulumi import RunError, automation
from pulumi.automation import PulumiCommand, PulumiFn
from pulumi.automation._stack import StackInitMode
from pulumi.runtime import mocks, settings
from pulumi.runtime._callbacks import _CallbackServicer
from pulumi.runtime._grpc_settings import _GRPC_CHANNEL_OPTIONS
from pulumi.runtime.stack import register_stack_transformation

from ..environment_variables import exported
from ..serving.files import write_private
from ..state import PULUMI_BACKEND, PULUMI_HOME, SandboxError, SandboxState
from . import diagnostics, processes
from .project import read_project, read_stack, write_settings
from .stand_ins import packages_of, stand_in
from .virtualenv import program_of, virtualenv_of

ROOT = Path(__file__).parents[3]
__tracebackhide__ = methodcaller("errisinstance", SandboxError)  # pytest shows the caller's line

_USE_AGAIN = {
    "irsa:index:DataBucket": 'DataBucketArgs(bucket_name="{id}", existing=True)',
    "irsa:index:Namespace": 'NamespaceArgs(namespace="{id}", existing=True)',
}
"""By a component's type: arguments that use again what its resource was; others are imported."""

_UNFINISHED = ("no running event loop", "coroutine ignored GeneratorExit")

OnOutput = Callable[[str], Any]
T = TypeVar("T")


class _Workspace(automation.LocalWorkspace):
    """A workspace that does not run `pulumi stack select`: each command names its stack."""

    def select_stack(self, stack_name: str) -> None:
        """Do nothing."""


class _Stack(automation.Stack):
    """A stack whose operations do not run the CLI three times more: for the outputs, for their
    secrets, and for the counts, which the events have (together 0.5 s of a processor)."""

    def outputs(self) -> automation.OutputMap:
        """Nothing; the workspace has them."""
        return {}

    def info(self, show_secrets: bool = True) -> automation.UpdateSummary:  # noqa: ARG002
        """Nothing but what no operation lacks."""
        return automation.UpdateSummary("", datetime.now(UTC), "", {}, {}, "")


class SandboxStack:
    """One stack of one project in one sandbox."""

    def __init__(
        self,
        sandbox: SandboxState,
        project: Path = ROOT,
        *,
        program: PulumiFn | None = None,
        project_name: str = "inline",
        stack: str = "dev",
        config: Mapping[str, Any] | None = None,
        stand_ins: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        """Open the stack; create it if it is new.

        The program is that of the folder ``project``, which has a Pulumi.yaml, or else the function
        ``program`` of the project ``project_name``. ``config`` replaces values of
        Pulumi.<stack>.yaml by key (``irsa:accountId``); a value None removes the key. ``stand_ins``
        has the outputs of types that the sandbox lacks, by type token. Raises `SandboxError` for
        wrong settings.
        """
        _complete_errors_of_callbacks()
        _hide_unfinished_coroutines()
        use_a_connection_for_each_engine()
        processes.use_sessions()
        self._project, self._name = project.resolve(), stack
        self._inline, self._stand_ins = program, stand_ins or {}
        self._error, self._lines = "", dict[str, str]()
        self._environment = {**sandbox.search_path(), **sandbox.aws_environment()}
        settings: dict[str, Any] = {"name": project_name, "runtime": "python"}
        of_stack: dict[str, Any] = {"config": dict(config or {})}
        if not program:
            settings = read_project(self._project)
            of_stack = read_stack(self._project, stack, config or {})
        name, folder = settings["name"], virtualenv_of(project, settings)
        self.missing_virtualenv = None if folder is None or folder.exists() else folder
        """The virtual environment that Pulumi.yaml names, if it does not exist."""

        work_dir = self._work_dir = sandbox.path / "projects" / name
        write_settings(settings, stack, of_stack, work_dir)
        home = str(sandbox.path / PULUMI_HOME)
        packages = packages_of(self._stand_ins, sandbox.plugins)
        other_python = program_of(self._project, folder)
        if other_python and packages:
            python = other_python.python
            raise SandboxError(f"stand_ins: {python} runs the program; run pytest with it")
        workspace = _Workspace(
            program=other_python or self._program,
            work_dir=str(work_dir),
            pulumi_command=_pulumi_command(Path(sandbox.pulumi), home),
            pulumi_home=home,
            env_vars={
                **sandbox.engine_environment(packages),
                **self._environment,
                # The copied settings do not say how secrets are encrypted; the state does.
                "PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER": "true",
            },
        )
        state = sandbox.path / PULUMI_BACKEND / ".pulumi" / "stacks" / name / f"{stack}.json"

        def opened() -> _Stack:
            if not state.exists():
                with suppress(automation.errors.StackAlreadyExistsError):  # by another process
                    workspace.create_stack(stack)
            return _Stack(stack, workspace, StackInitMode.SELECT)

        self._stack = self._in_one_line(opened)

    def preview(self, on_output: OnOutput | None = None, **options: Any) -> dict[str, int]:
        """Return the operations that an `up` would do, counted by kind (``same``, ``create``)."""
        return self._counted(self._stack.preview, on_output, options)

    def up(self, on_output: OnOutput | None = None, **options: Any) -> dict[str, int]:
        """Bring the stack up; return the operations done, counted by kind."""
        return self._counted(self._stack.up, on_output, options)

    def refresh(self, on_output: OnOutput | None = None, **options: Any) -> dict[str, int]:
        """Read every resource again; return the differences, counted by kind."""
        return self._counted(self._stack.refresh, on_output, options)

    def destroy(self, on_output: OnOutput | None = None, **options: Any) -> dict[str, int]:
        """Delete everything that the stack holds; return the operations done, counted by kind."""
        return self._counted(self._stack.destroy, on_output, options)

    def preview_destroy(self) -> dict[str, int]:
        """Return the operations that a `destroy` would do, counted by kind."""
        return self._counted(self._stack.preview_destroy, None, {})

    def retained(self) -> list[str]:
        """Return a line for each resource that a `destroy` keeps (`retain_on_delete`). The settings
        of one (`deleted_with`) are part of it."""
        lines: list[str] = []
        for state in self.export().get("resources", ()):
            kept = state.get("retainOnDelete") and not state.get("deletedWith")
            if kept and "id" in state:  # no component
                *_, parent, kind = ["", *state["urn"].split("::")[2].split("$")]
                again = _USE_AGAIN.get(parent, 'ResourceOptions(import_="{id}")').format_map(state)
                name = state["urn"].split("::", 3)[3]
                lines.append(f"{kind} {name}: {state['id']} is kept; {again} uses it again")
        return lines

    def outputs(self, *, show_secrets: bool = True) -> dict[str, Any]:
        """Return the stack's outputs, secrets in clear or as ``[secret]``."""
        return {
            name: "[secret]" if output.secret and not show_secrets else output.value
            for name, output in self._stack.workspace.stack_outputs(self._stack.name).items()
        }

    def export(self) -> dict[str, Any]:
        """Return the stack's deployment as `pulumi stack export` does (secrets encrypted)."""
        return dict(self._stack.export_stack().deployment or {})

    def _counted(
        self, operation: Callable[..., Any], on_output: OnOutput | None, options: dict[str, Any]
    ) -> dict[str, int]:
        counts: dict[Any, int] = {}
        listen = options.pop("on_event", lambda _event: None)

        def note(event: automation.EngineEvent) -> None:
            listen(event)
            if event.summary_event:
                counts.update(event.summary_event.resource_changes)

        shown = on_output and diagnostics.without_repeats(on_output)
        self._in_one_line(partial(operation, on_output=shown, on_event=note, **options))
        return {str(getattr(kind, "value", kind)): count for kind, count in counts.items()}

    def _program(self) -> Any:
        register_stack_transformation(self._note_line)
        register_stack_transformation(partial(stand_in, self._stand_ins))
        try:
            return self._inline() if self._inline else run_main(self._project)
        except RunError as error:
            self._error = diagnostics.in_program(str(error), "".join(format_exception(error)))
            raise

    def _note_line(self, args: pulumi.ResourceTransformationArgs) -> None:
        self._lines[diagnostics.resource_key(args.type_, args.name)] = diagnostics.users_line()

    def _in_one_line(self, operation: Callable[[], T]) -> T:
        """Turn an error of the program or the engine into one line.

        The program has the engine's PATH and credentials, as with a language host, for its hooks.
        """
        self._error = ""
        try:
            with exported(**self._environment):
                return self._unlocked(operation)
        except automation.errors.CommandError as error:
            line, text = self._error or diagnostics.explain(error, self._lines), str(error)
        line = line.replace("Pulumi.STACK.yaml", f"Pulumi.{self._name}.yaml")
        if "Updating (" in text:
            with suppress(automation.errors.CommandError, OSError):  # the sandbox may be gone
                line += diagnostics.ways_on(line, self.export().get("resources", ()))
        if "Traceback (most recent call last):" in text:
            log = self._work_dir / "error.log"
            write_private(log, text.encode())
            line += f" (all of it: {log})"
        raise SandboxError(line)

    def _unlocked(self, operation: Callable[[], T]) -> T:
        try:
            return operation()
        except automation.errors.ConcurrentUpdateError as error:
            if not diagnostics.left_locked(error):
                raise
        self._stack.cancel()
        return operation()


def run_main(project: Path) -> None:
    """Run the program in a project's folder; raises `pulumi.RunError` when there is none."""
    folder, main = str(project), project / "__main__.py"
    if not main.exists():
        raise RunError(f"{main} does not exist; it is the program of the project")
    sys.path.insert(0, folder)  # as a language host does, which runs a program's folder
    try:
        runpy.run_path(str(main), run_name="__main__")
    finally:
        sys.path.remove(folder)


@cache
def _pulumi_command(pulumi: Path, home: str) -> PulumiCommand:
    """Return the CLI, which is asked for its version; even that writes a log into its home."""
    with exported(PULUMI_HOME=home):
        try:
            return PulumiCommand(root=str(pulumi.parents[1]))
        except CalledProcessError as error:
            raise SandboxError(f"the Pulumi CLI did not start: {error}; run it again") from error


def summary(counts: Mapping[str, int]) -> str:
    """Return counts of operations as text: ``1 create, 52 same``."""
    return ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items())) or "nothing"


@cache
def use_a_connection_for_each_engine() -> None:
    """Keep connections to engines that have ended out of the way of new ones.

    pulumi closes none of a run's connections, and gRPC shares those to one address: an engine that
    happens to get the port of an earlier one would be taken for gone until the next attempt is due.
    """
    _GRPC_CHANNEL_OPTIONS.append(("grpc.use_local_subchannel_pool", 1))


@cache
def _complete_errors_of_callbacks() -> None:
    """Have errors in `apply` name their lines: where two tasks await one, the second has no
    traceback of it. Have those in a transform name their class and the resource."""
    before, before_pretty = pulumi.Output.apply, _CallbackServicer.pretty_error

    def apply(self: Any, func: Callable[[Any], Any], run_with_unknowns: bool = False) -> Any:
        line = diagnostics.users_line()

        def noted(value: Any) -> Any:
            try:
                return func(value)
            except RunError as error:  # whose text is all that is shown
                if isinstance(settings.get_monitor(), mocks.MockMonitor):
                    raise
                traceback = line + "".join(format_tb(error.__traceback__))
                raise RunError(diagnostics.in_program(str(error), traceback)) from error
            except Exception as error:
                error.add_note("".join(format_tb(error.__traceback__)))
                raise

        return before(self, noted, run_with_unknowns)

    def pretty_error(self: Any, e: BaseException) -> str:
        text, kind = before_pretty(self, e), type(e).__name__
        scopes = [frame.f_locals for frame, _ in walk_tb(e.__traceback__)]
        args = next((scope["args"] for scope in scopes if "args" in scope), None)
        if kind not in diagnostics.PLAIN and isinstance(args, pulumi.ResourceTransformArgs):
            return f"{kind} in a transform of {args.type_} {args.name}: {text}"
        return text

    pulumi.Output.apply, _CallbackServicer.pretty_error = apply, pretty_error


@cache
def _hide_unfinished_coroutines() -> None:
    """Keep pulumi's own clean-up of a failed program from printing tracebacks.

    Its inline server drops the program's coroutines unfinished, and each complains, whenever it is
    collected, that its event loop is gone or that it cannot be closed. Nothing else is kept quiet.
    """
    before = sys.unraisablehook

    def hook(args: Any) -> None:
        if not (isinstance(args.exc_value, RuntimeError) and str(args.exc_value) in _UNFINISHED):
            before(args)

    sys.unraisablehook = hook
    # Its server logs, with two tracebacks, that the engine of a failed program has ended.
    logging.getLogger("grpc._server").addFilter(
        lambda record: not (record.exc_info and isinstance(record.exc_info[1], grpc.RpcError))
    )
