"""The folder that a sandbox keeps everything in: whose it is, and whether a sandbox holds it.

`up` deletes what an earlier sandbox left there, so it takes only a folder that is new, empty, or
marked by a sandbox. The mark is the content of the lock file.
"""

import errno
import fcntl
import os
import pwd
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from .errors import SandboxError

LOCK_FILE = "lock"
MARK = b"irsa-sandbox: this folder is a sandbox's; `up` deletes everything else in it\n"


def take(folder: Path) -> IO[bytes] | None:
    """The lock of ``folder``, made if it is new; None when a sandbox runs or starts there.

    The kernel frees it with the last process that has it, so that neither a crash nor a reboot
    leaves it behind. Raises `SandboxError` for a folder that is not a sandbox's.
    """
    with _one_line(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        refuse_others(folder)
        folder.chmod(0o700)
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
        file = os.fdopen(os.open(folder / LOCK_FILE, flags, 0o600), "r+b", buffering=0)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return None
        if file.read(len(MARK)) != MARK:
            file.truncate(0)
            file.seek(0)
            file.write(MARK)
        return file


def refuse_others(folder: Path) -> None:
    """Raise `SandboxError` for a folder that `take` would not take; one that is new is fine."""
    with _one_line(folder), suppress(FileNotFoundError):
        status = folder.stat()
        _refuse_anothers(folder, status)
        # The names come first: the mark is written before anything else lies beside it.
        names = {entry.name for entry in folder.iterdir()}
        content = _lock_content(folder / LOCK_FILE) if LOCK_FILE in names else b""
        # An empty lock alone: a start that is about to mark it, or was killed before it could. In a
        # folder that others may write to, the mark may be another user's.
        shared = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        if (content != MARK or shared) and (content or names - {LOCK_FILE}):
            raise SandboxError(
                f"{folder} holds something that is not a sandbox's, and a sandbox would delete it; "
                "empty it yourself, or name a folder that is new"
            )


def is_held(folder: Path) -> bool:
    """Return True if a sandbox runs or starts in ``folder``. Makes nothing; raises like `take`."""
    with _one_line(folder), suppress(FileNotFoundError):
        _refuse_anothers(folder, folder.stat())
        with os.fdopen(os.open(folder / LOCK_FILE, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
    return False


def is_sandboxs(folder: Path) -> bool:
    """Return True if the folder is that of a sandbox, which runs or has ended."""
    with suppress(OSError):
        return _lock_content(folder / LOCK_FILE) == MARK
    return False


def is_lock_of(folder: Path, lock: int) -> bool:
    """Return True if an open lock is the one in ``folder``; False after `rm -rf`, for example."""
    with suppress(FileNotFoundError, NotADirectoryError):
        return os.path.samestat((folder / LOCK_FILE).lstat(), os.fstat(lock))
    return False


def read_own(file: Path) -> bytes:
    """Return a file's content; `SandboxError` for another user's, which can lie there since the
    folder was checked if others may write to the folder around it."""
    with os.fdopen(os.open(file, os.O_RDONLY | os.O_NOFOLLOW), "rb") as stream:
        _refuse_anothers(file, os.fstat(stream.fileno()))
        return stream.read()


def clear(folder: Path) -> None:
    """Remove an earlier sandbox's files from a folder; follow no link."""
    for entry in folder.iterdir():
        if entry.name == LOCK_FILE:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _refuse_anothers(path: Path, status: os.stat_result) -> None:
    if status.st_uid != os.geteuid():
        user = f"user id {status.st_uid}"
        with suppress(KeyError):
            user = f"the user {pwd.getpwuid(status.st_uid).pw_name}"
        raise SandboxError(f"{path} belongs to {user}; name a folder of your own")


def _lock_content(file: Path) -> bytes:
    found = file.lstat()
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
        return b"not a file of ours"
    with file.open("rb") as stream:
        return stream.read(len(MARK) + 1)


@contextmanager
def _one_line(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.EEXIST, errno.ENOTDIR):
            raise SandboxError(f"{folder} is not a folder; name another one") from error
        raise SandboxError(
            f"the folder {folder} cannot be used: {error.strerror}; name another one"
        ) from error
