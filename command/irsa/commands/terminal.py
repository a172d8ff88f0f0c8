"""Exit quietly on Ctrl-C, `kill`, a closed terminal, a closed pipe or a full disk."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C, `kill` and a closed terminal."""
SIGNALED = 128
"""Exit code of a signal, as shells report it: plus its number."""
UNWRITTEN = 2


def quietly(command: Callable[[], int]) -> int:
    """Run a command and return its exit code, without a traceback on Ctrl-C, a closed pipe
    or a full disk. `kill` and a closed terminal are a `KeyboardInterrupt` as well."""
    received = signal.SIGINT

    def end(number: int, _frame: object) -> None:
        nonlocal received
        received = signal.Signals(number)
        if received == signal.SIGHUP:
            discard_output(sys.stdout, sys.stderr)
        raise KeyboardInterrupt

    with on_interrupt(end):
        try:
            try:
                return command()
            finally:
                sys.stdout.flush()  # here, where a closed pipe can still be caught
        except KeyboardInterrupt:
            return SIGNALED + received
        except BrokenPipeError:
            discard_output()
            return SIGNALED + signal.SIGPIPE
        except OSError as error:  # a full disk
            discard_output()
            print(error, file=sys.stderr)
            return UNWRITTEN


@contextmanager
def on_interrupt(action: Any) -> Generator[None]:
    """Let Ctrl-C, `kill` and a closed terminal end the process at once (``SIG_DFL``), where there
    is nothing to tidy up, do nothing (``SIG_IGN``), where tidying up is under way, or call a
    function. On other threads they do not arrive. What `nohup` ignores stays ignored."""
    is_main = threading.current_thread() is threading.main_thread()
    before = {number: signal.getsignal(number) for number in SIGNALS if is_main}
    changed = [number for number, old in before.items() if old != signal.SIG_IGN]
    for number in changed:
        signal.signal(number, action)
    try:
        yield
    finally:
        for number in changed:
            signal.signal(number, before[number])


def discard_output(*streams: Any) -> None:
    """Discard further output: the reader of standard output has closed the pipe."""
    null = os.open(os.devnull, os.O_WRONLY)
    for stream in streams or [sys.stdout]:
        os.dup2(null, stream.fileno())
    os.close(null)
