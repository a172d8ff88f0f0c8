"""Waiting for what others do."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

TELL_EVERY = 10.0  # seconds


def wait_until(is_done: Callable[[], object], timeout: float, pause: float = 0.05) -> bool:
    """Ask again after each pause until the answer is true; False after the timeout, in seconds."""
    deadline = time.monotonic() + timeout
    while not is_done():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
    return True


@contextmanager
def waiting_for(what: Callable[[], str]) -> Iterator[None]:
    """Tell the user each ten seconds what the context waits for."""
    over = threading.Event()

    def tell() -> None:
        while not over.wait(TELL_EVERY):
            print(f"waiting for {what()}", file=sys.stderr, flush=True)

    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        yield
    finally:
        over.set()
        teller.join()
