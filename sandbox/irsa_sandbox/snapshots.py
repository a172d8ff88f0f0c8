"""Snapshots of a running sandbox: a socket that one process at a time holds.

The supervisor takes and restores the snapshots, because the accounts are in its memory. The holder
says when, a word a line. However the holder ends, the kernel closes its connection, and the sandbox
is what it was before, or ends, if the holder had started it.
"""

import logging
import os
import socket
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from socketserver import ThreadingUnixStreamServer

from .errors import SandboxError
from .serving.servers import BackgroundServer, listening

TAKE, RESTORE, ENDS = "take", "restore", "ends"
"""Remember how the sandbox is now; make it so again; the sandbox is to end with this connection."""

DONE = "done"
TIMEOUT = 60.0  # seconds, within which each is answered

Restore = Callable[[], None]

log = logging.getLogger(__name__)


class SnapshotServer(BackgroundServer):
    """The socket, for a folder that other users may not enter."""

    def __init__(self, file: Path, take: Callable[[], Restore], end: Callable[[], None]) -> None:
        """Listen; nothing is answered before `start`. ``end`` ends the sandbox."""
        self._take = take
        self._end = end
        self._held = threading.Lock()
        self._holder = ""
        server = listening(ThreadingUnixStreamServer, self._serve, str(file), owner_only=False)
        super().__init__("snapshots' server", server)

    def _serve(self, connection: socket.socket, *_: object) -> None:
        with connection.makefile("r") as lines:
            holder = lines.readline().strip()
            if not self._held.acquire(blocking=False):
                what = (
                    f"process {self._holder} tests in it; wait for its end, or use another folder"
                )
                _answer(connection, what)
                return
            self._holder = holder
            try:
                self._hold(connection, lines)
            finally:
                self._held.release()

    def _hold(self, connection: socket.socket, lines: Iterable[str]) -> None:
        first = last = self._take()
        ends = False
        _answer(connection, DONE)
        for word in map(str.strip, lines):
            try:
                if word == TAKE:
                    last = self._take()
                elif word == RESTORE:
                    last()
                ends = ends or word == ENDS
            except Exception as error:
                log.exception("%s", word)
                _answer(connection, " ".join(str(error).split()))
            else:
                _answer(connection, DONE)
        if ends:
            self._end()
        else:
            first()


class Snapshots:
    """The holder's end of the socket, exclusive until `close` or the end of the process."""

    def __init__(self, state_folder: Path, file: str) -> None:
        """Raises `SandboxError` when another process holds the sandbox."""
        self._folder = state_folder
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(TIMEOUT)
        try:
            self._socket.connect(file)
            self._answers = self._socket.makefile("rb")
            self._say(str(os.getpid()))
        except OSError as error:
            self._socket.close()
            raise SandboxError(f"the sandbox in {state_folder} does not answer: {error}") from error
        except SandboxError:
            self.close()
            raise

    def take(self) -> None:
        """Take a snapshot of the sandbox in place of the earlier one."""
        self._say(TAKE)

    def restore(self) -> None:
        """Restore the snapshot."""
        self._say(RESTORE)

    def ends(self) -> None:
        """Have the sandbox end with this process, even with one that is killed."""
        self._say(ENDS)

    def close(self) -> None:
        """Restore the sandbox and release it."""
        with suppress(OSError):  # it may have ended
            self._socket.shutdown(socket.SHUT_WR)
            self._answers.read()  # until the other end is closed, when all is done
        self._answers.close()
        self._socket.close()

    def _say(self, word: str) -> None:
        try:
            self._socket.sendall(f"{word}\n".encode())
            answer = self._answers.readline().decode().strip()
        except OSError as error:
            answer = str(error)
        if answer != DONE:
            raise SandboxError(f"the sandbox in {self._folder}: {answer or 'it ended'}")


def _answer(connection: socket.socket, text: str) -> None:
    with suppress(OSError):  # its end is seen at the next line
        connection.sendall(f"{text}\n".encode())
