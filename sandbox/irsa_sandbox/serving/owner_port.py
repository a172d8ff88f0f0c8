"""A loopback port that serves the processes of the sandbox's own user only.

The engine dials a provider by its port and nothing else (decision 0004), so other users of
the machine reach it as well. The gRPC servers therefore listen on sockets in a private folder, and
this port hands on a connection once its peer is known, and closes any other user's. The check holds
for the whole connection, and its end is seen, which gRPC's servers do not tell.
"""

import socket
import threading
from contextlib import suppress
from itertools import count
from socketserver import ThreadingTCPServer
from typing import Any

from typing_extensions import override

from .files import SocketFolder
from .servers import BackgroundServer, listening, shut

CHUNK = 64 * 1024


class OwnerPort(BackgroundServer):
    """The port, and the address on which a gRPC server is to listen behind it."""

    def __init__(self) -> None:
        """Listen; nothing is answered before `start`."""
        self._sockets = SocketFolder()
        self._folder = self._sockets.path
        self.address = f"unix:{self._folder}/server"
        self._numbers = count()
        self._kept: dict[str, Any] = {}  # by peer; an open connection has an entry
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        server = listening(ThreadingTCPServer, self._relay, owner_only=True)
        super().__init__("owner-port", server)

    def keep(self, peer: str, value: Any) -> None:
        """Keep something for as long as the connection of that peer lasts, as gRPC names it."""
        with self._lock:
            if peer in self._kept:  # a call can outlive its connection
                self._kept[peer] = value

    def kept(self, peer: str) -> Any:
        """Return the value that was kept last for that peer, or None."""
        return self._kept.get(peer)

    @override
    def stop(self) -> None:
        super().stop()
        with self._lock:
            for connection in self._open:
                shut(connection)
        self._sockets.remove()

    def _relay(self, outer: socket.socket, *_: object) -> None:
        outer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # Bound to a name of its own, which is how gRPC tells one connection from another.
        name = self._folder / str(next(self._numbers))
        peer = f"unix:{name}"
        with socket.socket(socket.AF_UNIX) as inner:
            with self._lock:
                self._kept[peer] = None
                self._open |= {outer, inner}
            try:
                inner.bind(str(name))
                inner.connect(str(self._folder / "server"))
                name.unlink()
                back = threading.Thread(target=_copy, args=(inner, outer), daemon=True)
                back.start()
                _copy(outer, inner)
                back.join()
            finally:
                name.unlink(missing_ok=True)
                with self._lock:
                    del self._kept[peer]
                    self._open -= {outer, inner}


def _copy(source: socket.socket, target: socket.socket) -> None:
    """Hand on what comes until either side ends, and then end both."""
    with suppress(OSError):
        while data := source.recv(CHUNK):
            target.sendall(data)
    shut(source)
    shut(target)
