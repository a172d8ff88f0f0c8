"""Starting and stopping a sandbox from another process."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from sandbox import toolchain
from sandbox.state import (
    FAILED,
    LOG_FILE,
    SandboxError,
    SandboxState,
    load,
    take_lock,
    wait_until_loaded,
)

START_TIMEOUT = 120.0  # seconds; some 10 are usual
STOP_TIMEOUT = 30.0
ROOT = Path(__file__).parents[1]

Progress = Callable[[str], None]


def up(folder: Path, on_progress: Progress) -> SandboxState:
    """Start a sandbox in ``folder``, or find the one that runs there. Raises `SandboxError`."""
    folder = folder.resolve()
    lock = take_lock(folder)
    if lock is None:
        return wait_until_loaded(folder, START_TIMEOUT)
    lock.close()  # the supervisor takes it; of two that start at once, one ends and waits here
    try:
        tools = toolchain.obtain(on_progress)
    except toolchain.ToolError as error:
        raise SandboxError(str(error)) from error
    _start_supervisor(folder, tools, on_progress)
    return wait_until_loaded(folder, START_TIMEOUT)


def down(folder: Path) -> bool:
    """Stop the sandbox in ``folder``; False when none ran. What it wrote stays, for its logs."""
    folder = folder.resolve()
    lock = take_lock(folder)
    if lock is not None:
        lock.close()
        return False
    os.kill(load(folder).pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_TIMEOUT
    while (lock := take_lock(folder)) is None:
        if time.monotonic() > deadline:
            raise SandboxError(
                f"the sandbox in {folder} did not stop in {STOP_TIMEOUT:g} s; its log is "
                f"{folder / LOG_FILE}"
            )
        time.sleep(0.05)
    lock.close()
    return True


def _start_supervisor(folder: Path, tools: toolchain.Tools, on_progress: Progress) -> None:
    command = [sys.executable, "-m", "sandbox.supervisor"]
    problem = None
    # Through a shell that ends at once, in a session of its own: the supervisor is nobody's child,
    # and Ctrl-C in this terminal is not for it.
    with subprocess.Popen(
        ["sh", "-c", '"$@" &', "sh", *command, folder, tools.pulumi, tools.control_plane],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as shell:
        assert shell.stdout is not None  # noqa: S101 - asked for above
        for line in shell.stdout:  # until the supervisor closes it: ready, or dead
            if line.startswith(FAILED):
                problem = line.removeprefix(FAILED).strip()
            else:
                on_progress(line.rstrip())
    if problem is not None:
        raise SandboxError(f"the sandbox did not start: {problem} (log: {folder / LOG_FILE})")
