"""Entries of the cache folder: made once per version, by one set-up at a time, never half.

A lock keeps two set-ups apart, and what is finished appears by a rename, so a killed build leaves
nothing that looks finished.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path

from ..cache import entry, finished, lock

Progress = Callable[[str], None]


class ToolError(Exception):
    """A tool cannot be obtained; the text says the ways to supply it."""


def key(sources: Path, version: str) -> str:
    """The name in the cache of a build from that folder: another one when the folder, with
    its pinned hashes, is another."""
    digest = hashlib.sha256()
    for file in sorted(path for path in sources.rglob("*") if path.is_file()):
        digest.update(f"{file.relative_to(sources)}\0{_hash(file)}\0".encode())
    return f"{sources.name}-{version}-{digest.hexdigest()[:8]}"


def cached_build(name: str, make: Callable[[Path], None]) -> Path:
    """Return the folder of that name in the cache; build a missing one. Raises `ToolError`."""
    folder = entry(name)
    with lock(folder):
        if not folder.exists():
            with finished(folder) as unfinished:
                make(unfinished)
    return folder


def _hash(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
