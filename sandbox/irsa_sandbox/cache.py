"""The user's cache folder: tools and virtual environments, made once and then only used.

A lock keeps two set-ups apart, and what is finished appears by a rename, so a killed build leaves
nothing that looks finished. What lies there is run, so other users may not write to it.
Standard library only: set-up runs this before there are any packages.
"""

import fcntl
import hashlib
import os
import shutil
import stat
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import SandboxError
from .waiting import waiting_for

PRIVATE = 0o700
OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


class CacheError(SandboxError):
    """The cache folder cannot be used; the text has the fix."""


def cache_folder() -> Path:
    """The user's cache folder for this project (XDG base directory specification), made private.

    Raises `CacheError` for one that others can write, or that cannot be made.
    """
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "irsa-sandbox"
    try:
        for made in (*reversed(folder.parents), folder):
            if not made.exists():
                made.mkdir(PRIVATE, exist_ok=True)  # `parents=True` leaves them to the umask
    except OSError as error:
        raise CacheError(
            f"{error.filename} cannot be made: {error.strerror}; set XDG_CACHE_HOME to a folder "
            "that you can write to"
        ) from error
    _check(folder)
    if stat.S_IMODE(folder.stat().st_mode) != PRIVATE:
        folder.chmod(PRIVATE)
    return folder


def entry(name: str) -> Path:
    """Return the path of that name in the cache folder.

    Raises `CacheError` for one that others can write.
    """
    folder = cache_folder() / name
    if folder.exists():
        _check(folder)
    return folder


def _check(folder: Path) -> None:
    status = folder.stat()
    if status.st_uid != os.geteuid():
        raise CacheError(
            f"{folder} belongs to another user (uid {status.st_uid}), whose programs would be run; "
            "remove it, or set XDG_CACHE_HOME to a folder of your own"
        )
    if status.st_mode & OTHERS_WRITE:
        raise CacheError(
            f"{folder} can be written by others (mode {stat.S_IMODE(status.st_mode):04o}), whose "
            f"programs would be run; remove it, or trust what is in it: chmod -R go-w {folder}"
        )


_one_at_a_time = threading.Lock()


@contextmanager
def private_umask() -> Iterator[None]:
    """Let nothing that is made meanwhile be open to others, whatever the user's umask is.

    One thread at a time: a process has a single umask, and the second would take the first one's
    for the user's.
    """
    with _one_at_a_time:
        before = os.umask(0o777 & ~PRIVATE)
        try:
            yield
        finally:
            os.umask(before)


@contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Keep other set-ups out while ``folder`` is made; the kernel frees the lock of the dead."""
    with folder.with_name(f"{folder.name}.lock").open("w") as file:
        with waiting_for(lambda: f"another set-up, which makes {folder}"):
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def cached_build(name: str, make: Callable[[Path], None]) -> Path:
    """Return the folder of that name in the cache; build a missing one in a temporary folder, which
    becomes it at the end."""
    folder = entry(name)
    with lock(folder):
        if folder.exists():
            return folder
        for left_over in folder.parent.glob(f"{folder.name}.unfinished-*"):
            shutil.rmtree(left_over)  # of a killed set-up: the lock is ours
        unfinished = Path(tempfile.mkdtemp(prefix=f"{folder.name}.unfinished-", dir=folder.parent))
        try:
            make(unfinished)
            return unfinished.rename(folder)
        except BaseException:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise


def key(sources: Path, version: str) -> str:
    """The name in the cache of a build from that folder: another one when the folder, with
    its pinned hashes, is another."""
    digest = hashlib.sha256()
    for file in sorted(path for path in sources.rglob("*") if path.is_file()):
        of_file = hashlib.sha256(file.read_bytes()).hexdigest()
        digest.update(f"{file.relative_to(sources)}\0{of_file}\0".encode())
    return f"{sources.name}-{version}-{digest.hexdigest()[:8]}"
