"""The processes of the Pulumi CLI, which get signals from this process alone."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from pulumi.automation import _cmd
from typing_extensions import override

from irsa.commands.terminal import on_interrupt

from ..waiting import wait_until

LAST_LINES = 5.0
"""Seconds in which the last lines of a process that has ended are read."""


class _Engine(subprocess.Popen[str]):
    """A process of the CLI in a session of its own. Of two SIGINT the second lets the engine drop
    its calls, so a terminal's must not come beside the one that is passed on."""

    running = set["_Engine"]()

    def __init__(self, *command: Any, **options: Any) -> None:
        super().__init__(*command, start_new_session=True, **options)
        self.running.add(self)

    @override
    def __exit__(self, kind: Any, *error: Any) -> None:
        try:
            if kind:  # without a reader of its output the engine would die between call and state
                with interrupting():
                    self.wait()
                    wait_until(lambda: self.stdout.closed and self.stderr.closed, LAST_LINES)
        finally:
            super().__exit__(kind, *error)
            self.running.discard(self)


@contextmanager
def interrupting() -> Iterator[None]:
    """Interrupt all engines, now and by each Ctrl-C during the context. The first time an engine
    finishes its calls and saves the state."""

    def interrupt(*_: object) -> None:
        for engine in [*_Engine.running]:
            engine.send_signal(signal.SIGINT)

    with on_interrupt(interrupt):
        interrupt()
        yield


def use_sessions() -> None:
    """Let the Automation API start each process in a session; it has no option for it."""
    module: Any = _cmd
    module.subprocess = SimpleNamespace(**{**vars(subprocess), "Popen": _Engine})
