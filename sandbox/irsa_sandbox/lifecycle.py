"""Starting and stopping a sandbox from another process."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from irsa.commands.terminal import on_interrupt

from . import toolchain
from .environment_variables import background
from .folder import clear, is_held, is_lock_of, refuse_others, take
from .state import (
    ENDED_FILE,
    FAILED,
    LOG_FILE,
    PULUMI_HOME,
    TOOLS,
    SandboxError,
    SandboxState,
    command,
    load,
    running_pid,
    wait_for_start,
)
from .toolchain.downloads import Progress
from .toolchain.plugins import ANY, Choice, link, write_script
from .waiting import wait_until, waiting_for

STOP_TIMEOUT = 120.0  # seconds
ROOT = Path(__file__).parents[2]


def up(folder: Path, on_progress: Progress, providers: Choice = ANY) -> SandboxState:
    """Start a sandbox in ``folder``, or find the one that runs there. Raises `SandboxError`."""
    return find_or_start(folder, on_progress, providers)[0]


def find_or_start(
    folder: Path, on_progress: Progress, providers: Choice = ANY
) -> tuple[SandboxState, bool]:
    """The sandbox that runs in ``folder``, and whether it was started here."""
    folder = folder.resolve()
    while (state := wait_for_start(folder)) is None:
        refuse_others(folder)  # before minutes of building
        state = start(folder, tools(on_progress, providers), on_progress)
        if state is not None:  # None: another start was faster, so wait for that one
            return state, True
    if providers.names is not None and providers.names != set(state.plugins):
        raise SandboxError(
            f"the sandbox in {folder} runs with {', '.join(state.plugins) or 'no provider'} left "
            f"to plugins; stop it with `{command('down', folder)}` to start it with others"
        )
    return state, False


def tools(on_progress: Progress, providers: Choice = ANY) -> toolchain.Tools:
    """The programs that a sandbox consists of, made if they are missing.

    Raises `SandboxError`, and `ModuleNotFoundError` before that takes minutes.
    """
    for name in ("ministack", "lightkube", "pulumi"):  # of another process, which would only fail
        if find_spec(name) is None:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    with on_interrupt(signal.SIG_DFL):  # what is half-made, the next set-up removes
        return toolchain.obtain(on_progress, providers)


def start(folder: Path, programs: toolchain.Tools, on_progress: Progress) -> SandboxState | None:
    """Start a sandbox in ``folder``; None when one runs or starts there already.

    Raises `SandboxError`. Ctrl-C cancels the start and leaves nothing running.
    """
    folder = folder.resolve()
    lock = take(folder)
    if lock is None:
        return None
    try:
        with lock:
            clear(folder)
            link(programs.plugins, folder / PULUMI_HOME)
            write_script(folder / TOOLS / "pulumi", programs.pulumi)
            # -P: a module in the working directory must not hide one of the AWS CLI.
            write_script(folder / TOOLS / "aws", sys.executable, "-P", "-m", "awscli")
            _start_supervisor(folder, programs, lock, on_progress)
    except KeyboardInterrupt:
        if wait_for_start(folder) is not None:  # it was ready just then
            down(folder)
        raise
    return load(folder)


def down(folder: Path) -> bool:
    """Stop the sandbox in ``folder``; False when none ran. What it wrote stays, for its logs."""
    folder = folder.resolve()
    if not is_held(folder):
        return False
    with suppress(ProcessLookupError):  # it ended just now
        os.kill(running_pid(folder), signal.SIGTERM)
    with waiting_for(lambda: f"the end of the sandbox in {folder}"):
        stopped = wait_until(lambda: not is_held(folder), STOP_TIMEOUT)
    if not stopped:
        raise SandboxError(
            f"the sandbox in {folder} did not stop in {STOP_TIMEOUT:g} s; its log is "
            f"{folder / LOG_FILE}"
        )
    return True


@contextmanager
def temporary_folder(prefix: str) -> Iterator[Path]:
    """A private folder for a sandbox. It stays after an error, and when the sandbox ended on its
    own: its logs are there."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    try:
        yield folder
    except KeyboardInterrupt:
        shutil.rmtree(folder, ignore_errors=True)  # an interrupted engine may write to it still
        raise
    if not (folder / ENDED_FILE).exists():
        shutil.rmtree(folder)


def _start_supervisor(
    folder: Path, programs: toolchain.Tools, lock: IO[bytes], on_progress: Progress
) -> None:
    """Return when the sandbox is ready; raise `SandboxError` when it did not start."""
    # The supervisor gives up when this pipe's other end is gone before it is ready: however this
    # process ends, no half-started sandbox stays behind.
    watched, ours = os.pipe()
    supervisor = [sys.executable, "-m", f"{__package__}.supervisor", folder, programs.pulumi]
    supervisor += [programs.control_plane, str(lock.fileno()), str(watched)]
    supervisor += sorted(programs.plugins)
    problem, last = None, "the sandbox"
    # Through a shell that ends at once, in a session of its own: the supervisor is no child of this
    # process, and Ctrl-C in this terminal is not for it.
    with (
        os.fdopen(ours, "wb"),
        os.fdopen(watched, "rb") as theirs,
        subprocess.Popen(
            ["sh", "-c", '"$@" &', "sh", *supervisor],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=background(os.environ),
            start_new_session=True,
            pass_fds=(lock.fileno(), watched),
        ) as shell,
        waiting_for(lambda: last),
    ):
        theirs.close()
        assert shell.stdout is not None  # noqa: S101 - asked for above
        for line in shell.stdout:  # until the supervisor closes it: ready, or dead
            if line.startswith(FAILED):
                problem = line.removeprefix(FAILED).strip()
            else:
                last = line.rstrip()
                on_progress(last)
    if problem is not None:
        problem = problem if is_lock_of(folder, lock.fileno()) else "its folder was removed"
        raise SandboxError(f"the sandbox did not start: {problem} (log: {folder / LOG_FILE})")
