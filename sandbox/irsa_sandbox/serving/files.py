"""Files with secrets in them, and one that has none. Pure but for the file system."""

import os
import tempfile
from pathlib import Path

JAVA_TRUST_STORE = "ca.p12"
"""The file in an authority's folder that Java takes as its trust store, as it reads no PEM."""


def write_private(file: Path, content: bytes) -> None:
    """Write a file that only its owner may read, whole or not at all.

    A reader sees the old content or the new one; other users see neither.
    """
    descriptor, unfinished = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)  # 0600
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
    Path(unfinished).replace(file)
