"""Files with secrets in them, and one that has none. Pure but for the file system."""

import os
from pathlib import Path

JAVA_TRUST_STORE = "ca.p12"
"""The file in an authority's folder that Java takes as its trust store, as it reads no PEM."""


def write_private(file: Path, content: bytes) -> None:
    """Write a file that only its owner may read, whole or not at all.

    A reader sees the old content or the new one; other users see neither.
    """
    unfinished = file.with_name(f".{file.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
    unfinished.replace(file)
