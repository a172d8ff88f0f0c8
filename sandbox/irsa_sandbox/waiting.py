"""Waiting for what others do."""

import time
from collections.abc import Callable


def wait_until(is_done: Callable[[], object], timeout: float, pause: float = 0.05) -> bool:
    """Ask again after each pause until the answer is true; False after the timeout, in seconds."""
    deadline = time.monotonic() + timeout
    while not is_done():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
    return True
