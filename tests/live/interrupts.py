"""Ctrl-C, an ended terminal or a cancelled job: a run stops, and removes what it has made.

The terminal sends Ctrl-C to the Pulumi CLI, too, which then ends after what it is doing; until
then nothing else may happen, or what it is making would be in no state.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.live.run import say

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """What a signal does, by what is under way."""

    def __init__(self, way_out: str) -> None:
        """``way_out`` is what to type when nothing may be interrupted and has to be."""
        self._way_out = way_out
        self._engine_runs = False
        self._removing = False
        self._wanted = False
        for number in SIGNALS:
            signal.signal(number, self._arrived)

    @contextmanager
    def engine(self) -> Iterator[None]:
        """An operation of the CLI: the interrupt waits for its end."""
        self._engine_runs = True
        try:
            yield
        finally:
            self._engine_runs = False
            if self._wanted and not self._removing:
                raise KeyboardInterrupt

    def begin_to_remove(self) -> None:
        """From here on nothing interrupts."""
        self._removing = True

    def _arrived(self, number: int, frame: Any) -> None:
        if self._removing:
            say(f"removing what was made, to the end; if you must kill this: {self._way_out}")
            return
        self._wanted = True
        if not self._engine_runs:
            raise KeyboardInterrupt
        say("stopping as soon as Pulumi has ended what it is doing; then everything is removed")
