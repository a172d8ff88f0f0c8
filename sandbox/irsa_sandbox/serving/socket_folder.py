"""A private folder for sockets, with a short path, as a socket's may have 104 bytes on macOS."""

import tempfile
from pathlib import Path

from ..reaper import at_end

PARENT = "/tmp"  # noqa: S108 - not $TMPDIR, which is long on macOS; `mkdtemp` makes it private


class SocketFolder:
    """One folder, from its making until `remove` or the end of this process, even a killed one."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="irsa-sockets-", dir=PARENT))
        self._remover = at_end('rm -rf -- "$0"', str(self.path))

    def remove(self) -> None:
        """Safe to call again."""
        with self._remover:  # whose end waits
            pass
