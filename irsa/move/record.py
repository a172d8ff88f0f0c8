"""Record of a move under way: an annotation of its service account, which is its lock as well.

It names the role, so that the move goes on where neither annotation nor association does.
"""

import os
import socket
from collections.abc import Mapping
from typing import NamedTuple

from irsa.move.facts import Move

RECORD = "irsa/move"
"""Key of the annotation, and the field manager that writes it: its time is not the role's."""


class Record(NamedTuple):
    """A move, and the process that carries it out."""

    to: str
    role_arn: str
    host: str = "-"
    process: str = "0"
    until: str = "0"
    """Seconds since 1970 until which the process has the lock."""

    def __str__(self) -> str:
        return " ".join(self)

    @property
    def title(self) -> str:
        """The move in words."""
        return f"process {self.process} on {self.host} moves it to {self.to}"

    def is_another(self, now: float) -> bool:
        """Return True if a process that may be alive has the lock, and is not this one."""
        if int(self.until) <= now or (self.host, self.process) == _own():
            return False
        return self.host != _own()[0] or _is_alive(int(self.process))


def record(move: Move, until: float) -> Record:
    """Return the record of this process's move."""
    return Record(move.to, move.role.arn, *_own(), str(int(until)))


def record_of(annotations: Mapping[str, str]) -> Record | None:
    """Return the record in a service account's annotations; None for none, or another text."""
    parts = annotations.get(RECORD, "").split()
    whole = len(parts) == len(Record._fields) and parts[3].isdecimal() and parts[4].isdecimal()
    return Record(*parts) if whole else None


def _own() -> tuple[str, str]:
    return socket.gethostname(), str(os.getpid())


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True
