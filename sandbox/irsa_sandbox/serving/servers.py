"""Servers on loopback, each on a thread of its own, and the one for the calls that an API server
makes: HTTPS, JSON in, JSON out.

Every user of the machine can connect to loopback, so a caller must show a client certificate of the
sandbox's own authority, which only the API server has.
"""

import json
import logging
import os
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any

from typing_extensions import override

from .certificates import Authority
from .peers import uid_of_peer

BODY_LIMIT = 2 * 3 * 1024 * 1024
"""Bytes. The API server takes no request above 3 MiB, and a review can hold an object twice."""

POLL = 0.1  # seconds until `stop` is noticed
HANDSHAKE_TIMEOUT = 30  # seconds
IDLE_CONNECTION_TIMEOUT = 3600  # seconds; longer than the 90 s for which an API server keeps one,
# so that no request arrives at a connection that is being closed

log = logging.getLogger(__name__)

Answer = Callable[[dict[str, Any]], dict[str, Any]]


class BackgroundServer:
    """A server on a thread of its own."""

    def __init__(self, name: str, server: Any) -> None:
        """Nothing is answered before `start`. ``server`` listens: one of `listening`, or one of
        the package `websockets`."""
        self._server = server
        self._name = name
        self.thread = threading.Thread(target=server.serve_forever, name=name, daemon=True)

    @property
    def port(self) -> int:
        """The TCP port on 127.0.0.1."""
        return self._server.socket.getsockname()[1]

    def start(self) -> None:
        """Answer, on a thread of its own."""
        self.thread.start()

    def ended(self) -> str | None:
        """The reason why it answers no more; None while it does."""
        return None if self.thread.is_alive() else f"the {self._name} ended"

    def stop(self) -> None:
        """Stop listening, whether started or not; safe to call again."""
        if self.thread.is_alive():
            self._server.shutdown()  # would wait for ever for a loop that never ran
        self._server.socket.close()


class _Connections(TCPServer):
    request_queue_size = 128
    daemon_threads = True
    block_on_close = False
    owner_only: bool

    @override
    def serve_forever(self, poll_interval: float = POLL) -> None:
        super().serve_forever(poll_interval)

    @override
    def finish_request(self, request: Any, client_address: Any) -> None:
        # Every user of the machine can connect to loopback. This holds for the whole connection.
        uid = uid_of_peer(request) if self.owner_only else os.geteuid()
        if uid == os.geteuid():
            super().finish_request(request, client_address)
        else:
            who = "unknown owner" if uid is None else f"uid {uid}"
            log.warning("refused a connection of %s", who)

    @override
    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exception()
        is_ours = not isinstance(error, OSError)  # else a client that left, or has no certificate
        log.warning("connection from %s: %s", client_address, error, exc_info=is_ours)


def listening(
    kind: type[TCPServer], handle: Any, address: Any = ("127.0.0.1", 0), *, owner_only: bool
) -> TCPServer:
    """Return a server that listens, on a free loopback port by default; ``handle`` gets each
    connection, with ``owner_only`` those of the sandbox's own user."""
    return type("Server", (_Connections, kind), {"owner_only": owner_only})(address, handle)


class HttpHandler(BaseHTTPRequestHandler):
    """The requests of a connection, logged for debugging alone."""

    def answer(self, status: int, kind: str, content: bytes) -> None:
        """Send a whole answer; ``kind`` is its content type."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    @override
    def log_message(self, format: str, *args: object) -> None:
        log.debug(format, *args)


class JsonServer(BackgroundServer):
    """HTTPS server on a free loopback port that answers each POST of a client with a certificate by
    ``answer``."""

    def __init__(self, name: str, authority: Authority, answer: Answer) -> None:
        """Listen; nothing is answered before `start`."""
        self._connections: set[socket.socket] = set()
        server = listening(
            ThreadingHTTPServer, _handler(answer, self._connections), owner_only=False
        )
        # Without this a client that connects and says nothing would hold up all others.
        server.socket = authority.tls(name, "127.0.0.1", asks_clients=True).wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
        super().__init__(name, server)
        self.url = f"https://127.0.0.1:{self.port}"

    @override
    def stop(self) -> None:
        super().stop()
        for connection in list(self._connections):  # an API server keeps one, and would use it on
            shut(connection)


def shut(connection: socket.socket) -> None:
    """End a connection in both directions."""
    with suppress(OSError):  # it may have ended just now
        connection.shutdown(socket.SHUT_RDWR)


def _handler(answer: Answer, connections: set[socket.socket]) -> type[HttpHandler]:
    class Handler(HttpHandler):
        protocol_version = "HTTP/1.1"
        timeout = IDLE_CONNECTION_TIMEOUT

        def setup(self) -> None:
            self.request.settimeout(HANDSHAKE_TIMEOUT)
            self.request.do_handshake()
            super().setup()
            connections.add(self.connection)

        def finish(self) -> None:
            connections.discard(self.connection)
            super().finish()

        def do_POST(self) -> None:
            length = self.headers.get("Content-Length", "")
            if not length.isdecimal() or int(length) > BODY_LIMIT:
                self.close_connection = True  # what it sends is not read
                self.send_error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
                return
            body = self.rfile.read(int(length))
            try:
                content = json.dumps(answer(json.loads(body))).encode()
            except Exception as error:
                log.exception("%s", self.path)
                self.send_error(HTTPStatus.INTERNAL_SERVER_ERROR, " ".join(str(error).split()))
            else:
                self.answer(HTTPStatus.OK, "application/json", content)

    return Handler
