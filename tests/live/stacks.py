"""The two stacks of a run: the repository's own programs, by the real CLI, with state in a folder.

With a language host the CLI runs the programs as `pulumi up` does; without one, which is all that
the sandbox has, they run in this process, as the Automation API's inline programs.
"""

import runpy
import shutil
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pulumi import automation
from pulumi.automation._stack import StackInitMode
from pulumi.runtime._grpc_settings import _GRPC_CHANNEL_OPTIONS

from tests.live.run import Account, Run, say
from tests.live.settings import PROJECT_A, PROJECT_B

_LANGUAGE_HOST = "pulumi-language-python"

Engine = Callable[[], AbstractContextManager[Any]]
"""Around each operation of the CLI, which Ctrl-C in the terminal reaches, too."""


class Stack:
    """Account A's stack, or account B's."""

    def __init__(
        self, run: Run, project: Path, account: Account, engine: Engine = nullcontext
    ) -> None:
        """Open the stack, whose settings `prepare` has written."""
        _connect_anew()
        self.title = "account A" if project == PROJECT_A else "account B"
        self._folder = _folder(run, project)
        self._engine = engine
        workspace = automation.LocalWorkspace(
            work_dir=str(self._folder),
            program=None if _has_language_host() else self._program,
            env_vars=_environment(run, account),
        )
        with self._engine():
            self._stack = automation.Stack(run.prefix, workspace, StackInitMode.CREATE_OR_SELECT)

    @property
    def pulumi_version(self) -> str:
        """The CLI's, and what runs the program."""
        host = "in this process" if self._stack.workspace.program else "by its language host"
        return f"{self._stack.workspace.pulumi_version}, programs {host}"

    def up(self) -> None:
        """Bring it up; raises `pulumi.automation.CommandError` once it has said why not."""
        say(f"{self.title}: pulumi up")
        with self._engine():
            self._stack.up(on_output=say, show_secrets=False)

    def preview(self) -> dict[str, int]:
        """What an `up` would do, by kind of operation."""
        say(f"{self.title}: pulumi preview")
        with self._engine():
            done = self._stack.preview()
        return {str(getattr(kind, "value", kind)): n for kind, n in done.change_summary.items()}

    def destroy(self) -> None:
        """Take it down; raises `pulumi.automation.CommandError` once it has said why not."""
        say(f"{self.title}: pulumi destroy")
        with self._engine():
            self._stack.destroy(on_output=say, show_secrets=False)

    def outputs(self) -> dict[str, Any]:
        """Its outputs, secrets in plain."""
        return {name: output.value for name, output in self._stack.outputs().items()}

    def _program(self) -> None:
        folder = str(self._folder)
        sys.path.insert(0, folder)  # as a language host does
        try:
            runpy.run_path(str(self._folder / "__main__.py"), run_name="__main__")
        finally:
            sys.path.remove(folder)


def prepare(run: Run, settings: tuple[Mapping[str, Any], Mapping[str, Any]]) -> None:
    """Lay out both projects in the run's folder: the programs are links, the settings its own."""
    for project, config in zip((PROJECT_A, PROJECT_B), settings, strict=True):
        folder = _folder(run, project)
        folder.mkdir()
        content = yaml.safe_load((project / "Pulumi.yaml").read_text("utf-8"))
        content["runtime"]["options"]["virtualenv"] = sys.prefix  # with the packages of this run
        _write(folder / "Pulumi.yaml", content)
        _write(folder / f"Pulumi.{run.prefix}.yaml", {"config": dict(config)})
        for program in ("__main__.py", "components", "irsa"):
            if (project / program).exists():
                (folder / program).symlink_to(project / program)


def is_prepared(run: Run) -> bool:
    """Whether both stacks can be opened, which a run that was removed no longer can be."""
    return all(
        (_folder(run, project) / f"Pulumi.{run.prefix}.yaml").exists()
        for project in (PROJECT_A, PROJECT_B)
    )


def open_both(run: Run, engine: Engine = nullcontext) -> tuple[Stack, Stack]:
    """Account A's stack and account B's."""
    return Stack(run, PROJECT_A, run.a, engine), Stack(run, PROJECT_B, run.b, engine)


def _folder(run: Run, project: Path) -> Path:
    return run.private / ("account_a" if project == PROJECT_A else project.name)


def _write(file: Path, content: Mapping[str, Any]) -> None:
    file.write_text(yaml.safe_dump(dict(content), sort_keys=False))


def _environment(run: Run, account: Account) -> dict[str, str]:
    return {
        "AWS_PROFILE": account.profile,
        # Without side files, which a killed engine can leave empty: it then refuses the stack.
        "PULUMI_BACKEND_URL": f"file://{run.private / 'state'}?metadata=skip",
        "PULUMI_CONFIG_PASSPHRASE": (run.private / "passphrase").read_text(),
        "PULUMI_SKIP_CHECKPOINTS": "false",  # a killed run must know what it has made
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }


def _has_language_host() -> bool:
    beside = Path(shutil.which("pulumi") or "").resolve().with_name(_LANGUAGE_HOST)
    return beside.exists() or shutil.which(_LANGUAGE_HOST) is not None


@cache
def _connect_anew() -> None:
    """Keep connections to engines that have ended out of the way of new ones, which may have their
    ports: gRPC would take them for gone."""
    _GRPC_CHANNEL_OPTIONS.append(("grpc.use_local_subchannel_pool", 1))
