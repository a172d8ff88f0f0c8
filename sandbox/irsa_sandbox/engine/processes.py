"""The processes of the Pulumi CLI, which get signals from this process alone."""

import signal
import subprocess
from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from types import SimpleNamespace
from typing import Any

from pulumi.automation import _cmd
from typing_extensions import override

from irsa.commands.terminal import on_interrupt

from ..waiting import wait_until


class _Process(subprocess.Popen[str]):
    """One in a session of its own: a second SIGINT lets an engine drop its calls, so a terminal's
    must not come beside the one that is passed on."""

    def __init__(self, *command: Any, **options: Any) -> None:
        super().__init__(*command, start_new_session=True, **options)
        _running.add(self)

    @override
    def __exit__(self, error: Any, *more: Any) -> None:
        pipes = [stream for stream in (self.stdout, self.stderr) if stream]
        with interrupting() if error else nullcontext():
            self.wait()
            # Its readers close them at the end. A plugin may hold them.
            wait_until(lambda: all(stream.closed for stream in pipes), 5.0)
        _running.discard(self)


_running = set[_Process]()


@contextmanager
def interrupting() -> Generator[None]:
    """Interrupt all processes, now and by each Ctrl-C during the context. At the first one an
    engine finishes its calls and saves the state."""

    def interrupt(*_: object) -> None:
        for process in [*_running]:
            process.send_signal(signal.SIGINT)

    with on_interrupt(interrupt):
        interrupt()
        yield


def use_sessions() -> None:
    """Let the Automation API start processes in sessions; it has no option for it."""
    module: Any = _cmd
    module.subprocess = SimpleNamespace(**{**vars(subprocess), "Popen": _Process})
