"""Handlers of Ctrl-C besides `KeyboardInterrupt`."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def on_interrupt(action: signal.Handlers) -> Iterator[None]:
    """Let Ctrl-C end the process at once (``SIG_DFL``), where there is nothing to tidy up, or do
    nothing (``SIG_IGN``), where tidying up is under way. On other threads it does not arrive."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, action)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def hide_interrupted_readers() -> None:
    """Print no traceback of the threads with which pulumi reads its CLI's output: Ctrl-C closes
    the pipes under them."""
    before = threading.excepthook

    def hook(found: threading.ExceptHookArgs) -> None:
        if not (found.exc_type is ValueError and "closed file" in str(found.exc_value)):
            before(found)

    threading.excepthook = hook
