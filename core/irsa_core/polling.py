"""Wait until something holds several times in a row."""

import time
from collections.abc import Callable
from typing import Final

IN_A_ROW: Final = 5
"""Answers without a problem before what was waited for is taken to hold. EKS has two API servers or
more, and each asks a webhook of its own."""
PAUSE = 0.5
TIMEOUT = 60.0
"""Seconds between two questions after a problem, and until the wait fails."""


def until_in_a_row(
    problem: Callable[[], str], pause: Callable[[float], object] = time.sleep
) -> str:
    """Return the empty text once ``problem`` has been that several times in a row, or after a
    minute the last one, with that time. ``pause`` waits for some seconds; a true result ends it."""
    deadline, in_a_row = time.monotonic() + TIMEOUT, 0
    while in_a_row < IN_A_ROW:
        text = problem()
        in_a_row = 0 if text else in_a_row + 1
        if text and time.monotonic() > deadline:
            return f"{text}, after {TIMEOUT:.0f} s"
        if text and pause(PAUSE):
            break
    return ""
