"""Files with secrets in them, one that has none, and private folders for sockets."""

import os
import tempfile
from pathlib import Path

from ..reaper import at_end

JAVA_TRUST_STORE = "ca.p12"
"""The file in an authority's folder that Java takes as its trust store, as it reads no PEM."""

SOCKETS = "/tmp"  # noqa: S108 - not $TMPDIR, which is long on macOS; `mkdtemp` makes it private
"""Parent of the folders for sockets, whose paths may have 104 bytes on macOS."""


def write_private(file: Path, content: bytes) -> None:
    """Write a file that only its owner may read, whole or not at all.

    A reader sees the old content or the new one; other users see neither.
    """
    descriptor, unfinished = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)  # 0600
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
    Path(unfinished).replace(file)


class SocketFolder:
    """One folder, from its making until `remove` or the end of this process, even a killed one."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="irsa-sockets-", dir=SOCKETS))
        self._remover = at_end('rm -rf -- "$0"', str(self.path))

    def remove(self) -> None:
        """Safe to call again."""
        with self._remover:  # whose end waits
            pass
