"""Programs and SDKs of other languages that tests build once, in the user's cache folder."""

import hashlib
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from irsa_sandbox import cache


def cached_build(
    name: str, files: Sequence[Path], make: Callable[[Path], object], *more: bytes
) -> Path:
    """The folder with copies of the files in which ``make`` has run; another one when the files, or
    ``more`` that it depends on, are others."""
    content = b"".join([*(file.read_bytes() for file in files), *more])

    def make_with_copies(folder: Path) -> None:
        for file in files:
            shutil.copy(file, folder)
        make(folder)

    key = hashlib.sha256(content).hexdigest()[:12]
    return cache.cached_build(f"{name}-{key}", make_with_copies)


def needed(program: str) -> str:
    """Return the path of a program; skip the test without it."""
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not on PATH")
    return found
