"""A private folder for sockets, with a short path, as a socket's may have 104 bytes on macOS.

A lock holds it, which the kernel frees with the process: what a killed one left, the next removes.
"""

import fcntl
import os
import shutil
import tempfile
import time
from pathlib import Path

PARENT = Path("/tmp")  # noqa: S108 - not $TMPDIR, which is long on macOS; `mkdtemp` makes it private
PREFIX = "irsa-sandbox-"
MAKING = 60.0  # seconds in which a folder may be there and not held yet


class SocketFolder:
    """One folder, from its making until `remove`."""

    def __init__(self) -> None:
        """Make it, and remove those of this user that no process holds."""
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=PARENT))
        self._held = _hold(self.path)
        for other in PARENT.glob(f"{PREFIX}*"):
            _remove_left_over(other)

    def remove(self) -> None:
        """Safe to call again."""
        shutil.rmtree(self.path, ignore_errors=True)
        if self._held is not None:
            os.close(self._held)
            self._held = None


def _hold(folder: Path) -> int | None:
    """A descriptor that holds the folder; None if it is held, or not a folder."""
    held = None
    try:
        held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        if held is not None:
            os.close(held)
        return None
    return held


def _remove_left_over(folder: Path) -> None:
    try:
        status = folder.lstat()
    except FileNotFoundError:
        return
    if status.st_uid != os.geteuid() or time.time() - status.st_mtime < MAKING:
        return
    held = _hold(folder)
    if held is not None:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(held)
