"""Entries of the cache folder: made once per version, by one set-up at a time, never half.

A lock keeps two set-ups apart, and what is finished appears by a rename, so a killed build leaves
nothing that looks finished. A list of hashes lies beside it, and whatever is taken from the cache
is compared with its list first: a tool of 120 MB takes a tenth of a second.
"""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

from ..cache import entry, finished, lock

LIST = "hashes.json"

Progress = Callable[[str], None]


class ToolError(Exception):
    """A tool cannot be obtained; the text says the ways to supply it."""


def key(sources: Path, version: str) -> str:
    """The name in the cache of what is made from that folder: another one when the folder, with
    its pinned hashes, is another."""
    digest = hashlib.sha256()
    for file in sorted(path for path in sources.rglob("*") if path.is_file()):
        digest.update(f"{file.relative_to(sources)}\0{_hash(file)}\0".encode())
    return f"{sources.name}-{version}-{digest.hexdigest()[:8]}"


def made(name: str, make: Callable[[Path], None], on_progress: Progress) -> Path:
    """The folder of that name in the cache, made first if it is not there, and made anew if it is
    not what was made. Raises `ToolError`."""
    folder = entry(name)
    with lock(folder):
        if folder.exists() and (changed := _changed(folder)):
            on_progress(f"{folder / changed} is not what was made; making {name} anew")
            shutil.rmtree(folder)
        if not folder.exists():
            with finished(folder) as unfinished:
                make(unfinished)
                (unfinished / LIST).write_text(json.dumps(_hashes(unfinished), indent=1))
    return folder


def intact(name: str) -> Path | None:
    """The folder of that name in the cache, if it is there and what was made."""
    folder = entry(name)
    return folder if folder.exists() and _changed(folder) is None else None


def _changed(folder: Path) -> str | None:
    """A file that is not as it was when it was made: another one, gone, or new."""
    try:
        listed: dict[str, str] = json.loads((folder / LIST).read_text())
    except (FileNotFoundError, ValueError):
        return LIST
    there = _hashes(folder)
    different = {path for path in listed.keys() | there if listed.get(path) != there.get(path)}
    return min(different, default=None)


def _hashes(folder: Path) -> dict[str, str]:
    """The files below a folder; of a link, where it points."""
    return {
        str(path.relative_to(folder)): f"-> {path.readlink()}" if path.is_symlink() else _hash(path)
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or path.is_file()
        if path != folder / LIST
    }


def _hash(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
