"""A port that is an HTTPS proxy to its clients, and the server itself behind every host.

A client asks for a host with CONNECT and goes on in TLS, as through any proxy. Here nothing is
handed on: the certificate is the host's, and what the client says reaches this very server. So
programs work under the real names, and what is not served cannot be reached at all.
https://www.rfc-editor.org/rfc/rfc9110#name-connect
"""

import asyncio
import logging
import ssl
from collections.abc import Callable
from http import HTTPStatus
from typing import cast

from typing_extensions import override

HEAD_LIMIT = 16 * 1024  # bytes
HEAD_TIMEOUT = 30.0  # seconds until the client has said where to
HANDSHAKE_TIMEOUT = 30.0  # seconds
SHUTDOWN_TIMEOUT = 0.2  # seconds; most clients just leave
END = b"\r\n\r\n"

Contexts = Callable[[str, int], ssl.SSLContext | None]
"""The TLS of a host and port; None for one that is not served."""

log = logging.getLogger(__name__)


class Tunnel(asyncio.Protocol):
    """One connection, until it is handed to the protocol behind."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        contexts: Contexts,
        behind: Callable[[], asyncio.BaseProtocol],
        refusal: str,
    ) -> None:
        """``refusal`` is the one line that answers requests for other hosts."""
        self._loop = loop
        self._contexts = contexts
        self._behind = behind
        self._refusal = refusal
        self._head = b""
        self._upgrade: asyncio.Task[None] | None = None

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._timeout = self._loop.call_later(HEAD_TIMEOUT, self._transport.abort)

    @override
    def data_received(self, data: bytes) -> None:
        self._head += data
        head, end, more = self._head.partition(END)
        if more or len(head) > HEAD_LIMIT:
            self._transport.abort()  # it did not wait for the answer, or says no end of things
        elif end:
            self._timeout.cancel()
            self._answer(head.partition(b"\r\n")[0].decode("latin-1"))

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._timeout.cancel()

    def _answer(self, line: str) -> None:
        method, _, rest = line.partition(" ")
        target = rest.partition(" ")[0]
        host, _, port = target.rpartition(":")
        if method != "CONNECT":
            self._refuse(HTTPStatus.METHOD_NOT_ALLOWED, "this proxy knows CONNECT alone")
            return
        context = self._contexts(host, int(port)) if port.isdecimal() else None
        if context is None:
            log.info("refused %s", target)
            self._refuse(HTTPStatus.FORBIDDEN, f"{target}: {self._refusal}")
            return
        self._transport.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        self._upgrade = self._loop.create_task(self._start_tls(context))

    def _refuse(self, status: HTTPStatus, why: str) -> None:
        body = f"{why}\n".encode()
        head = (
            f"HTTP/1.1 {status} {status.phrase}\r\nContent-Type: text/plain\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        self._transport.write(head.encode() + body)
        self._transport.close()

    async def _start_tls(self, context: ssl.SSLContext) -> None:
        behind = self._behind()
        try:
            secure = await self._loop.start_tls(
                self._transport,
                behind,
                context,
                server_side=True,
                ssl_handshake_timeout=HANDSHAKE_TIMEOUT,
                ssl_shutdown_timeout=SHUTDOWN_TIMEOUT,
            )
        except OSError as error:  # such as a client that does not trust the certificate
            log.info("no TLS: %s", error)
            return
        if secure is not None:  # else it left meanwhile
            behind.connection_made(secure)
